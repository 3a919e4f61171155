import { ModalityGapError } from './errors.ts'
import { isThere } from './places.ts'
import type { EmbeddingsInfo } from './results.ts'
import type { RowFiles } from './revision/data/embedding-rows.ts'

/**
 * The item that each row belongs to, such as the image of a caption: rows with equal ids belong together, on one side and
 * across both. Ids are compared as texts; numbers are taken as they are written, and those beyond 2⁵³ are given as
 * `bigint` or text.
 * - a list: one id per row;
 * - a text: a file of ids (`ids.txt`, `ids.npy`, `items.jsonl`, `items.parquet#image_id`), or the name of a column of the metadata
 *   beside the rows, or of the table that holds them; `'none'` for rows that belong to nothing.
 */
export type RowIds = string | readonly (string | number | bigint)[] | Uint32Array | BigInt64Array | BigUint64Array

/** Columns that name the image of a row, in the order in which they are looked for. */
const IMAGE_COLUMNS = ['image_id', 'img_id', 'imgid', 'cocoid', 'image_path', 'file_name', 'filename'] as const
/** Columns that may name the item of a row, or hold something else, such as the image itself. */
const OTHER_COLUMNS = ['image', 'url', 'key', 'id'] as const

/** Formats whose rows stand beside columns or keys. */
const WITH_COLUMNS: Readonly<Record<EmbeddingsInfo['format'], boolean>> = {
  npy: false,
  npz: false,
  parquet: true,
  arrow: true,
  safetensors: false,
  pickle: false,
  jsonl: true,
  fvecs: false,
  json: true,
  csv: true,
  torch: true,
  tar: false,
  raw: false,
  memory: false,
}

/** Ids of rows, and where they come from. */
export interface FoundIds {
  /** One per row. */
  ids: readonly string[]
  /** In words, such as `image_id of metadata`. */
  from: string
}

/**
 * The ids that were given for some rows.
 *
 * @throws {@link ModalityGapError} `NOT_PAIRED` when ids and rows differ in number, `NOT_FOUND`, `BAD_SELECTOR`,
 * `BAD_FORMAT` with the file, `BAD_OPTION` for ids that are neither
 */
export async function givenIds(given: RowIds, rows: RowFiles): Promise<FoundIds | undefined> {
  if (given === 'none') {
    return undefined
  }
  if (typeof given !== 'string') {
    const ids = Array.from(given as ArrayLike<unknown>, textOf)
    if (ids.length !== rows.rows) {
      throw new ModalityGapError('NOT_PAIRED', `${ids.length} ids for ${rows.rows} rows`)
    }
    return { ids, from: 'the ids given' }
  }
  const [path = '', column] = given.split(/#([^#]*)$/)
  if (await isThere(path)) {
    return { ids: await idsFrom(rows, { from: path, column }), from: given }
  }
  if (/[/\\]|\.(txt|jsonl?|ndjson|npy|parquet|arrow|csv|tsv|pkl|gz|zst)$/.test(path)) {
    throw new ModalityGapError('NOT_FOUND', `${path}: no such file of ids`, { file: path })
  }
  return { ids: await idsFrom(rows, { column: given }), from: `column ${given}` }
}

/**
 * The ids that rows bring along: an item column of their metadata or of their own table; nothing without one.
 *
 * @throws {@link ModalityGapError} with the file and the row, where such a column holds a value that is not an id
 */
export async function ownIds(rows: RowFiles & Pick<EmbeddingsInfo, 'layout'>): Promise<FoundIds | undefined> {
  if (rows.layout !== 'clip-retrieval' && !WITH_COLUMNS[rows.format]) {
    return undefined
  }
  const found =
    (await idsOfColumn(rows, IMAGE_COLUMNS, () => false)) ?? (await idsOfColumn(rows, OTHER_COLUMNS, notIds))
  return found && { ids: found, from: 'the metadata' }
}

/** The ids of the first of these columns that is there; nothing without one, or where `ignored` says so of the error. */
async function idsOfColumn(
  rows: RowFiles,
  usual: readonly string[],
  ignored: (error: ModalityGapError) => boolean,
): Promise<string[] | undefined> {
  try {
    return await idsFrom(rows, { usual })
  } catch (error) {
    if (!(error instanceof ModalityGapError)) {
      throw error
    }
    const absent = ['BAD_SELECTOR', 'BAD_OPTION', 'NOT_PAIRED', 'UNSUPPORTED'].includes(error.code)
    if (absent || ignored(error)) {
      return undefined
    }
    const { code, file, row } = error
    const advice = "the rows of an image belong together by it; mend it, give other ids, or 'none' for rows without ids"
    throw new ModalityGapError(code, `${error.message}; ${advice}`, { file, row, cause: error })
  }
}

/** Whether the column holds something else than ids from its first row on. */
function notIds({ code, row }: ModalityGapError): boolean {
  return code === 'BAD_FORMAT' && (row === undefined || row === 0)
}

function textOf(id: unknown, row: number): string {
  if (typeof id === 'number' && !Number.isSafeInteger(id)) {
    const why = Number.isInteger(id) ? 'is beyond 2^53 and not exact; give a bigint or a text' : 'is not a whole number'
    throw new ModalityGapError('BAD_OPTION', `the id ${id} of row ${row} ${why}`, { row })
  }
  if ((typeof id === 'string' && isId(id)) || typeof id === 'number' || typeof id === 'bigint') {
    return String(id)
  }
  if (typeof id === 'string') {
    throw new ModalityGapError('BAD_OPTION', `row ${row} has no id, but ${JSON.stringify(id)}`, { row })
  }
  throw new ModalityGapError('BAD_OPTION', `the id of row ${row} is neither text nor number`, { row })
}

/** Whether a text is an id: of rows that lack one, an empty text or the NaN of pandas would make one item. */
function isId(text: string): boolean {
  return text.trim() !== '' && text.toLowerCase() !== 'nan'
}

async function idsFrom(
  rows: RowFiles,
  where: { from?: string; column?: string; usual?: readonly string[] },
): Promise<string[]> {
  // readers of tables are loaded by those who need them
  const { rowIds } = await import('./revision/data/embedding-rows.ts')
  const list: string[] = []
  for await (const id of rowIds(rows, where)) {
    if (!isId(id)) {
      const file = where.from ?? rows.shards[0]?.path
      const message = `${file ?? 'the rows'}: row ${list.length} has no id`
      throw new ModalityGapError('BAD_FORMAT', message, { file, row: list.length })
    }
    list.push(id)
  }
  return list
}
