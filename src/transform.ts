/**
 * Applies a saved aligner where native code cannot load: browser, edge, other runtimes. No dependencies; the same map as
 * the native one, computed in f64, equal to it within 1e-6.
 *
 * @module
 */
import { readAlignerFile, type Stage } from './aligner-file.ts'
import { type ErrorPlace, ModalityGapError } from './errors.ts'
import { halfToNumber, numberToHalf } from './half.ts'
import { addNoise, at, linear, polar } from './portable-stages.ts'
import type { AlignerInfo } from './results.ts'
import { kindOf, mapRows, type NumberRows, type Rows, type Tensor } from './rows.ts'

export { type ErrorCode, type ErrorPlace, ModalityGapError } from './errors.ts'
export type { Centroid, FitOptions, Method, Step } from './options.ts'
export type { AlignerGap, AlignerInfo, FitGap, FittedOptions, SideInfo, StageInfo } from './results.ts'
export type { NumberRows, Rows, Tensor } from './rows.ts'

/** A saved aligner, ready to move rows. */
export class PortableAligner {
  /** What it knows about itself and its fit. */
  readonly info: AlignerInfo
  readonly #stages: Stage[]
  readonly #row: Float64Array

  /**
   * @param bytes an aligner file, as `Aligner.save` and `Aligner.toBytes` make it
   * @throws {@link ModalityGapError} `BAD_ALIGNER`, `NEWER_VERSION`
   */
  constructor(bytes: Uint8Array | ArrayBuffer) {
    const kind = kindOf(bytes)
    if (kind !== 'ArrayBuffer' && kind !== 'Uint8Array') {
      throw new ModalityGapError('BAD_OPTION', `PortableAligner: expected the bytes of an aligner file, not ${kind}`)
    }
    const view = kind === 'ArrayBuffer' ? new Uint8Array(bytes) : (bytes as Uint8Array)
    const { info, stages } = readAlignerFile(view)
    this.info = info
    this.#stages = stages
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
   * @param rows `n × dim` values, row-major; `Uint16Array` holds f16 bits, a tensor what its `type` says
   * @param out where to write, of the same kind and length; may be `rows` itself; allocated when absent
   * @returns `out`
   * @throws {@link ModalityGapError} `BAD_SHAPE` when they are not whole rows, `BAD_ROW` with the first row that is not
   * finite or has length zero; the rows before it are then written
   */
  transform(rows: Float32Array, out?: Float32Array): Float32Array
  transform(rows: Float64Array, out?: Float64Array): Float64Array
  transform(rows: Uint16Array, out?: Uint16Array): Uint16Array
  transform<T extends Rows>(rows: Tensor<T>, out?: Tensor<T>): Tensor<T>
  transform(rows: readonly number[]): number[]
  transform(rows: readonly (readonly number[])[]): number[][]
  transform(rows: Rows | Tensor | NumberRows, out?: Rows | Tensor): Rows | Tensor | NumberRows {
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

  #mapRow(row: number): void {
    const v = this.#row
    const inverse = 1 / checkedLength(v, row)
    for (let i = 0; i < v.length; i++) {
      v[i] = at(v, i) * inverse
    }
    for (const stage of this.#stages) {
      applyStage(stage, v, row)
    }
    if (!Number.isFinite(squares(v))) {
      throw mappedAway(row)
    }
  }
}

function applyStage(stage: Stage, v: Float64Array, row: number): void {
  switch (stage.kind) {
    case 'scale':
      for (let i = 0; i < v.length; i++) {
        v[i] = at(v, i) * stage.factor
      }
      break
    case 'add':
      for (let i = 0; i < v.length; i++) {
        v[i] = at(v, i) + at(stage.vector, i)
      }
      break
    case 'sphere':
      ontoSphere(v, row)
      break
    case 'linear':
      v.set(linear(stage.matrix, v))
      break
    case 'noise':
      addNoise(v, row, stage)
      break
    case 'polar':
      polar(stage, v)
      break
  }
}

/** Squared lengths outside these are lost to f64, and rows as short as `NO_DIRECTION` after the map are rounding only. */
const SHORTEST = 1e-300
const LONGEST = 1e300
const NO_DIRECTION = 1e-24

function checkedLength(v: Float64Array, row: number): number {
  const square = squares(v)
  if (square >= SHORTEST && square <= LONGEST) {
    return Math.sqrt(square)
  }
  const column = v.findIndex(value => !Number.isFinite(value))
  if (column >= 0) {
    throw badRow(`component in column ${column} is not finite`, { row, column })
  }
  throw badRow(square < 1 ? 'length is zero, so the row has no direction' : 'length is beyond 1e150', { row })
}

function ontoSphere(v: Float64Array, row: number): void {
  const square = squares(v)
  if (square <= NO_DIRECTION || !Number.isFinite(square)) {
    throw mappedAway(row)
  }
  const inverse = 1 / Math.sqrt(square)
  for (let i = 0; i < v.length; i++) {
    v[i] = at(v, i) * inverse
  }
}

function mappedAway(row: number): ModalityGapError {
  return badRow('the strategy maps the row onto the origin', { row })
}

function badRow(reason: string, place: ErrorPlace): ModalityGapError {
  return new ModalityGapError('BAD_ROW', `row ${place.row}: ${reason}`, place)
}

function squares(v: Float64Array): number {
  let sum = 0
  for (const value of v) {
    sum += value * value
  }
  return sum
}
