import type { RunOptions } from './abort.ts'
import { Aligner } from './align.ts'
import { checkWidth, type Embeddings } from './embeddings.ts'
import { ModalityGapError } from './errors.ts'
import { measureGap } from './measure.ts'
import type { MeasureOptions } from './measure-options.ts'
import type { ThreadOptions } from './options.ts'
import type { FittedOptions, GapReport, ImageText } from './reports.ts'
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
}

/** Strategies on the same split. */
export interface CompareReport {
  /** Columns. */
  dim: number
  /** Rows measured: those held out. */
  rows: ImageText
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

/**
 * Fits every strategy on one part of the rows and measures it on the other: what it does to the gap (compatibility) and
 * what it keeps of the text's own geometry (preservation).
 *
 * @throws {@link ModalityGapError} as `Aligner.fit` and `measureGap` do
 */
export async function compareStrategies(
  { image, text, methods, holdout = DEFAULT_HOLDOUT, seed = 0, paired = false, ...measured }: CompareInput,
  run: RunOptions = {},
): Promise<CompareReport> {
  checkWidth(text, image.dim, 'those of the images')
  const { threads, energy, rank } = measured
  const strategies: CompareReport['strategies'] = {}
  for (const name of chosen(methods, paired)) {
    const staged = stage(run, name)
    const began = performance.now()
    const frame = ['bca', 'aniso-init'].includes(name) ? { energy, rank } : {}
    const options = { ...STRATEGIES[name], ...frame, holdout, seed, paired, threads, verify: false }
    const aligner = await Aligner.fit({ target: image, source: text, ...options }, staged)
    const fitted = performance.now()
    const report = await measureGap({ image, text, aligner, holdout, seed, paired, ...measured }, staged)
    const seconds = { fit: (fitted - began) / 1000, measure: (performance.now() - fitted) / 1000 }
    strategies[name] = { ...report, options: aligner.info.options, seconds }
  }
  const [first] = Object.values(strategies)
  return {
    dim: image.dim,
    rows: first?.rows ?? { image: 0, text: 0 },
    holdout,
    seed,
    paired,
    strategies,
    recommended: { search: bestForSearch(strategies), substitution: bestForSubstitution(strategies) },
  }
}

function chosen(methods: readonly StrategyName[] | undefined, paired: boolean): StrategyName[] {
  const all = Object.keys(STRATEGIES) as StrategyName[]
  const unknown = methods?.find(name => !all.includes(name))
  if (unknown !== undefined) {
    throw new ModalityGapError('BAD_OPTION', `there is no strategy "${unknown}"; there are ${all.join(', ')}`)
  }
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

/** The highest share of partners found first, both ways; among those within two standard errors the one that changes least. */
function bestForSearch(strategies: CompareReport['strategies']): Recommendation | undefined {
  const entries = (Object.entries(strategies) as Entry[]).filter(([, report]) => report.retrieval)
  const found = ([, { retrieval }]: Entry) => ((retrieval?.textToImage.r1 ?? 0) + (retrieval?.imageToText.r1 ?? 0)) / 2
  const best = entries.reduce<Entry | undefined>((a, b) => (a && found(a) >= found(b) ? a : b), undefined)
  if (!best) {
    return undefined
  }
  const share = found(best)
  const noise = 2 * Math.sqrt((share * (1 - share)) / (2 * best[1].rows.text))
  const kept = ([, report]: Entry) => report.preservation?.omega ?? 0
  const near = entries.filter(entry => found(entry) >= share - noise)
  const [method, report] = near.reduce((a, b) => (kept(a) >= kept(b) ? a : b))
  const raw = strategies.none?.retrieval?.textToImage.r1
  const realign = strategies.realign?.retrieval?.textToImage.r1
  const lowers =
    raw !== undefined && realign !== undefined && realign < raw
      ? `; ReAlign lowers text to image R@1 from ${shown(raw)} to ${shown(realign)}`
      : ''
  const among =
    near.length > 1
      ? `of ${near.length} that are equal within the noise it changes the text least`
      : 'it finds most partners first'
  return { method, why: `${among}: R@1 ${shown(found([method, report]))} on held-out rows${lowers}` }
}

/** Of those that close the gap to within twice its floor the one that keeps most neighbours; else the smallest gap. */
function bestForSubstitution(strategies: CompareReport['strategies']): Recommendation | undefined {
  const entries = (Object.entries(strategies) as Entry[]).filter(
    ([name, { gap, preservation }]) => name !== 'none' && name !== 'centering' && gap && preservation,
  )
  if (entries.length === 0) {
    return undefined
  }
  const closed = entries.filter(([, { gap }]) => gap.centroid <= 2 * gap.floor)
  if (closed.length === 0) {
    const [method, { gap }] = entries.reduce((a, b) => (a[1].gap.centroid <= b[1].gap.centroid ? a : b))
    return {
      method,
      why: `none closes the gap; this one leaves least, ${shown(gap.centroid)} (floor ${shown(gap.floor)})`,
    }
  }
  const kept = ([, report]: Entry) => report.preservation?.omega ?? 0
  const most = Math.max(...closed.map(kept))
  // within a percent of the neighbours kept, the nearer distribution decides
  const near = closed.filter(entry => kept(entry) >= most - 0.01)
  const far = ([, report]: Entry) => report.covariance?.frechet ?? report.gap.centroid
  const [method, report] = near.reduce((a, b) => (far(a) <= far(b) ? a : b))
  const { centroid, floor } = report.gap
  return {
    method,
    why: `it closes the gap to its noise (${shown(centroid)}, floor ${shown(floor)}) and keeps ${shown(kept([method, report]))} of the neighbours`,
  }
}

function shown(value: number): string {
  return value.toPrecision(3)
}
