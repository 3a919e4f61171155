import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { RunOptions } from '../abort.ts'
import { type Aligner, fitted, nativeOf } from '../align.ts'
import { type Check, type Checks, checkOptions, localOutput, needed, oneOf, shown } from '../checks.ts'
import { convert } from '../convert.ts'
import { type Embeddings, openEmbeddings, opened, openingOf, sourceOf } from '../embeddings.ts'
import { ModalityGapError, unwrap } from '../errors.ts'
import { type NativeRows, native } from '../native.ts'
import { refuseLinks } from '../no-links.ts'
import { runChecks } from '../option-checks.ts'
import { placeAt } from '../places.ts'
import { asOnlyOne } from './litter.ts'

/** Formats whose rows lie at fixed places, to be read in any order. */
const IN_ANY_ORDER: ReadonlySet<string> = new Set(['npy', 'safetensors', 'memory'])

/** Whether rows are read where they are; others are copied first, and the copy lacks those that are not finite. */
export function readInPlace({ format }: Pick<Embeddings, 'format'>): boolean {
  return IN_ANY_ORDER.has(format)
}

/** Rows that a model sees, each read by its number and moved by an aligner on its way. */
export interface ModelRows {
  /** Rows there are. */
  readonly rows: number
  /** Columns. */
  readonly dim: number
  /** Rows that are not to be used, by their numbers; absent where none are known. */
  readonly bad?: ReadonlySet<number>
  /** Some rows by their numbers, as the model sees them: row-major, f32. */
  pick(rows: readonly number[]): Promise<Float32Array>
  /** @internal */
  readonly native: NativeRows
}

/** How rows are read. */
export interface ModelRowsOptions {
  /** Moves each row as it is read. */
  aligner?: Aligner
  /** Which of the aligner's maps: that of the texts, or that of the images where the method moves them. @defaultValue `'source'` */
  side?: 'source' | 'target'
  /** Folder for a copy of rows whose format is read in order only (npz, parquet, Arrow, pickle). */
  cache: string
}

const rowsChecks: Checks<ModelRowsOptions> = {
  aligner: fitted,
  side: oneOf(['source', 'target']),
  cache: needed(localOutput),
}

/** Rows of a model, as an option. */
export const modelRows: Check = (value, name) => {
  if (typeof value !== 'object' || value === null || !('native' in value) || !('pick' in value)) {
    throw new ModalityGapError(
      'BAD_OPTION',
      `${name}: expected rows of a model, not ${shown(value)}; openModelRows opens them`,
    )
  }
}

/**
 * Opens rows to be read by their numbers. Rows are never all in memory; formats that are decoded in order are converted
 * once, in their own storage type, into a file of `cache`.
 *
 * @throws {@link ModalityGapError} `WIDTH_MISMATCH` when rows and aligner differ in width; as {@link convert} does
 */
export async function openModelRows(
  embeddings: Embeddings,
  options: ModelRowsOptions,
  run: RunOptions = {},
): Promise<ModelRows> {
  opened(embeddings, 'openModelRows')
  checkOptions(options, 'the second argument of openModelRows', rowsChecks)
  checkOptions(run, 'the third argument of openModelRows', runChecks)
  const { aligner, side, cache } = options
  const rows = readInPlace(embeddings) ? embeddings : await converted(embeddings, cache, run)
  const reader = unwrap(await native.NativeRows.open(sourceOf(rows), aligner && nativeOf(aligner), side === 'target'))
  const pick = async (numbers: readonly number[]) => unwrap(await reader.pick([...numbers]))
  return { rows: rows.rows, dim: rows.dim, pick, native: reader }
}

async function converted(embeddings: Embeddings, cache: string, run: RunOptions): Promise<Embeddings> {
  const out = join(cache, `rows-${await fingerprintOf(embeddings)}`)
  if (!existsSync(out)) {
    await refuseLinks([cache])
    const name = `.${basename(out)}.${randomBytes(6).toString('hex')}.tmp`
    await asOnlyOne(join(cache, name), async draft => {
      try {
        await convert(embeddings, draft, { format: 'npy', ...run })
        await rename(draft, out)
      } catch (error) {
        await rm(draft, { recursive: true, force: true })
        // another process may have been faster, with the same rows
        if (!existsSync(out)) {
          throw error
        }
      }
    })
  }
  return await openEmbeddings(out, { normalize: openingOf(embeddings).normalize })
}

/** A name that changes with the files of some rows: with their paths, sizes and times of change. */
export async function fingerprintOf({ shards }: Embeddings): Promise<string> {
  const hash = createHash('sha256')
  for (const { path, selector } of shards) {
    const { size, modified, tag } = await placeAt(path as string)
    hash.update(JSON.stringify([path, selector, size, modified, tag]))
  }
  return hash.digest('hex').slice(0, 16)
}
