import type { Aligner } from '../../src/align.ts'
import type { openEmbeddings } from '../../src/embeddings.ts'
import type { measureGap } from '../../src/measure.ts'
import type { GapReport } from '../../src/results.ts'
import type { Population } from './populations.mjs'

/** What of the package the trials call. */
export interface Api {
  Aligner: typeof Aligner
  measureGap: typeof measureGap
  openEmbeddings: typeof openEmbeddings
}

export const KINDS: Record<string, unknown>
export function gapOf(api: Api, of: Population, kind: string, seed: number, n: number): Promise<GapReport['gap']>
export function rates(
  api: Api,
  what: {
    shape: { dim: number; alpha: number; lean?: number }
    kind: string
    n: number
    trials: number
    seed?: number
  },
): Promise<{
  real: number | null
  coverage: number | null
  agreement: number | null
  bias: number
  noise: number
}>
