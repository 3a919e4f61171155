import type { RunOptions } from './abort.ts'
import { type Aligner, fitted, nativeOf } from './align.ts'
import { type Checks, needed } from './checks.ts'
import { claimFiles } from './claim.ts'
import { diagnose } from './diagnosis.ts'
import { runJobOn, type WorkOptions, workChecks } from './distributed.ts'
import { checkWidth, type Embeddings, opened } from './embeddings.ts'
import type { MeasureOptions } from './measure-options.ts'
import { checkCall, measureChecks, runChecks, threadChecks } from './option-checks.ts'
import type { ThreadOptions } from './options.ts'
import type { GapReport } from './results.ts'
import { groupedSources } from './row-groups.ts'

/** What to measure. */
export interface MeasureInput extends ThreadOptions, MeasureOptions, WorkOptions {
  /** Rows of the image side. */
  image: Embeddings
  /** Rows of the text side. */
  text: Embeddings
  /** Applied to the text rows before they are measured. */
  aligner?: Aligner
}

/** What a measurement calls the sides that a fit calls by their part in it. */
export const SIDE_NAMES = { target: 'image', images: 'image', source: 'text', texts: 'text' }

const measureInputChecks: Checks<MeasureInput> = {
  image: needed(opened),
  text: needed(opened),
  aligner: fitted,
  ...measureChecks,
  ...threadChecks,
  ...workChecks,
}

/**
 * Measures the gap between two modalities, always with its noise floor (the distance that two samples of one
 * distribution of these sizes would show), what it is made of, and how the rows lie among each other. Up to a size that
 * `sampled` tells, everything is exact: covariances are taken from all rows up to 200,000 a side, neighbours are asked for
 * by all up to 20,000, cosines are compared each with each up to 5,000; beyond, a seeded sample of about 200,000, 10,000
 * and 5,000.
 *
 * @throws {@link ModalityGapError} `WIDTH_MISMATCH`, `BAD_ROW` with file and row, `TOO_FEW_ROWS`, `BAD_OPTION`,
 * `CANCELLED`; `NOT_PAIRED` when paired sides differ in rows
 */
export async function measureGap(input: MeasureInput, run: RunOptions = {}): Promise<GapReport> {
  checkCall('measureGap', [input, measureInputChecks], [run, runChecks], SIDE_NAMES)
  return await measured(input, run)
}

/**
 * As {@link measureGap}; with `outcomes` the report holds the result of every query of retrieval, and covariances of sides
 * that are not paired are taken from about `covarianceRows` rows, one of each item, so that other rows compare at the same number; with `judged` the gap has an interval and a
 * verdict, whatever the parts.
 */
export async function measured(
  {
    image,
    text,
    aligner,
    captionsPerImage,
    overwrite,
    on,
    ...options
  }: MeasureInput & { outcomes?: boolean; covarianceRows?: number; judged?: boolean },
  run: RunOptions = {},
): Promise<GapReport> {
  checkWidth(text, image.dim, 'those of the images')
  await claimFiles([options.saveFrame], { overwrite, signal: run.signal }, [image, text])
  if (aligner) {
    checkWidth(text, aligner.dim, 'the aligner')
  }
  const map = aligner && nativeOf(aligner)
  const grouping = { paired: options.paired, captionsPerImage }
  const { sources, paired, from } = await groupedSources(image, text, grouping, { signal: run.signal })
  const { report: found } = await runJobOn(on, { kind: 'measure', ...options, overwrite, paired }, sources, run, map)
  if (found.groups && from !== undefined) {
    found.groups.from = from
  }
  return { ...found, diagnosis: diagnose(found, { image, text }) }
}
