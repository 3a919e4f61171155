import { ModalityGapError } from '../../errors.ts'

/** Ids that a table in memory holds at most: beyond, V8's maps refuse. About 100 bytes each. */
export const MAX_IDS = 16_000_000

/** Finds the row of embeddings that belongs to an image or a text. */
export interface RowLookup {
  /** Rows there are. */
  readonly rows: number
  /**
   * The row of an id, or nothing.
   *
   * @param id the image's id, or the record's
   * @param record number of the record over all files of the data, from 0
   */
  rowOf(id: string, record: number): number | undefined
}

/** Row i belongs to record i, whatever the ids. */
export function rowsInOrder(rows: number): RowLookup {
  return { rows, rowOf: (_, record) => (record < rows ? record : undefined) }
}

/** The id is the number of the row. */
export function rowsByNumber(rows: number): RowLookup {
  return {
    rows,
    rowOf: id => (/^\d{1,15}$/.test(id) && Number(id) < rows ? Number(id) : undefined),
  }
}

/**
 * How much of an id counts:
 * - `'exact'`: all of it;
 * - `'stem'`: the name of a file without folder and ending, so that `coco/000123.jpg` finds `/data/000123.png`.
 */
export type IdMatch = 'exact' | 'stem'

/**
 * A table from ids to rows, in memory: about 100 bytes for each id.
 *
 * @param ids the id of every row, in their order
 * @throws {@link ModalityGapError} `BAD_FORMAT` when two rows share an id; `UNSUPPORTED` for more than
 * {@link MAX_IDS} rows
 */
export async function rowsById(
  ids: AsyncIterable<string> | Iterable<string>,
  { match = 'exact', name = 'the ids' }: { match?: IdMatch; name?: string } = {},
): Promise<RowLookup> {
  const keyOf = match === 'stem' ? stem : (id: string) => id
  const table = new Map<string, number>()
  let row = 0
  for await (const id of ids) {
    const key = keyOf(id)
    const other = table.get(key)
    if (other !== undefined) {
      const message = `${name}: rows ${other} and ${row} share the id ${JSON.stringify(key)}`
      throw new ModalityGapError('BAD_FORMAT', `${message}; choose a column of ids that differ`, { row })
    }
    if (row === MAX_IDS) {
      const message = `${name}: more than ${MAX_IDS} ids do not fit in a table; bring data and rows into one order`
      throw new ModalityGapError('UNSUPPORTED', message)
    }
    table.set(key, row)
    row++
  }
  return { rows: row, rowOf: id => table.get(keyOf(id)) }
}

function stem(id: string): string {
  const name = id.slice(Math.max(id.lastIndexOf('/'), id.lastIndexOf('\\')) + 1)
  const dot = name.lastIndexOf('.')
  return dot > 0 ? name.slice(0, dot) : name
}
