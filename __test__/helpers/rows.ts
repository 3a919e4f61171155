/** Unit rows around a mean, from a seed; two seeds share no direction, so there is a gap between them. */
export function someRows(count: number, dim: number, seed: number): Float32Array {
  const next = uniform(seed)
  const mean = Array.from({ length: dim }, () => next() - 0.5)
  const rows = new Float32Array(count * dim)
  for (let row = 0; row < count; row++) {
    const values = mean.map((m, j) => m + ((next() - 0.5) * 2) / Math.sqrt(1 + j))
    const length = Math.hypot(...values)
    rows.set(
      values.map(value => value / length),
      row * dim,
    )
  }
  return rows
}

/** Mean of the rows, in f64. */
export function meanOf(rows: ArrayLike<number>, dim: number): number[] {
  const count = rows.length / dim
  return Array.from({ length: dim }, (_, j) => {
    let sum = 0
    for (let row = 0; row < count; row++) sum += rows[row * dim + j] as number
    return sum / count
  })
}

/** Length of the difference of two vectors. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Math.hypot(...Array.from(a, (value, i) => value - (b[i] as number)))
}

/** Largest difference between two arrays of numbers. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = a.length === b.length ? 0 : Number.POSITIVE_INFINITY
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs((a[i] as number) - (b[i] as number)))
  return largest
}

function uniform(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
