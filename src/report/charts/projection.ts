import { axis, type Chart, drawing, gridOf, type Toggle, tip, tooltip, zoom } from '../chart.ts'
import type { MeasureData } from '../data.ts'
import { percent } from '../format.ts'
import type { Tone } from '../palette.ts'
import type { RowLabels } from '../row-labels.ts'
import { cloudsOf, nameOf, type Point, placeOf, square } from './cloud.ts'

/** Lines between partners; more would be a grey carpet. */
const MOST_LINES = 120

/** Rows in the plane before and after the map, with lines between partners. */
export function projectionChart({ figures, retrieval, gap }: MeasureData, labels?: RowLabels): Chart | undefined {
  const clouds = cloudsOf(figures)
  const [before, after] = [clouds[0], clouds.length > 1 ? clouds.at(-1) : undefined]
  if (!before) {
    return undefined
  }
  const groups: { name: string; tone: Tone; points: Point[]; symbol: string }[] = [
    { name: 'image', tone: 'image', points: before.points.image, symbol: 'circle' },
    { name: after ? `text, ${before.name}` : 'text', tone: 'text', points: before.points.text, symbol: 'diamond' },
    ...(after
      ? [{ name: `text, ${after.name}`, tone: 'moved' as const, points: after.points.text, symbol: 'diamond' }]
      : []),
  ]
  // rows with one index belong together only where the sides are paired
  const paired = retrieval !== undefined || gap.pairedDistance !== undefined
  const links = paired
    ? [
        ...(after ? [{ name: `pairs, ${after.name}`, tone: 'moved' as const, lines: partners(after.points) }] : []),
        { name: after ? `pairs, ${before.name}` : 'pairs', tone: 'floor' as const, lines: partners(before.points) },
      ]
    : []
  const toggles: Toggle[] = [
    ...groups.map(
      ({ name, tone, symbol }): Toggle => ({ name, colour: colours => colours[tone], shape: symbol as 'circle' }),
    ),
    ...links.map(({ name, tone }): Toggle => ({ name, colour: colours => colours[tone], shape: 'line' })),
  ]
  const range = square(groups.flatMap(({ points }) => points.map(placeOf)))
  const { axes, explained = [] } = figures?.projection ?? {}
  const axisName = (i: number) => `direction ${i + 1}${explained[i] === undefined ? '' : ` (${percent(explained[i])})`}`
  const height = (width: number) => Math.min(620, Math.max(320, width * 0.62))
  return {
    id: 'projection',
    title: 'Rows in the plane',
    text: `${axes ? `Axes: ${axes}. ` : ''}Both axes have one scale.${links.length > 0 ? ` Lines join partners (at most ${MOST_LINES} of them).` : ''} Two of many dimensions: rows that are near here need not be near.`,
    summary: groups.map(({ name, points }) => `${points.length} ${name} rows around ${middle(points)}`).join('; '),
    toggles,
    zoom: 'xy',
    marks: groups.reduce((sum, { points }) => sum + points.length, 0),
    table: {
      head: ['row', 'modality', 'stage', 'x', 'y'],
      rows: groups.flatMap(({ points }) =>
        points.map(({ row, modality, stage, x, y }) => [row, modality, stage, x, y]),
      ),
    },
    height,
    option: look => {
      const grid = gridOf(look)
      const [wide, high] = [look.width - grid.left - grid.right, height(look.width) - grid.top - grid.bottom]
      return drawing(look, toggles, {
        tooltip: tooltip(look, {
          trigger: 'item',
          formatter: ({ data }: { data: { point?: Point } }) =>
            data.point ? tip(nameOf(labels, data.point.modality, data.point.row), [['stage', data.point.stage]]) : '',
        }),
        grid,
        dataZoom: zoom('xy'),
        xAxis: axis(look, 'value', axisName(0), stretched(range.x, wide / Math.min(wide, high))),
        yAxis: axis(look, 'value', axisName(1), { ...stretched(range.y, high / Math.min(wide, high)), nameGap: 44 }),
        series: [
          ...links.map(({ name, tone, lines }, i) => ({
            type: 'line',
            name,
            silent: true,
            showSymbol: false,
            connectNulls: false,
            z: 1 + i,
            lineStyle: { color: look.colours[tone], width: 0.8, opacity: 0.45 },
            itemStyle: { color: look.colours[tone] },
            data: lines,
          })),
          ...groups.map(({ name, tone, points, symbol }) => ({
            type: 'scatter',
            name,
            z: 4,
            symbol,
            symbolSize: symbol === 'circle' ? 6 : 7,
            itemStyle: { color: look.colours[tone], opacity: 0.75 },
            data: points.map(point => ({ value: placeOf(point), point })),
          })),
        ],
      })
    },
  }
}

/** Ends of the lines between partners, with a gap after each line. */
function partners({ image, text }: { image: Point[]; text: Point[] }): ([number, number] | ['-', '-'])[] {
  const partner = new Map(image.map(point => [point.row, point]))
  const pairs = text.flatMap(point => {
    const other = partner.get(point.row)
    return other ? [[point, other] as const] : []
  })
  const step = Math.max(1, Math.ceil(pairs.length / MOST_LINES))
  return pairs
    .filter((_, i) => i % step === 0)
    .flatMap(([a, b]): ([number, number] | ['-', '-'])[] => [placeOf(a), placeOf(b), ['-', '-']])
}

function stretched([low, high]: [number, number], by: number): { min: number; max: number; axisLabel: object } {
  const half = ((high - low) / 2) * by
  const at = (low + high) / 2
  return { min: at - half, max: at + half, axisLabel: { showMinLabel: false, showMaxLabel: false } }
}

function middle(points: readonly Point[]): string {
  const mean = (of: (point: Point) => number) => points.reduce((sum, point) => sum + of(point), 0) / points.length
  return `(${mean(({ x }) => x).toFixed(3)}, ${mean(({ y }) => y).toFixed(3)})`
}
