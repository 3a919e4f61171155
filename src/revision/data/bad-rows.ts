import type { RunOptions } from '../../abort.ts'
import type { Embeddings } from '../../embeddings.ts'
import { inspect } from '../../inspect.ts'
import type { RowLookup } from './row-lookup.ts'

/** Numbers of the rows that cannot be used as they were opened, over all shards, ascending. */
export async function badRowsOf(embeddings: Embeddings, run: RunOptions = {}): Promise<number[]> {
  const { badRows } = await inspect(embeddings, { badRows: embeddings.rows, ...run })
  return badRows.first.map(({ index }) => index).sort((a, b) => a - b)
}

/** Rows that are left out, by their numbers, ascending. */
export interface LeftOut {
  /** Those that are not to be found. */
  bad: readonly number[]
  /** Those of them that a copy of the rows lacks, so that later rows have moved up. */
  gone: readonly number[]
}

/** The lookup of what is left of rows. */
export function lookupWithout({ rows, rowOf }: RowLookup, { bad, gone }: LeftOut): RowLookup {
  return {
    rows,
    rowOf: (id, record) => {
      const row = rowOf(id, record)
      return row === undefined || bad[below(bad, row)] === row ? undefined : row - below(gone, row)
    },
  }
}

/** The bad rows that are still there, by the numbers that they have in the copy. */
export function badLeft({ bad, gone }: LeftOut): ReadonlySet<number> {
  return new Set(bad.filter(row => gone[below(gone, row)] !== row).map(row => row - below(gone, row)))
}

/** How many of some ascending numbers lie below another. */
function below(numbers: readonly number[], limit: number): number {
  let [from, to] = [0, numbers.length]
  while (from < to) {
    const middle = (from + to) >>> 1
    if ((numbers[middle] as number) < limit) {
      from = middle + 1
    } else {
      to = middle
    }
  }
  return from
}
