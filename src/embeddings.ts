import { ModalityGapError, unwrap } from './errors.ts'
import { given } from './job.ts'
import { native, type Source, type SourceOptions } from './native.ts'
import type { Dtype, OnBadRow, Role } from './options.ts'
import type { EmbeddingsInfo, ShardInfo } from './reports.ts'
import { type FoundIds, givenIds, type RowIds } from './row-ids.ts'
import { checkedRows, isTensor, kindOf, type Rows, type Tensor, widthOf } from './rows.ts'

/**
 * Where rows come from:
 * - a path or a list of paths: a file, a folder or a glob each, with an optional `#name` that picks a column, tensor,
 *   npz key or leading index;
 * - an array of numbers with `dim`, or of 16-bit patterns (`Uint16Array`) with `dim` and, for bf16, `dtype`;
 * - a tensor;
 * - bytes: Arrow IPC, or, when `dim` is given, plain rows of `dtype` in the byte order of the machine.
 */
export type EmbeddingsInput = string | readonly string[] | Rows | Tensor | Uint8Array | ArrayBuffer

/** How rows are opened. */
export interface EmbeddingsOptions {
  /** What to do with a row that is not finite, has length zero or a wrong width. @defaultValue `'error'` */
  onBadRow?: OnBadRow
  /** Whether rows are scaled to unit length as they are read. @defaultValue `true` */
  normalize?: boolean
  /** A name for these rows, kept in aligners that are fitted on them. */
  label?: string
  /** Side of a clip-retrieval folder to take. @defaultValue `'other'`, the rows as they stand */
  role?: Role
  /** Columns of a row; needed for plain arrays and plain bytes. */
  dim?: number
  /** What plain bytes or 16-bit patterns hold. @defaultValue `'f32'` for bytes, `'f16'` for `Uint16Array` */
  dtype?: Dtype
  /** The column of Arrow data to take. @defaultValue the only column of vectors */
  column?: string
  /**
   * The item that each row belongs to, such as the image of a caption. @defaultValue an item column of the metadata or of
   * the table that holds the rows, where measurements, comparisons, analyses and hold-outs find one
   */
  ids?: RowIds
}

let wrap: (source: Source, ids?: FoundIds | null) => Embeddings

/** The ids that rows were opened with: nothing when none were given, `null` when they were said to have none. */
export let idsOf: (embeddings: Embeddings) => FoundIds | null | undefined

/** The native handle of opened rows; throws `BAD_OPTION` for anything else. */
export let sourceOf: (embeddings: Embeddings) => Source

/** Opened rows: a handle to files or to a copy in memory, to be used in any number of calls. */
export class Embeddings {
  readonly #source: Source
  readonly #info: EmbeddingsInfo
  readonly #ids: FoundIds | null | undefined

  static {
    wrap = (source, ids) => new Embeddings(source, ids)
    idsOf = embeddings => embeddings.#ids
    sourceOf = embeddings => {
      if (!(embeddings instanceof Embeddings)) {
        throw new ModalityGapError('BAD_OPTION', 'rows have to be opened with openEmbeddings first')
      }
      return embeddings.#source
    }
  }

  private constructor(source: Source, ids?: FoundIds | null) {
    this.#source = source
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
}

/**
 * Opens rows on disk or takes a copy of rows in memory. Files are probed, not read: their rows are streamed by every
 * call that uses them and have to stay as they are meanwhile.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`, `BAD_FORMAT`, `UNSUPPORTED`, `EMPTY`, `BAD_SELECTOR` or
 * `WIDTH_MISMATCH` with the file; `BAD_SHAPE` when an array does not hold whole rows; `BAD_ROW` with the row; `NOT_PAIRED`
 * when `ids` and rows differ in number
 */
export async function openEmbeddings(input: EmbeddingsInput, options: EmbeddingsOptions = {}): Promise<Embeddings> {
  const { onBadRow, normalize, label, role } = options
  const common = given({ onBadRow, normalize, label })
  if (typeof input === 'string' || Array.isArray(input)) {
    const paths = typeof input === 'string' ? [input] : [...input]
    return await withIds(unwrap(await native.Source.open(given({ paths, role, ...common }))), options)
  }
  return await withIds(
    fromMemory(input as Exclude<EmbeddingsInput, string | readonly string[]>, options, common),
    options,
  )
}

async function withIds(source: Source, { ids }: EmbeddingsOptions): Promise<Embeddings> {
  return wrap(source, ids === undefined ? undefined : ((await givenIds(ids, source.info())) ?? null))
}

function fromMemory(
  input: Exclude<EmbeddingsInput, string | readonly string[]>,
  { dim, dtype, column }: EmbeddingsOptions,
  options: SourceOptions,
): Source {
  const bytes = bytesOf(input)
  if (bytes) {
    return dim === undefined
      ? unwrap(native.Source.fromArrow(bytes, column, options))
      : fromRows(viewAs(bytes, dtype ?? 'f32'), dim, dtype, options)
  }
  if (isTensor(input)) {
    return fromRows(checkedRows(input.data), widthOf(input), dtype, options)
  }
  const rows = checkedRows(input)
  if (dim === undefined) {
    throw new ModalityGapError('BAD_SHAPE', `an array of ${rows.length} values needs the option dim, columns of a row`)
  }
  return fromRows(rows, dim, dtype, options)
}

function fromRows(rows: Rows, dim: number, dtype: Dtype | undefined, options: SourceOptions): Source {
  if (rows.length === 0) {
    throw new ModalityGapError('EMPTY', 'the array holds no rows')
  }
  if (!Number.isSafeInteger(dim) || dim < 1 || rows.length % dim !== 0) {
    throw new ModalityGapError('BAD_SHAPE', `${rows.length} values are not whole rows of ${dim} columns`)
  }
  switch (rows[Symbol.toStringTag]) {
    case 'Float32Array':
      return unwrap(native.Source.fromF32(rows as Float32Array, dim, options))
    case 'Float64Array':
      return unwrap(native.Source.fromF64(rows as Float64Array, dim, options))
    case 'Uint16Array':
      return unwrap(native.Source[dtype === 'bf16' ? 'fromBf16' : 'fromF16'](rows as Uint16Array, dim, options))
  }
}

function bytesOf(input: unknown): Uint8Array | undefined {
  switch (kindOf(input)) {
    case 'ArrayBuffer':
      return new Uint8Array(input as ArrayBuffer)
    case 'Uint8Array':
      return input as Uint8Array
    default:
      return undefined
  }
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
  if (View === undefined) {
    throw new ModalityGapError('BAD_OPTION', `dtype is one of ${Object.keys(VIEWS).join(', ')}, not ${dtype}`)
  }
  const size = View.BYTES_PER_ELEMENT
  if (bytes.length % size !== 0) {
    throw new ModalityGapError('BAD_SHAPE', `${bytes.length} bytes are not whole values of ${dtype}`)
  }
  const aligned: Uint8Array = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes)
  return new View(aligned.buffer as ArrayBuffer, aligned.byteOffset, bytes.length / size)
}
