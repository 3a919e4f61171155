import { readFileSync } from 'node:fs'
import type { TrackRecord } from '../../src/results.ts'
import type { TrackStep } from '../../src/tracker/tracker.ts'
import { fixture } from './npy.ts'

/** Golden records of a small run, computed with NumPy by `make_tracker.py`. */
export const golden: {
  dim: number
  pairs: number
  gradients: number
  batch: number
  options: { freezeAt: number } & Record<string, number>
  records: TrackRecord[]
} = JSON.parse(readFileSync(fixture('tracker.json'), 'utf8'))

const { dim } = golden

/** The step's rows as `make_tracker.py` makes them, to the bit: integers and a few products in a fixed order. */
export function goldenStep(
  step: number,
): Required<Omit<TrackStep, 'dim'>> & Record<Exclude<keyof TrackStep, 'step' | 'dim'>, Float64Array> {
  const [u, w] = [uniforms(11, golden.pairs), uniforms(12, golden.pairs)]
  const [p, q] = [uniforms(13, golden.gradients), uniforms(14, golden.gradients)]
  const t = step / 100
  const at = (rows: Float64Array, i: number, j: number) => rows[i * dim + (j % dim)] as number
  const image = rowsOf(golden.pairs, (i, j) => 0.3 / (1 + j) + at(u, i, j) / (1 + 0.5 * j) + 0.2 * t * at(u, i, j + 3))
  const text = rowsOf(
    golden.pairs,
    (i, j) =>
      (0.25 - 0.1 * t) / (dim - j) +
      (0.8 * at(u, i, j) + 0.6 * at(w, i, j)) / (1 + 0.7 * j) +
      0.15 * t * at(w, i, j + 5),
  )
  const gradImage = rowsOf(
    golden.gradients,
    (i, j) => 0.01 * (at(p, i, j) / (1 + j) + 0.05 + 0.1 * t * at(p, i, j + 1)),
  )
  const gradText = rowsOf(golden.gradients, (i, j) => 0.02 * (at(q, i, j) / (2 + j) - 0.04))
  const [batchImage, batchText] = [uniforms(15, golden.batch), uniforms(16, golden.batch)]
  return { image, text, gradImage, gradText, batchImage, batchText, step }
}

function rowsOf(count: number, value: (i: number, j: number) => number): Float64Array {
  return Float64Array.from({ length: count * dim }, (_, at) => value(Math.floor(at / dim), at % dim))
}

/** The minimal standard generator of Park and Miller. */
function uniforms(seed: number, rows: number): Float64Array {
  let state = seed
  return Float64Array.from({ length: rows * dim }, () => {
    state = (state * 48271) % 2147483647
    return state / 2147483647 - 0.5
  })
}

/** Every number of some JSON under its path. */
export function numbersOf(value: unknown, path = ''): Map<string, unknown> {
  if (typeof value !== 'object' || value === null) {
    return new Map([[path, value]])
  }
  return new Map(Object.entries(value).flatMap(([key, item]) => [...numbersOf(item, path ? `${path}.${key}` : key)]))
}
