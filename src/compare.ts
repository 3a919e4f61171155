import type { RunOptions } from './abort.ts'
import { Aligner } from './align.ts'
import { type Checks, listOf, needed, oneOf, without } from './checks.ts'
import { checkWidth, type Embeddings, opened } from './embeddings.ts'
import { ModalityGapError } from './errors.ts'
import { measured, SIDE_NAMES } from './measure.ts'
import type { MeasureOptions } from './measure-options.ts'
import { checkCall, measureChecks, runChecks, threadChecks } from './option-checks.ts'
import type { ThreadOptions } from './options.ts'
import { foundFirst, holm, type Outcomes, pairedDifference, SIZE, takeOutcomes } from './paired-retrieval.ts'
import type { FittedOptions, GapReport, ImageText } from './results.ts'
import { pairedByDefault } from './row-groups.ts'
import { needsPairs, STRATEGIES, type StrategyName } from './strategies.ts'

/** Share of the rows that a comparison keeps out of every fit. */
export const DEFAULT_HOLDOUT = 0.2

/** What to compare. */
export interface CompareInput extends ThreadOptions, Omit<MeasureOptions, 'frame' | 'saveFrame'> {
  /** Rows of the image side, which every strategy imitates. */
  image: Embeddings
  /** Rows of the text side, which every strategy moves. */
  text: Embeddings
  /** Strategies to compare. @defaultValue all; `procrustes` only when rows are paired */
  methods?: readonly StrategyName[]
  /** Share of both sides kept out of every fit; everything is measured there, in (0, 1). @defaultValue `0.2` */
  holdout?: number
}

/** A strategy measured on rows it has not seen. */
export interface StrategyReport extends GapReport {
  /** Method and options of the fit. */
  options: FittedOptions
  /** Wall-clock seconds. */
  seconds: {
    /** Of the fit. */
    fit: number
    /** Of the measurement. */
    measure: number
  }
}

/** A strategy that is recommended, and why. */
export interface Recommendation {
  /** Its name. */
  method: StrategyName
  /** Why, in a sentence. */
  why: string
  /** Strategies that serve as well within the noise. */
  equals: StrategyName[]
}

/** Strategies on the same split. */
export interface CompareReport {
  /** Columns. */
  dim: number
  /** Rows measured: those held out. */
  rows: ImageText
  /** Bad rows left out, of all rows. */
  dropped: ImageText
  /** Share held out. */
  holdout: number
  /** Seed of the split and of every sample. */
  seed: number
  /** Whether rows are pairs. */
  paired: boolean
  /** What each strategy does to the held-out rows. */
  strategies: Partial<Record<StrategyName, StrategyReport>>
  /** What to use for which purpose. */
  recommended: {
    /** To find partners across modalities; `paired` only. */
    search?: Recommendation
    /** To let text stand in for images, as in training on text. */
    substitution?: Recommendation
  }
}

const compareChecks: Checks<CompareInput> = {
  image: needed(opened),
  text: needed(opened),
  methods: listOf(oneOf(Object.keys(STRATEGIES)), 'a list of strategies'),
  ...without(measureChecks, 'frame', 'saveFrame'),
  ...threadChecks,
}

/**
 * Fits every strategy on one part of the rows and measures it on the other: what it does to the gap (compatibility) and
 * what it keeps of the text's own geometry (preservation).
 *
 * @throws {@link ModalityGapError} as `Aligner.fit` and `measureGap` do
 */
export async function compareStrategies(input: CompareInput, run: RunOptions = {}): Promise<CompareReport> {
  checkCall('compareStrategies', [input, compareChecks], [run, runChecks], SIDE_NAMES)
  const { image, text, methods, holdout = DEFAULT_HOLDOUT, seed = 0, ...asked } = input
  checkWidth(text, image.dim, 'those of the images')
  const { threads, energy, rank, captionsPerImage } = asked
  const paired = pairedByDefault(image, text, asked)
  const strategies: CompareReport['strategies'] = {}
  const outcomes = new Map<StrategyName, Outcomes>()
  for (const name of chosen(methods, paired)) {
    const staged = stage(run, name)
    const began = performance.now()
    const frame = ['bca', 'aniso-init'].includes(name) ? { energy, rank } : {}
    const options = { ...STRATEGIES[name], ...frame, holdout, seed, paired, captionsPerImage, threads, verify: false }
    const aligner = await Aligner.fit({ target: image, source: text, ...options }, staged)
    const fitted = performance.now()
    const report = await measured({ image, text, aligner, ...asked, holdout, seed, paired, outcomes: paired }, staged)
    const seconds = { fit: (fitted - began) / 1000, measure: (performance.now() - fitted) / 1000 }
    const found = takeOutcomes(report)
    if (found) {
      outcomes.set(name, found)
    }
    strategies[name] = { ...report, options: aligner.info.options, seconds }
  }
  const [first] = Object.values(strategies)
  return {
    dim: image.dim,
    rows: first?.rows ?? { image: 0, text: 0 },
    dropped: first?.dropped ?? { image: 0, text: 0 },
    holdout,
    seed,
    paired,
    strategies,
    recommended: { search: bestForSearch(strategies, outcomes), substitution: bestForSubstitution(strategies) },
  }
}

function chosen(methods: readonly StrategyName[] | undefined, paired: boolean): StrategyName[] {
  const all = Object.keys(STRATEGIES) as StrategyName[]
  const unpaired = methods?.find(name => needsPairs(name) && !paired)
  if (unpaired !== undefined) {
    throw new ModalityGapError('BAD_OPTION', `${unpaired} is fitted to pairs: say that the rows are paired`)
  }
  return methods ? [...new Set(methods)] : all.filter(name => paired || !needsPairs(name))
}

/** The same run with the strategy's name before each stage. */
function stage({ signal, onProgress }: RunOptions, name: string): RunOptions {
  return {
    signal,
    onProgress: onProgress && (progress => onProgress({ ...progress, stage: `${name}: ${progress.stage}` })),
  }
}

type Entry = [StrategyName, StrategyReport]

/**
 * A strategy that finds more partners first than the raw rows do, beyond what chance does to the same queries; without one,
 * the raw rows.
 */
export function bestForSearch(
  strategies: CompareReport['strategies'],
  outcomes: ReadonlyMap<StrategyName, Outcomes>,
): Recommendation | undefined {
  const none = outcomes.get('none')
  const others = [...outcomes].filter(([name]) => name !== 'none')
  if (!none) {
    return others.length > 0 ? mostFound(strategies, others, '') : undefined
  }
  const tests = others.map(([, found]) => pairedDifference(found, none))
  const better = holm(tests.map(({ p }) => p))
  const winners = others.filter((_, i) => better[i])
  const realign = outcomes.get('realign')
  const lowered = realign && pairedDifference(none, realign).p <= SIZE
  const raw = strategies.none?.retrieval?.textToImage.r1
  const after = strategies.realign?.retrieval?.textToImage.r1
  const lowers =
    lowered && raw !== undefined && after !== undefined && after < raw
      ? `; ReAlign lowers text to image R@1 from ${shown(raw)} to ${shown(after)}`
      : ''
  if (winners.length > 0) {
    return mostFound(strategies, winners, lowers)
  }
  const worse = holm(others.map(([, found]) => pairedDifference(none, found).p))
  const equals = others.filter((_, i) => !worse[i]).map(([name]) => name)
  const same = equals.length > 0 ? `, ${listed(equals)} ${equals.length > 1 ? 'are' : 'is'} equal within it` : ''
  return {
    method: 'none',
    why: `keep the raw embeddings: no strategy is better within the noise${same}; R@1 ${shown(foundFirst(none))} on held-out rows${lowers}`,
    equals,
  }
}

/** Of those that find most partners first, within the noise, the one that changes the text least. */
function mostFound(
  strategies: CompareReport['strategies'],
  all: readonly (readonly [StrategyName, Outcomes])[],
  rest: string,
): Recommendation {
  const best = all.reduce((a, b) => (foundFirst(a[1]) >= foundFirst(b[1]) ? a : b))
  const others = all.filter(entry => entry !== best)
  const worse = holm(others.map(([, found]) => pairedDifference(best[1], found).p))
  const near = [best, ...others.filter((_, i) => !worse[i])]
  const [method, found] = near.reduce((a, b) => (keptOf(strategies[a[0]]) >= keptOf(strategies[b[0]]) ? a : b))
  const equals = near.map(([name]) => name).filter(name => name !== method)
  const among =
    equals.length > 0
      ? `it finds as many partners first as ${listed(equals)}, within the noise, and changes the text least`
      : 'it finds most partners first'
  return { method, why: `${among}: R@1 ${shown(foundFirst(found))} on held-out rows${rest}`, equals }
}

/**
 * Of those whose gap on held-out rows cannot be distinguished from the noise, that of the fit included, the one that keeps most
 * neighbours; else the smallest gap.
 */
export function bestForSubstitution(strategies: CompareReport['strategies']): Recommendation | undefined {
  const entries = (Object.entries(strategies) as Entry[]).filter(
    ([name, { gap, preservation }]) => name !== 'none' && name !== 'centering' && gap && preservation,
  )
  if (entries.length === 0) {
    return undefined
  }
  const closed = entries.filter(([, { gap }]) => (gap.interval ? gap.interval[0] <= 0 : gap.centroid <= gap.floor))
  if (closed.length === 0) {
    const [method, { gap }] = entries.reduce((a, b) => (a[1].gap.centroid <= b[1].gap.centroid ? a : b))
    return {
      method,
      why: `none closes the gap to its noise; this one leaves least, ${shown(gap.centroid)} (floor ${shown(gap.floor)})`,
      equals: [],
    }
  }
  const most = Math.max(...closed.map(([, report]) => keptOf(report)))
  // within a percent of the neighbours kept, the nearer distribution decides
  const near = closed.filter(([, report]) => keptOf(report) >= most - 0.01)
  // of the same rows for all, so that what sampling adds is much the same, too
  const far = ([, report]: Entry) => report.covariance?.frechetBiased ?? report.gap.centroid
  const [method, report] = near.reduce((a, b) => (far(a) <= far(b) ? a : b))
  const { centroid, floor } = report.gap
  const equals = near.map(([name]) => name).filter(name => name !== method)
  const same = equals.length > 0 ? `; so ${equals.length > 1 ? 'do' : 'does'} ${listed(equals)}, to a percent` : ''
  return {
    method,
    why: `its gap cannot be distinguished from noise, that of the fit included (${shown(centroid)}, floor ${shown(floor)}), and it keeps ${shown(keptOf(report))} of the neighbours${same}`,
    equals,
  }
}

function keptOf(report: StrategyReport | undefined): number {
  return report?.preservation?.omega ?? 0
}

function listed(names: readonly string[]): string {
  return names.length > 1 ? `${names.slice(0, -1).join(', ')} and ${names.at(-1)}` : (names[0] ?? '')
}

function shown(value: number): string {
  return value.toPrecision(3)
}
