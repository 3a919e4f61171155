import { ModalityGapError } from './errors.ts'

/** Rows in memory, row-major; `Uint16Array` holds the bits of f16. */
export type Rows = Float32Array | Float64Array | Uint16Array

/** A dense tensor of one row (`[d]`) or of many (`[n, d]`), such as transformers.js returns. */
export interface Tensor<T extends Rows = Rows> {
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
  rows: Rows | Tensor,
  out: Rows | Tensor | undefined,
  dim: number,
  map: (rows: Rows, out: Rows) => void,
): Rows | Tensor {
  if (!isTensor(rows)) {
    return mapArray(rows, out as Rows | undefined, dim, map)
  }
  const into = out as Tensor | undefined
  for (const tensor of into ? [rows, into] : [rows]) {
    if (widthOf(tensor) !== dim) {
      throw new ModalityGapError('BAD_SHAPE', `a tensor of ${widthOf(tensor)} columns for an aligner of ${dim}`)
    }
  }
  const data = mapArray(rows.data, into?.data, dim, map)
  return into ?? { dims: [...rows.dims], data }
}

function mapArray(rows: Rows, given: Rows | undefined, dim: number, map: (rows: Rows, out: Rows) => void): Rows {
  const kind = checkedRows(rows)[Symbol.toStringTag]
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
  const dim = dims[dims.length - 1]
  if (dim === undefined || dims.length > 2 || dims.reduce((a, b) => a * b, 1) !== data.length) {
    throw new ModalityGapError(
      'BAD_SHAPE',
      `a tensor of ${data.length} values and shape [${dims.join(', ')}] is not [rows, columns]`,
    )
  }
  return dim
}

/**
 * The value, when it is an array that can hold rows.
 *
 * @throws {@link ModalityGapError} `UNSUPPORTED` when it is not
 */
export function checkedRows(value: unknown): Rows {
  const kind = kindOf(value)
  if (kind === 'Float32Array' || kind === 'Float64Array' || kind === 'Uint16Array') {
    return value as Rows
  }
  const advice = kind === 'Float16Array' ? '; pass its bits: new Uint16Array(a.buffer, a.byteOffset, a.length)' : ''
  throw new ModalityGapError(
    'UNSUPPORTED',
    `rows are a Float32Array, a Float64Array or a Uint16Array of f16 bits, not ${kind}${advice}`,
  )
}

/** The name of a built-in kind; unlike `instanceof` it also knows arrays of another realm, as test runners make them. */
export function kindOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1)
}
