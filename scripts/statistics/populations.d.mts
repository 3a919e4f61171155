/** Rows of both sides, row-major. */
export interface Drawn {
  image: Float32Array
  text: Float32Array
}

export interface Population {
  dim: number
  gapSquared(draws?: number): number
  samples(seed: number, n: number, m?: number): Drawn
  pairs(seed: number, n: number, rho: number): Drawn
  captions(seed: number, images: number, each: number, rho: number): Drawn
}

export function population(shape: { dim: number; alpha: number; lean?: number; directions?: number }): Population
export function repeated(rows: Float32Array, dim: number, times: number): Float32Array
export function stored(rows: Float32Array, dtype: 'f16' | 'bf16'): Uint16Array
