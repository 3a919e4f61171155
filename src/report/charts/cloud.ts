import type { DrawnRow } from '../../results.ts'
import type { FiguresData } from '../data.ts'
import type { RowLabels } from '../row-labels.ts'

type Modality = DrawnRow['modality']

import { isNumber } from '../format.ts'

/** A row in the plane. */
export interface Point {
  row: number
  modality: Modality
  stage: string
  x: number
  y: number
}

/** A stage with its rows in the plane. */
export interface Cloud {
  name: string
  gap?: number
  trace?: number
  points: Record<Modality, Point[]>
  centroids: Partial<Record<Modality, [number, number]>>
}

/** The stages in order, each with its rows; image rows that no map moves stand in every stage. */
export function cloudsOf(figures: FiguresData | undefined): Cloud[] {
  const points = pointsOf(figures)
  if (points.length === 0) {
    return []
  }
  const seen = new Map<string, number>()
  const named = (figures?.stages ?? []).map(stage => ({ ...stage, name: numbered(seen, stage.name, stage.name) }))
  const names = [...new Set([...named.map(({ name }) => name), ...points.map(({ stage }) => stage)])]
  const of = (modality: Modality, stage: string) =>
    points.filter(point => point.modality === modality && point.stage === stage)
  const first = of('image', points.find(({ modality }) => modality === 'image')?.stage ?? '')
  return names.flatMap(name => {
    const stage = named.find(one => one.name === name)
    const moved = of('image', name)
    const cloud: Cloud = {
      name,
      gap: stage?.gap,
      trace: stage?.trace,
      points: { image: moved.length > 0 ? moved : first, text: of('text', name) },
      centroids: { image: pairOf(stage?.imageCentroid), text: pairOf(stage?.centroid) },
    }
    return cloud.points.text.length > 0 ? [cloud] : []
  })
}

/** The projected rows that can be drawn; a stage that a map passes twice, such as the sphere, is numbered. */
export function pointsOf(figures: FiguresData | undefined): Point[] {
  const seen = new Map<string, number>()
  return (figures?.projection?.points ?? [])
    .filter(({ x, y }) => isNumber(x) && isNumber(y))
    .map(point => ({ ...point, stage: numbered(seen, `${point.modality} ${point.row} ${point.stage}`, point.stage) }))
}

function numbered(seen: Map<string, number>, key: string, name: string): string {
  const times = (seen.get(key) ?? 0) + 1
  seen.set(key, times)
  return times === 1 ? name : `${name} ${times}`
}

/** A square around points that has room at its sides. */
export function square(points: readonly (readonly [number, number])[]): { x: [number, number]; y: [number, number] } {
  const xs = points.map(([x]) => x)
  const ys = points.map(([, y]) => y)
  const [left, right, low, high] = [least(xs), -least(xs.map(x => -x)), least(ys), -least(ys.map(y => -y))]
  const half = (Math.max(right - left, high - low) || 1) * 0.54
  const [x, y] = [(left + right) / 2, (low + high) / 2]
  return { x: [x - half, x + half], y: [y - half, y + half] }
}

/** How a tooltip or a table names a row. */
export function nameOf(labels: RowLabels | undefined, modality: Modality, row: number): string {
  const label = labels?.[modality]?.[row]
  return typeof label === 'string' && label !== '' ? `${modality} ${row}: ${label}` : `${modality} ${row}`
}

export function placeOf({ x, y }: Point): [number, number] {
  return [x, y]
}

function pairOf(values: number[] | undefined): [number, number] | undefined {
  return values && isNumber(values[0]) && isNumber(values[1]) ? [values[0], values[1]] : undefined
}

// not Math.min(...values), whose arguments have a limit
function least(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
}
