import { checkOptions, checkPath, output, record } from '../checks.ts'
import { claimFiles } from '../claim.ts'
import { ModalityGapError } from '../errors.ts'
import { native } from '../native.ts'
import { overwriteChecks } from '../option-checks.ts'
import type { OverwriteOptions } from '../options.ts'
import type { DrawnRow, Figures, ShownNeighbour } from '../results.ts'
import { writeWhole } from '../whole-file.ts'
import { type Point, pointsOf } from './charts/cloud.ts'
import type { FiguresData } from './data.ts'

/** Row indices in the table itself, with distances 1 − cosine. */
interface Neighbours {
  ids: number[]
  distances: number[]
}

/**
 * Writes the projection of a measurement as parquet that Apple's embedding-atlas opens:
 * `embedding-atlas FILE --x x --y y --neighbors neighbours`. One row for each point; columns `x`, `y` (DOUBLE),
 * `modality`, `stage` (STRING), `pair` (INT64, the index in the source, which partners share) and `neighbours`, a struct
 * of two lists: `ids`, row indices of this table, and `distances`, 1 − cosine in all dimensions. Only the example queries
 * have neighbours, and of those only the ones that were projected as well; the other rows have empty lists.
 *
 * @param data a result of `measure` with `figures`
 * @param path the file; written as a whole or not at all
 * @returns rows written
 * @throws {@link ModalityGapError} `BAD_OPTION` for data without a projection or where something stands, `WRITE_FAILED`
 */
export async function projectionParquet(
  data: { figures?: FiguresData },
  path: string,
  options: OverwriteOptions = {},
): Promise<number> {
  record({})(data, 'projectionParquet')
  checkPath(path, 'projectionParquet', output)
  checkOptions(options, 'the third argument of projectionParquet', overwriteChecks)
  const points = pointsOf(data.figures)
  if (points.length === 0) {
    throw new ModalityGapError('BAD_OPTION', 'there is no projection in these data; measure with figures')
  }
  await claimFiles([path], options)
  const neighbours = neighboursOf(points, data.figures?.neighbours ?? [])
  const table = native.pointsParquet({
    x: points.map(({ x }) => x),
    y: points.map(({ y }) => y),
    modality: points.map(({ modality }) => modality),
    pair: points.map(({ row }) => row),
    stage: points.map(({ stage }) => stage),
    ids: neighbours.map(({ ids }) => ids),
    distances: neighbours.map(({ distances }) => distances),
  })
  await writeWhole(path, table, { overwrite: options.overwrite ?? false })
  return points.length
}

/** The neighbours of each point: before the map at the first stage, after it at the last. */
function neighboursOf(points: readonly Point[], queries: NonNullable<Figures['neighbours']>): Neighbours[] {
  const [first, last] = [
    points.find(({ modality }) => modality === 'text')?.stage,
    points.findLast(({ modality }) => modality === 'text')?.stage,
  ]
  const index = new Map(points.map(({ modality, row, stage }, i) => [key(modality, row, stage), i]))
  // image rows that no map moves stand in the table once, under the first stage
  const still = new Map(points.flatMap(({ modality, row }, i) => (modality === 'image' ? [[row, i] as const] : [])))
  const place = (modality: DrawnRow['modality'], row: number, stage: string) =>
    index.get(key(modality, row, stage)) ?? (modality === 'image' ? still.get(row) : undefined)
  const found = new Map<number, Neighbours>()
  for (const { query, queryModality, before, after, neighbours } of queries) {
    for (const [stage, list] of [
      // what was measured: after the map, where there is one
      [last, after ?? neighbours],
      [first, before],
    ] as const) {
      const at = stage === undefined ? undefined : place(queryModality, query, stage)
      if (stage !== undefined && at !== undefined && list !== undefined) {
        found.set(
          at,
          rowsOf(list, one => place(one.modality, one.row, stage)),
        )
      }
    }
  }
  return points.map((_, i) => found.get(i) ?? { ids: [], distances: [] })
}

function rowsOf(list: readonly ShownNeighbour[], place: (one: ShownNeighbour) => number | undefined): Neighbours {
  const known = list.flatMap(one => {
    const id = place(one)
    return id === undefined ? [] : [{ id, distance: 1 - one.cosine }]
  })
  return { ids: known.map(({ id }) => id), distances: known.map(({ distance }) => distance) }
}

function key(modality: DrawnRow['modality'], row: number, stage: string): string {
  return `${modality} ${row} ${stage}`
}
