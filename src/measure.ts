import type { RunOptions } from './abort.ts'
import { type Aligner, nativeOf } from './align.ts'
import type { CauseOptions } from './causes.ts'
import { checkWidth, type Embeddings, sourceOf } from './embeddings.ts'
import { runJob } from './job.ts'
import type { ThreadOptions } from './options.ts'
import type { GapReport } from './reports.ts'

/** What to measure. */
export interface MeasureInput extends ThreadOptions, CauseOptions {
  /** Rows of the image side. */
  image: Embeddings
  /** Rows of the text side. */
  text: Embeddings
  /** Whether row i of one side belongs to row i of the other; a dropped row then drops its partner. @defaultValue `false` */
  paired?: boolean
  /** Applied to the text rows before they are measured. */
  aligner?: Aligner
  /** Seed of every sampled choice. @defaultValue `0` */
  seed?: number
}

/**
 * Measures the gap between two modalities, always with its noise floor (the distance that two samples of one
 * distribution of these sizes would show), and what it is made of. Covariances are taken from all rows up to 200,000 a
 * side, and beyond from a sample of about as many that `sampled` names.
 *
 * @throws {@link ModalityGapError} `WIDTH_MISMATCH`, `BAD_ROW` with file and row, `TOO_FEW_ROWS`, `BAD_OPTION`,
 * `CANCELLED`; `NOT_PAIRED` when paired sides differ in rows
 */
export async function measureGap(
  { image, text, aligner, ...options }: MeasureInput,
  run: RunOptions = {},
): Promise<GapReport> {
  const sources = [sourceOf(image), sourceOf(text)]
  checkWidth(text, image.dim, 'those of the images')
  if (aligner) {
    checkWidth(text, aligner.dim, 'the aligner')
  }
  const fitted = aligner && nativeOf(aligner)
  return (await runJob({ kind: 'measure', ...options }, sources, run, fitted)).report as GapReport
}
