import type { RunOptions } from '../abort.ts'
import { Aligner } from '../align.ts'
import { type Checks, listOf, needed, object, recordOf, text } from '../checks.ts'
import { type Embeddings, opened } from '../embeddings.ts'
import { ModalityGapError } from '../errors.ts'
import type { GroupOptions } from '../group-options.ts'
import { measured } from '../measure.ts'
import { checkCall, fitChecks, groupChecks, runChecks, threadChecks } from '../option-checks.ts'
import type { FitOptions, ThreadOptions } from '../options.ts'
import type { GapVerdict, ImageText } from '../results.ts'
import { verdictOf } from '../sentences.ts'

/** Share kept out of every fit when nothing is said. */
const DEFAULT_HOLDOUT = 0.2

/** A domain: images and texts of one kind. */
export interface Domain {
  /** Its name. */
  name: string
  /** Its images. */
  image: Embeddings
  /** Its texts. */
  text: Embeddings
}

/** Which domains to fit on and to use on. */
export interface DomainsInput extends FitOptions, GroupOptions, ThreadOptions {
  /** At least two, with different names. */
  domains: readonly Domain[]
}

/** How well a fit on one domain serves another. */
export interface DomainsReport {
  /** Names, in the order of rows and columns. */
  names: string[]
  /** `gap[i][j]`: fitted on domain i, used on domain j; on the diagonal on rows held out from the fit. */
  gap: number[][]
  /** The noise floor of each, the noise of the fit included. */
  floor: number[][]
  /** Squared gaps without what sampling adds, that of the fit included. */
  unbiasedSquared: number[][]
  /** Whether each is real, as `measureGap` concludes. */
  verdict: GapVerdict[][]
  /** The gap of each domain before any alignment. */
  before: number[]
  /** Bad rows left out of each domain. */
  dropped: ImageText[]
  /** Share held out on the diagonal. */
  holdout: number
  /** Seed of the split. */
  seed: number
}

const domain = object<Domain>({ name: needed(text), image: needed(opened), text: needed(opened) })

const domainsChecks: Checks<DomainsInput> = {
  domains: needed(listOf(domain, 'a list of domains, { name, image, text }')),
  ...groupChecks,
  ...fitChecks,
  ...threadChecks,
}

const modalitiesChecks: Checks<ModalitiesInput> = {
  modalities: needed(recordOf(opened, 'an object of opened rows by name')),
  ...threadChecks,
}

/**
 * Fits on each domain and measures the gap on every other (arXiv 2602.07026: statistics of another domain leave a
 * substantially larger gap).
 *
 * @throws {@link ModalityGapError} as `Aligner.fit` and `measureGap` do
 */
export async function analyzeDomains(input: DomainsInput, run: RunOptions = {}): Promise<DomainsReport> {
  checkCall('analyzeDomains', [input, domainsChecks], [run, runChecks])
  const { domains, holdout = DEFAULT_HOLDOUT, seed = 0, ...fit } = input
  const names = distinct(domains.map(({ name }) => name))
  const { threads, paired, captionsPerImage } = fit
  const gap: number[][] = []
  const floor: number[][] = []
  const unbiasedSquared: number[][] = []
  const verdict: GapVerdict[][] = []
  const before: number[] = []
  const dropped: ImageText[] = []
  for (const [i, { image, text }] of domains.entries()) {
    const aligner = await Aligner.fit({ target: image, source: text, ...fit, holdout, seed, verify: false }, run)
    const row = []
    for (const other of domains) {
      const held = other.image === image ? holdout : 0
      const sides = {
        image: other.image,
        text: other.text,
        paired,
        captionsPerImage,
        threads,
        aligner,
        holdout: held,
        seed,
      }
      row.push(await measured({ ...sides, parts: [], judged: true }, run))
    }
    gap.push(row.map(each => each.gap.centroid))
    floor.push(row.map(each => each.gap.floor))
    unbiasedSquared.push(row.map(each => each.gap.unbiasedSquared))
    verdict.push(row.map(verdictOf))
    before.push(aligner.info.gap.before)
    dropped.push(row[i]?.dropped ?? { image: 0, text: 0 })
  }
  return { names, gap, floor, unbiasedSquared, verdict, before, dropped, holdout, seed }
}

/** Which modalities to compare. */
export interface ModalitiesInput extends ThreadOptions {
  /** Rows of each, by name: images, texts, audio, points… of one width. */
  modalities: Readonly<Record<string, Embeddings>>
}

/** The gaps among any number of modalities. */
export interface ModalitiesReport {
  /** Names, in the order of rows and columns. */
  names: string[]
  /** Rows of each. */
  rows: number[]
  /** Bad rows left out of each. */
  dropped: number[]
  /** Trace of each. */
  trace: number[]
  /** Distances of the means. */
  gap: number[][]
  /** The noise floor of each. */
  floor: number[][]
  /** Squared gaps without what sampling adds. */
  unbiasedSquared: number[][]
  /** Whether each is real, as `measureGap` concludes; null on the diagonal. */
  verdict: (GapVerdict | null)[][]
}

/**
 * Measures the gap between every two of several modalities.
 *
 * @throws {@link ModalityGapError} as `measureGap` does
 */
export async function analyzeModalities(input: ModalitiesInput, run: RunOptions = {}): Promise<ModalitiesReport> {
  checkCall('analyzeModalities', [input, modalitiesChecks], [run, runChecks])
  const { modalities, threads } = input
  const entries = Object.entries(modalities)
  const names = distinct(entries.map(([name]) => name))
  const square = <T>(value: T) => names.map(() => names.map(() => value))
  const report: ModalitiesReport = {
    names,
    rows: names.map(() => 0),
    dropped: names.map(() => 0),
    trace: names.map(() => 0),
    gap: square(0),
    floor: square(0),
    unbiasedSquared: square(0),
    verdict: square<GapVerdict | null>(null),
  }
  for (const [i, [, image]] of entries.entries()) {
    for (const [j, [, text]] of entries.entries()) {
      if (j <= i) {
        continue
      }
      const found = await measured({ image, text, threads, parts: [], judged: true }, run)
      const { gap, rows, dropped, trace } = found
      for (const key of ['floor', 'unbiasedSquared'] as const) {
        set(report[key], i, j, gap[key])
      }
      set(report.gap, i, j, gap.centroid)
      set(report.verdict, i, j, verdictOf(found))
      report.rows[i] = rows.image
      report.rows[j] = rows.text
      report.dropped[i] = dropped.image
      report.dropped[j] = dropped.text
      report.trace[i] = trace.image
      report.trace[j] = trace.text
    }
  }
  return report
}

function set<T>(matrix: T[][], i: number, j: number, value: T): void {
  for (const [row, column] of [
    [i, j],
    [j, i],
  ] as const) {
    const values = matrix[row]
    if (values) {
      values[column] = value
    }
  }
}

function distinct(names: string[]): string[] {
  if (names.length < 2 || new Set(names).size < names.length) {
    throw new ModalityGapError('BAD_OPTION', 'give at least two sets of rows, each with a name of its own')
  }
  return names
}
