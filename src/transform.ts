/**
 * Applies a saved aligner where native code cannot load: browser, edge, other runtimes. No dependencies; the same map as
 * the native one, computed in f64, equal to it within 1e-6.
 *
 * @module
 */
import { readAlignerFile } from './aligner-file.ts'
import { ModalityGapError } from './errors.ts'
import { halfToNumber, numberToHalf } from './half.ts'
import type { AlignerInfo } from './reports.ts'
import { kindOf, mapRows, type Rows, type Tensor } from './rows.ts'

export { type ErrorCode, type ErrorPlace, ModalityGapError } from './errors.ts'
export type { Centroid, Method, Step } from './options.ts'
export type { AlignerInfo, SideInfo } from './reports.ts'
export type { Rows, Tensor } from './rows.ts'

/** A saved aligner, ready to move rows. */
export class PortableAligner {
  /** What it knows about itself and its fit. */
  readonly info: AlignerInfo
  readonly #shift: Float64Array
  readonly #offsets: Float64Array
  readonly #row: Float64Array

  /**
   * @param bytes an aligner file, as `Aligner.save` and `Aligner.toBytes` make it
   * @throws {@link ModalityGapError} `BAD_ALIGNER`, `NEWER_VERSION`
   */
  constructor(bytes: Uint8Array | ArrayBuffer) {
    const view = kindOf(bytes) === 'ArrayBuffer' ? new Uint8Array(bytes) : (bytes as Uint8Array)
    const { info, shift, offsets } = readAlignerFile(view)
    this.info = info
    this.#shift = shift
    this.#offsets = offsets
    this.#row = new Float64Array(info.dim)
  }

  /** Columns of the rows it takes and gives. */
  get dim(): number {
    return this.info.dim
  }

  /**
   * Moves one source row or many. Rows are scaled to unit length first; results have unit length, except for methods
   * without renormalisation.
   *
   * @param rows `n × dim` values, row-major; `Uint16Array` holds f16 bits
   * @param out where to write, of the same kind and length; may be `rows` itself; allocated when absent
   * @returns `out`
   * @throws {@link ModalityGapError} `BAD_SHAPE` when they are not whole rows, `BAD_ROW` with the first row that is not
   * finite or has length zero; the rows before it are then written
   */
  transform(rows: Float32Array, out?: Float32Array): Float32Array
  transform(rows: Float64Array, out?: Float64Array): Float64Array
  transform(rows: Uint16Array, out?: Uint16Array): Uint16Array
  transform<T extends Rows>(rows: Tensor<T>, out?: Tensor<T>): Tensor<T>
  transform(rows: Rows | Tensor, out?: Rows | Tensor): Rows | Tensor {
    return mapRows(rows, out, this.info.dim, (from, to) => this.#map(from, to))
  }

  #map(rows: Rows, out: Rows): void {
    const { dim } = this.info
    const isHalf = rows[Symbol.toStringTag] === 'Uint16Array'
    for (let row = 0; row * dim < rows.length; row++) {
      const values = rows.subarray(row * dim, (row + 1) * dim)
      this.#row.set(isHalf ? Float64Array.from(values, halfToNumber) : values)
      this.#mapRow(row)
      out.set(isHalf ? Uint16Array.from(this.#row, numberToHalf) : this.#row, row * dim)
    }
  }

  /** v = π(s·e + shift), then v ← π(v + h) for each offset h, with π only where results are renormalised. */
  #mapRow(row: number): void {
    const {
      dim,
      scale,
      options: { renormalize },
    } = this.info
    const v = this.#row
    const factor = scale / checkedLength(v, row)
    for (let i = 0; i < dim; i++) {
      v[i] = factor * at(v, i) + at(this.#shift, i)
    }
    if (renormalize) {
      toUnit(v)
    }
    for (let first = 0; first < this.#offsets.length; first += dim) {
      for (let i = 0; i < dim; i++) {
        v[i] = at(v, i) + at(this.#offsets, first + i)
      }
      if (renormalize) {
        toUnit(v)
      }
    }
  }
}

function checkedLength(v: Float64Array, row: number): number {
  const length = Math.sqrt(squares(v))
  if (Number.isFinite(length) && length > 0) {
    return length
  }
  const column = v.findIndex(value => !Number.isFinite(value))
  throw column < 0
    ? new ModalityGapError('BAD_ROW', `row ${row} has no length that could be scaled to one`, { row })
    : new ModalityGapError('BAD_ROW', `row ${row} has a component that is not finite (column ${column})`, {
        row,
        column,
      })
}

function toUnit(v: Float64Array): void {
  const inverse = 1 / Math.sqrt(squares(v))
  for (let i = 0; i < v.length; i++) {
    v[i] = at(v, i) * inverse
  }
}

function squares(v: Float64Array): number {
  let sum = 0
  for (const value of v) {
    sum += value * value
  }
  return sum
}

// the loops above stay within the bounds that the constructor checked
function at(v: Float64Array, i: number): number {
  return v[i] as number
}
