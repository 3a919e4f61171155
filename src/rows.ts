import { ModalityGapError } from './errors.ts'
import { bf16ToNumber, numberToBf16 } from './half.ts'

/** Rows in memory, row-major; `Uint16Array` holds the bits of f16. */
export type Rows = Float32Array | Float64Array | Uint16Array

/** Rows as plain numbers: one after the other, or each in an array of its own. */
export type NumberRows = readonly number[] | readonly (readonly number[])[]

/** A dense tensor of one row (`[d]`) or of many (`[n, d]`), such as transformers.js returns. */
export interface Tensor<T extends Rows = Rows> {
  /** What its values are: `float32`, `float64`, `float16` or `bfloat16`. @defaultValue by `data`; 16 bits are f16 */
  readonly type?: string
  /** Its shape. */
  readonly dims: readonly number[]
  /** Its values, row-major. */
  readonly data: T
}

/**
 * Checks rows and `out`, allocates `out` when absent, and lets `map` fill it.
 *
 * @throws {@link ModalityGapError} `BAD_SHAPE` when they are not whole rows of `dim` columns or not of one kind,
 * `UNSUPPORTED` when an array cannot hold rows
 */
export function mapRows(
  rows: Rows | Tensor | NumberRows,
  out: Rows | Tensor | undefined,
  dim: number,
  map: RowMap,
): Rows | Tensor | NumberRows {
  if (Array.isArray(rows)) {
    return mapNumbers(rows, out, dim, map)
  }
  if (!isTensor(rows)) {
    return mapArray(rows as Rows, out as Rows | undefined, dim, map)
  }
  if (out !== undefined && !isTensor(out)) {
    throw new ModalityGapError('BAD_SHAPE', `rows in a tensor go into a tensor, not into ${kindOf(out)}`)
  }
  for (const tensor of out ? [rows, out] : [rows]) {
    if (widthOf(tensor) !== dim) {
      throw new ModalityGapError('BAD_SHAPE', `a tensor of ${widthOf(tensor)} columns for an aligner of ${dim}`)
    }
  }
  const { dims } = rows
  const type = typeOf(rows)
  const [values, dtype] = valuesOf(rows)
  const [into, intoDtype] = out ? valuesOf(out) : [undefined, dtype]
  if (intoDtype !== dtype) {
    throw new ModalityGapError('BAD_SHAPE', `a tensor of ${dtype} into one of ${intoDtype}`)
  }
  const data = dtype === 'bf16' ? mapBf16(values, into, dim, map) : mapArray(values, into, dim, map)
  return out ?? { ...(type === undefined ? {} : { type }), dims: [...dims], data }
}

type RowMap = (rows: Rows, out: Rows) => void

/** Plain numbers come back as they were given: in one array, or row by row. */
function mapNumbers(rows: readonly unknown[], out: unknown, dim: number, map: RowMap): NumberRows {
  if (out !== undefined) {
    throw new ModalityGapError('BAD_SHAPE', 'rows in plain arrays are returned in new ones; out is for typed arrays')
  }
  const { values, dim: width } = numbersOf(rows)
  if (width !== undefined && width !== dim) {
    throw new ModalityGapError('BAD_SHAPE', `rows of ${width} columns for an aligner of ${dim}`)
  }
  const moved = mapArray(values, undefined, dim, map)
  return width === undefined
    ? Array.from(moved)
    : rows.map((_, row) => Array.from(moved.subarray(row * dim, (row + 1) * dim)))
}

/** bf16 goes through f32, which holds its values exactly. */
function mapBf16(bits: Rows, out: Rows | undefined, dim: number, map: RowMap): Rows {
  const moved = mapArray(Float32Array.from(bits, bf16ToNumber), undefined, dim, map)
  const into = out ?? new Uint16Array(moved.length)
  if (into.length !== moved.length) {
    throw new ModalityGapError('BAD_SHAPE', `${moved.length} values into ${into.length}`)
  }
  into.set(Uint16Array.from(moved, numberToBf16))
  return into
}

function mapArray(rows: Rows, given: Rows | undefined, dim: number, map: RowMap): Rows {
  const kind = checkedRows(rows)[Symbol.toStringTag]
  if (given !== undefined) {
    checkedRows(given)
  }
  const out = given ?? new (rows.constructor as new (length: number) => Rows)(rows.length)
  if (rows.length % dim !== 0 || out.length !== rows.length || out[Symbol.toStringTag] !== kind) {
    throw new ModalityGapError(
      'BAD_SHAPE',
      `${kind} of ${rows.length} into ${out[Symbol.toStringTag]} of ${out.length} are not whole rows of ${dim} columns`,
    )
  }
  map(overlap(rows, out) ? rows.slice() : rows, out)
  return out
}

/** Whether two arrays share memory, where writing one would change the other while it is read. */
function overlap(a: Rows, b: Rows): boolean {
  return (
    a.buffer === b.buffer && a.byteOffset < b.byteOffset + b.byteLength && b.byteOffset < a.byteOffset + a.byteLength
  )
}

/** Whether something has the shape of a tensor. */
export function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && 'dims' in value && 'data' in value
}

/**
 * Columns of a tensor.
 *
 * @throws {@link ModalityGapError} `BAD_SHAPE` when its shape is not `[d]` or `[n, d]`, or its data are not that many
 */
export function widthOf({ dims, data }: Tensor): number {
  const shape: readonly unknown[] = Array.isArray(dims) ? dims : []
  const dim = shape.at(-1)
  const count = shape.reduce<number>(
    (a, b) => (Number.isSafeInteger(b) && (b as number) >= 0 ? a * (b as number) : Number.NaN),
    1,
  )
  if (typeof dim !== 'number' || shape.length > 2 || count !== data?.length) {
    const pooled = shape.length > 2 ? '; states of tokens are pooled to one row a text or image first' : ''
    throw new ModalityGapError(
      'BAD_SHAPE',
      `a tensor of ${data?.length ?? 'no'} values and shape [${shape.join(', ')}] is not [rows, columns]${pooled}`,
    )
  }
  return dim
}

/** What a tensor says its values are; some libraries call it `dtype`. */
export function typeOf(tensor: Tensor): string | undefined {
  const said: unknown = tensor.type ?? (tensor as { dtype?: unknown }).dtype ?? undefined
  return said === undefined ? undefined : String(said)
}

/** Storage type of a tensor's values, by its `type`, and the arrays that hold it. */
const TENSOR_TYPES: Readonly<Record<string, readonly ['f32' | 'f64' | 'f16' | 'bf16', ...string[]]>> = {
  float32: ['f32', 'Float32Array'],
  float64: ['f64', 'Float64Array'],
  float16: ['f16', 'Uint16Array', 'Float16Array'],
  bfloat16: ['bf16', 'Uint16Array'],
}

/**
 * The values of a tensor and what they are: bits, where they have 16.
 *
 * @throws {@link ModalityGapError} `UNSUPPORTED` for a type that is not a floating point, `BAD_SHAPE` where `data` does not hold it
 */
export function valuesOf(tensor: Tensor): readonly [Rows, 'f32' | 'f64' | 'f16' | 'bf16'] {
  const { data } = tensor
  const type = typeOf(tensor)
  const kind = kindOf(data)
  const bits = halfBits(data)
  if (type === undefined) {
    const rows = checkedRows(bits)
    return [rows, kind === 'Float64Array' ? 'f64' : kind === 'Float32Array' ? 'f32' : 'f16']
  }
  const known = Object.hasOwn(TENSOR_TYPES, type) ? TENSOR_TYPES[type] : undefined
  if (known === undefined) {
    const names = Object.keys(TENSOR_TYPES).join(', ')
    throw new ModalityGapError('UNSUPPORTED', `a tensor of type ${type} holds no embeddings; expected ${names}`)
  }
  const [dtype, ...kinds] = known
  if (!kinds.includes(kind)) {
    throw new ModalityGapError('BAD_SHAPE', `a tensor of type ${type} holds a ${kinds.join(' or ')}, not ${kind}`)
  }
  return [checkedRows(bits), dtype]
}

/** The bits of a `Float16Array`; anything else as it is. */
export function halfBits(value: unknown): unknown {
  if (kindOf(value) === 'Float16Array' && ArrayBuffer.isView(value)) {
    return new Uint16Array(value.buffer, value.byteOffset, value.byteLength / 2)
  }
  return value
}

/** Plain numbers as f64. */
export interface Numbers {
  /** One after the other; those of bad rows are NaN. */
  values: Float64Array
  /** Columns of a row where each has an array of its own. */
  dim?: number
  /** Bad rows, three numbers each: the row, what it is (see {@link FAULT}), and the column or width concerned. */
  faults?: Uint32Array
}

/** What a bad row of plain numbers is. */
const FAULT = { null: 0, nullComponent: 1, width: 2 } as const

/**
 * Plain numbers as f64, and the columns of a row where each has an array of its own.
 *
 * @throws {@link ModalityGapError} `BAD_SHAPE` with row and column for what is not a number, and for rows of several lengths
 */
export function numbersOf(rows: readonly unknown[]): Numbers {
  const [first] = rows
  if (typeof first === 'number') {
    return { values: Float64Array.from(rows, (value, column) => numberAt(value, { column })) }
  }
  const dim = (first as { length?: number } | undefined)?.length
  if (dim === undefined || dim === 0 || !isRow(first)) {
    throw new ModalityGapError(
      'BAD_SHAPE',
      `rows are arrays of numbers, not ${rows.length === 0 ? 'an empty array' : kindOf(first)}`,
    )
  }
  const values = new Float64Array(rows.length * dim)
  for (const [row, each] of rows.entries()) {
    if (!isRow(each) || each.length !== dim) {
      const found = isRow(each) ? `${each.length} columns` : kindOf(each)
      throw new ModalityGapError('BAD_SHAPE', `row ${row} has ${found}, the first row ${dim} columns`, { row })
    }
    for (let column = 0; column < dim; column++) {
      values[row * dim + column] = numberAt(each[column], { row, column })
    }
  }
  return { values, dim }
}

/**
 * Likewise, with rows that are null, empty, of another length than most or with a null in them as bad rows.
 *
 * @param columns of a row, where they are known; needed for numbers in one array
 * @throws {@link ModalityGapError} `BAD_SHAPE` for what is neither number nor null
 */
export function numbersWithFaults(rows: readonly unknown[], columns: number | undefined): Numbers {
  const flat = !rows.some(row => isRow(row))
  if (flat && (columns === undefined || rows.every(value => isNull(value)) || rows.length % columns !== 0)) {
    return numbersOf(rows)
  }
  const each = flat
    ? Array.from({ length: rows.length / (columns as number) }, (_, row) =>
        rows.slice(row * (columns as number), (row + 1) * (columns as number)),
      )
    : Array.from(rows)
  const dim = columns ?? usualLength(each)
  const values = new Float64Array(each.length * dim).fill(Number.NaN)
  const faults: number[] = []
  for (const [row, numbers] of each.entries()) {
    if (isNull(numbers)) {
      faults.push(row, FAULT.null, 0)
      continue
    }
    if (!isRow(numbers)) {
      throw new ModalityGapError('BAD_SHAPE', `row ${row} is ${kindOf(numbers)}, not an array of numbers`, { row })
    }
    // holes of an array are nulls, too
    const all = Array.from(numbers)
    const hole = all.findIndex(isNull)
    if (numbers.length !== dim) {
      faults.push(row, FAULT.width, numbers.length)
    } else if (hole >= 0) {
      faults.push(row, FAULT.nullComponent, hole)
    }
    for (const [column, value] of all.entries()) {
      if (!isNull(value)) {
        const number = numberAt(value, flat ? { column: row * dim + column } : { row, column })
        if (numbers.length === dim && hole < 0) {
          values[row * dim + column] = number
        }
      }
    }
  }
  const dims = flat ? {} : { dim }
  return { values, ...dims, ...(faults.length > 0 ? { faults: Uint32Array.from(faults) } : {}) }
}

function isNull(value: unknown): boolean {
  return value === null || value === undefined
}

/** The length of most rows, of the first of these where several are as frequent. */
function usualLength(rows: readonly unknown[]): number {
  const counts = new Map<number, number>()
  for (const row of rows) {
    if (isRow(row) && row.length > 0) {
      counts.set(row.length, (counts.get(row.length) ?? 0) + 1)
    }
  }
  const most = Math.max(...counts.values())
  const [usual] = [...counts].find(([, count]) => count === most) ?? []
  if (usual === undefined) {
    throw new ModalityGapError('BAD_ROW', 'row 0 is null or empty, as are the rows after it', { row: 0 })
  }
  return usual
}

function isRow(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) || ['Float32Array', 'Float64Array'].includes(kindOf(value))
}

function numberAt(value: unknown, place: { row?: number; column: number }): number {
  if (typeof value !== 'number') {
    const { row, column } = place
    const where = row === undefined ? `value ${column}` : `row ${row}, column ${column}`
    throw new ModalityGapError(
      'BAD_SHAPE',
      `${where} is ${value === null ? 'null' : kindOf(value)}, not a number`,
      place,
    )
  }
  return value
}

/**
 * The value, when it is an array that can hold rows.
 *
 * @throws {@link ModalityGapError} `UNSUPPORTED` when it is not
 */
export function checkedRows(value: unknown): Rows {
  const kind = kindOf(value)
  if (kind === 'Float32Array' || kind === 'Float64Array' || kind === 'Uint16Array') {
    const rows = value as Rows
    if (rows.length === 0 && isGone(rows)) {
      throw new ModalityGapError(
        'BAD_SHAPE',
        'the array lost its memory: its buffer was transferred to another thread, or shrunk',
      )
    }
    return rows
  }
  const advice = kind === 'Float16Array' ? '; pass its bits: new Uint16Array(a.buffer, a.byteOffset, a.length)' : ''
  throw new ModalityGapError(
    'UNSUPPORTED',
    `rows are a Float32Array, a Float64Array or a Uint16Array of f16 bits, not ${kind}${advice}`,
  )
}

/** Whether the buffer of an array was detached, or has shrunk below its end; such an array has no values. */
function isGone(rows: Rows): boolean {
  try {
    // every method of such an array throws
    rows.at(0)
    return false
  } catch {
    return true
  }
}

/** The name of a built-in kind; unlike `instanceof` it also knows arrays of another realm, as test runners make them. */
export function kindOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1)
}
