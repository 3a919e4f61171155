import type { RunOptions } from '../abort.ts'
import { Aligner, type FitInput, fitInputChecks, SIDE_NAMES } from '../align.ts'
import { type Checks, listOf, number, whole, without } from '../checks.ts'
import { ModalityGapError } from '../errors.ts'
import { measured } from '../measure.ts'
import { checkCall, runChecks } from '../option-checks.ts'
import type { ImageText } from '../results.ts'

/** Trials at each size when nothing is said. */
const DEFAULT_TRIALS = 5
/** Share kept out of every fit when nothing is said. */
const DEFAULT_HOLDOUT = 0.2
const SMALLEST = 100

/** What to fit on ever more rows. */
export interface SampleSizeInput extends Omit<FitInput, 'verify' | 'work' | 'resume' | 'on' | 'subset' | 'subsetSeed'> {
  /** Rows a side of each fit. @defaultValue 100, 200, 500, 1000 … up to all that are not held out */
  sizes?: readonly number[]
  /** Fits at each size, each on rows of its own choice. @defaultValue `5` */
  trials?: number
  /** A gap wanted on rows that were not seen; the rows it takes are estimated. */
  wanted?: number
}

/** One point of the curve. */
export interface SampleSizePoint {
  /** Rows of the smaller side of the fit, on average over the trials; with several captions of an image, of the images. */
  n: number
  /** The held-out gap of each trial. */
  trials: number[]
  /** Their mean. */
  mean: number
  /** Their standard deviation, divisor trials − 1; null for one trial. */
  sd: number | null
  /** What sampling alone gives, the noise of the fit included. */
  floor: number
}

/** How the held-out gap falls with the rows of the fit. */
export interface SampleSizeReport {
  /** From few rows to many. */
  curve: SampleSizePoint[]
  /**
   * Gap² ≈ limit² + slope/n + noise over the curve, by least squares; the noise of the held-out rows is known, and taken out
   * first.
   */
  model: {
    /** The gap of the population that more rows do not close. */
    limit: number
    /** Its square without bias, which may be negative. */
    limitSquared: number
    /** 95 % interval of `limitSquared`: one set of held-out rows serves all points. */
    limitInterval: [number, number]
    /** Gap² that one row a side of the fit costs. */
    slope: number
    /** Gap² that the held-out rows add by themselves. */
    noise: number
  }
  /** Rows a side until the gap of the population, not that of the held-out rows, is the one that was wanted. */
  rowsFor?: {
    /** The gap. */
    gap: number
    /** The rows; null where they cannot be decided, or where no number is enough. */
    rows: number | null
    /** 95 % interval of the rows; null where `rows` is. */
    interval: [number, number] | null
    /**
     * `'estimated'`; `'cannot-tell'` when the held-out rows are too few to tell what stays; `'never'` when more stays than was
     * wanted.
     */
    verdict: 'estimated' | 'cannot-tell' | 'never'
    /** Rows held out of the smaller side. */
    held: number
  }
  /** Bad rows left out. */
  dropped: ImageText
  /** Share held out. */
  holdout: number
  /** Seed of the split and of the choices. */
  seed: number
}

const sampleSizeChecks: Checks<SampleSizeInput> = {
  ...without(fitInputChecks, 'verify', 'work', 'resume', 'on', 'subset', 'subsetSeed'),
  sizes: listOf(number(2), 'a list of numbers of rows'),
  trials: whole(1),
  wanted: number(0),
}

/**
 * Fits on samples of growing size and measures the gap on rows that no fit has seen (arXiv 2602.07026, section on sample
 * size: a plateau near ten thousand).
 *
 * @throws {@link ModalityGapError} as `Aligner.fit` does
 */
export async function analyzeSampleSize(input: SampleSizeInput, run: RunOptions = {}): Promise<SampleSizeReport> {
  checkCall('analyzeSampleSize', [input, sampleSizeChecks], [run, runChecks], SIDE_NAMES)
  const { sizes, trials = DEFAULT_TRIALS, wanted, holdout = DEFAULT_HOLDOUT, seed = 0, ...fit } = input
  const rows = Math.floor(Math.min(fit.target.rows, fit.source.rows) * (1 - holdout))
  if (!(holdout > 0 && holdout < 1) || !Number.isSafeInteger(trials) || trials < 1) {
    throw new ModalityGapError('BAD_OPTION', 'holdout must lie between 0 and 1, trials be a count of at least 1')
  }
  const points: SampleSizePoint[] = []
  let last: Aligner | undefined
  for (const size of sizes ?? ladder(rows)) {
    const share = size / rows
    if (!(size >= 2 && share <= 1.0001)) {
      throw new ModalityGapError('BAD_OPTION', `a fit on ${size} rows a side needs 2 to ${rows} of them`)
    }
    const all = share >= 1
    const gaps: Measured[] = []
    // all rows can be chosen in one way only
    for (let trial = 0; trial < (all ? 1 : trials); trial++) {
      const subset = all ? 0 : share
      const options = { ...fit, holdout, seed, subset, subsetSeed: 1000 * seed + trial + 1 }
      last = await Aligner.fit(options, run)
      gaps.push(heldGap(last))
    }
    points.push(pointOf(gaps))
  }
  if (!last) {
    throw new ModalityGapError('BAD_OPTION', 'sizes names at least one number of rows')
  }
  // the noise of the held-out rows is that of this very aligner's gap on them
  const { target: image, source: text, paired, captionsPerImage, threads } = fit
  const sides = { image, text, paired, captionsPerImage, threads, aligner: last, holdout, seed }
  const held = await measured({ ...sides, parts: [], judged: true }, run)
  const { floor, nullDeviation = Number.NaN } = held.gap.ofAligner ?? held.gap
  const model = modelOf(points, floor ** 2, nullDeviation)
  const report = { curve: points, model, dropped: held.dropped, holdout, seed }
  const smaller = Math.min(held.rows.image, held.rows.text)
  return wanted === undefined ? report : { ...report, rowsFor: rowsFor(wanted, model, smaller) }
}

interface Measured {
  n: number
  gap: number
  floor: number
}

function heldGap(aligner: Aligner): Measured {
  const { source, target, gap } = aligner.info
  if (gap.held?.after === undefined) {
    throw new ModalityGapError('TOO_FEW_ROWS', 'no rows were held out: give more rows, or a larger holdout')
  }
  return { n: Math.min(source.rows, target.rows), gap: gap.held.after, floor: gap.held.floor }
}

function pointOf(gaps: Measured[]): SampleSizePoint {
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length
  const trials = gaps.map(({ gap }) => gap)
  const middle = mean(trials)
  const squares = trials.reduce((sum, gap) => sum + (gap - middle) ** 2, 0)
  return {
    n: mean(gaps.map(({ n }) => n)),
    trials,
    mean: middle,
    sd: trials.length > 1 ? Math.sqrt(squares / (trials.length - 1)) : null,
    floor: mean(gaps.map(({ floor }) => floor)),
  }
}

/** 100, 200, 500, 1000, …, and all. */
function ladder(rows: number): number[] {
  const sizes: number[] = []
  for (let power = SMALLEST; power < rows; power *= 10) {
    sizes.push(...[power, 2 * power, 5 * power].filter(size => size < rows))
  }
  return [...sizes, rows]
}

/** Half width, in standard deviations, of a 95 % interval. */
const NORMAL_95 = 1.959963984540054

/** Least squares of gap² − noise on 1/n, each point by the number of its trials and relative to its own size. */
function modelOf(points: SampleSizePoint[], noise: number, deviation: number): SampleSizeReport['model'] {
  let [w, wx, wy, wxx, wxy] = [0, 0, 0, 0, 0]
  for (const { n, trials } of points) {
    const square = trials.reduce((sum, gap) => sum + gap ** 2, 0) / trials.length
    const [x, y, weight] = [1 / n, square - noise, trials.length / square ** 2]
    w += weight
    wx += weight * x
    wy += weight * y
    wxx += weight * x * x
    wxy += weight * x * y
  }
  const spread = w * wxx - wx * wx
  const slope = spread > 0 ? Math.max(0, (w * wxy - wx * wy) / spread) : 0
  const limitSquared = (wy - slope * wx) / w
  const half = NORMAL_95 * deviation
  return {
    limit: Math.sqrt(Math.max(0, limitSquared)),
    limitSquared,
    limitInterval: [limitSquared - half, limitSquared + half],
    slope,
    noise,
  }
}

function rowsFor(
  wanted: number,
  { limitSquared, limitInterval: [low, high], slope }: SampleSizeReport['model'],
  held: number,
): NonNullable<SampleSizeReport['rowsFor']> {
  const square = wanted ** 2
  const rows = (limit: number) => Math.ceil(slope / (square - Math.max(0, limit)))
  const about = { gap: wanted, held }
  if (low >= square) {
    return { ...about, rows: null, interval: null, verdict: 'never' }
  }
  if (!(high < square)) {
    return { ...about, rows: null, interval: null, verdict: 'cannot-tell' }
  }
  return { ...about, rows: rows(limitSquared), interval: [rows(low), rows(high)], verdict: 'estimated' }
}
