import { setImmediate as nextTurn } from 'node:timers/promises'
import { followedToken, following, type RunOptions } from './abort.ts'
import { bytesOf } from './bytes.ts'
import {
  type Check,
  type Checks,
  checkOptions,
  flag,
  listOf,
  madeHere,
  OWN,
  oneOf,
  path,
  shown,
  signal,
  text,
  whole,
  wrong,
} from './checks.ts'
import { ModalityGapError, unwrap } from './errors.ts'
import { given } from './job.ts'
import { native, type Source, type SourceOptions } from './native.ts'
import { DTYPES, ON_BAD_ROW, POOLS, ROLES } from './option-checks.ts'
import type { Dtype, OnBadRow, Pool, Role } from './options.ts'
import type { EmbeddingsInfo, ShardInfo } from './results.ts'
import { type FoundIds, givenIds, type RowIds } from './row-ids.ts'
import {
  checkedRows,
  halfBits,
  isTensor,
  kindOf,
  type NumberRows,
  numbersOf,
  numbersWithFaults,
  type Rows,
  type Tensor,
  typeOf,
  valuesOf,
  widthOf,
} from './rows.ts'

/**
 * Where rows come from:
 * - a path or a list of paths: a file, a folder or a glob each, with an optional `#name` that picks a column, tensor,
 *   npz key or leading index;
 * - an array of numbers with `dim`, or of 16-bit patterns (`Uint16Array`) with `dim` and, for bf16, `dtype`;
 * - an array of rows that are arrays of numbers, all of one length;
 * - a tensor, whose `type` says what its values are;
 * - bytes: Arrow IPC, or, when `dim` is given, plain rows of `dtype` in the byte order of the machine.
 */
export type EmbeddingsInput =
  | string
  | readonly string[]
  | Rows
  | NumberRows
  | readonly (Float32Array | Float64Array)[]
  | Tensor
  | Uint8Array
  | ArrayBuffer

/** How rows are opened. */
export interface EmbeddingsOptions {
  /**
   * What to do with a row that is not finite, has length zero or a wrong width, is null or has a null in it.
   *
   * @defaultValue `'error'`
   */
  onBadRow?: OnBadRow
  /** Whether rows are scaled to unit length as they are read. @defaultValue `true` */
  normalize?: boolean
  /** A name for these rows, kept in aligners that are fitted on them. */
  label?: string
  /** Side of a clip-retrieval folder to take. @defaultValue `'other'`, the rows as they stand */
  role?: Role
  /**
   * Split of a data set to take: of a `DatasetDict` that `save_to_disk` wrote, of a Hugging Face cache, or, as in
   * repositories of the hub, a folder (`train/`) or files (`train-00000-of-00002.parquet`) that are named by it. Words for one
   * split (`val`, `validation`) find each other. For rows in files only.
   *
   * @defaultValue what is there, which has to be one split
   */
  split?: string
  /** Columns of a row; needed for plain arrays and plain bytes, in memory or in a file (`.bin`, `.raw`, `.dat`). */
  dim?: number
  /**
   * What plain bytes or 16-bit patterns hold, and how plain numbers are kept; needed for files of plain bytes.
   *
   * @defaultValue `'f32'` for bytes, `'f16'` for `Uint16Array`, `'f64'` for plain numbers
   */
  dtype?: Dtype
  /**
   * Makes one row of the states of each, in files with arrays of three dimensions (N, T, D), such as states of tokens: their mean,
   * computed in f64 and kept in f32 (of f64 in f64), the first or the last. Arrays of two dimensions stay what they are.
   *
   * @defaultValue such arrays are refused, but those of one state a row
   */
  pool?: Pool
  /** The column of Arrow data to take. @defaultValue the only column of vectors */
  column?: string
  /**
   * The item that each row belongs to, such as the image of a caption. @defaultValue an item column of the metadata or of
   * the table that holds the rows, where measurements, comparisons, analyses and hold-outs find one
   */
  ids?: RowIds
}

const columns: Check = (value, name) => {
  if (typeof value === 'number' && !(Number.isSafeInteger(value) && value > 0)) {
    throw new ModalityGapError('BAD_SHAPE', `${name}: rows have a whole number of columns of at least 1, not ${value}`)
  }
  whole(1)(value, name)
}

/** Ids of rows, in one of their forms. */
export const rowIds: Check = (value, name) => {
  const isList = Array.isArray(value) || ['Uint32Array', 'BigInt64Array', 'BigUint64Array'].includes(kindOf(value))
  if (!isList && (typeof value !== 'string' || value === '')) {
    throw wrong(value, name, 'one id per row, a file of ids, the name of a column or none')
  }
}

const splitName: Check = (value, name) => {
  if (typeof value !== 'string' || value === '') {
    throw wrong(value, name, 'the name of a split, as text')
  }
}

const openChecks: Checks<EmbeddingsOptions> = {
  onBadRow: oneOf(ON_BAD_ROW),
  normalize: flag,
  label: text,
  role: oneOf(ROLES),
  split: splitName,
  dim: columns,
  dtype: oneOf(DTYPES),
  pool: oneOf(POOLS),
  column: text,
  ids: rowIds,
}

/** What of its options a handle keeps. */
type Opening = Pick<EmbeddingsOptions, 'normalize' | 'onBadRow'>

let wrap: (source: Source, opening: Opening, ids?: FoundIds | null) => Embeddings

/** Whether rows were opened to be scaled to unit length, and what happens to bad ones; absent where the default was taken. */
export let openingOf: (embeddings: Embeddings) => Opening

/** The ids that rows were opened with: nothing when none were given, `null` when they were said to have none. */
export let idsOf: (embeddings: Embeddings) => FoundIds | null | undefined

/** The native handle of opened rows; throws `BAD_OPTION` for anything else. */
export let sourceOf: (embeddings: Embeddings) => Source

/** Opened rows, as an option or argument. */
export const opened: Check = (value, name) => {
  if (!(value instanceof Embeddings)) {
    const hint =
      typeof value === 'string' ? `: await openEmbeddings(${JSON.stringify(value)})` : ', a path, an array or a tensor'
    throw new ModalityGapError(
      'BAD_OPTION',
      `${name}: expected opened rows, not ${shown(value)}; open them first with openEmbeddings${hint}`,
    )
  }
}

/** Opened rows: a handle to files or to a copy in memory, to be used in any number of calls. */
export class Embeddings {
  readonly #source: Source
  readonly #info: EmbeddingsInfo
  readonly #opening: Opening
  readonly #ids: FoundIds | null | undefined
  #disposed = false

  static {
    wrap = (source, opening, ids) => new Embeddings(OWN, source, opening, ids)
    openingOf = embeddings => embeddings.#opening
    idsOf = embeddings => embeddings.#ids
    sourceOf = embeddings => {
      opened(embeddings, 'rows')
      if (embeddings.#disposed) {
        throw new ModalityGapError('BAD_OPTION', 'these rows were disposed of; open them again')
      }
      return embeddings.#source
    }
  }

  private constructor(own: symbol, source: Source, opening: Opening, ids?: FoundIds | null) {
    madeHere(own, 'Embeddings', 'await openEmbeddings(…)')
    this.#source = source
    this.#opening = opening
    this.#info = source.info()
    this.#ids = ids
  }

  /** Number of rows, bad ones included. */
  get rows(): number {
    return this.#info.rows
  }

  /** Columns of a row. */
  get dim(): number {
    return this.#info.dim
  }

  /** Storage type of a component. */
  get dtype(): Dtype {
    return this.#info.dtype
  }

  /** Container, or `'memory'`. */
  get format(): EmbeddingsInfo['format'] {
    return this.#info.format
  }

  /** Whether the files stand in a clip-retrieval folder with metadata beside them. */
  get layout(): EmbeddingsInfo['layout'] {
    return this.#info.layout
  }

  /** The files in reading order. */
  get shards(): readonly ShardInfo[] {
    return this.#info.shards
  }

  /** The label they were opened with. */
  get label(): string | undefined {
    return this.#info.label
  }

  /** Releases rows in memory now, rather than when they are collected; calls that run keep theirs. */
  dispose(): void {
    this.#source.release()
    this.#disposed = true
  }

  /** The same, for `using`. */
  [Symbol.dispose](): void {
    this.dispose()
  }
}

/**
 * Opens rows on disk or takes a copy of rows in memory. Files are probed, not read: their rows are streamed by every
 * call that uses them and have to stay as they are meanwhile.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`, `BAD_FORMAT`, `UNSUPPORTED`, `EMPTY`, `BAD_SELECTOR` or
 * `WIDTH_MISMATCH` with the file; `BAD_OPTION` for columns or a storage type of files that say them; `BAD_SHAPE` when an array does not hold whole rows; `BAD_ROW` with the row; `NOT_PAIRED`
 * when `ids` and rows differ in number; `CANCELLED` when `signal` is aborted while a store is waited for
 */
export async function openEmbeddings(
  input: EmbeddingsInput,
  options: EmbeddingsOptions = {},
  run: Pick<RunOptions, 'signal'> = {},
): Promise<Embeddings> {
  checkOptions(options, 'openEmbeddings', openChecks)
  checkOptions(run, 'openEmbeddings', { signal })
  return await following(run.signal, [input, options.ids], () => opening(input, options))
}

async function opening(input: EmbeddingsInput, options: EmbeddingsOptions): Promise<Embeddings> {
  const { onBadRow, normalize, label, role, split, dim, dtype, pool } = options
  const common = given({ onBadRow, normalize, label })
  if (typeof input === 'string' || isPaths(input)) {
    if (options.column !== undefined) {
      const message = 'column is for rows in memory; name it behind the path, FILE#column'
      throw new ModalityGapError('BAD_OPTION', message)
    }
    const paths = typeof input === 'string' ? [input] : [...input]
    listOf(path)(paths, 'openEmbeddings')
    const spec = given({ paths, role, split, dim, dtype, pool, ...common })
    return await withIds(unwrap(await native.Source.open(spec, followedToken())), options)
  }
  if (split !== undefined) {
    throw new ModalityGapError('BAD_OPTION', 'split is for rows in files; rows in memory have none')
  }
  if (pool !== undefined) {
    throw new ModalityGapError('BAD_OPTION', 'pool is for files; pool an array in memory before it is opened')
  }
  const opened = await withIds(fromMemory(input as MemoryInput, options, common), options)
  await letCollect(opened)
  return opened
}

async function withIds(source: Source, { ids, normalize, onBadRow }: EmbeddingsOptions): Promise<Embeddings> {
  const found = ids === undefined ? undefined : ((await givenIds(ids, source.info())) ?? null)
  return wrap(source, given({ normalize, onBadRow }), found)
}

type MemoryInput = Exclude<EmbeddingsInput, string | readonly string[]>

/** Whether an input is a list of paths; one path among them is enough, for then the others are wrong, unless it begins with numbers. */
function isPaths(input: unknown): input is readonly string[] {
  if (!Array.isArray(input) || typeof input[0] === 'number' || typeof input[0] === 'object') {
    return false
  }
  return input.some(each => typeof each === 'string')
}

/** Bytes copied between two turns of the event loop at most. */
const COPIED_AT_ONCE = 16 * 2 ** 20
let copied = 0

/** Handles are finalised between turns of the event loop, so that a loop that only awaits copies would keep them all. */
async function letCollect({ rows, dim, dtype }: Embeddings): Promise<void> {
  copied += rows * dim * VIEWS[dtype].BYTES_PER_ELEMENT
  if (copied > COPIED_AT_ONCE) {
    copied = 0
    await nextTurn()
  }
}

function fromMemory(input: MemoryInput, options: EmbeddingsOptions, common: SourceOptions): Source {
  const { dim, dtype, column } = options
  const bytes = bytesOf(input)
  if (bytes) {
    return dim === undefined
      ? unwrap(native.Source.fromArrow(bytes, column, common))
      : fromRows(viewAs(bytes, dtype ?? 'f32'), dim, dtype, common)
  }
  if (column !== undefined) {
    throw new ModalityGapError('BAD_OPTION', 'column is for Arrow data')
  }
  if (isTensor(input)) {
    const width = agreed(widthOf(input), dim, 'a tensor')
    const [values, own] = valuesOf(input)
    const type = typeOf(input)
    if (type !== undefined && dtype !== undefined && dtype !== own) {
      throw new ModalityGapError('BAD_OPTION', `dtype ${dtype} contradicts the tensor's type ${type}`)
    }
    return fromRows(values, width, dtype ?? own, common)
  }
  if (Array.isArray(input)) {
    return fromNumbers(input, options, common)
  }
  const rows = checkedRows(halfBits(input))
  if (dim === undefined) {
    throw new ModalityGapError('BAD_SHAPE', `an array of ${rows.length} values needs the option dim, columns of a row`)
  }
  return fromRows(rows, dim, dtype, common)
}

function fromNumbers(
  input: readonly unknown[],
  { dim, dtype = 'f64', onBadRow }: EmbeddingsOptions,
  common: SourceOptions,
): Source {
  if (dtype !== 'f64' && dtype !== 'f32') {
    throw new ModalityGapError('BAD_OPTION', `plain numbers are kept as f64 or f32, not ${dtype}`)
  }
  if (input.length === 0) {
    throw new ModalityGapError('EMPTY', 'the array holds no rows')
  }
  const { values, dim: own, faults } = onBadRow === 'drop' ? numbersWithFaults(input, dim) : numbersOf(input)
  const width = own === undefined ? dim : agreed(own, dim, 'rows')
  if (width === undefined) {
    throw new ModalityGapError(
      'BAD_SHAPE',
      `an array of ${values.length} values needs the option dim, columns of a row`,
    )
  }
  return fromRows(dtype === 'f32' ? Float32Array.from(values) : values, width, dtype, common, faults)
}

/** The columns that rows have, which `dim` may repeat and not contradict. */
function agreed(own: number, dim: number | undefined, what: string): number {
  if (dim !== undefined && dim !== own) {
    throw new ModalityGapError('BAD_SHAPE', `${what} of ${own} columns, but dim says ${dim}`)
  }
  return own
}

/** Storage types that an array can hold. */
const HELD: Readonly<Record<Rows[typeof Symbol.toStringTag], readonly Dtype[]>> = {
  Float32Array: ['f32'],
  Float64Array: ['f64'],
  Uint16Array: ['f16', 'bf16'],
}

function fromRows(
  rows: Rows,
  dim: number,
  dtype: Dtype | undefined,
  options: SourceOptions,
  faults?: Uint32Array,
): Source {
  const kind = rows[Symbol.toStringTag]
  if (dtype !== undefined && !HELD[kind].includes(dtype)) {
    throw new ModalityGapError('BAD_OPTION', `a ${kind} holds ${HELD[kind].join(' or ')}, not ${dtype}`)
  }
  if (rows.length === 0) {
    throw new ModalityGapError('EMPTY', 'the array holds no rows')
  }
  if (!Number.isSafeInteger(dim) || dim < 1 || rows.length % dim !== 0) {
    throw new ModalityGapError('BAD_SHAPE', `${rows.length} values are not whole rows of ${dim} columns`)
  }
  switch (kind) {
    case 'Float32Array':
      return unwrap(native.Source.fromF32(rows as Float32Array, dim, options, faults))
    case 'Float64Array':
      return unwrap(native.Source.fromF64(rows as Float64Array, dim, options, faults))
    case 'Uint16Array':
      return unwrap(native.Source[dtype === 'bf16' ? 'fromBf16' : 'fromF16'](rows as Uint16Array, dim, options))
  }
}

/** Paths and addresses of the files of rows; none of rows in memory. */
export function filesOf({ shards }: Embeddings): string[] {
  return shards.flatMap(({ path }) => path ?? [])
}

/**
 * Rows have to be as wide as what they meet; checked before any of them is read.
 *
 * @throws {@link ModalityGapError} `WIDTH_MISMATCH` with the file, when there is one
 */
export function checkWidth(rows: Embeddings, dim: number, what: string): void {
  if (rows.dim !== dim) {
    const file = rows.shards[0]?.path
    throw new ModalityGapError('WIDTH_MISMATCH', `rows have ${rows.dim} columns, ${what} ${dim}`, { file })
  }
}

const VIEWS = { f16: Uint16Array, bf16: Uint16Array, f32: Float32Array, f64: Float64Array } as const

/** Bytes as numbers; Node's pooled buffers start anywhere, so bytes that a view cannot start at are copied. */
function viewAs(bytes: Uint8Array, dtype: Dtype): Rows {
  const View = VIEWS[dtype]
  const size = View.BYTES_PER_ELEMENT
  if (bytes.length % size !== 0) {
    throw new ModalityGapError('BAD_SHAPE', `${bytes.length} bytes are not whole values of ${dtype}`)
  }
  const aligned: Uint8Array = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes)
  return new View(aligned.buffer as ArrayBuffer, aligned.byteOffset, bytes.length / size)
}
