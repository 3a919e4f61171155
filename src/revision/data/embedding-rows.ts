import { ModalityGapError } from '../../errors.ts'
import type { EmbeddingsInfo, ShardInfo } from '../../results.ts'
import { idsIn } from './id-files.ts'
import { type IdMatch, type RowLookup, rowsById, rowsByNumber, rowsInOrder } from './row-lookup.ts'

/** How records find their rows. */
export interface EmbeddingIds {
  /**
   * Where the id of a row is found:
   * - `'metadata'`: in the metadata of a clip-retrieval folder, or in the parquet, Arrow or pickle that holds the rows;
   * - `'order'`: nowhere, row i belongs to record i;
   * - `'row'`: the id is the row's number;
   * - anything else: a file of ids, see `idsIn`.
   *
   * @defaultValue `'metadata'`
   */
  from?: string
  /** Column or key of the ids. @defaultValue the first of `ID_COLUMNS` that is there */
  column?: string
  /** How much of an id counts. @defaultValue `'exact'` */
  match?: IdMatch
}

/** What is needed of opened rows. */
export type RowFiles = Pick<EmbeddingsInfo, 'rows' | 'format' | 'layout'> & { readonly shards: readonly ShardInfo[] }

/**
 * The lookup of rows by id. With a table of ids it takes about 100 bytes for each row.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION` where rows have no ids beside them; `NOT_PAIRED` when ids and rows differ
 * in number; and as `idsIn` and `rowsById` do
 */
export async function embeddingRows(embeddings: RowFiles, ids: EmbeddingIds = {}): Promise<RowLookup> {
  const { from = 'metadata', column, match } = ids
  if (from === 'order') {
    return rowsInOrder(embeddings.rows)
  }
  if (from === 'row') {
    return rowsByNumber(embeddings.rows)
  }
  return await rowsById(rowIds(embeddings, { from, column }), {
    match,
    name: from === 'metadata' ? 'the ids of the rows' : from,
  })
}

/**
 * The id of every row, in their order, from the file `from` or from the metadata of the rows.
 *
 * @param usual names of columns that are looked for, where none is given. @defaultValue `ID_COLUMNS`
 * @throws {@link ModalityGapError} as `embeddingRows` does
 */
export function rowIds(
  embeddings: RowFiles,
  { from = 'metadata', column, usual }: { from?: string; column?: string; usual?: readonly string[] },
): AsyncGenerator<string> {
  const files = from === 'metadata' ? idFilesOf(embeddings) : [{ path: from, rows: embeddings.rows }]
  return everyId(files, column, usual)
}

/** A file of ids and how many there should be. */
interface IdFile {
  path: string
  rows: number
}

async function* everyId(
  files: readonly IdFile[],
  column: string | undefined,
  usual: readonly string[] | undefined,
): AsyncGenerator<string> {
  for (const { path, rows } of files) {
    let count = 0
    for await (const id of idsIn(path, column, usual)) {
      count++
      yield id
    }
    if (count !== rows) {
      throw new ModalityGapError('NOT_PAIRED', `${path} holds ${count} ids for ${rows} rows`, { file: path })
    }
  }
}

/** Formats whose files hold ids beside the rows. */
const WITH_IDS: Readonly<Record<EmbeddingsInfo['format'], boolean>> = {
  npy: false,
  npz: false,
  parquet: true,
  arrow: true,
  safetensors: false,
  pickle: true,
  jsonl: true,
  fvecs: false,
  json: true,
  csv: true,
  torch: true,
  tar: true,
  raw: false,
  memory: false,
}

function idFilesOf({ layout, format, shards }: RowFiles): IdFile[] {
  if (layout === 'clip-retrieval') {
    return shards.map(({ path, rows, metadata }) => ({ path: metadata ?? withoutMetadata(path), rows }))
  }
  if (WITH_IDS[format]) {
    return shards.map(({ path, rows }) => ({ path: path as string, rows }))
  }
  const file = shards[0]?.path
  const what = file === undefined ? 'rows in memory have' : `${file} has`
  const message = `${what} no ids; name a file of them, or choose 'order' or 'row'`
  throw new ModalityGapError('BAD_OPTION', message, { file })
}

function withoutMetadata(file: string | undefined): never {
  throw new ModalityGapError('NOT_PAIRED', `${file}: there is no file of metadata for it`, { file })
}
