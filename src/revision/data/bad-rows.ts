import type { RunOptions } from '../../abort.ts'
import { type Embeddings, openEmbeddings } from '../../embeddings.ts'
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

/**
 * What is left out of rows whose bad ones are to be.
 *
 * @param inPlace whether rows are read where they are; a copy lacks those that are not finite
 */
export async function leftOutOf(embeddings: Embeddings, inPlace: boolean, run: RunOptions = {}): Promise<LeftOut> {
  const bad = await badRowsOf(embeddings, run)
  return { bad, gone: inPlace ? [] : await badRowsOf(await unscaled(embeddings), run) }
}

/** The same rows with their own lengths, which is how they are copied. */
async function unscaled({ shards }: Embeddings): Promise<Embeddings> {
  const paths = shards.map(({ path, selector }) => (selector === undefined ? path : `${path}#${selector}`) as string)
  return await openEmbeddings(paths, { normalize: false })
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
