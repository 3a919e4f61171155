import type { PolarStage } from './aligner-file.ts'

/** Component `i` of an array whose bounds were checked when the file was read. */
export function at(v: Float64Array, i: number): number {
  return v[i] as number
}

/** The row-major matrix applied to a vector. */
export function linear(matrix: Float64Array, v: Float64Array): Float64Array {
  const dim = v.length
  return Float64Array.from(v, (_, i) => {
    let sum = 0
    for (let j = 0; j < dim; j++) {
      sum += at(matrix, i * dim + j) * at(v, j)
    }
    return sum
  })
}

const BITS = (1n << 64n) - 1n

/** SplitMix64, as the native code keys its noise. */
function mix(value: bigint): bigint {
  let z = (value + 0x9e3779b97f4a7c15n) & BITS
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & BITS
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & BITS
  return z ^ (z >> 31n)
}

/** Adds N(0, σ²I), one Box–Muller draw for each pair of columns, keyed by seed and row. */
export function addNoise(v: Float64Array, row: number, { sigma, seed }: { sigma: number; seed: number }): void {
  const key = mix(mix(BigInt(seed)) ^ BigInt(row))
  const unit = (n: number) => Number(mix((key + BigInt(n)) & BITS) >> 11n) * 2 ** -53
  for (let i = 0; i < v.length; i += 2) {
    const radius = sigma * Math.sqrt(-2 * Math.log(1 - unit(i)))
    const angle = 2 * Math.PI * unit(i + 1)
    v[i] = at(v, i) + radius * Math.cos(angle)
    if (i + 1 < v.length) {
      v[i + 1] = at(v, i + 1) + radius * Math.sin(angle)
    }
  }
}

/** Maps radii of coordinate pairs by their quantiles, scales the other coordinates, all in the stage's basis. */
export function polar(stage: PolarStage, v: Float64Array): void {
  const { pairs, basis, source, target, means, ratios } = stage
  const c = linear(basis, v)
  for (let k = 0; k < pairs; k++) {
    const [x, y] = [at(c, 2 * k), at(c, 2 * k + 1)]
    const radius = Math.hypot(x, y)
    if (radius > 0) {
      const factor = quantile(knots(target, pairs, k), position(knots(source, pairs, k), radius)) / radius
      c[2 * k] = x * factor
      c[2 * k + 1] = y * factor
    }
  }
  for (let j = 2 * pairs; j < c.length; j++) {
    const mean = at(means, j - 2 * pairs)
    c[j] = mean + at(ratios, j - 2 * pairs) * (at(c, j) - mean)
  }
  for (let i = 0; i < v.length; i++) {
    let sum = 0
    for (let j = 0; j < c.length; j++) {
      sum += at(basis, j * v.length + i) * at(c, j)
    }
    v[i] = sum
  }
}

function knots(table: Float64Array, pairs: number, k: number): Float64Array {
  const count = table.length / pairs
  return table.subarray(k * count, (k + 1) * count)
}

/** Where a value stands among ascending knots, the i-th of n at (i−½)/n; equal knots share the middle of theirs. */
function position(knots: Float64Array, value: number): number {
  const n = knots.length
  const below = count(knots, knot => knot < value)
  const through = count(knots, knot => knot <= value)
  if (through > below) {
    return (below + through) / (2 * n)
  }
  if (below === 0) {
    return 0.5 / n
  }
  if (below === n) {
    return (n - 0.5) / n
  }
  const [low, high] = [at(knots, below - 1), at(knots, below)]
  return (below - 0.5 + (value - low) / (high - low)) / n
}

function quantile(knots: Float64Array, position: number): number {
  const last = knots.length - 1
  const place = Math.min(Math.max(position * knots.length - 0.5, 0), last)
  const low = Math.floor(place)
  const high = Math.min(low + 1, last)
  return at(knots, low) + (place - low) * (at(knots, high) - at(knots, low))
}

/** How many leading knots hold, by bisection. */
function count(knots: Float64Array, holds: (knot: number) => boolean): number {
  let [low, high] = [0, knots.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (holds(at(knots, middle))) {
      low = middle + 1
    } else {
      high = middle
    }
  }
  return low
}
