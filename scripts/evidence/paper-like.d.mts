/** Options of the generator; `paper-like.mjs` says what each means. */
export interface PaperLikeOptions {
  rows?: number
  dim?: number
  seed?: number
  domain?: number
  alphaImage?: number
  alphaText?: number
  kappaImage?: number
  kappaText?: number
  mean?: number
  gap?: number
  correlation?: number
  overlap?: number
}

/** Pairs of unit rows, row-major. */
export interface PaperLikePairs {
  image: Float32Array
  text: Float32Array
}

export interface PaperLike extends Required<PaperLikeOptions> {
  block(start: number, rows: number): PaperLikePairs
  take(count: number): PaperLikePairs
}

export const DEFAULTS: Required<PaperLikeOptions>

export function paperLike(options?: PaperLikeOptions): PaperLike

export function writePaperLike(folder: string, options?: PaperLikeOptions): void
