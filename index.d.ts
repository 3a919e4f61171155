/// <reference lib="esnext.disposable" />
/**
 * What went wrong, stable across versions:
 *
 * | code | meaning |
 * | --- | --- |
 * | `NOT_FOUND` | a path does not exist, or what an earlier stage should have left there |
 * | `UNREADABLE` | a file exists but the system does not let it be read |
 * | `BAD_FORMAT` | a file is not what its name says: wrong magic, truncated, nonsense in the header |
 * | `UNSUPPORTED` | a data type or compression that is not read or written, more than can be held, or an address of a store where only a path will do |
 * | `EMPTY` | no rows, no file of rows in a folder, no usable record, no question with a right answer |
 * | `BAD_SELECTOR` | `#name` picks a column, tensor or key that is not there |
 * | `WIDTH_MISMATCH` | rows that must share a width do not |
 * | `BAD_ROW` | a row is not finite, has length zero or a wrong width |
 * | `BAD_SHAPE` | an array does not hold whole rows, or `out` has another length |
 * | `BAD_OPTION` | an option has a value that makes no sense, or an output stands where something is already |
 * | `OVERFLOW` | a component is beyond the range of the output's storage type |
 * | `NOT_PAIRED` | two sides that should be paired differ in rows, or rows and their ids in number |
 * | `TOO_FEW_ROWS` | fewer rows than the statistics need |
 * | `NOT_CONVERGED` | the centroid step did not settle within its bound |
 * | `NUMERIC` | an eigenvalue problem could not be solved, or a loss or what a model computes is not finite |
 * | `BAD_ALIGNER` | bytes that are not an aligner file |
 * | `BAD_FRAME` | bytes that are not the file of a reference frame |
 * | `BAD_STATE` | bytes that are not a tracker's state |
 * | `NEWER_VERSION` | an aligner, frame or state file written by a newer version of this package |
 * | `BAD_IMAGE` | an image cannot be decoded |
 * | `BAD_SAMPLE` | a record of training or test data that cannot be used: roles, images and answers do not fit together |
 * | `BAD_MODEL` | a file or folder of an encoder, language model, projector or training is damaged, of an unknown kind, or does not fit |
 * | `BAD_RECEIPT` | a receipt of an earlier run does not belong to its output, or results of a distributed pass are not whole |
 * | `TASKS_PENDING` | tasks of a distributed job have been listed and are to be run |
 * | `ENGINE_FAILED` | what was to run the tasks of a distributed job could not |
 * | `WRITE_FAILED` | output could not be written: disk full, no permission |
 * | `CANCELLED` | the signal was aborted; `name` is `'AbortError'`, `cause` the signal's reason |
 * | `MISSING_PACKAGE` | an optional package that this needs is not installed |
 * | `NATIVE_UNAVAILABLE` | the native code could not be loaded on this machine |
 * | `PANIC` | a defect of this package, caught at the border |
 */
export type ErrorCode =
  | 'NOT_FOUND'
  | 'UNREADABLE'
  | 'BAD_FORMAT'
  | 'UNSUPPORTED'
  | 'EMPTY'
  | 'BAD_SELECTOR'
  | 'WIDTH_MISMATCH'
  | 'BAD_ROW'
  | 'BAD_SHAPE'
  | 'BAD_OPTION'
  | 'OVERFLOW'
  | 'NOT_PAIRED'
  | 'TOO_FEW_ROWS'
  | 'NOT_CONVERGED'
  | 'NUMERIC'
  | 'BAD_ALIGNER'
  | 'BAD_FRAME'
  | 'NEWER_VERSION'
  | 'BAD_STATE'
  | 'BAD_IMAGE'
  | 'BAD_SAMPLE'
  | 'BAD_MODEL'
  | 'BAD_RECEIPT'
  | 'TASKS_PENDING'
  | 'ENGINE_FAILED'
  | 'WRITE_FAILED'
  | 'CANCELLED'
  | 'MISSING_PACKAGE'
  | 'NATIVE_UNAVAILABLE'
  | 'PANIC'
/** Where an error arose, as far as it is known. */
export interface ErrorPlace {
  /** The file that holds the offending rows, or that could not be read or written. */
  file?: string
  /** Index of the row in that file, from 0; in rows that came from memory, in the whole array. */
  row?: number
  /** Index of the column in that row, from 0. */
  column?: number
  /** Name of the sample or question that cannot be used. */
  sample?: string
}
/** Every error that this package raises on purpose; decide by `code`, show `message`. */
export declare class ModalityGapError extends Error {
  /** What went wrong, stable across versions. */
  readonly code: ErrorCode
  /** The file concerned, when there is one. */
  readonly file?: string
  /** Index of the row concerned, from 0, when there is one. */
  readonly row?: number
  /** Index of the column concerned, from 0, when there is one. */
  readonly column?: number
  /** Name of the sample or question concerned, when there is one. */
  readonly sample?: string
  /**
   * @param code what went wrong
   * @param message one sentence for people
   * @param place file, row, column and sample, as far as known; `cause` as in `Error`
   */
  constructor(
    code: ErrorCode,
    message: string,
    place?: ErrorPlace & {
      cause?: unknown
    },
  )
}
type Given<T, Needed extends keyof T = never> = {
  [K in Exclude<keyof T, Needed>]?: Part<T[K]>
} & {
  [K in Needed]-?: Part<T[K]>
}
type Part<T> = T extends readonly (infer E)[]
  ? readonly Part<E>[]
  : T extends object
    ? {
        [K in keyof T]?: Part<T[K]>
      }
    : T
type Outcome<T> =
  | {
      ok: T
    }
  | {
      error: Failure
    }
/**
 * Distances of a mean from those of a fit.
 */
export type AlignerFit = {
  /**
   * From the mean it moves onto.
   */
  toTarget: number
  /**
   * From the mean it moves.
   */
  toSource: number
}
/**
 * The gaps that an aligner keeps: distances between the means on one set of rows, before and after a fit.
 */
export type AlignerGap = {
  /**
   * ‖μx−μy‖ of the unit rows.
   */
  before: number
  /**
   * The same after the fit, of the f64 result; absent when it was not measured.
   */
  after?: number
  /**
   * How far apart the means of two samples of one distribution are: sqrt(Tx/n + Ty/m).
   */
  floor: number
  /**
   * The same on rows that were kept out of the fit.
   */
  held?: Omit<AlignerGap, 'held'>
}
/**
 * What a fitted aligner knows about itself; the one metadata entry of its file.
 */
export type AlignerInfo = {
  /**
   * Version of the file format.
   */
  version: number
  /**
   * Version of the package that fitted it.
   */
  package: string
  /**
   * Method and options of the fit.
   */
  options: FittedOptions
  /**
   * Columns of the rows it takes and gives.
   */
  dim: number
  /**
   * The side that is moved.
   */
  source: SideInfo
  /**
   * The side that is imitated.
   */
  target: SideInfo
  /**
   * Factor s on the residuals, sqrt(target trace / source trace).
   */
  scale: number
  /**
   * Whether results have unit length.
   */
  renormalize: boolean
  /**
   * Centroid offsets it applies.
   */
  iterations: number
  /**
   * Stages of a map that is more than a scale, a shift and offsets.
   */
  stages?: Array<StageInfo>
  /**
   * The gap on the rows of the fit, and on rows kept out of it.
   */
  gap: AlignerGap
  /**
   * Whether the target's rows move too, as in centering.
   */
  movesTarget: boolean
  /**
   * How rows of the fit belonged together: row by row, or by ids; absent where they did not.
   */
  pairs?: 'rows' | 'groups'
}
/**
 * An answer.
 */
export type Answer = {
  /**
   * Its text, without what ended it and without thoughts before it (`<think>…</think>`).
   */
  text: string
  /**
   * Its tokens, without those of thoughts.
   */
  tokens: Array<number>
  /**
   * Why it ended.
   */
  ended: 'end' | 'stop' | 'length'
}
/**
 * A row that cannot be used, and why.
 */
export type BadRow = {
  /**
   * The file; absent for rows from memory.
   */
  file?: string
  /**
   * Index in the file.
   */
  row: number
  /**
   * Index in all files together.
   */
  index: number
  /**
   * Why it cannot be used.
   */
  reason: string
}
/**
 * How a part of the mean difference moves.
 */
export type BiasRecord = {
  /**
   * ‖b(t)−b(t0)‖/max(‖b(t0)‖, ε); absent before the frame is frozen.
   */
  drift?: number
  /**
   * cos(b(t), b(t−1)) with the step recorded before; absent at the first.
   */
  stepCosine?: number | null
}
/**
 * What the gap is made of.
 */
export type Causes = {
  /**
   * The frame everything is taken apart in.
   */
  frame: FrameReport
  /**
   * The gap taken apart.
   */
  decomposition: Decomposition
  /**
   * Spectra of both modalities.
   */
  spectrum: ImageText<SpectrumReport>
  /**
   * Their covariances compared.
   */
  covariance: CovarianceReport
  /**
   * The paired differences; `paired` only.
   */
  residual?: ResidualReport
}
/**
 * How the centroid step is solved.
 */
export type Centroid = 'iterate' | 'solve'
/**
 * The state of a pass.
 */
export type CollectReport = {
  /**
   * What the pass is for.
   */
  stage: string
  /**
   * Hash of the parameters of the pass.
   */
  params: string
  /**
   * Shards of the pass.
   */
  shards: number
  /**
   * Shards, of those asked about, that have a receipt that holds.
   */
  done: number
  /**
   * Rows of the pass.
   */
  rows: number
  /**
   * Whether every shard asked about is done, once.
   */
  whole: boolean
  /**
   * What is not, or was refused.
   */
  refused: Array<Refused>
}
/**
 * Condition numbers of a covariance of these pairs, which grow with columns over pairs; what no eigenvalue above the floors gives is
 * null.
 */
export type ConditionRecord = {
  /**
   * κ: first eigenvalue over the last one that is more than rounding.
   */
  kappa: number | null
  /**
   * First eigenvalue over the last of those that hold 99.9 % of the trace.
   */
  kappaEff: number | null
}
/**
 * What a conversion wrote.
 */
export type ConvertReport = {
  /**
   * Rows written.
   */
  rows: number
  /**
   * Columns.
   */
  dim: number
  /**
   * Bad rows left out.
   */
  dropped: number
  /**
   * Files written.
   */
  outputs: Array<string>
  /**
   * What was not carried along; absent where all was.
   */
  notCarried?: Array<NotCarried>
  /**
   * Wall-clock seconds of each part.
   */
  seconds: Seconds
}
/**
 * How far the residuals in V follow those in U linearly, L = `E[ζδᵀ](Σ_U+λI)⁻¹`.
 */
export type CouplingRecord = {
  /**
   * ‖L‖₂.
   */
  norm: number
  /**
   * Share of the residuals in V, E‖ζ‖², that L explains.
   */
  r2: number | null
  /**
   * The ridge λ that both depend on.
   */
  lambda: number
}
/**
 * How alike the covariances of image and text are.
 */
export type CovarianceReport = {
  /**
   * ‖Σx−Σz‖_F/‖Σx‖_F from unbiased estimates of both squares: zero where there is no difference beyond noise; null below 60
   * independent rows.
   */
  shape: number | null
  /**
   * The same from plug-in covariances, which differ for two samples of one distribution.
   */
  shapeBiased: number
  /**
   * Correlation of the logarithms of the two spectra over their common ranks, .9 for any two that fall; null below two, and where
   * it changes too much from halves of the rows to all of them.
   */
  logSpectraCorrelation: number | null
  /**
   * That of the spectra of these rows.
   */
  logSpectraCorrelationBiased: number | null
  /**
   * Standard deviation of ln(λx/λz) over the same ranks; null where it changes too much from halves of the rows to all of them, and below
   * eight times that of two halves of the images.
   */
  logSpectraDeviation: number | null
  /**
   * That of the spectra of these rows.
   */
  logSpectraDeviationBiased: number | null
  /**
   * Fréchet distance of the populations, squared; null where it changes too much from halves of the rows to all of them.
   */
  frechet: number | null
  /**
   * That of these rows, divisor n, as papers print it.
   */
  frechetBiased: number
  /**
   * Overlap of the q leading directions; q/d for random ones.
   */
  overlap: {
    /**
     * Numbers of directions.
     */
    q: Array<number>
    /**
     * Overlap of each in the populations, ‖UxᵀUz‖²/q; null where it changes too much from halves of the rows to all of them.
     */
    o: Array<number | null>
    /**
     * That of these rows.
     */
    oBiased: Array<number>
    /**
     * That of random directions, q/d.
     */
    chance: Array<number>
  }
  /**
   * Independent rows a side that would do, by the name of each number that is null for want of them; for `overlap` those of the q
   * that takes most.
   */
  needs?: {
    [key in string]: number
  }
  /**
   * The same numbers between two random halves of the image rows: what sampling alone gives, at half the rows.
   */
  halves?: {
    /**
     * Rows of the smaller half.
     */
    rows: number
    /**
     * Of the plug-in covariances.
     */
    shapeBiased: number
    /**
     * Of their spectra.
     */
    logSpectraCorrelation: number | null
    /**
     * Of their spectra.
     */
    logSpectraDeviation: number | null
    /**
     * Squared.
     */
    frechet: number
    /**
     * For each q of `overlap`.
     */
    overlap: Array<number>
  }
}
/**
 * The gap taken apart, Δ = β + γ + δ + ζ; `pmb`² + `cob`² + `traceU` + `traceV` is E‖Δ‖² of the pairs. What needs pairs
 * is absent without `paired`; what is undefined is null.
 *
 * @see arXiv 2602.07026, section 3
 */
export type Decomposition = {
  /**
   * ‖m‖, the distance of the means.
   */
  gap: number
  /**
   * ‖β‖, its part in U: principal mean (modality) bias.
   */
  pmb: number
  /**
   * ‖γ‖, its part in V: constant (passive) orthogonal bias.
   */
  cob: number
  /**
   * Share of the squared gap in V, without the noise of the means, in a frame that the other half of the rows has made or that
   * was given; null where the gap cannot be distinguished from noise, and below `rowsNeeded`.
   */
  cobShare?: number | null
  /**
   * Independent rows a side that would do, where `cobShare`, `vmf` or `residual.coverage` is null because halves are too few to
   * make frames for each other, or turn them too much.
   */
  rowsNeeded?: number
  /**
   * Trace of the residuals' covariance in U.
   */
  traceU?: number
  /**
   * The same in V.
   */
  traceV?: number
  /**
   * Condition number of the population's residuals in U; null where it changes too much from halves of the pairs to all of them.
   */
  kappaU?: number | null
  /**
   * That of these residuals, over eigenvalues that are more than rounding.
   */
  kappaUBiased?: number | null
  /**
   * As `kappaU`, in V.
   */
  kappaV?: number | null
  /**
   * As `kappaUBiased`, in V.
   */
  kappaVBiased?: number | null
  /**
   * First eigenvalue over the last of those that hold 99.9 % of the trace, in U; null as `kappaU` is.
   */
  kappaEffU?: number | null
  /**
   * That of these residuals.
   */
  kappaEffUBiased?: number | null
  /**
   * As `kappaEffU`, in V.
   */
  kappaEffV?: number | null
  /**
   * As `kappaEffUBiased`, in V.
   */
  kappaEffVBiased?: number | null
  /**
   * Independent pairs that would do, by the name of each condition number that is null for want of them.
   */
  needs?: {
    [key in string]: number
  }
  /**
   * Eigenvalues that were rounding only.
   */
  belowFloor?: {
    /**
     * In U.
     */
    u: number
    /**
     * In V.
     */
    v: number
  }
  /**
   * Degrees between γ and the leading direction of the residuals in V.
   */
  angleCobV1?: number | null
  /**
   * How far the residuals in V follow those in U linearly: ‖L‖₂, R² and the ridge λ that both depend on.
   */
  coupling?: {
    /**
     * ‖L‖₂.
     */
    norm: number
    /**
     * Share of the residuals in V that L explains.
     */
    r2: number | null
    /**
     * The ridge, absolute.
     */
    lambda: number
    /**
     * The same of strangers, the mean over three exchanges of partners: what the sample makes by itself.
     */
    strangers?: {
      /**
       * ‖L‖₂.
       */
      norm: number
      /**
       * R².
       */
      r2: number
      /**
       * Pairs whose partners were exchanged; where these are a sample, both are scaled to all pairs.
       */
      pairs: number
      /**
       * How often.
       */
      derangements: number
    }
    /**
     * (R² − R² of strangers)/(1 − R² of strangers); null where there are too few pairs for the frame.
     */
    r2Adjusted?: number | null
    /**
     * Pairs that would do, where there are too few.
     */
    pairsNeeded?: number
  }
  /**
   * What chance gives.
   */
  chance?: {
    /**
     * Share of a random direction's square that lies in V, dim V/d: beside `cob`²/`gap`².
     */
    cobShare: number
    /**
     * Quantiles of the angle of a random direction of V.
     */
    angleCobV1: {
      /**
       * 5 %.
       */
      p05: number | null
      /**
       * The median.
       */
      p50: number | null
      /**
       * 95 %.
       */
      p95: number | null
    }
    /**
     * Concentration of as many directions spread evenly, before sampling is taken out.
     */
    vmf?: number | null
    /**
     * Condition number of as many isotropic pairs in U.
     */
    kappaU?: number | null
    /**
     * The same in V.
     */
    kappaV?: number | null
  }
  /**
   * Von Mises–Fisher concentration of the pairs' directions in V, in a frame of the other half of the rows or one that was
   * given; null below `rowsNeeded`.
   */
  vmf?: number | null
}
/**
 * A row drawn in the plane of the two leading principal directions.
 */
export type DrawnRow = {
  /**
   * Index in its source; that of the pair when rows are paired.
   */
  row: number
  /**
   * Its modality.
   */
  modality: 'image' | 'text'
  /**
   * Stage of the aligner it was drawn at.
   */
  stage: string
  /**
   * First coordinate.
   */
  x: number
  /**
   * Second coordinate.
   */
  y: number
}
/**
 * The text at a stage of the aligner.
 */
export type DrawnStage = {
  /**
   * Such as `original`, `anchor`, `trace`, `centroid`, `final`.
   */
  name: string
  /**
   * ‖μx−μ‖ at this stage.
   */
  gap: number
  /**
   * Trace of the text at this stage.
   */
  trace: number
  /**
   * Its mean in the plane.
   */
  centroid: [number, number]
  /**
   * The images' mean in the plane.
   */
  imageCentroid: [number, number]
}
/**
 * Pairs that were left out.
 */
export type DroppedPairs = {
  /**
   * How many.
   */
  count: number
  /**
   * What is wrong with the first [`SHOWN`].
   */
  first: Array<string>
}
/**
 * What an embedding job gave.
 */
export type EmbedReport = {
  /**
   * Pairs.
   */
  pairs: number
  /**
   * Rows: a pair has one for each of its captions.
   */
  rows: number
  /**
   * Columns.
   */
  dim: number
  /**
   * Pairs that were left out.
   */
  dropped: DroppedPairs
  /**
   * Shards that were kept from an earlier run.
   */
  kept: number
  /**
   * Files, in order.
   */
  outputs: Array<string>
}
/**
 * What is known of opened rows without reading them.
 */
export type EmbeddingsInfo = {
  /**
   * Number of rows.
   */
  rows: number
  /**
   * Columns of a row.
   */
  dim: number
  /**
   * Storage type of a component.
   */
  dtype: 'f16' | 'bf16' | 'f32' | 'f64'
  /**
   * Container, or `'memory'`.
   */
  format: ReadFormat | 'memory'
  /**
   * Whether the files stand in a clip-retrieval folder with metadata beside them.
   */
  layout: 'files' | 'clip-retrieval' | 'memory'
  /**
   * The files in reading order; empty for rows in memory.
   */
  shards: Array<ShardInfo>
  /**
   * The label they were opened with.
   */
  label?: string
}
type Failure = {
  /**
   * What went wrong, stable across versions.
   */
  code: string
  /**
   * One sentence for people.
   */
  message: string
  /**
   * The file concerned.
   */
  file?: string
  /**
   * Index of the row concerned.
   */
  row?: number
  /**
   * Index of the column concerned.
   */
  column?: number
  /**
   * Name of the sample concerned.
   */
  sample?: string
}
/**
 * What a report draws.
 */
export type Figures = {
  /**
   * Rows in two dimensions, the same plane for every stage.
   */
  projection: {
    /**
     * What the plane is.
     */
    axes: string
    /**
     * Share of the variance along each axis.
     */
    explained: [number, number]
    /**
     * The rows.
     */
    points: Array<DrawnRow>
  }
  /**
   * The aligner stage by stage; `original` only without one.
   */
  stages: Array<DrawnStage>
  /**
   * Example queries.
   */
  neighbours?: Array<ShownQuery>
}
type FitResult = {
  /**
   * Columns.
   */
  dim: number
  /**
   * Rows fitted.
   */
  rows: {
    [key in string]: number
  }
  /**
   * Bad rows left out.
   */
  dropped: {
    [key in string]: number
  }
  /**
   * Lengths of the rows as they are stored.
   */
  norms: {
    [key in string]: Norms
  }
  /**
   * Trace of the covariance, E‖e−μ‖² of the unit rows.
   */
  trace: {
    [key in string]: number
  }
  /**
   * Factor on the residuals.
   */
  scale: number
  /**
   * Centroid offsets that were fitted.
   */
  iterations: number
  /**
   * What the sphere projection does to the mean; absent where no row is projected.
   */
  phantomDrift?: PhantomDrift
  /**
   * The gap before and after.
   */
  gap: Gap
  /**
   * Method and options of the fit.
   */
  options: FittedOptions
  /**
   * The rows kept out of the fit, when some were.
   */
  holdout?: {
    /**
     * Share of the rows that is held out, 0 to 1.
     */
    holdout: number
    /**
     * Seed of the hash.
     */
    seed: number
  }
  /**
   * Files written.
   */
  outputs: Array<string>
  /**
   * What was not carried along; absent where all was.
   */
  notCarried?: Array<NotCarried>
  /**
   * Wall-clock seconds of each part.
   */
  seconds: Seconds
  /**
   * Largest resident memory of the process so far; absent where the system does not tell.
   */
  peakMemoryBytes?: number
}
/**
 * Method and options of a fit; an option that was not given is absent, and has the documented default.
 */
export type FittedOptions = {
  /**
   * How rows are moved.
   */
  method: Method
  /**
   * Steps of ReAlign to take; all three by default.
   */
  steps?: Array<Step>
  /**
   * How the centroid step finds its offset.
   */
  centroid: Centroid
  /**
   * How often the centroid step is applied, once by default; with a tolerance the bound.
   */
  centroidIterations?: number
  /**
   * Stop as soon as the in-sample gap is at most this.
   */
  tolerance?: number
  /**
   * Whose arithmetic to follow.
   */
  compat?: 'official'
  /**
   * Whether rows end on the sphere; only centering leaves it by default.
   */
  renormalize?: boolean
  /**
   * σ of each component of C3's noise, `Math.sqrt(0.016)` by default.
   */
  noise?: number
  /**
   * Seed of C3's noise; 0 by default.
   */
  noiseSeed?: number
  /**
   * ρ added to the diagonal of covariances before their roots are taken, `1e-6` by default.
   */
  ridge?: number
  /**
   * Whether BCA matches covariances about the means (the default) or second moments, as printed; whether C3 centres both
   * sides, as its authors' code for captions does, in place of moving texts onto images (the default).
   */
  centered?: boolean
  /**
   * Share of the energy that the frame's U holds, for BCA and AnisoAlign.
   */
  energy?: number
  /**
   * Dimension of U, instead of a share.
   */
  rank?: number
  /**
   * What the target rows are; `image` by default.
   */
  targetName?: string
  /**
   * What the source rows are; `text` by default.
   */
  sourceName?: string
  /**
   * Which encoder made the rows, kept in the file.
   */
  encoder?: string
}
/**
 * The fixed reference frame: U, where both modalities vary, and its complement V.
 */
export type FrameReport = {
  /**
   * Share of the trace of Cov(image)+Cov(text) that U holds.
   */
  energy: number
  /**
   * Dimension of U.
   */
  rank: number
  /**
   * The frame was made earlier and given.
   */
  given?: true
  /**
   * How far the U of these rows, at the same rank, is turned from the given one.
   */
  angles?: {
    /**
     * Largest principal angle, in degrees.
     */
    largest: number
    /**
     * Its sine.
     */
    sine: number
    /**
     * Root mean square of the sines.
     */
    rms: number
  }
}
/**
 * Distances between the means of two sets of unit rows.
 */
export type Gap = {
  /**
   * ‖μx−μz‖ before the fit, on the rows of the fit.
   */
  before: number
  /**
   * The same after it, of the f64 result.
   */
  after?: number
  /**
   * The same of the rows as written, rounded to their storage type.
   */
  stored?: number
  /**
   * sqrt(Tx/n+Tz/m): how far apart two samples of one distribution are.
   */
  floor: number
  /**
   * Whether before and after were measured on the rows of the fit, where the gap after it always lies below the floor.
   */
  inSample?: boolean
  /**
   * The gap on rows that were kept out of the fit, with the floor that holds for them.
   */
  held?: Omit<AlignerGap, 'held'>
}
type GapResult = {
  /**
   * Columns.
   */
  dim: number
  /**
   * Rows measured.
   */
  rows: ImageText<number>
  /**
   * Bad rows left out.
   */
  dropped: ImageText<number>
  /**
   * Rows that belong together, and are not independent; absent where every row is its own.
   */
  groups?: GroupsReport
  /**
   * Lengths of the rows as they are stored.
   */
  norms: ImageText<Norms>
  /**
   * Distances between the modalities.
   */
  gap: {
    /**
     * ‖μx−μy‖ without the aligner, when one was given.
     */
    before?: number
    /**
     * ‖μx−μz‖ with it.
     */
    after?: number
    /**
     * ‖μx−μy‖ of the unit rows.
     */
    centroid: number
    /**
     * Cosine of the means of the populations; null where the noise of a mean is more than .04 of its square, and on the rows of the
     * aligner's fit.
     */
    cosine: number | null
    /**
     * That of these two means; null when one has length zero.
     */
    cosineBiased: number | null
    /**
     * Independent rows a side that would do, where `cosine` is null for want of them.
     */
    cosineNeeds?: number
    /**
     * The same of this very aligner, whose fit is taken for given: what it leaves on rows like these.
     */
    ofAligner?: JudgedGap
    /**
     * Rows of the few groups that make most of the noise; the verdict (with an aligner that of `ofAligner`) is that of the other rows,
     * and there is no interval.
     */
    leftOut?: ImageText<number>
    /**
     * Mean distance of the pairs; `paired` only.
     */
    pairedDistance?: number
    /**
     * Relative modality gap (Schrodi et al. 2025); `paired` only.
     */
    rmg?: number
    /**
     * The squared gap without the part that sampling adds; negative when the gap is below the noise. With an aligner that was fitted
     * on other rows the noise of its fit is taken out as well.
     */
    unbiasedSquared: number
    /**
     * Root mean square of the distance that two samples of one distribution show, the noise of the fit included.
     */
    floor: number
    /**
     * 95 % interval of `unbiasedSquared`; null in sample, where it would mean nothing; absent without covariances.
     */
    interval?: [number, number] | null
    /**
     * Standard deviation of `unbiasedSquared` where there is no gap; absent without covariances.
     */
    nullDeviation?: number
    /**
     * Whether the gap is real: without one, a sample is called so in 5 % of cases.
     */
    verdict: GapVerdict
  }
  /**
   * Trace of the covariance, E‖e−μ‖² of the unit rows.
   */
  trace: ImageText<number>
  /**
   * sqrt(image trace / text trace).
   */
  scale: number
  /**
   * What the sphere projection would do to the mean of anchored and scaled text.
   */
  phantomDrift?: PhantomDrift
  /**
   * Distances of these rows' means, before the aligner, from those of its fit.
   */
  alignerFit?: ImageText<AlignerFit>
  /**
   * The aligner was fitted on these very rows: the gap lies below its floor whatever the method.
   */
  inSample?: true
  /**
   * The rows were held out from the aligner's fit, whose noise the floor holds as well.
   */
  held?: true
  /**
   * What was taken from a sample rather than from all rows.
   */
  sampled?: {
    [key in string]: Sampled
  }
  /**
   * Neighbours of rows.
   */
  neighbours?: NeighboursReport
  /**
   * Retrieval of partners; `paired` only.
   */
  retrieval?: RetrievalReport
  /**
   * Cosines among rows.
   */
  similarity?: SimilarityReport
  /**
   * What the aligner keeps; with an aligner only.
   */
  preservation?: PreservationReport
  /**
   * What a report draws.
   */
  figures?: Figures
}
/**
 * What is concluded of a gap beside its noise.
 */
export type GapVerdict = 'real' | 'noise' | 'not-tested' | 'in-sample'
/**
 * How rows belong together. Hold-outs, halves, noise and ranks are those of groups.
 */
export type GroupsReport = {
  /**
   * Known by ids, or by rows that are equal bit for bit.
   */
  by: 'ids' | 'equal-rows'
  /**
   * Where the ids come from.
   */
  from?: string
  /**
   * Groups of the image rows.
   */
  image: number
  /**
   * Groups of the text rows.
   */
  text: number
  /**
   * Groups with rows on both sides; absent where the sides share none.
   */
  both?: number
  /**
   * Rows that repeat another of their group bit for bit: one item, counted once; absent without ids.
   */
  repeated?: ImageText<number>
  /**
   * Pairs that the groups make; absent where row i belongs to row i.
   */
  pairs?: number
}
/**
 * What held-out pairs show.
 */
export type HeldOut = {
  /**
   * Pairs.
   */
  rows: number
  /**
   * Different captions among them.
   */
  captions: number
  /**
   * ‖mean image − mean text‖.
   */
  gap: number
  /**
   * Mean cosine of a pair.
   */
  pairedCosine: number
  /**
   * Images found by captions.
   */
  textToImage: Recall
  /**
   * Captions found by images.
   */
  imageToText: Recall
  /**
   * Recall among the first five that chance would give, both ways together.
   */
  chanceR5: number
}
/**
 * A value for either modality.
 */
export type ImageText<T = number> = {
  /**
   * Of the image rows.
   */
  image: T
  /**
   * Of the text rows.
   */
  text: T
}
/**
 * What a set of rows looks like.
 */
export type InspectReport = {
  /**
   * Lengths of the usable rows as they are stored, and their mean; null when no row is usable.
   */
  norms: MeanNorms | null
  /**
   * Whether every usable row has length one up to the rounding of its storage type.
   */
  unit: boolean
  /**
   * Rows that cannot be used: how many, and the first of them.
   */
  badRows: {
    /**
     * How many there are.
     */
    count: number
    /**
     * The first of them.
     */
    first: Array<BadRow>
  }
  /**
   * Number of rows.
   */
  rows: number
  /**
   * Columns of a row.
   */
  dim: number
  /**
   * Storage type of a component.
   */
  dtype: 'f16' | 'bf16' | 'f32' | 'f64'
  /**
   * Container, or `'memory'`.
   */
  format: ReadFormat | 'memory'
  /**
   * Whether the files stand in a clip-retrieval folder with metadata beside them.
   */
  layout: 'files' | 'clip-retrieval' | 'memory'
  /**
   * The files in reading order; empty for rows in memory.
   */
  shards: Array<ShardInfo>
  /**
   * The label they were opened with.
   */
  label?: string
}
/**
 * A squared gap judged against its noise.
 */
export type JudgedGap = {
  /**
   * The squared gap without the part that sampling adds; negative when the gap is below the noise. With an aligner that was fitted
   * on other rows the noise of its fit is taken out as well.
   */
  unbiasedSquared: number
  /**
   * Root mean square of the distance that two samples of one distribution show, the noise of the fit included.
   */
  floor: number
  /**
   * 95 % interval of `unbiasedSquared`; null in sample, where it would mean nothing; absent without covariances.
   */
  interval?: [number, number] | null
  /**
   * Standard deviation of `unbiasedSquared` where there is no gap; absent without covariances.
   */
  nullDeviation?: number
  /**
   * Whether the gap is real: without one, a sample is called so in 5 % of cases.
   */
  verdict: GapVerdict
}
/**
 * What of a model learns.
 */
export type LearnMode = 'projector' | 'lora' | 'full'
/**
 * Losses of samples without an update.
 */
export type LossReport = {
  /**
   * Σ −log p of each sample, in nats.
   */
  losses: Array<number>
  /**
   * Tokens that count, by sample.
   */
  labels: Array<number>
  /**
   * How many of all those tokens were the most likely.
   */
  right: number
}
/**
 * Lengths of rows as they are stored, with their mean.
 */
export type MeanNorms = {
  /**
   * The shortest.
   */
  min: number
  /**
   * The longest.
   */
  max: number
  /**
   * Their mean.
   */
  mean: number
}
/**
 * What is measured beside the gap itself.
 */
export type MeasurePart = 'causes' | 'neighbours' | 'retrieval' | 'similarity' | 'preservation'
/**
 * How the source rows are moved onto the target's distribution.
 */
export type Method =
  | 'realign'
  | 'mean-shift'
  | 'centering'
  | 'c3'
  | 'bca'
  | 'procrustes'
  | 'bures'
  | 'aniso-init'
  | 'none'
/**
 * What is measured beside the gap itself; absent when it was not asked for.
 */
export type Metrics = {
  /**
   * Neighbours of rows.
   */
  neighbours?: NeighboursReport
  /**
   * Retrieval of partners; `paired` only.
   */
  retrieval?: RetrievalReport
  /**
   * Cosines among rows.
   */
  similarity?: SimilarityReport
  /**
   * What the aligner keeps; with an aligner only.
   */
  preservation?: PreservationReport
  /**
   * What a report draws.
   */
  figures?: Figures
}
/**
 * What a model says of itself.
 */
export type ModelInfo = {
  /**
   * `llama`, `mistral`, `qwen2` or `qwen3`.
   */
  modelType: string
  /**
   * Tokens of its vocabulary.
   */
  vocab: number
  /**
   * Width of the language model.
   */
  hidden: number
  /**
   * Blocks.
   */
  layers: number
  /**
   * Columns of embeddings.
   */
  dim: number
  /**
   * Numbers that learn.
   */
  learning: number
  /**
   * What multiplies bf16 matrices on this machine.
   */
  unit: string
  /**
   * What is worth saying about its files: tensors that are not used, a template that ends answers with no token, words of a
   * GGUF file that are cut by default. Each is also a warning of the process when the model is opened.
   */
  notes: Array<string>
}
/**
 * Neighbours by cosine; a row is not a neighbour of itself, ties go to the lower index.
 */
export type NeighboursReport = {
  /**
   * Neighbours of retention and hubness.
   */
  k: number
  /**
   * Mean share of a text row's neighbours among the text before the aligner that are its neighbours after it.
   */
  retention?: number
  /**
   * The neighbours of all rows put together, where a row's own partner counts as the other modality.
   */
  mixing: {
    /**
     * Neighbours looked at.
     */
    k: number
    /**
     * Share of them that belong to the other modality, over all rows.
     */
    all: number
    /**
     * Directional mixing of the images: mean entropy of the modalities among their neighbours over what permuted labels would give
     * (arXiv 2605.07825); null when a modality has no choice.
     */
    image: number | null
    /**
     * The same of the texts.
     */
    text: number | null
    /**
     * Share of the other modality among the neighbours of each side's rows.
     */
    shares: ImageText<number>
    /**
     * `all` where the labels of the rows are permuted.
     */
    chance: number
  }
  /**
   * Share of rows that have a double among their own kind, equal to rounding.
   */
  duplicates: ImageText<number>
  /**
   * Skewness of how often a row is among the nearest: image for image, text for text, image for text.
   */
  hubness: {
    /**
     * Of the image rows.
     */
    image: number
    /**
     * Of the text rows.
     */
    text: number
    /**
     * Images among the nearest of texts.
     */
    textToImage: number
    /**
     * The same where every row is equally likely to be among the nearest.
     */
    chance: {
      /**
       * Of the image rows.
       */
      image: number
      /**
       * Of the text rows.
       */
      text: number
      /**
       * Images among the nearest of texts.
       */
      textToImage: number
    }
  }
}
/**
 * Lengths of rows as they are stored.
 */
export type Norms = {
  /**
   * The shortest.
   */
  min: number
  /**
   * The longest.
   */
  max: number
}
/**
 * What stands beside rows that were read, and is in no file that was written: its format or place does not hold it.
 */
export type NotCarried = {
  /**
   * Columns, keys, arrays, tensors or files.
   */
  names: Array<string>
  /**
   * The first file that held them; absent for rows from memory.
   */
  file?: string
  /**
   * How many files did.
   */
  files: number
}
/**
 * What becomes of pairs that cannot be used.
 */
export type OnBadPair = 'error' | 'drop'
/**
 * What to do with a row that cannot be used.
 */
export type OnBadRow = 'error' | 'drop'
type OpenSpec = {
  /**
   * Files, folders, globs and lists of them.
   */
  paths: readonly string[]
  /**
   * Which side of a pair they are.
   */
  role?: 'image' | 'text' | 'other'
  /**
   * The split of a data set to take.
   */
  split?: string
}
/**
 * What a task says of one shard.
 */
export type PassedShard = {
  /**
   * Index of the shard.
   */
  shard: number
  /**
   * The file read.
   */
  file: string
  /**
   * Rows counted or written.
   */
  rows: number
  /**
   * Bad rows and others left out.
   */
  dropped: number
  /**
   * Hash of the result, as the receipt has it.
   */
  hash: string
}
/**
 * A pass that waits for tasks to be run elsewhere.
 */
export type PendingPass = {
  /**
   * What the pass is for.
   */
  stage: string
  /**
   * The manifest, which tasks are run from.
   */
  manifest: string
  /**
   * Hash of the parameters of the pass.
   */
  params: string
  /**
   * Shards of the pass.
   */
  shards: number
  /**
   * Rows of the pass.
   */
  rows: number
  /**
   * Rows of the shards that are still to be worked on.
   */
  missing: number
  /**
   * Those shards.
   */
  refused: Array<Refused>
}
/**
 * How the mean of projected rows departs from the projected mean.
 */
export type PhantomDrift = {
  /**
   * ‖E[π(z)]−π(E[z])‖.
   */
  measured: number
  /**
   * ‖E[π(z)]−μx‖, the distance it leaves to the target's mean.
   */
  toTarget: number
  /**
   * Length of the measured drift's part tangential to the sphere.
   */
  tangential?: number
  /**
   * Length of its prediction −(I−aaᵀ)Σc/R³, with Σ the covariance of the moved text and c = μx − s·μy.
   */
  predictedTangential?: number
  /**
   * Cosine of predicted and measured tangential parts.
   */
  cosine?: number
  /**
   * Length of the predicted drift less the measured one, relative to the measured one.
   */
  error?: number
  /**
   * √(cᵀΣc)/R², the parameter that the prediction is an expansion in; the smaller, the nearer.
   */
  parameter?: number
}
/**
 * How the states of a row become one.
 */
export type Pool = 'mean' | 'first' | 'last'
/**
 * What an aligner keeps of the text's own geometry.
 */
export type PreservationReport = {
  /**
   * Mean y·z of a row before and after; a cosine where both have unit length.
   */
  phi: number
  /**
   * Correlation of pairwise cosines before and after; null where nothing varies.
   */
  psi: number | null
  /**
   * Retention of the ten nearest neighbours.
   */
  omega: number | null
}
/**
 * What every query of one side found: its group, and whether one of its partners came first.
 */
export type QueryOutcomes = {
  /**
   * Group of each query.
   */
  keys: Array<number>
  /**
   * 1 where a partner came first, otherwise 0.
   */
  found: Array<number>
}
/**
 * Container formats.
 */
export type ReadFormat =
  | 'npy'
  | 'npz'
  | 'parquet'
  | 'arrow'
  | 'safetensors'
  | 'pickle'
  | 'jsonl'
  | 'fvecs'
  | 'json'
  | 'csv'
  | 'torch'
  | 'tar'
  | 'raw'
type ReadOptions = {
  /**
   * What to do with a bad row; stop by default.
   */
  onBadRow: OnBadRow
  /**
   * Whether rows are scaled to unit length; yes by default.
   */
  normalize?: boolean
  /**
   * What the rows are, for messages.
   */
  label?: string
  /**
   * Columns of plain bytes.
   */
  dim?: number
  /**
   * Storage type of plain bytes.
   */
  dtype?: 'f16' | 'bf16' | 'f32' | 'f64'
  /**
   * How the states of a row become one, where it has several.
   */
  pool?: Pool
}
/**
 * How often the right answer is among the first k, and the mean of 1/rank.
 */
export type Recall = {
  /**
   * Share of queries whose partner is found first.
   */
  r1: number
  /**
   * Among the first five.
   */
  r5: number
  /**
   * Among the first ten.
   */
  r10: number
  /**
   * Mean reciprocal rank.
   */
  mrr: number
}
/**
 * [`Recall`] of rows in random order.
 */
export type RecallByChance = {
  /**
   * Share of queries whose partner is found first.
   */
  r1: number
  /**
   * Among the first five.
   */
  r5: number
  /**
   * Among the first ten.
   */
  r10: number
}
/**
 * Share of queries whose partner is the nearest row, and is among the five nearest.
 */
export type RecallRecord = {
  /**
   * Recall at 1.
   */
  r1: number
  /**
   * Recall at 5.
   */
  r5: number
}
/**
 * A shard whose result cannot be used yet.
 */
export type Refused = {
  /**
   * Index of the shard.
   */
  shard: number
  /**
   * Its file.
   */
  file: string
  /**
   * Why.
   */
  reason: string
}
/**
 * The covariance of the paired differences.
 */
export type ResidualReport = {
  /**
   * Its trace.
   */
  trace: number
  /**
   * Largest eigenvalue over the mean one.
   */
  anisotropy: number
  /**
   * Trace over the mean squared distance of the pairs.
   */
  ratio: number
  /**
   * Share of the trace in U, in a frame that the other half of the rows has made or that was given; null below
   * `decomposition.rowsNeeded`.
   */
  coverage: number | null
  /**
   * The same in the frame of these very rows, where it is the energy threshold by construction.
   */
  coverageBiased: number
  /**
   * (Σλ)²/Σλ² of the population, from unbiased estimates; null where the pairs are too few to tell.
   */
  effectiveDimension: number | null
  /**
   * The same of the eigenvalues of these pairs.
   */
  effectiveDimensionBiased: number
  /**
   * Share of the K leading eigenvalues.
   */
  energy: {
    /**
     * Numbers of eigenvalues.
     */
    k: Array<number>
    /**
     * Share of each.
     */
    share: Array<number>
  }
}
/**
 * Recall of rows in random order.
 */
export type RetrievalChanceRecord = {
  /**
   * Images ask, texts answer.
   */
  imageToText: RecallRecord
  /**
   * Texts ask, images answer.
   */
  textToImage: RecallRecord
}
/**
 * Retrieval of partners, by cosine. Every row of the query's group is one: the rank is that of the nearest, after the rows of
 * other groups that are nearer, or as near with a lower index.
 */
export type RetrievalReport = {
  /**
   * Text asks for its image.
   */
  textToImage: Recall
  /**
   * Image asks for its text.
   */
  imageToText: Recall
  /**
   * Both, of rows in random order.
   */
  chance: {
    /**
     * Text asks for its image.
     */
    textToImage: RecallByChance
    /**
     * Image asks for its text.
     */
    imageToText: RecallByChance
  }
  /**
   * Text asks a corpus of images and texts.
   */
  mixed: {
    /**
     * Results looked at.
     */
    k: number
    /**
     * Share of images among them.
     */
    imageShare: number
  }
  /**
   * The result of every query, where it was asked for.
   */
  outcomes?: {
    /**
     * Of the texts.
     */
    textToImage: QueryOutcomes
    /**
     * Of the images.
     */
    imageToText: QueryOutcomes
  }
}
/**
 * Sizes of samples as the model takes them.
 */
export type SampleSizes = {
  /**
   * Positions, by sample.
   */
  positions: Array<number>
  /**
   * Tokens that count in the loss, by sample.
   */
  labels: Array<number>
}
/**
 * What was taken from a sample rather than from all rows.
 */
export type Sampled = {
  /**
   * Rows of the sample.
   */
  size: number
  /**
   * Seed of the choice.
   */
  seed: number
}
/**
 * The shape after the warm-up.
 */
export type ScheduleKind =
  | 'cosine'
  | 'linear'
  | 'constant'
  | 'constant_with_warmup'
  | 'inverse_sqrt'
  | 'polynomial'
  | 'cosine_with_restarts'
  | 'cosine_with_min_lr'
/**
 * Wall-clock seconds of the parts of a job; a part that did not happen is absent.
 */
export type Seconds = {
  /**
   * The pass over new rows that looks for bad ones and compares them with those of the fit.
   */
  check?: number
  /**
   * Passes over the rows to fit.
   */
  fit?: number
  /**
   * Reading, moving and writing rows.
   */
  transform?: number
  /**
   * Reading and writing rows without moving them.
   */
  convert?: number
  /**
   * Waiting until the disk held the output.
   */
  sync?: number
}
/**
 * One file of rows, or one part of a file.
 */
export type ShardInfo = {
  /**
   * Its path; absent for rows in memory.
   */
  path?: string
  /**
   * The column, tensor, key or leading index that was picked.
   */
  selector?: string
  /**
   * Its rows.
   */
  rows: number
  /**
   * Storage type of its components.
   */
  dtype: 'f16' | 'bf16' | 'f32' | 'f64'
  /**
   * The file of metadata that describes its rows, in a clip-retrieval folder.
   */
  metadata?: string
}
/**
 * A row near a query.
 */
export type ShownNeighbour = {
  /**
   * Its index.
   */
  row: number
  /**
   * Its modality.
   */
  modality: 'image' | 'text'
  /**
   * Its cosine.
   */
  cosine: number
}
/**
 * A query with its nearest rows in both modalities put together, nearest first.
 */
export type ShownQuery = {
  /**
   * Index of the query.
   */
  query: number
  /**
   * Its modality.
   */
  queryModality: 'image' | 'text'
  /**
   * Its neighbours, where there is no aligner.
   */
  neighbours?: Array<ShownNeighbour>
  /**
   * Its neighbours before the aligner.
   */
  before?: Array<ShownNeighbour>
  /**
   * Its neighbours after it.
   */
  after?: Array<ShownNeighbour>
}
/**
 * What an aligner keeps of one side of its fit.
 */
export type SideInfo = {
  /**
   * Name of the side, such as `'image'`.
   */
  name: string
  /**
   * Rows that were fitted.
   */
  rows: number
  /**
   * Trace of the covariance, E‖e−μ‖² of the unit rows.
   */
  trace: number
  /**
   * Items that the rows are of, where several are of one.
   */
  groups?: number
}
/**
 * Cosines among rows.
 */
export type SimilarityReport = {
  /**
   * Jensen–Shannon divergence, in nats, of the populations of each pair of histograms, such as `'cross/imageImage'`; null where
   * sampling adds too much.
   */
  js: {
    [key in string]: number | null
  }
  /**
   * That of the histograms of these rows.
   */
  jsBiased: {
    [key in string]: number
  }
  /**
   * Independent rows a side that would do, by the name of each divergence that is null.
   */
  jsNeeds?: {
    [key in string]: number
  }
  /**
   * What sampling gives by itself: between two halves of the image rows, of `rows` each, the cosines across against those within one
   * (`'cross/one'`) and those within one against those within the other (`'one/other'`); and as many strangers as there are pairs
   * against all cosines of strangers (`'paired/cross'`).
   */
  jsChance: {
    [key in string]: number
  }
  /**
   * Shares of cosines in equal bins on [−1, 1].
   */
  histograms: {
    /**
     * Number of bins.
     */
    bins: number
    /**
     * Of pairs.
     */
    paired?: Array<number>
    /**
     * Of images with texts, partners left out.
     */
    cross: Array<number>
    /**
     * Among images.
     */
    imageImage: Array<number>
    /**
     * Among texts.
     */
    textText: Array<number>
  }
  /**
   * Mean squared distance of pairs.
   */
  alignment?: number
  /**
   * ln E exp(−2‖u−v‖²) (Wang and Isola 2020); null below 20 independent rows.
   */
  uniformity: ImageText<number | null>
  /**
   * Linear centred kernel alignment of the pairs, from unbiased squares; null where a side does not vary, and below 60 independent
   * pairs.
   */
  cka?: number | null
  /**
   * The same from plug-in squares, as papers print it: strangers reach .9 with fewer rows than columns.
   */
  ckaBiased?: number | null
  /**
   * Accuracy of a logistic regression that tells the modalities apart, on rows it has not seen; ½ when mixed. Null on the rows of
   * the aligner's fit, whose halves have opposite errors.
   */
  separability: number | null
}
/**
 * The eigenvalues of one modality's covariance.
 */
export type SpectrumReport = {
  /**
   * Exponent of the power law λ_k ∝ k^−α of the population; null where it changes too much from halves of the rows to all of
   * them, and below two ranks.
   */
  alpha: number | null
  /**
   * That of the eigenvalues of these rows.
   */
  alphaBiased: number | null
  /**
   * First and last rank of its fit.
   */
  alphaRange: [number, number]
  /**
   * exp of the entropy of λ/Σλ of the population; null where it changes too much from halves of the rows to all of them.
   */
  effectiveRank: number | null
  /**
   * That of the eigenvalues of these rows.
   */
  effectiveRankBiased: number | null
  /**
   * (Σλ)²/Σλ² of the population, from unbiased estimates; null below 60 independent rows, or where they cannot tell.
   */
  participationRatio: number | null
  /**
   * The same of the eigenvalues of these rows, which is below n − 1 whatever the population.
   */
  participationRatioBiased: number | null
  /**
   * Eigenvalues above rounding, that of the stored rows included.
   */
  rank: number
  /**
   * Condition number of the population; null where it changes too much from halves of the rows to all of them.
   */
  kappa: number | null
  /**
   * That of these rows, over eigenvalues that are more than rounding of the stored rows.
   */
  kappaBiased: number | null
  /**
   * First eigenvalue over the last of those that hold 99.9 % of the trace; null as `kappa` is.
   */
  kappaEff: number | null
  /**
   * That of these rows.
   */
  kappaEffBiased: number | null
  /**
   * Independent rows that would do, by the name of each number that is null for want of them.
   */
  needs?: {
    [key in string]: number
  }
  /**
   * Eigenvalues that were rounding only.
   */
  belowFloor: number
  /**
   * What chance gives.
   */
  chance: {
    /**
     * Condition number of as many isotropic rows.
     */
    kappa: number | null
  }
  /**
   * All eigenvalues, descending.
   */
  eigenvalues: Array<number>
}
/**
 * One stage as the metadata tells it; vectors and matrices stand in the tensors `stages.N…`.
 */
export type StageInfo =
  | {
      /**
       * Which of these it is.
       */
      kind: 'scale'
      /**
       * The factor.
       */
      factor: number
    }
  | {
      /**
       * Which of these it is.
       */
      kind: 'add'
    }
  | {
      /**
       * Which of these it is.
       */
      kind: 'sphere'
    }
  | {
      /**
       * Which of these it is.
       */
      kind: 'linear'
    }
  | {
      /**
       * Which of these it is.
       */
      kind: 'noise'
      /**
       * σ of each component.
       */
      sigma: number
      /**
       * Seed, below 2⁵³.
       */
      seed: number
    }
  | {
      /**
       * Which of these it is.
       */
      kind: 'polar'
      /**
       * Pairs of coordinates.
       */
      pairs: number
      /**
       * Order statistics kept of the source's radii and of the target's.
       */
      knots: [number, number]
    }
/**
 * A step of ReAlign.
 */
export type Step = 'anchor' | 'trace' | 'centroid'
/**
 * What an update showed.
 */
export type StepReport = {
  /**
   * Updates made, this one included.
   */
  step: number
  /**
   * Mean −log p of the tokens that count, in nats.
   */
  loss: number
  /**
   * Tokens that count.
   */
  labels: number
  /**
   * Share of them that were the most likely.
   */
  accuracy: number
  /**
   * Positions computed.
   */
  positions: number
  /**
   * Norm of all gradients before it was bounded.
   */
  gradNorm: number
  /**
   * Learning rate of this update.
   */
  learningRate: number
}
type StepSpec = {
  /**
   * The trainer's step.
   */
  step: number
  /**
   * What each source is.
   */
  names: readonly ('image' | 'text' | 'gradImage' | 'gradText' | 'batchImage' | 'batchText')[]
  /**
   * Threads; one for each core by default.
   */
  threads?: number
}
/**
 * What a finished shard task says of itself.
 */
export type TaskReceipt =
  | {
      /**
       * Which of these it is.
       */
      task: 'moments'
      /**
       * Version of the description it was run from.
       */
      version: number
      /**
       * The file that was read.
       */
      shard: string
      /**
       * Rows counted.
       */
      rows: number
      /**
       * Bad rows left out.
       */
      dropped: number
      /**
       * The file written.
       */
      output: string
      /**
       * Its bytes.
       */
      bytes: number
      /**
       * XXH3-128 of its bytes, in hexadecimal.
       */
      hash: string
    }
  | {
      /**
       * Which of these it is.
       */
      task: 'transform'
      /**
       * Version of the description it was run from.
       */
      version: number
      /**
       * The file that was read.
       */
      shard: string
      /**
       * Rows written.
       */
      rows: number
      /**
       * Bad rows left out, by their index in the shard.
       */
      dropped: Array<number>
      /**
       * The file written.
       */
      output: string
      /**
       * What stood beside the rows and was not carried along; absent where all was.
       */
      notCarried?: Array<NotCarried>
    }
  | {
      /**
       * Which of these it is.
       */
      task: 'merge'
      /**
       * Version of the description it was run from.
       */
      version: number
      /**
       * How many states were merged.
       */
      states: number
      /**
       * Rows that they count together.
       */
      rows: number
      /**
       * The file written.
       */
      output: string
      /**
       * Its bytes.
       */
      bytes: number
      /**
       * XXH3-128 of its bytes, in hexadecimal.
       */
      hash: string
    }
  | {
      /**
       * Which of these it is.
       */
      task: 'pass'
      /**
       * Version of the description it was run from.
       */
      version: number
      /**
       * The manifest of the pass.
       */
      manifest: string
      /**
       * Hash of the parameters of the pass.
       */
      params: string
      /**
       * The shards.
       */
      shards: Array<PassedShard>
      /**
       * Whether it ended early, for another task has failed for good.
       */
      stopped: boolean
    }
/**
 * One file of rows, or one part of a file.
 */
export type TaskShard = {
  /**
   * The file.
   */
  path: string
  /**
   * The column, tensor, key or leading index to take.
   */
  selector?: string
  /**
   * How several states of a row become one. @defaultValue such shards are refused
   */
  pool?: Pool
}
/**
 * A shard task: a pure function of one shard and small parameters.
 */
export type TaskSpec =
  | {
      /**
       * Which of these it is.
       */
      task: 'moments'
      /**
       * Version of this description.
       */
      version: 1
      /**
       * The rows to count.
       */
      shard: TaskShard
      /**
       * Aligner file whose map the rows go through first.
       */
      through?: string
      /**
       * Whether rows are scaled to unit length. @defaultValue `true`
       */
      normalize?: boolean
      /**
       * What to do with bad rows. @defaultValue `'error'`
       */
      onBadRow?: OnBadRow
      /**
       * File of the state.
       */
      out: string
    }
  | {
      /**
       * Which of these it is.
       */
      task: 'transform'
      /**
       * Version of this description.
       */
      version: 1
      /**
       * The rows to move.
       */
      shard: TaskShard
      /**
       * Aligner file.
       */
      aligner: string
      /**
       * What to do with bad rows. @defaultValue `'error'`
       */
      onBadRow?: OnBadRow
      /**
       * Storage type of the output. @defaultValue that of the input
       */
      dtype?: 'f16' | 'bf16' | 'f32' | 'f64'
      /**
       * Container of the output. @defaultValue that of the input
       */
      format?: ReadFormat
      /**
       * Folder of the output.
       */
      out: string
    }
  | {
      /**
       * Which of these it is.
       */
      task: 'merge'
      /**
       * Version of this description.
       */
      version: 1
      /**
       * Files of the states, in shard order.
       */
      states: readonly string[]
      /**
       * File of the merged state.
       */
      out: string
    }
  | {
      /**
       * Which of these it is.
       */
      task: 'pass'
      /**
       * Version of this description.
       */
      version: 1
      /**
       * The manifest of the pass.
       */
      manifest: string
      /**
       * Indices of the shards.
       */
      shards: readonly number[]
      /**
       * A file that ends tasks which find it; it is written when a shard fails for good.
       */
      stop?: string
    }
/**
 * Shapes of one tower's transformer.
 */
export type TowerShape = {
  /**
   * Columns inside.
   */
  width: number
  /**
   * Blocks.
   */
  layers: number
  /**
   * Heads of each block, a divisor of the width.
   */
  heads: number
}
/**
 * What a tracker records at a step, and one line of its log. What needs something that was not given is absent; what is
 * undefined is null. Angles are in degrees.
 *
 * @see arXiv 2602.07026, sections 3 and 4, appendices B and C
 */
export type TrackRecord = {
  /**
   * The trainer's step.
   */
  step: number
  /**
   * Columns.
   */
  dim: number
  /**
   * Probe pairs.
   */
  pairs: number
  /**
   * Pairs that share an item, such as the captions of one image; absent where each pair is its own, and in older logs.
   */
  groups?: {
    /**
     * How it is known.
     */
    by: 'ids' | 'equal-rows'
    /**
     * Different items.
     */
    items: number
  }
  /**
   * The frame everything is taken apart in.
   */
  frame: {
    /**
     * Dimension of U.
     */
    rank: number
    /**
     * Share of the trace of Cov(image)+Cov(text) that U held when it was estimated.
     */
    energy: number
    /**
     * Whether it stays from here on.
     */
    frozen: boolean
    /**
     * Step it was estimated at.
     */
    step: number
  }
  /**
   * The gap of the pairs beside its noise.
   */
  gap: {
    /**
     * ‖m‖, the distance of the means.
     */
    centroid: number
    /**
     * Cosine of the means.
     */
    cosine: number | null
    /**
     * ‖m‖² − tr Σ/n, without the part that sampling adds.
     */
    unbiasedSquared: number
    /**
     * Its 95 % interval.
     */
    interval: [number, number]
    /**
     * sqrt(tr Σ/n): how far apart the means would be by sampling only.
     */
    floor: number
    /**
     * Whether the gap is real; absent in older logs.
     */
    verdict?: Exclude<GapVerdict, 'in-sample'>
    /**
     * E‖Δ‖, the mean distance of the pairs.
     */
    pairedDistance: number
    /**
     * Relative modality gap.
     */
    rmg: number
  }
  /**
   * E‖e−μ‖² of both modalities.
   */
  trace: {
    /**
     * Of the images.
     */
    image: number
    /**
     * Of the texts.
     */
    text: number
  }
  /**
   * E‖Δ‖² = `pmb`² + `cob`² + `traceU` + `traceV`.
   */
  decomposition: {
    /**
     * ‖β‖, the mean difference in U.
     */
    pmb: number
    /**
     * ‖γ‖, the mean difference in V.
     */
    cob: number
    /**
     * tr Σ_U, the spread of the differences in U.
     */
    traceU: number
    /**
     * tr Σ_V, the spread of the differences in V.
     */
    traceV: number
  }
  /**
   * U estimated at this step against the frozen one; absent before it is frozen.
   */
  rotation?: {
    /**
     * Sine of the largest principal angle, ‖P_V Q_Ut‖₂.
     */
    sinTheta: number
    /**
     * Root mean square of the sines of all principal angles.
     */
    rmsSine: number
    /**
     * Root mean square of all principal angles, degrees.
     */
    rmsAngle: number
    /**
     * `rmsSine` of a random subspace, sqrt(dim V/d).
     */
    random: number
  }
  /**
   * How the residuals in V follow those in U.
   */
  coupling: CouplingRecord
  /**
   * Root mean square share of gradient energy in V; absent without gradients.
   */
  leakage?: {
    /**
     * sqrt(E‖P_V g‖²/E‖g‖²) over the rows of both modalities.
     */
    leak: number | null
    /**
     * The same of image gradients.
     */
    image?: number | null
    /**
     * The same of text gradients.
     */
    text?: number | null
    /**
     * The same of random directions, sqrt(dim V/d).
     */
    random: number
    /**
     * The same of random mixtures of the batch's rows, sqrt(tr(P_VΣ_t)/tr Σ_t); absent without a batch, and in older logs.
     */
    mixture?: number
    /**
     * sinθ(Ut,U) + ‖L‖₂, which the paper calls a bound of `leak`; absent before the frame is frozen.
     */
    bound?: number
    /**
     * `leak` − `bound`: above zero, the remainder ρ that the bound needs to hold.
     */
    remainder?: number | null
  }
  /**
   * γ, the mean difference in V.
   */
  passive: BiasRecord
  /**
   * β, the mean difference in U, to compare with.
   */
  active: BiasRecord
  /**
   * Residuals in U.
   */
  u: USideRecord
  /**
   * Residuals in V.
   */
  v: VSideRecord
  /**
   * Search among the probe pairs; absent for `retrievalPairs: 0`.
   */
  retrieval?: {
    /**
     * Pairs it was measured on.
     */
    pairs: number
    /**
     * Images ask, texts answer.
     */
    imageToText: RecallRecord
    /**
     * Texts ask, images answer.
     */
    textToImage: RecallRecord
    /**
     * Both, of rows in random order; absent in older logs.
     */
    chance?: RetrievalChanceRecord
  }
  /**
   * What the sphere does to the text after anchor and trace, as in a measurement.
   */
  phantomDrift: {
    /**
     * ‖E[π(z)]−π(E[z])‖.
     */
    measured: number
    /**
     * ‖E[π(z)]−μx‖.
     */
    toTarget: number
    /**
     * Length of its tangential part.
     */
    tangential: number
    /**
     * Length of its prediction −(I−aaᵀ)Σc/R³, with Σ the covariance of the moved text and c = μx − s·μy.
     */
    predictedTangential: number
    /**
     * Cosine of both tangential parts.
     */
    cosine: number | null
    /**
     * Length of the predicted drift less the measured one, relative to the measured one; absent in older logs.
     */
    error?: number
    /**
     * √(cᵀΣc)/R², the parameter that the prediction is an expansion in; absent in older logs.
     */
    parameter?: number
    /**
     * Root mean square of the tangential part that sampling gives by itself; absent in older logs.
     */
    noise?: number
  }
  /**
   * Gradients against the span of the batch's embeddings; absent without a batch.
   */
  span?: {
    /**
     * sqrt(E‖g−Pg‖²/E‖g‖²), P onto the span; null where the span is the whole space.
     */
    residual: number | null
    /**
     * Dimension of the span.
     */
    dim: number
    /**
     * The same of a random vector, sqrt(1−dim/d).
     */
    random: number
  }
  /**
   * Means of the per-step covariances of the window that this step completes.
   */
  window?: {
    /**
     * First step of the window; the last is that of the record.
     */
    from: number
    /**
     * Recorded steps in it.
     */
    steps: number
    /**
     * Residuals in U.
     */
    u: USideRecord
    /**
     * Residuals in V; γ is that of the mean difference averaged over the window.
     */
    v: VSideRecord
    /**
     * How the residuals in V follow those in U.
     */
    coupling: CouplingRecord
  }
}
type TrackerInfo = {
  /**
   * How the run is followed.
   */
  options: TrackerOptions
  /**
   * The last step that was recorded; null before the first.
   */
  lastStep: number | null
}
type TrackerOptions = {
  /**
   * First step at or after which the frame is frozen.
   */
  freezeAt: number
  /**
   * Share of the energy that U holds.
   */
  energy?: number
  /**
   * Dimension of U, instead of a share.
   */
  rank?: number
  /**
   * Steps that are multiples of it are recorded; all by default.
   */
  every?: number
  /**
   * Recorded steps whose covariances are averaged; windows follow one another from the freezing on.
   */
  window?: number
  /**
   * Leading eigencomponents that are compared with the gradients'.
   */
  topEigen?: number
  /**
   * Pairs that retrieval is measured on, at most; none for 0.
   */
  retrievalPairs?: number
  /**
   * λ of the coupling.
   */
  lambda?: number
  /**
   * Seed of the isotropic samples and of the pairs that retrieval takes.
   */
  seed?: number
}
/**
 * What a training gave.
 */
export type TrainReport = {
  /**
   * The encoder's file.
   */
  encoder: string
  /**
   * Columns of its embeddings.
   */
  dim: number
  /**
   * Numbers that were trained.
   */
  parameters: number
  /**
   * Pairs that were trained on.
   */
  pairs: number
  /**
   * Pairs that were left out.
   */
  dropped: DroppedPairs
  /**
   * Updates.
   */
  steps: number
  /**
   * Loss of the last batch.
   */
  loss: number | null
  /**
   * Learned temperature.
   */
  temperature: number
  /**
   * What each held-out split shows.
   */
  heldOut: {
    [key in string]: HeldOut
  }
  /**
   * Seconds of this run.
   */
  seconds: number
}
/**
 * What one update did.
 */
export type TrainStep = {
  /**
   * Updates so far, this one included.
   */
  step: number
  /**
   * Updates in all.
   */
  total: number
  /**
   * Passes over the data begun.
   */
  epoch: number
  /**
   * Loss of the batch before the update.
   */
  loss: number
  /**
   * Share of its images whose own caption came first.
   */
  accuracy: number
  /**
   * Temperature before the update.
   */
  temperature: number
  /**
   * Learning rate of the update.
   */
  learningRate: number
  /**
   * Norm of all gradients together, before it was bounded.
   */
  gradNorm: number
  /**
   * Seconds since training began or went on.
   */
  seconds: number
}
/**
 * What a transformation of rows found.
 */
export type TransformReport = {
  /**
   * Columns.
   */
  dim: number
  /**
   * Rows taken in.
   */
  rows: {
    /**
     * Rows that were moved.
     */
    input: number
  }
  /**
   * Bad rows left out.
   */
  dropped: number
  /**
   * Files written.
   */
  outputs: Array<string>
  /**
   * What was not carried along; absent where all was.
   */
  notCarried?: Array<NotCarried>
  /**
   * ‖μz−μx‖ of the moved rows and the target's mean; absent for the target side.
   */
  toTarget?: number
  /**
   * Whether the rows look like those of the fit; absent for the target side.
   */
  fits?: {
    /**
     * Distance of the new rows' mean from the stored one, ‖μ_new − μ_fit‖ of the unit rows.
     */
    meanShift: number
    /**
     * The root mean square of the shift that sampling alone gives, sqrt(T_fit/n_fit + T_new/n_new) for independent rows.
     */
    floor: number
    /**
     * ‖μ_new − μ_fit‖² without what sampling adds.
     */
    unbiasedSquared: number
    /**
     * The distance that one in two hundred samples of the fit's distribution exceeds; absent for too few rows.
     */
    critical?: number
    /**
     * Distance of the moved mean from where the fit's own rows come to stand; absent where the fit was not verified.
     */
    shiftAfter?: number
    /**
     * What that exceeds in one of two hundred samples.
     */
    criticalAfter?: number
    /**
     * Trace of the new rows.
     */
    trace: number
    /**
     * Trace of the rows of the fit.
     */
    storedTrace: number
    /**
     * `'drifted'` when either distance exceeds what one in two hundred samples shows.
     */
    verdict: 'fits' | 'drifted' | 'too-few-rows'
  }
  /**
   * Wall-clock seconds of each part.
   */
  seconds: Seconds
  /**
   * Largest resident memory of the process so far; absent where the system does not tell.
   */
  peakMemoryBytes?: number
}
/**
 * Residuals in U, where both modalities vary.
 */
export type USideRecord = {
  /**
   * κ(Σ_U) over the eigenvalues above the floors.
   */
  kappa: number | null
  /**
   * λ₁/λ_m, m the fewest leading eigenvalues with 99.9 % of the trace.
   */
  kappaEff: number | null
  /**
   * Positive eigenvalues under a floor.
   */
  belowFloor: number
  /**
   * The same of an isotropic sample of as many rows in as many dimensions; where pairs share items, its rows share them too and
   * have as much of their variance in common.
   */
  isotropic: ConditionRecord
  /**
   * Against the covariance of the gradients in U; absent without gradients.
   */
  gradient?: {
    /**
     * Leading eigencomponents that are compared.
     */
    ranks: number
    /**
     * Pearson correlation of the sorted eigenvalues.
     */
    rhoEig: number | null
    /**
     * Pearson correlation of the diagonals in the frame's basis.
     */
    diagonal: number | null
    /**
     * `rhoEig` with the spectrum of an isotropic sample in the place of Σ_U's: sorted numbers always correlate.
     */
    isotropicRhoEig: number | null
    /**
     * Correlation that unrelated diagonals exceed in one of forty cases, 1.96/sqrt(ranks−1).
     */
    chance: number | null
    /**
     * `rhoEig` with random mixtures of the batch in the gradients' place; absent without a batch, and in older logs.
     */
    mixtureRhoEig?: number | null
    /**
     * `diagonal` with them; absent as `mixtureRhoEig`.
     */
    mixtureDiagonal?: number | null
  }
}
/**
 * Residuals in V, the complement of U.
 */
export type VSideRecord = {
  /**
   * dim V.
   */
  dim: number
  /**
   * κ(Σ_V) over the eigenvalues above the floors.
   */
  kappa: number | null
  /**
   * As in U.
   */
  kappaEff: number | null
  /**
   * Positive eigenvalues under a floor.
   */
  belowFloor: number
  /**
   * The same of an isotropic sample, as in U.
   */
  isotropic: ConditionRecord
  /**
   * Degrees between γ and the leading eigenvector of Σ_V, 0 to 90.
   */
  angle: number | null
  /**
   * Quantiles of the same angle for a random direction.
   */
  randomAngle: {
    /**
     * 5 %.
     */
    p05: number | null
    /**
     * The median.
     */
    p50: number | null
    /**
     * 95 %.
     */
    p95: number | null
  }
  /**
   * Length R̄ of the mean unit direction of P_VΔ, without the part that sampling adds to its square; not of a window,
   * and absent in older logs.
   */
  resultant?: number
  /**
   * Von Mises–Fisher concentration κ̂ of these directions, from that length.
   */
  vmf?: number | null
  /**
   * κ̂ of as many directions spread evenly, whose mean has length 1/sqrt(n), or more where pairs share items.
   */
  isotropicVmf?: number | null
}
declare class CancelToken {
  /** A token that nobody has cancelled. */
  constructor()
  /** Asks the job to stop. */
  cancel(): void
}
declare class NativeAligner {
  /** Reads an aligner's file. */
  static load(path: string, token?: CancelToken | undefined | null): Promise<Outcome<NativeAligner>>
  /** Reads an aligner from the bytes of its file. */
  static fromBytes(bytes: Uint8Array): Outcome<NativeAligner>
  /** The bytes of its file. */
  toBytes(): Buffer
  /** Writes its file, perhaps in place of an older one: temporary file, synced, renamed. */
  save(path: string, replace: boolean, token?: CancelToken | undefined | null): Promise<Outcome<undefined>>
  /** What it says of itself. */
  info(): AlignerInfo
  /** Maps f32 rows into `out`. */
  transformF32(
    rows: Float32Array,
    out: Float32Array,
  ): {
    error: Failure
  } | null
  /** Maps f64 rows into `out`. */
  transformF64(
    rows: Float64Array,
    out: Float64Array,
  ): {
    error: Failure
  } | null
  /** Maps half-precision rows, given as bits, into `out`. */
  transformF16(
    bits: Uint16Array,
    out: Uint16Array,
  ): {
    error: Failure
  } | null
}
declare class NativeRows {
  /** Opens rows, to be moved by an aligner or left as they are. */
  static open(
    source: Source,
    aligner: NativeAligner | undefined | null,
    targetSide: boolean,
  ): Promise<Outcome<NativeRows>>
  /** Some rows, row-major. */
  pick(rows: Array<number>): Promise<Outcome<Float32Array>>
}
declare class NativeTracker {
  /** A tracker that has seen no step. */
  static create(options: TrackerOptions): Outcome<NativeTracker>
  /** Reads a tracker's state. */
  static load(path: string): Promise<Outcome<NativeTracker>>
  /** Reads a tracker from the bytes of its state. */
  static fromBytes(bytes: Uint8Array): Outcome<NativeTracker>
  /** The bytes of its state. */
  toBytes(): Buffer
  /** Writes its state, perhaps in place of an older one: temporary file, synced, renamed. */
  save(path: string, replace: boolean): Promise<Outcome<undefined>>
  /** Writes the frozen frame's file, perhaps in place of an older one. */
  saveFrame(path: string, replace: boolean): Promise<Outcome<undefined>>
  /** Options, and how far it is. */
  info(): TrackerInfo
  /** Whether a step is recorded. */
  takes(step: number): boolean
  /** Records a step on a thread of its own; steps pushed at once are recorded one after another. */
  push(spec: StepSpec, sources: Array<Source>, token: CancelToken): Promise<Outcome<TrackRecord>>
}
declare class Source {
  /** Opens files, folders, globs and lists of them, off the event loop. */
  static open(spec: OpenSpec & Given<ReadOptions>, token?: CancelToken | undefined | null): Promise<Outcome<Source>>
  /** Copies f32 rows; `faults` are rows that could not be given, three numbers each: see `faults_of`. */
  static fromF32(
    rows: Float32Array,
    dim: number,
    options: Given<ReadOptions>,
    faults?: Uint32Array | undefined | null,
  ): Outcome<Source>
  /** Copies f64 rows, likewise. */
  static fromF64(
    rows: Float64Array,
    dim: number,
    options: Given<ReadOptions>,
    faults?: Uint32Array | undefined | null,
  ): Outcome<Source>
  /** Copies half-precision rows, given as bits. */
  static fromF16(bits: Uint16Array, dim: number, options: Given<ReadOptions>): Outcome<Source>
  /** Copies bfloat16 rows, given as bits. */
  static fromBf16(bits: Uint16Array, dim: number, options: Given<ReadOptions>): Outcome<Source>
  /** Copies Arrow IPC bytes. */
  static fromArrow(ipc: Uint8Array, column: string | undefined | null, options: Given<ReadOptions>): Outcome<Source>
  /** The same rows with the group of each: one number per row, equal for rows that belong together. */
  grouped(keys: Uint32Array): Outcome<Source>
  /** Lets go of the rows now, not when JavaScript gets round to it; jobs that run keep theirs. */
  release(): void
  /** Rows, width, type, format and shards. */
  info(): EmbeddingsInfo
}
/** A piece of an answer. */
export interface AnswerPiece {
  /** Number of the answer. */
  answer: number
  /** Text that is certain by now. */
  text: string
}
/** Unit rows under the parameters of one moment, and the loss's gradients at the batch's rows; `dim` values a row. */
interface ProbeEvent {
  /** Updates made when it was taken. */
  step: number
  /** Columns. */
  dim: number
  /** Held-out images. */
  image: Float32Array
  /** Their captions. */
  text: Float32Array
  /** The batch's images. */
  batchImage: Float32Array
  /** The batch's captions. */
  batchText: Float32Array
  /** Gradients at the batch's images. */
  gradImage: Float32Array
  /** Gradients at the batch's captions. */
  gradText: Float32Array
}
/** How far a job has come; sent at most a few times a second. */
interface ProgressEvent {
  /** What is being done, such as `'moments image'`, `'centroid 1'` or `'transform'`. */
  stage: string
  /** Rows done in this stage. */
  rows: number
  /** Rows of this stage. */
  total: number
  /** Seconds since the job began. */
  seconds: number
}
/** Distances between the means on one set of rows, before and after a fit. */
export type FitGap = Omit<AlignerGap, 'held'>
/** How grave a finding is. */
export type FindingLevel = 'problem' | 'warning' | 'note'
/** Something worth knowing about rows, with its evidence and what to do. */
export interface Finding {
  /** Stable name. */
  code:
    | 'modalities-swapped'
    | 'rows-misaligned'
    | 'f16-overflow'
    | 'rows-not-unit'
    | 'duplicates'
    | 'shared-component'
    | 'few-rows'
    | 'in-sample'
    | 'below-floor'
    | 'sides-related'
    | 'scale-far-from-one'
  /** How grave it is. */
  level: FindingLevel
  /** What is the case, in words. */
  text: string
  /** The numbers that say so. */
  evidence: string
  /** What to do. */
  advice: string
}
interface Diagnosed {
  /** The gravest first. */
  diagnosis: Finding[]
}
/** What a fit found. */
export interface FitReport extends FitResult, Diagnosed {}
/** The gap between two modalities and what it is made of. */
export interface GapReport extends GapResult, Partial<Causes>, Diagnosed {}
/** How a long call is watched and stopped. */
export interface RunOptions {
  /** Stops the call within a block of rows; it then rejects with `CANCELLED` and leaves no unfinished file. */
  signal?: AbortSignal
  /** Called at most a few times a second; what it throws stops the call, which then rejects with it. */
  onProgress?: (progress: ProgressEvent) => void
}
/** Works on shards of a pass of a distributed job; those that are done are left as they are. */
export type PassTask = Extract<
  TaskSpec,
  {
    /** Which of these it is. */
    task: 'pass'
  }
>
/** Who runs the shard tasks of a job, on other machines or in other processes that see the same files or objects. */
export interface Engine {
  /**
   * Runs tasks, each of them in any place and any number of times, and resolves when all have ended. What they print may be given
   * back: a task whose result is missing, foreign or there twice is then refused by name.
   *
   * @throws {@link ModalityGapError} `ENGINE_FAILED` where running the tasks that have no result again may help; anything else ends
   * the job
   */
  runTasks(tasks: readonly PassTask[], pass: PendingPass, run: RunOptions): Promise<readonly TaskReceipt[] | undefined>
}
/** Where a job is run. */
export interface EngineOptions {
  /** Who runs its passes over shards. @defaultValue the threads of this process */
  on?: Engine
}
/** Where a job is run whose result is a report. */
export interface WorkOptions extends EngineOptions {
  /** Folder for the states of finished passes; needed with `on`, whose workers write there, and of no use without it. */
  work?: string
  /** Take up the states found in `work`, after checking them. @defaultValue `false` */
  resume?: boolean
}
/** Storage type of a component. */
export type Dtype = 'f16' | 'bf16' | 'f32' | 'f64'
/**
 * Container of rows that is read and written; `pickle` is the published layout, a list of `{id, caption | image_path, embed}`,
 * `jsonl` has one JSON record on each line, `fvecs` is the layout of nearest-neighbour benchmarks.
 */
export type Format = 'npy' | 'npz' | 'parquet' | 'arrow' | 'safetensors' | 'pickle' | 'jsonl' | 'fvecs'
/** Which side of a clip-retrieval folder, or which vector column of a table, is meant. */
export type Role = 'image' | 'text' | 'other'
/** Options of a fit that say what is fitted. */
export interface FitOptions {
  /** @defaultValue `'realign'` */
  method?: Method
  /** Steps of `realign` to take, in their order. @defaultValue all three */
  steps?: readonly Step[]
  /** @defaultValue `'iterate'` */
  centroid?: Centroid
  /** How often the centroid step is applied; the published method applies it once. @defaultValue `1` */
  centroidIterations?: number
  /** Stop as soon as the length of an offset falls below this; raises the default bound on iterations to 1000. */
  tolerance?: number
  /** Rounds the means as the published code does, for comparison with it. */
  compat?: 'official'
  /** Whether results are scaled to unit length. @defaultValue `true`; `false` for `centering` */
  renormalize?: boolean
  /** Standard deviation σ of each component of the noise of `c3`. @defaultValue `Math.sqrt(0.016)` */
  noise?: number
  /**
   * Seed of that noise, which is keyed by the row's index, and in a training by the pass over the data, so that every epoch draws anew.
   *
   * @defaultValue that of `seed`
   */
  noiseSeed?: number
  /** Added to the diagonal of covariances before `bca` and `bures` take their roots. @defaultValue `1e-6` */
  ridge?: number
  /**
   * Whether `bca` matches covariances, or second moments as printed (`true` by default); whether `c3` centres both sides, as its code
   * for captions does, in place of moving texts onto images (`false` by default).
   */
  centered?: boolean
  /** Share of the energy of the frame that `bca` and `aniso-init` work in; not with `rank`. @defaultValue `0.99` */
  energy?: number
  /** Dimension of that frame's U; not with `energy`. */
  rank?: number
  /** File of a frame made earlier for them to work in, instead of one of these rows. */
  frame?: string
  /** Whether row i of one side belongs to row i of the other; `procrustes` needs that. @defaultValue `false` */
  paired?: boolean
  /** Share of both sides kept out of the fit, in [0, 1), to measure the gap on rows it has not seen. @defaultValue `0` */
  holdout?: number
  /** Seed of every sampled choice. @defaultValue `0` */
  seed?: number
  /** Share of the rows that are not held out which the fit sees, in [0, 1); 0 for all. @defaultValue `0` */
  subset?: number
  /** Seed of that choice. @defaultValue `0` */
  subsetSeed?: number
  /** Name of the target side in reports and in the aligner. @defaultValue `'image'` */
  targetName?: string
  /** Name of the source side in reports and in the aligner. @defaultValue `'text'` */
  sourceName?: string
  /** Label of the encoder that made the embeddings, kept in the aligner. */
  encoder?: string
}
/** How much of the machine a job may take. */
export interface ThreadOptions {
  /** Native threads. @defaultValue the cores of the machine */
  threads?: number
}
/** Whether an output may take the place of what is there. */
export interface OverwriteOptions {
  /** Replace what stands where the output goes; rows that are read are never replaced. @defaultValue `false` */
  overwrite?: boolean
}
/** What is written, and how. */
export interface OutputOptions extends ThreadOptions, OverwriteOptions {
  /** Storage type of the output. @defaultValue that of the input */
  dtype?: Dtype
  /** Container of the output. @defaultValue that of the input */
  format?: Format
  /** Wait until the disk holds the files before they get their names. @defaultValue `true` */
  sync?: boolean
}
/** Output that can be taken up again after an interruption. */
export interface ResumableOutputOptions extends OutputOptions {
  /** Keep the finished shards of an interrupted run of the same job, after checking them. @defaultValue `false` */
  resume?: boolean
}
interface RowLookup {
  /** Rows there are. */
  readonly rows: number
  /**
   * The row of an id, or nothing.
   *
   * @param id the image's id, or the record's
   * @param record number of the record over all files of the data, from 0
   */
  rowOf(id: string, record: number): number | undefined
}
/**
 * How much of an id counts:
 * - `'exact'`: all of it;
 * - `'stem'`: the name of a file without folder and ending, so that `coco/000123.jpg` finds `/data/000123.png`.
 */
export type IdMatch = 'exact' | 'stem'
/** How records find their rows. */
export interface EmbeddingIds {
  /**
   * Where the id of a row is found:
   * - `'metadata'`: in the metadata of a clip-retrieval folder, or in the parquet, Arrow or pickle that holds the rows;
   * - `'order'`: nowhere, row i belongs to record i;
   * - `'row'`: the id is the row's number;
   * - anything else: a file of ids, see `idsIn`.
   *
   * @defaultValue `'metadata'`
   */
  from?: string
  /** Column or key of the ids. @defaultValue the first of `ID_COLUMNS` that is there */
  column?: string
  /** How much of an id counts. @defaultValue `'exact'` */
  match?: IdMatch
}
/**
 * The item that each row belongs to, such as the image of a caption: rows with equal ids belong together, on one side and
 * across both. Ids are compared as texts; numbers are taken as they are written, and those beyond 2⁵³ are given as
 * `bigint` or text.
 * - a list: one id per row;
 * - a text: a file of ids (`ids.txt`, `ids.npy`, `items.jsonl`, `items.parquet#image_id`), or the name of a column of the metadata
 *   beside the rows, or of the table that holds them; `'none'` for rows that belong to nothing.
 */
export type RowIds = string | readonly (string | number | bigint)[] | Uint32Array | BigInt64Array | BigUint64Array
/** Rows in memory, row-major; `Uint16Array` holds the bits of f16. */
export type Rows = Float32Array | Float64Array | Uint16Array
/** Rows as plain numbers: one after the other, or each in an array of its own. */
export type NumberRows = readonly number[] | readonly (readonly number[])[]
/** A dense tensor of one row (`[d]`) or of many (`[n, d]`), such as transformers.js returns. */
export interface Tensor<T extends Rows = Rows> {
  /** What its values are: `float32`, `float64`, `float16` or `bfloat16`. @defaultValue by `data`; 16 bits are f16 */
  readonly type?: string
  /** Its shape. */
  readonly dims: readonly number[]
  /** Its values, row-major. */
  readonly data: T
}
/**
 * Where rows come from:
 * - a path or a list of paths: a file, a folder or a glob each, with an optional `#name` that picks a column, tensor,
 *   npz key or leading index;
 * - an array of numbers with `dim`, or of 16-bit patterns (`Uint16Array`) with `dim` and, for bf16, `dtype`;
 * - an array of rows that are arrays of numbers, all of one length;
 * - a tensor, whose `type` says what its values are;
 * - bytes: Arrow IPC, or, when `dim` is given, plain rows of `dtype` in the byte order of the machine.
 */
export type EmbeddingsInput =
  | string
  | readonly string[]
  | Rows
  | NumberRows
  | readonly (Float32Array | Float64Array)[]
  | Tensor
  | Uint8Array
  | ArrayBuffer
/** How rows are opened. */
export interface EmbeddingsOptions {
  /**
   * What to do with a row that is not finite, has length zero or a wrong width, is null or has a null in it.
   *
   * @defaultValue `'error'`
   */
  onBadRow?: OnBadRow
  /** Whether rows are scaled to unit length as they are read. @defaultValue `true` */
  normalize?: boolean
  /** A name for these rows, kept in aligners that are fitted on them. */
  label?: string
  /** Side of a clip-retrieval folder to take. @defaultValue `'other'`, the rows as they stand */
  role?: Role
  /**
   * Split of a data set to take: of a `DatasetDict` that `save_to_disk` wrote, of a Hugging Face cache, or, as in
   * repositories of the hub, a folder (`train/`) or files (`train-00000-of-00002.parquet`) that are named by it. Words for one
   * split (`val`, `validation`) find each other. For rows in files only.
   *
   * @defaultValue what is there, which has to be one split
   */
  split?: string
  /** Columns of a row; needed for plain arrays and plain bytes, in memory or in a file (`.bin`, `.raw`, `.dat`). */
  dim?: number
  /**
   * What plain bytes or 16-bit patterns hold, and how plain numbers are kept; needed for files of plain bytes.
   *
   * @defaultValue `'f32'` for bytes, `'f16'` for `Uint16Array`, `'f64'` for plain numbers
   */
  dtype?: Dtype
  /**
   * Makes one row of the states of each, in files with arrays of three dimensions (N, T, D), such as states of tokens: their mean,
   * computed in f64 and kept in f32 (of f64 in f64), the first or the last. Arrays of two dimensions stay what they are.
   *
   * @defaultValue such arrays are refused, but those of one state a row
   */
  pool?: Pool
  /** The column of Arrow data to take. @defaultValue the only column of vectors */
  column?: string
  /**
   * The item that each row belongs to, such as the image of a caption. @defaultValue an item column of the metadata or of
   * the table that holds the rows, where measurements, comparisons, analyses and hold-outs find one
   */
  ids?: RowIds
}
/** Opened rows: a handle to files or to a copy in memory, to be used in any number of calls. */
export declare class Embeddings {
  #private
  private constructor()
  /** Number of rows, bad ones included. */
  get rows(): number
  /** Columns of a row. */
  get dim(): number
  /** Storage type of a component. */
  get dtype(): Dtype
  /** Container, or `'memory'`. */
  get format(): EmbeddingsInfo['format']
  /** Whether the files stand in a clip-retrieval folder with metadata beside them. */
  get layout(): EmbeddingsInfo['layout']
  /** The files in reading order. */
  get shards(): readonly ShardInfo[]
  /** The label they were opened with. */
  get label(): string | undefined
  /** Releases rows in memory now, rather than when they are collected; calls that run keep theirs. */
  dispose(): void
  /** The same, for `using`. */
  [Symbol.dispose](): void
}
/**
 * Opens rows on disk or takes a copy of rows in memory. Files are probed, not read: their rows are streamed by every
 * call that uses them and have to stay as they are meanwhile.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`, `BAD_FORMAT`, `UNSUPPORTED`, `EMPTY`, `BAD_SELECTOR` or
 * `WIDTH_MISMATCH` with the file; `BAD_OPTION` for columns or a storage type of files that say them; `BAD_SHAPE` when an array does not hold whole rows; `BAD_ROW` with the row; `NOT_PAIRED`
 * when `ids` and rows differ in number; `CANCELLED` when `signal` is aborted while a store is waited for
 */
export declare function openEmbeddings(
  input: EmbeddingsInput,
  options?: EmbeddingsOptions,
  run?: Pick<RunOptions, 'signal'>,
): Promise<Embeddings>
/** How two sides of rows belong together. */
export interface GroupOptions {
  /**
   * Whether rows are paired: rows of one id with each other where ids are known, otherwise row i with row i. A dropped row
   * then drops its partner. @defaultValue `false`; `true` with `captionsPerImage`, or with ids given for both sides
   */
  paired?: boolean
  /**
   * Captions of each image, in order: `5` says that texts 5i to 5i+4 belong to image i, whether the images stand once or as
   * often as their captions.
   */
  captionsPerImage?: number
}
/** The two sides of a fit; they need not be paired. */
export interface Sides {
  /** Rows to imitate, usually images; read once. */
  target: Embeddings
  /** Rows to move, usually texts; read `2 + centroidIterations` times. */
  source: Embeddings
}
/** What to fit, and how. */
export interface FitInput extends Sides, FitOptions, GroupOptions, ThreadOptions, EngineOptions {
  /** Read the source once more to measure the gap after the fit. @defaultValue `true` */
  verify?: boolean
  /** Folder for the states of finished passes, so that an interrupted fit can be resumed; needed with `on`, whose workers write there. */
  work?: string
  /** Take up the states found in `work`, after checking them. @defaultValue `false` */
  resume?: boolean
}
/** What to fit and where to write the moved rows. */
export interface AlignInput extends Sides, FitOptions, GroupOptions, ResumableOutputOptions, EngineOptions {
  /** Folder for the moved rows and the aligner; made when absent. */
  out: string
}
/** How shards are transformed. */
export interface TransformOptions extends ResumableOutputOptions, EngineOptions {
  /** Which side's map is applied; the target's only moves rows in `centering`. @defaultValue `'source'` */
  side?: 'source' | 'target'
}
/** A fitted map from the source's distribution to the target's: small, portable, safe to share. */
export declare class Aligner {
  #private
  /** What it knows about itself and its fit. */
  readonly info: AlignerInfo
  /** What the fit found; absent when the aligner was loaded. */
  readonly report: FitReport | undefined
  private constructor()
  /**
   * Fits an aligner in passes over the data; memory does not grow with the number of rows.
   *
   * @throws {@link ModalityGapError} `WIDTH_MISMATCH` when the two sides differ in width, `BAD_ROW` with file and row
   * (unless the embeddings were opened with `onBadRow: 'drop'`), `TOO_FEW_ROWS`, `BAD_OPTION`, `CANCELLED`
   * @see arXiv 2602.07026, section 4
   */
  static fit(input: FitInput, run?: RunOptions): Promise<Aligner>
  /**
   * Fits an aligner and writes the moved rows of the source, shard by shard, in one job; where a method moves the target
   * too (`centering`), both sides are written. Output keeps names, order, metadata and, unless an option says otherwise, format and
   * storage type of the input. `report.outputs` lists the files.
   *
   * @throws {@link ModalityGapError} as `fit` does, `BAD_OPTION` and `WRITE_FAILED`; unfinished files are removed
   */
  static alignTo(input: AlignInput, run?: RunOptions): Promise<Aligner>
  /**
   * Reads an aligner file.
   *
   * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`, `BAD_ALIGNER`, `NEWER_VERSION`; `CANCELLED` when `signal` is aborted
   * while a store is waited for
   */
  static load(path: string, run?: Pick<RunOptions, 'signal'>): Promise<Aligner>
  /**
   * Reads the bytes of an aligner file.
   *
   * @throws {@link ModalityGapError} `BAD_ALIGNER`, `NEWER_VERSION`
   */
  static fromBytes(bytes: Uint8Array): Aligner
  /** Columns of the rows it takes and gives. */
  get dim(): number
  /** The aligner as a safetensors file; `fromBytes` and `modality-gap/transform` read it back exactly. */
  toBytes(): Uint8Array
  /**
   * Writes the aligner as a safetensors file; the file has its name only once it is complete.
   *
   * @throws {@link ModalityGapError} `BAD_OPTION` where something stands, `WRITE_FAILED`; `CANCELLED` when `signal` is aborted while a
   * store is waited for
   */
  save(path: string, options?: OverwriteOptions & Pick<RunOptions, 'signal'>): Promise<void>
  /**
   * Moves one source row or many. Rows are scaled to unit length first; results have unit length (except for methods
   * without renormalisation) and are computed in f64 whatever the array.
   *
   * @param rows `n × dim` values, row-major; `Uint16Array` holds f16 bits, a tensor what its `type` says
   * @param out where to write, of the same kind and length; may be `rows` itself; allocated when absent
   * @returns `out`
   * @throws {@link ModalityGapError} `BAD_SHAPE` when they are not whole rows, `BAD_ROW` with the first row that is not
   * finite or has length zero; `out` is then written up to that row at most
   */
  transform(rows: Float32Array, out?: Float32Array): Float32Array
  transform(rows: Float64Array, out?: Float64Array): Float64Array
  transform(rows: Uint16Array, out?: Uint16Array): Uint16Array
  transform<T extends Rows>(rows: Tensor<T>, out?: Tensor<T>): Tensor<T>
  transform(rows: readonly number[]): number[]
  transform(rows: readonly (readonly number[])[]): number[][]
  /**
   * Moves the rows of any number of shards on the native threads and writes them to `out`, a folder, or a file when there
   * is one shard and the name has a known ending. The report says whether the rows still look like those of the fit.
   *
   * @throws {@link ModalityGapError} `WIDTH_MISMATCH`, `BAD_ROW` with file and row, `BAD_OPTION`, `WRITE_FAILED`,
   * `CANCELLED`; unfinished files are removed
   */
  transformTo(rows: Embeddings, out: string, options?: TransformOptions & RunOptions): Promise<TransformReport>
}
/**
 * Reads captions, one for each row of their embeddings:
 * - text in UTF-8, one on each line;
 * - JSON lines, or one JSON array, of strings or of objects with `caption` or `text`;
 * - CSV or TSV with a header that names `caption` or `text`;
 * - parquet, Arrow or a published pickle, their column or key `caption` or `text`;
 * - any text of these in gzip.
 *
 * What a file is, its first bytes tell, and for tables of text its ending.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`; `BAD_FORMAT` with the line as row; `BAD_SELECTOR` for a table without
 * captions; `UNSUPPORTED` for a file of another kind, by its name
 */
export declare function readCaptions(path: string): Promise<string[]>
/** Captions of one kind for the same images. */
export interface Corpus {
  /** Its name, such as `'long'`. */
  name: string
  /** Embeddings of its captions. */
  text: Embeddings
  /** The captions themselves, when there are any to read. */
  captions?: readonly string[]
}
/** Which corpora to compare. */
export interface CaptionsInput extends ThreadOptions {
  /** Images that the captions describe. */
  image: Embeddings
  /** The corpora. */
  corpora: readonly Corpus[]
  /** Tokens that the text encoder takes, start and end included. @defaultValue `77` */
  tokenLimit?: number
}
/** What the words of a corpus are like. */
export interface CaptionWords {
  /** Captions. */
  count: number
  /** Mean number of words. */
  words: number
  /** Share of captions that exceed the token limit even if every word were one token: a lower bound on truncation. */
  overLimit: number
  /** Share of words that name nothing to see: function words, hedges, judgements, moods. */
  nonVisual: number
}
/** One corpus against the images. */
export interface CorpusReport {
  /** Its name. */
  name: string
  /** Rows. */
  rows: number
  /** Bad rows left out. */
  dropped: number
  /** exp of the entropy of the spectrum of the population; null where `spectrumRows` are too few. */
  effectiveRank: number | null
  /** That of `spectrumRows` of its rows, to compare with the others. */
  effectiveRankBiased: number | null
  /** Power law of the spectrum of the population; null where `spectrumRows` are too few. */
  alpha: number | null
  /** That of `spectrumRows` of its rows, to compare with the others. */
  alphaBiased: number | null
  /** Trace of its covariance. */
  trace: number
  /** Distance of its mean from the images'. */
  gap: number
  /** Noise floor of that distance. */
  floor: number
  /** Its words, when captions were given. */
  captions?: CaptionWords
}
/** Corpora of captions compared. */
export interface CaptionsReport {
  /** The images they are compared with. */
  image: Pick<
    CorpusReport,
    'rows' | 'dropped' | 'effectiveRank' | 'effectiveRankBiased' | 'alpha' | 'alphaBiased' | 'trace'
  >
  /** The corpora, in the order given. */
  corpora: CorpusReport[]
  /** Tokens that the text encoder takes. */
  tokenLimit: number
  /**
   * Rows, about, that every spectrum was taken from, one of each item: as many as the side with the fewest items has, for effective
   * ranks and power laws of one population differ with the number of independent rows.
   */
  spectrumRows: number
}
/**
 * Compares corpora of captions for one set of images: long captions spread more, and start from a larger gap
 * (arXiv 2602.07026, long-caption paradox: about 30 % larger).
 *
 * @throws {@link ModalityGapError} as `measureGap` does; `NOT_PAIRED` when a corpus has more or fewer captions than rows
 */
export declare function analyzeCaptions(input: CaptionsInput, run?: RunOptions): Promise<CaptionsReport>
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
/**
 * Fits on each domain and measures the gap on every other (arXiv 2602.07026: statistics of another domain leave a
 * substantially larger gap).
 *
 * @throws {@link ModalityGapError} as `Aligner.fit` and `measureGap` do
 */
export declare function analyzeDomains(input: DomainsInput, run?: RunOptions): Promise<DomainsReport>
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
export declare function analyzeModalities(input: ModalitiesInput, run?: RunOptions): Promise<ModalitiesReport>
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
/**
 * Fits on samples of growing size and measures the gap on rows that no fit has seen (arXiv 2602.07026, section on sample
 * size: a plateau near ten thousand).
 *
 * @throws {@link ModalityGapError} as `Aligner.fit` does
 */
export declare function analyzeSampleSize(input: SampleSizeInput, run?: RunOptions): Promise<SampleSizeReport>
/** What is compared with the receipts of a pass. */
export interface CollectOptions {
  /** What the tasks of the pass have printed; one that is missing, foreign or there twice is refused. */
  results?: readonly TaskReceipt[]
}
/**
 * The state of a pass of a distributed job: which shards have a result that can be used, and what is wrong with those of the others.
 *
 * @param manifest the manifest of the pass, which its tasks name
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`, `BAD_RECEIPT` when it is no manifest
 */
export declare function collect(manifest: string, options?: CollectOptions & RunOptions): Promise<CollectReport>
/** How the gap is taken apart. */
export interface CauseOptions {
  /** Share of the energy that U holds; not with `rank`. @defaultValue `0.99` */
  energy?: number
  /** Dimension of U; not with `energy`. */
  rank?: number
  /** Last rank of the power-law fit. @defaultValue `128`, or the rank where that is smaller */
  alphaRanks?: number
  /** Ridge λ of the coupling, absolute. @defaultValue `1e-6` */
  lambda?: number
}
/** What is measured, and on which rows. */
export interface MeasureOptions extends CauseOptions, GroupOptions, OverwriteOptions {
  /** What to measure beside the gap. @defaultValue everything */
  parts?: readonly MeasurePart[]
  /** Measure only the rows that a fit with this `holdout` and `seed` did not see, in [0, 1); 0 for all. @defaultValue `0` */
  holdout?: number
  /** Seed of every sampled choice. @defaultValue `0` */
  seed?: number
  /**
   * Let every row ask for its neighbours, however many there are. @defaultValue `false`: above 20,000 rows a side a sample
   * of about 10,000 asks, always against all rows
   */
  exact?: boolean
  /** File of a frame made earlier, to take the gap apart in; not with `energy` or `rank`. */
  frame?: string
  /** File to keep the frame of these rows in. */
  saveFrame?: string
  /** Add what a report draws. @defaultValue `false` */
  figures?: boolean
}
/** The options of a fit that make a strategy what it is. */
export type StrategyOptions = Omit<
  FitOptions,
  'holdout' | 'seed' | 'subset' | 'subsetSeed' | 'paired' | 'targetName' | 'sourceName' | 'encoder'
>
/** The name of a strategy in a comparison: a method, or a variant of ReAlign. */
export type StrategyName = Method | 'anchor-trace' | 'realign-10' | 'realign-solve'
/** Every strategy that a comparison knows by name. */
export declare const STRATEGIES: Readonly<Record<StrategyName, StrategyOptions>>
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
/**
 * Fits every strategy on one part of the rows and measures it on the other: what it does to the gap (compatibility) and
 * what it keeps of the text's own geometry (preservation).
 *
 * @throws {@link ModalityGapError} as `Aligner.fit` and `measureGap` do
 */
export declare function compareStrategies(input: CompareInput, run?: RunOptions): Promise<CompareReport>
/** How rows are converted; `resume` goes with `on`. */
export interface ConvertOptions extends ResumableOutputOptions, EngineOptions {}
/**
 * Writes rows as they are, not normalised, in another container or storage type. `out` is a folder, or a file when there
 * is one shard and the name has a known ending.
 *
 * @throws {@link ModalityGapError} `BAD_ROW` with file and row, `UNSUPPORTED`, `BAD_OPTION`, `WRITE_FAILED`, `CANCELLED`;
 * unfinished files are removed
 */
export declare function convert(
  rows: Embeddings,
  out: string,
  options?: ConvertOptions & RunOptions,
): Promise<ConvertReport>
/** Shapes of a dual encoder. */
export interface EncoderShape {
  /** Columns of an embedding. @defaultValue `192` */
  dim?: number
  /** Pixels of an image's side. @defaultValue `32` */
  imageSize?: number
  /** Pixels of a patch's side, a divisor of the image's. @defaultValue `8` */
  patch?: number
  /** The image tower. @defaultValue `{ width: 128, layers: 2, heads: 4 }` */
  image?: TowerShape
  /** The text tower. @defaultValue `{ width: 128, layers: 1, heads: 4 }` */
  text?: TowerShape
  /** Words of a caption that are read at most. @defaultValue `24` */
  tokens?: number
}
/** Constants of AdamW. */
export interface AdamWOptions {
  /** @defaultValue `0.9` */
  beta1?: number
  /** @defaultValue `0.98` */
  beta2?: number
  /** @defaultValue `1e-6` */
  eps?: number
  /** Largest norm of all gradients together; `0` for no bound. @defaultValue `1` */
  maxGradNorm?: number
}
/** How a dual encoder is trained. Equal options, data and seed give equal bits, whatever the number of threads. */
export interface TrainOptions {
  /** Shapes of the encoder. */
  model?: EncoderShape
  /** Passes over the training pairs. @defaultValue `40` */
  epochs?: number
  /** Updates in all; takes the place of `epochs`. */
  steps?: number
  /** Pairs that are contrasted with each other; no two of equal captions. @defaultValue `128` */
  batchSize?: number
  /** Pairs whose activations are held at a time; it changes memory and nothing else. @defaultValue the batch */
  microBatch?: number
  /** Highest learning rate. @defaultValue `0.001` */
  learningRate?: number
  /** Share of the updates in which the rate rises from 0. @defaultValue `0.1` */
  warmup?: number
  /** @defaultValue `'cosine'` */
  schedule?: ScheduleKind
  /** Decay of matrices; vectors and tables have none. @defaultValue `0.1` */
  weightDecay?: number
  /** Constants of the optimiser. */
  optimizer?: AdamWOptions
  /** Temperature at the start; it is learned. Near 0.01 the gap stays, at 0.07 it closes. @defaultValue `0.01` */
  temperature?: number
  /** Lowest temperature that training may reach. @defaultValue `0.01`, as in CLIP */
  minTemperature?: number
  /** Whether images are shifted, scaled and tinted by chance. @defaultValue `true` */
  augment?: boolean
  /** Seed of everything that happens by chance. @defaultValue `0` */
  seed?: number
  /** Updates between two probes; `0` for none. @defaultValue `0` */
  probeEvery?: number
  /** Held-out pairs in a probe at most. @defaultValue `1000` */
  probeRows?: number
  /** Updates between two checkpoints; `0` for one at the end, and one when the training is stopped. @defaultValue `0` */
  checkpointEvery?: number
}
/** How lists of pairs are read. */
export interface PairOptions {
  /**
   * `error` stops with all bad pairs in one message, the first twenty by name; `drop` leaves them out and counts them.
   *
   * @defaultValue `'error'`
   */
  onBadPair?: OnBadPair
  /** Whether a list may name images outside of its own folder. @defaultValue `false` */
  allowOutsideImages?: boolean
}
/** What and how pairs are embedded. */
export interface EmbedOptions extends PairOptions, OverwriteOptions {
  /** Name of the encoder's prompt that every text stands behind. @defaultValue the encoder's own default, if it has one */
  prompt?: string
  /** Only pairs of these splits. @defaultValue all */
  splits?: readonly string[]
  /** Pairs per shard; each gives a row for each of its captions. @defaultValue `10000` */
  shardRows?: number
  /** f32 instead of f16. @defaultValue `false` */
  full?: boolean
  /** Keep the shards of an earlier run that are as it wrote them, of the same encoder, pairs and images. @defaultValue `false` */
  resume?: boolean
}
/** What is trained, from what, and where it goes. */
export interface TrainInput extends TrainOptions, PairOptions, ThreadOptions, OverwriteOptions {
  /** Lists of pairs: jsonl, csv, tar files in the WebDataset layout, or folders with one of them or with text files. */
  data: string | readonly string[]
  /** Folder for the encoder, its checkpoint and `log.jsonl`, one line for each update. */
  out: string
  /**
   * Go on from the checkpoint in `out`; the options have to be the same. A training that was cut short before its first
   * checkpoint begins anew.
   *
   * @defaultValue `false`
   */
  resume?: boolean
  /** Folder for probes as files: `step_000800/{image,text,grad_image,grad_text,batch_image,batch_text}.npy`. */
  probes?: string
  /** Share of the training pairs held out by chance, for lists that name no splits. @defaultValue `0` */
  holdout?: number
}
/** How a training is watched and stopped; what a callback throws stops it, and the call rejects with that. */
export interface TrainRun {
  /** Stops before the next update; a checkpoint is left in `out`. */
  signal?: AbortSignal
  /** After every update. */
  onStep?: (step: TrainStep) => void
  /** Every `probeEvery` updates, before the update. */
  onProbe?: (probe: ProbeEvent) => void
}
/** What is embedded, by what, and where it goes. */
export interface EmbedInput extends EmbedOptions, ThreadOptions {
  /** An encoder trained here (file or folder), or a folder of transformers or sentence-transformers: see docs/encoders.md. */
  encoder: string
  /** Lists of pairs, as for training. */
  data: string | readonly string[]
  /** Folder to write into, in the clip-retrieval layout. */
  out: string
}
/** An encoder: one that was trained here, or a local CLIP, SigLIP or BERT-like sentence encoder. */
export declare class DualEncoder {
  #private
  /** What the training found; absent when the encoder was loaded. */
  readonly report?: TrainReport
  private constructor()
  /**
   * Trains an image tower and a text tower from scratch by the symmetric contrastive loss of CLIP.
   *
   * @throws {@link ModalityGapError} `BAD_IMAGE` with the file, `BAD_FORMAT` with list and record, `BAD_OPTION`
   * (also where `out` holds another training), `NUMERIC` when the loss is not finite, `BAD_MODEL` when a checkpoint belongs to other options, `CANCELLED`
   * @see arXiv 2103.00020
   */
  static train(input: TrainInput, run?: TrainRun): Promise<DualEncoder>
  /**
   * Reads an encoder: the file or the folder of a training, or a folder of transformers or sentence-transformers.
   *
   * @throws {@link ModalityGapError} `NOT_FOUND`, `BAD_MODEL` with the file
   */
  static load(path: string): Promise<DualEncoder>
  /** Columns of a row. */
  get dim(): number
  /** Whether it takes images. */
  get images(): boolean
  /** Names of the prompts that the folder of a sentence encoder brings, sorted. */
  get prompts(): readonly string[]
  /**
   * Unit rows of texts, row-major, `texts.length × dim`.
   *
   * @throws {@link ModalityGapError} `BAD_OPTION` for a prompt that the encoder does not have, `BAD_ROW` for a text whose row
   * has length zero
   */
  embedTexts(texts: readonly string[], options?: Pick<EmbedOptions, 'prompt'>): Promise<Float32Array>
  /**
   * Unit rows of image files, row-major, `paths.length × dim`.
   *
   * @throws {@link ModalityGapError} `BAD_IMAGE`, `NOT_FOUND` with the file; `BAD_OPTION` without an image tower
   */
  embedImages(paths: readonly string[]): Promise<Float32Array>
  /** Releases the encoder's memory now, rather than when it is collected; calls that run keep it until they end. */
  dispose(): void
  /** The same, for `using`. */
  [Symbol.dispose](): void
}
/**
 * Writes the embeddings of pairs in the clip-retrieval layout: `img_emb/`, `text_emb/`, and `metadata/` with paths and
 * captions. A pair of several captions gives a row for each, its image beside all of them; by their path in the metadata, `measure`
 * knows that they belong together.
 *
 * @throws {@link ModalityGapError} as {@link DualEncoder.load} and {@link DualEncoder.embedImages}; `BAD_OPTION` where something
 * stands in `out`, `CANCELLED`
 */
export declare function embedPairs(input: EmbedInput, run?: RunOptions): Promise<EmbedReport>
/** How rows are looked at. */
export interface InspectOptions extends ThreadOptions, WorkOptions {
  /** How many bad rows to list. @defaultValue `10` */
  badRows?: number
}
/**
 * Reads all rows once and reports shape, storage, lengths and the rows that cannot be used. A bad row is a finding here,
 * not an error.
 *
 * @throws {@link ModalityGapError} `UNREADABLE` or `BAD_FORMAT` with the file, `CANCELLED`
 */
export declare function inspect(rows: Embeddings, options?: InspectOptions & RunOptions): Promise<InspectReport>
/** What to measure. */
export interface MeasureInput extends ThreadOptions, MeasureOptions, WorkOptions {
  /** Rows of the image side. */
  image: Embeddings
  /** Rows of the text side. */
  text: Embeddings
  /** Applied to the text rows before they are measured. */
  aligner?: Aligner
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
export declare function measureGap(input: MeasureInput, run?: RunOptions): Promise<GapReport>
/** What a run says about a claim of the paper. */
export interface TrackFinding {
  /** Stable name. */
  id: string
  /** The claim, in a sentence. */
  claim: string
  /** What was measured: the least favourable step, unless `how` says otherwise. */
  measured: number | null
  /** The same number by chance or of the control. */
  baseline: number | null
  /** Share of the steps that meet the claim, of those that could be judged; null when there is none. */
  met: number | null
  /** Whether it holds at every step; null when the baseline meets it as well, or when there is nothing to decide it on. */
  holds: boolean | null
  /** How it was decided. */
  how: string
}
/**
 * What a run says about each claim of arXiv 2602.07026, beside its baseline: a claim that its baseline meets as well is
 * null, for then it says nothing about this run.
 *
 * @param records those of a tracker or of its log, in order
 */
export declare function findings(records: readonly TrackRecord[]): TrackFinding[]
/** A run as `track --json` prints it and as a report shows it. */
export interface TrackData {
  /** Its records, in order. */
  records: readonly TrackRecord[]
  /** What they say about each claim. */
  findings: readonly TrackFinding[]
}
/**
 * A run for `writeReport`: four panels for the findings, gap and search over time, phantom drift, and the claims.
 *
 * @param records those of a tracker or of its log
 */
export declare function trackReportData(records: readonly TrackRecord[]): TrackData
/** What is wrong or worth knowing, with its evidence. */
export interface DiagnosisData {
  /** Stable name. */
  code: string
  /** How much it matters. */
  level: 'problem' | 'warning' | 'note'
  /** One sentence. */
  text: string
  /** The numbers it rests on. */
  evidence?: unknown
  /** What to do. */
  advice?: string
}
/** What is drawn of a measurement. */
export interface FiguresData extends Partial<Omit<Figures, 'projection'>> {
  /** Rows in two dimensions, the same plane for every stage. */
  projection?: Partial<Figures['projection']> & Pick<Figures['projection'], 'points'>
}
/** A result of `measure`, or of a fit; whatever is absent is not shown. */
export interface MeasureData extends Partial<Omit<GapReport, 'dropped' | 'norms' | Own>> {
  /** Distances between the modalities. */
  gap: Partial<GapReport['gap'] & Gap> & {
    /** How far apart two samples of one distribution are. */
    floor: number
  }
  /** Rows of either side, under its name. */
  rows?: Readonly<Record<string, number>>
  /** E‖e−μ‖² of the unit rows, under the side's name. */
  trace?: Readonly<Record<string, number>>
  /** What is wrong or worth knowing. */
  diagnosis?: DiagnosisData[]
  /** Pictures. */
  figures?: FiguresData
}
type Own = 'gap' | 'rows' | 'trace' | 'diagnosis' | 'figures'
/** A strategy to take. */
export interface RecommendationData {
  /** Its name. */
  method: string
  /** Why, in a sentence. */
  why: string
}
/** A result of `compare`. */
export interface CompareData {
  /** Columns. */
  dim?: number
  /** Rows of either side. */
  rows?: ImageText
  /** Share of rows kept out of the fits. */
  holdout?: number
  /** What each strategy leaves, under its name. */
  strategies: {
    readonly [name: string]: MeasureData | undefined
  }
  /** What to take for which purpose. */
  recommended?: {
    /** To find partners across modalities. */
    search?: RecommendationData
    /** To let text stand in for images. */
    substitution?: RecommendationData
  }
  /** What is wrong or worth knowing. */
  diagnosis?: DiagnosisData[]
}
/** A result of `analyze sample-size`. */
export interface SampleSizeData {
  /** The held-out gap after fits on n rows. */
  curve: {
    /** Rows of the fit. */
    n: number
    /** The gap of each trial. */
    trials?: number[]
    /** Their mean. */
    mean: number
    /** Their standard deviation; null for one trial. */
    sd: number | null
    /** The noise floor of the held-out rows. */
    floor?: number
  }[]
  /** Gap² ≈ limit² + slope/n. */
  model?: {
    /** The gap that more rows do not close. */
    limit: number
    /** Gap² that one row costs: T of sqrt(T/N), whose line goes through the first size without it. */
    slope: number
  }
  /** Rows that a wanted gap takes. */
  rowsFor?: {
    /** The wanted gap. */
    gap: number
    /** The rows; null where it is not reached, or cannot be decided. */
    rows: number | null
    /** 95 % interval of the rows. */
    interval?: number[] | null
    /** Whether the rows are estimated, cannot be decided, or never suffice. */
    verdict?: string
    /** Rows held out of the smaller side. */
    held?: number
  }
}
/** A result of `analyze domains` or `analyze modalities`: one number for each pair of names. */
export interface MatrixData {
  /** Domains or modalities. */
  names: string[]
  /** Gaps; of domains, fitted on the row's and used on the column's. */
  gap: (number | null)[][]
  /** Their noise floors. */
  floor?: (number | null)[][]
  /** Squared gaps without the part that sampling adds. */
  unbiasedSquared?: (number | null)[][]
  /** Whether each is real. */
  verdict?: (GapVerdict | null)[][]
}
/** A result of `analyze captions`. */
export interface CaptionsData {
  /** The images they are compared with. */
  image?: {
    /** Their rows. */
    rows?: number
    /** exp of the entropy of their spectrum in the population; null where rows are too few. */
    effectiveRank?: number | null
    /** That of the rows that all spectra are of. */
    effectiveRankBiased?: number | null
    /** Trace of their covariance. */
    trace?: number
    /** Exponent of the power law of their spectrum in the population; null where rows are too few. */
    alpha?: number | null
    /** That of the rows that all spectra are of. */
    alphaBiased?: number | null
  }
  /** The corpora compared. */
  corpora: {
    /** Its name. */
    name: string
    /** Its rows. */
    rows?: number
    /** exp of the entropy of its spectrum in the population; null where rows are too few. */
    effectiveRank?: number | null
    /** That of the rows that all spectra are of. */
    effectiveRankBiased?: number | null
    /** Trace of its covariance. */
    trace?: number
    /** Its gap to the images. */
    gap?: number
    /** The noise floor of that gap. */
    floor?: number
    /** Exponent of the power law of its spectrum in the population; null where rows are too few. */
    alpha?: number | null
    /** That of the rows that all spectra are of. */
    alphaBiased?: number | null
    /** Its captions. */
    captions?: {
      /** How many there are. */
      count?: number
      /** Mean number of words. */
      words?: number
      /** Share that is longer than the encoder reads. */
      overLimit?: number | null
      /** Share of words that name nothing visible. */
      nonVisual?: number | null
    }
  }[]
}
/** One result that a report can show. */
export type ReportData = MeasureData | CompareData | SampleSizeData | MatrixData | CaptionsData | TrackData
/**
 * Writes the projection of a measurement as parquet that Apple's embedding-atlas opens:
 * `embedding-atlas FILE --x x --y y --neighbors neighbours`. One row for each point; columns `x`, `y` (DOUBLE),
 * `modality`, `stage` (STRING), `pair` (INT64, the index in the source, which partners share) and `neighbours`, a struct
 * of two lists: `ids`, row indices of this table, and `distances`, 1 − cosine in all dimensions. Only the example queries
 * have neighbours, and of those only the ones that were projected as well; the other rows have empty lists.
 *
 * @param data a result of `measure` with `figures`
 * @param path the file; written as a whole or not at all
 * @returns rows written
 * @throws {@link ModalityGapError} `BAD_OPTION` for data without a projection or where something stands, `WRITE_FAILED`
 */
export declare function projectionParquet(
  data: {
    figures?: FiguresData
  },
  path: string,
  options?: OverwriteOptions,
): Promise<number>
/** Names of rows for tooltips and tables, such as captions and file names, by row. */
export interface RowLabels {
  /** Of image rows. */
  image?: readonly string[] | Readonly<Record<number, string>>
  /** Of text rows. */
  text?: readonly string[] | Readonly<Record<number, string>>
}
/** What a report says beside its data. */
export interface ReportOptions extends OverwriteOptions {
  /** Heading of the page. @defaultValue `'Modality gap'` */
  title?: string
  /** A line under it, such as the encoder and the data. */
  subtitle?: string
  /** Names of rows for tooltips and neighbour tables; shown as text, never as markup. */
  labels?: RowLabels
}
/** How charts are written. */
export interface ChartOptions extends OverwriteOptions {
  /** SVG, or pixels at twice the size through the peer dependency `@resvg/resvg-js`. @defaultValue `'svg'` */
  format?: 'svg' | 'png'
  /** Colours. @defaultValue `'light'` */
  theme?: 'light' | 'dark'
  /** Width in pixels; heights follow. @defaultValue `900` */
  width?: number
  /** Names of rows. */
  labels?: RowLabels
}
/**
 * Writes results of `measure`, `align`, `compare` and `analyze` as one HTML file: charts, tables and all numbers, which
 * opens offline and asks no network for anything. Only what the data hold is shown. Equal data give equal bytes.
 *
 * @param data one result or several, as the functions return them or as `--json` prints them
 * @param path the file; written as a whole or not at all
 * @throws {@link ModalityGapError} `BAD_OPTION` for data that are not a result or where something stands, `WRITE_FAILED`
 */
export declare function writeReport(
  data: ReportData | readonly ReportData[],
  path: string,
  options?: ReportOptions,
): Promise<void>
/**
 * Writes every chart of a report as a file of its own.
 *
 * @param data one result or several
 * @param folder made where it is missing
 * @returns the files written, in the order of the report
 * @throws {@link ModalityGapError} `BAD_OPTION`, `WRITE_FAILED`; `MISSING_PACKAGE` for PNG without `@resvg/resvg-js`
 */
export declare function writeCharts(
  data: ReportData | readonly ReportData[],
  folder: string,
  options?: ChartOptions,
): Promise<string[]>
/** How a log is read. */
export interface ReadLogOptions {
  /** Called when a last line was left out, which an interruption cut short or which is being written. */
  onCut?: () => void
}
/** A part of a configuration that changes another one; `null` takes a key away. */
export type Override = {
  readonly [key: string]: unknown
}
/** An arm of a comparison: what it changes about the configuration that all arms share. */
export interface Arm {
  /** Its name, which is that of its folder. */
  name: string
  /** What it changes. */
  changes: Override
}
/** Arms by name: what stands in for images in stage 1, or what is left out (arXiv 2602.07026, tables 2 to 4). */
export declare const ARMS: Readonly<Record<string, Override>>
/** An arm of one's own. */
export interface OwnArm {
  /** Its name, which is that of its folder. */
  name: string
  /** A known arm that it begins with. */
  like?: string
  /** What it changes, beside what the known one changes; `null` takes a key away. */
  with?: Override
}
/** An arm as it is written: the name of a known one, or one's own. */
export type ArmInput = string | OwnArm
/** An answer to a question that wants yes or no. */
export interface YesNoAnswer {
  /** What the model said. */
  text: string
  /** What is right. */
  answer: 'yes' | 'no'
}
/**
 * How an answer is read:
 * - `'strict'`: its first word if that is yes or no, else what all of its yes, no and not agree on, else neither. What only
 *   says that nothing can be said (`I don't know`, `not sure`, `no way to tell`) is neither; what follows a question that is
 *   repeated counts before it, and thoughts (`<think>…</think>`) do not count;
 * - `'pope'`: as published with POPE (Li et al. 2023): no if `No`, `no` or `not` is a word of the first sentence, else yes;
 * - `'mme'`: as published with MME (arXiv 2306.13394): yes if its first four characters hold `yes`, no if they hold `no`,
 *   whatever the case, else neither.
 */
export type YesNoRule = 'strict' | 'pope' | 'mme'
/** Accuracy and leaning of yes-no answers; what divides by zero is `null`. */
export interface YesNoScore {
  /** Questions. */
  count: number
  /** Right answers. */
  correct: number
  /** correct / count: an answer that says neither is wrong. */
  accuracy: number
  /** Share of answers yes that are right. */
  precision: number | null
  /** Share of questions with answer yes that were answered so. */
  recall: number | null
  /** Harmonic mean of precision and recall. */
  f1: number | null
  /** Share of answers yes: above the share of such questions, the model sees what is not there. */
  yesRatio: number
  /** Answers that say neither. */
  unparsed: number
  /** How they were read. */
  rule: YesNoRule
}
/**
 * Scores of POPE (Li et al. 2023), with yes as the positive class.
 *
 * @param rule how an answer is read. @defaultValue `'strict'`
 * @throws {@link ModalityGapError} `EMPTY`
 */
export declare function yesNoScore(answers: readonly YesNoAnswer[], rule?: YesNoRule): YesNoScore
/** What an answer says, or nothing where it says neither. */
export declare function yesOrNo(text: string, rule?: YesNoRule): 'yes' | 'no' | undefined
/** What a benchmark is about. */
export type BenchmarkGroup = 'general' | 'reasoning' | 'hallucination'
/** How an answer is judged: by its option's letter, as yes or no, or against references. */
export type BenchmarkKind = 'choice' | 'yes-no' | 'open'
/** A question of any benchmark. */
export interface BenchmarkRecord {
  /** Its name within the benchmark. */
  id: string
  /** Id of the image's embedding; absent for a question without image. */
  image?: string
  /** The question, without options and without the place of the image; empty for captions. */
  question: string
  /** Texts of the options in the order of their letters. */
  options?: string[]
  /** The right letter, `yes` or `no`, or references; empty where the file does not tell. */
  answers: string[]
  /** How an answer is judged. */
  kind: BenchmarkKind
  /** Name of the benchmark. */
  benchmark: string
  /** What the benchmark is about; absent for one that {@link BENCHMARKS} does not list. */
  group?: BenchmarkGroup
  /** The question's category in the benchmark. */
  category?: string
  /** Name of the questions that it counts together with: they are right when all of them are. */
  together?: string
}
/** A benchmark of the paper's table. */
export interface PublishedBenchmark {
  /** Its name. */
  name: string
  /** What it is about. */
  group: BenchmarkGroup
  /** The part of it that the paper reports. */
  part: string
}
/** The eleven benchmarks of arXiv 2602.07026 (appendix H.2), in the groups of its table. */
export declare const BENCHMARKS: readonly PublishedBenchmark[]
/** Takes a text apart; every metric says which one it uses when none is given. */
export type Tokenizer = (text: string) => string[]
/** Text that was tokenised before: split at white space as Python's `str.split` does, nothing else changed. */
export declare function splitTokens(text: string): string[]
/**
 * Tokens of a caption as COCO's evaluation has them: lower case, contractions apart (`is n't`, `dog 's`), hyphened words
 * whole, punctuation dropped, brackets by name (`-lrb-`).
 *
 * A caption that was tokenised before (`the man 's hat`, `is n't`, `-LRB-`) keeps its tokens.
 *
 * It follows the rules of the Stanford tokenizer (3.4.1, `-lowerCase`, then COCO's list of punctuation) that captions
 * need. It differs where that one knows more abbreviations, treats runs such as `?!` as words, or splits web addresses.
 */
export declare function captionTokens(text: string): string[]
/** Tokens of the ROUGE package (Lin 2004) without stemming: lower case, runs of `a`–`z` and digits. */
export declare function rougeTokens(text: string): string[]
/**
 * Tokens of SQuAD's evaluation (Rajpurkar et al. 2016): lower case, ASCII punctuation removed, `a`, `an`, `the` removed,
 * split at white space.
 */
export declare function answerTokens(text: string): string[]
/** A text to judge and the texts it is compared with. */
export interface Judged {
  /** What the model said. */
  text: string
  /** What people said; at least one. */
  references: readonly string[]
}
/** Scores of MME (arXiv 2306.13394), each category with accuracy and accuracy+ in percent, 200 at most. */
export interface MmeScore {
  /** Sum over the ten categories of perception, 2,000 at most. */
  perception: number
  /** Sum over the four categories of cognition, 800 at most. */
  cognition: number
  /** Share of all images whose questions were all answered right. */
  accuracyPlus: number
  /** How answers were read; sums of different readings are not to be compared. */
  rule: YesNoRule
}
/** Questions that count together: right when all of them are. */
export interface TogetherScore {
  /** Groups of questions. */
  count: number
  /** Share of groups in which every answer is right. */
  accuracy: number
}
/** Metrics of open answers. */
export type OpenMetric = 'f1' | 'bleu4' | 'rougeL' | 'cider'
/** Scores of open answers against references, 0 to 1; CIDEr-D about 0 to 10. Those that were asked for. */
export interface OpenScore {
  /** Answers. */
  count: number
  /** Token F1 of SQuAD. */
  f1?: number
  /** Share of answers that are a reference, normalised as SQuAD does; comes with the F1. */
  exactMatch?: number
  /** BLEU-4 of the corpus, COCO's variant. */
  bleu4?: number
  /** ROUGE-L, COCO's variant. */
  rougeL?: number
  /** CIDEr-D. */
  cider?: number
}
/** Scores of one benchmark. */
export interface BenchmarkScore {
  /** Name of the benchmark; no two of an evaluation have the same. */
  benchmark: string
  /** The name that it shares with others of an evaluation, with which it counts once in its group; absent where none do. */
  of?: string
  /** What it is about. */
  group?: BenchmarkGroup
  /** Questions with a right answer. */
  count: number
  /** Questions left out because their image has no row; absent where there are none. */
  skipped?: number
  /** Questions left out because no right answer of theirs is known; absent where there are none. */
  unknown?: number
  /** Share of right answers among questions of choice and of yes or no; absent where there are only open ones. */
  accuracy?: number
  /** Answers in which nothing could be made out, among the same. */
  unparsed?: number
  /** More about questions of yes or no. */
  yesNo?: YesNoScore
  /** Questions that count together (options in several orders, MME's of one image), right in all; absent where none do. */
  together?: TogetherScore
  /** MME's own sums; absent for another benchmark. */
  mme?: MmeScore
  /** Open answers. */
  open?: OpenScore
  /** Accuracy of each category, where questions have one and are not open. */
  categories?: Record<string, number>
}
/** A group's benchmarks in one number, as the paper's table has it. */
export interface GroupScore {
  /** What the benchmarks are about; `all` for the mean over all of them. */
  group: BenchmarkGroup | 'all'
  /** Benchmarks with an accuracy. */
  benchmarks: number
  /** Mean of their accuracies, each counting the same. */
  accuracy: number
}
/** Text that a language model reads and writes, in millions of tokens. */
export interface Tokens {
  /** Read, T_in: prompts, and images as the model counts them. */
  input: number
  /** Written, T_out. */
  output: number
}
/** Prices of a million tokens, in dollars. */
export interface Prices {
  /** Of a million read, P_in. */
  input: number
  /** Of a million written, P_out. */
  output: number
}
/** The prices of arXiv 2602.07026, appendix H.4. */
export declare const PAPER_PRICES: Prices
/** What it costs to have data made by a language model, C = P_in·T_in + P_out·T_out, in dollars. */
export declare function dataCost(tokens: Tokens, prices?: Prices): number
/** An arm of the paper's table of costs. */
export interface PublishedCost {
  /** Its name. */
  arm: string
  /** Its tokens, as printed. */
  tokens: Tokens
  /** Its cost in dollars, as printed. */
  stated: number
}
/**
 * Tokens and costs as printed in arXiv 2602.07026, appendix H.4.
 *
 * They do not agree for the paired arm: its tokens cost 438.55 $, not the 476.05 $ that the claim of 74 % rests on
 * (which would take 251.64 million tokens read). By the tokens the larger text arm costs 80.3 % of it. The text arms
 * differ from their tokens by rounding.
 */
export declare const PAPER_COSTS: readonly PublishedCost[]
type OnBadRecord = 'error' | 'drop'
/** Records that were left out. */
export interface DroppedRecords {
  /** How many. */
  count: number
  /** What is wrong with the first of them. */
  first: string[]
}
/** Who says a turn. */
export type Speaker = 'system' | 'user' | 'assistant'
/** One turn of a conversation. */
export interface Turn {
  /** Who says it. */
  role: Speaker
  /** What is said; `<image>` is the place of an image. */
  content: string
  /** Whether the model learns it, where it is the assistant's. @defaultValue `true` */
  learned?: boolean
}
interface Sample {
  /** Its name: the record's `id`, or its number over all files. */
  id: string
  /** Ids of its images, one for each `<image>` in its turns. */
  images: string[]
  /** Perhaps a system turn, then user and assistant in turns, the last by the assistant. A caption is one such pair. */
  turns: Turn[]
  /** All captions of a record that has several; its last turn is one of them, another one in every epoch. */
  captions?: string[]
}
/** Where a record stands. */
export interface RecordPlace {
  /** Its file. */
  file: string
  /** Its number in the file, from 0. */
  row: number
}
interface SplitOptions {
  /** Held out: a share below 1, or a number of records from 1 on. @defaultValue `0` */
  valSize?: number
  /** Records at most, before any are held out; fewer of one seed are among more of it. @defaultValue all */
  maxSamples?: number
  /** @defaultValue `0` */
  seed?: number
}
interface Split {
  /** To train on. */
  train: Uint32Array
  /** Held out. */
  validation: Uint32Array
}
/** What happens to a record whose image has no row: an error, or it is left out, in silence or by name. */
export type MissingRows = 'error' | 'skip' | 'report'
interface TrainingSetOptions extends SplitOptions {
  /** Files of records, JSON or JSON lines. */
  data: string | readonly string[]
  /** Where the rows of images are found; without it no image is looked up. */
  lookup?: RowLookup
  /** Whether an image is looked up by its own id or by the id of its record. @defaultValue `'image'` */
  key?: 'image' | 'id'
  /** @defaultValue `'error'` */
  missing?: MissingRows
  /** @defaultValue `'error'` */
  onBad?: OnBadRecord
  /** Folder for copies of records that are packed (gzip, parquet) or in COCO's layout; absent where there are none. */
  cache?: string
}
interface JoinedSample extends Sample {
  /** Row of each image, in their order; empty without a lookup. */
  rows: number[]
  /** Number of the record over all files, from 0. */
  record: number
  /** Where it stands. */
  place: RecordPlace
}
interface SampleList {
  /** How many. */
  readonly length: number
  /**
   * Reads one by its number in this list.
   *
   * @param epoch chooses among several captions. @defaultValue `0`
   */
  at(index: number, epoch?: number): Promise<JoinedSample>
}
/** What was found when the records were read. */
export interface TrainingSetReport {
  /** Records in all files. */
  records: number
  /** Records with images. */
  withImages: number
  /** Records left out because an image has no row. */
  skipped: number
  /** The first of the ids without a row; with `missing: 'report'`. */
  missing?: string[]
  /** Records left out because they cannot be used; absent where there are none. */
  dropped?: DroppedRecords
}
declare class TrainingSet {
  #private
  /** Samples to train on. */
  readonly train: SampleList
  /** Samples held out. */
  readonly validation: SampleList
  /** Numbers of the records, on each side in ascending order. */
  readonly records: Split
  /** What was found. */
  readonly report: TrainingSetReport
  private constructor()
  /**
   * Reads all files once, validates every record and looks up its images, so that whatever is wrong is reported before the
   * first step. Afterwards 20 bytes are held for each record: its place, and its number on its side of the split.
   *
   * @throws {@link ModalityGapError} as `readableRecords`, `jsonRecords` and `sampleOf` do, all bad records in one error;
   * `BAD_SAMPLE` for an image without a row
   */
  static open(options: TrainingSetOptions): Promise<TrainingSet>
  /**
   * Reads a record that is used by its number over all files.
   *
   * @param epoch chooses among several captions. @defaultValue `0`
   */
  read(record: number, epoch?: number): Promise<JoinedSample>
  /** Lets go of the files. */
  close(): Promise<void>
}
/** A projector from embeddings to soft tokens. */
export interface ProjectorOptions {
  /** `linear`, `mlpNx_gelu` with a number for N, or `identity`, as LLaVA names them. @defaultValue `'mlp2x_gelu'` */
  type?: string
  /** Soft tokens that one embedding becomes. @defaultValue `1` */
  numVisualTokens?: number
  /** Whether the last layer makes them distinct, or one token is repeated, as published. @defaultValue `false` */
  distinctTokens?: boolean
  /** Factor of an embedding on its way in; `'sqrt'` is √dim, which gives unit rows entries of size 1. @defaultValue `1` */
  inputScale?: number | 'sqrt'
  /** A projector to begin with: of this package, LLaVA, Bunny, Hugging Face, or mmproj. */
  init?: string
}
/** Low-rank matrices beside those of the language model. */
export interface LoraOptions {
  /** @defaultValue `64` */
  rank?: number
  /** What they add is multiplied by alpha / rank. @defaultValue `16` */
  alpha?: number
  /** Share of their input that is dropped. @defaultValue `0.05` */
  dropout?: number
  /** Maps of a block by the end of their names. @defaultValue all seven */
  targets?: readonly string[]
}
/** How a model learns; what is left out has the native default that is stated. */
export interface LearnOptions {
  /** @defaultValue `'projector'` */
  mode?: LearnMode
  /** Whether the projector stays as it is. @defaultValue `false` */
  freezeProjector?: boolean
  /** For mode `lora`. */
  lora?: LoraOptions
  /** Highest learning rate. @defaultValue `5e-4` */
  learningRate?: number
  /** The projector's, where it differs. */
  projectorLearningRate?: number
  /** Decay of matrices, not of biases and norms. @defaultValue `0` */
  weightDecay?: number
  /** @defaultValue `0.9` */
  adamBeta1?: number
  /** @defaultValue `0.999` */
  adamBeta2?: number
  /** @defaultValue `1e-8` */
  adamEpsilon?: number
  /** Largest norm of all gradients together; 0 for no bound. @defaultValue `1` */
  maxGradNorm?: number
  /** @defaultValue `'cosine'` */
  schedule?: ScheduleKind
  /** Numbers that some schedules ask for: cycles, power, the rate at the end. */
  scheduleShape?: {
    /** Cycles of `cosine_with_restarts`. @defaultValue `1` */
    cycles?: number
    /** Power of `polynomial`. @defaultValue `1` */
    power?: number
    /** Rate at the end: of `polynomial` as it is, of `cosine_with_min_lr` as a share of the highest. */
    end?: number
  }
  /** Share of the updates in which the rate rises. @defaultValue `0.03` */
  warmupRatio?: number
  /** Updates of that rise, instead of a share. */
  warmupSteps?: number
  /** Updates in all. */
  steps: number
  /** Bytes of intermediate values kept for the way back; what does not fit is computed twice. @defaultValue 2 GiB */
  activationBytes?: number
}
/** What a model is opened with. */
export interface ModelOptions {
  /** The language model: a folder in Hugging Face's layout, or a GGUF file. */
  path: string
  /** How it is computed where it is frozen: products in bf16 and all else in f32, or all in f32. @defaultValue `'bf16'` */
  dtype?: 'bf16' | 'f32'
  /** Columns of the embeddings. */
  dim: number
  /** The projector. */
  projector?: ProjectorOptions
  /** Adapters to begin with: a folder in PEFT's layout. */
  adapter?: string
  /** `plain`, `llama`, `llama-2`, `chatml`, `bunny`, `vicuna`, or `model`, the model's own. @defaultValue `'model'` */
  template?: string
  /** What a model's own template is given beside the conversation, such as `{ enable_thinking: true }`. */
  templateArguments?: Readonly<Record<string, unknown>>
  /** Whether a caption of the template `plain` ends with the end token; published code leaves it out. @defaultValue `true` */
  endToken?: boolean
  /** Positions of a sample at most; longer ones are cut. @defaultValue `2048` */
  maxLength?: number
  /** Seed of first values and of what is dropped. @defaultValue `0` */
  seed?: number
  /** How it learns; absent for use only. */
  learn?: LearnOptions
  /** Native threads. @defaultValue one per core */
  threads?: number
}
/** A sample, and where its images' embeddings stand. */
export interface ModelSample {
  /** Its name, for errors. */
  id: string
  /** What is said; `<image>` is the place of an image. */
  turns: readonly Turn[]
  /** The row of each image among the rows that are given with the call. */
  rows: readonly number[]
  /** Number of the pass over the data: an aligner that adds noise draws it anew in every one. @defaultValue `0` */
  epoch?: number
}
/** How answers are drawn. */
export interface SamplingOptions {
  /** Tokens of an answer at most. @defaultValue `128` */
  maxNewTokens?: number
  /** 0 takes the likeliest token. @defaultValue `0` */
  temperature?: number
  /** Share of the probability that is drawn from. @defaultValue `1` */
  topP?: number
  /** Seed of the draws; those of an answer follow from it and from the answer's number. @defaultValue `0` */
  seed?: number
  /** Number of the first answer, where a list is answered in parts. @defaultValue `0` */
  first?: number
  /** Texts that end an answer. */
  stop?: readonly string[]
}
/**
 * What is written for others:
 * - `'learned'`: the projector, and adapters where there are any;
 * - `'all'`: also the language model, where all of it has learned;
 * - `'merged'`: the projector, and the language model with what its adapters have learned put into it;
 * - `'llava'`: `mm_projector.bin` and the keys of `config.json` that trainers of LLaVA's kind begin with;
 * - `'hf'`: the projector alone as `multi_modal_projector.safetensors`, under the names of transformers' Llava, which
 *   knows `mlp2x_gelu` only;
 * - `'mmproj'`: the projector alone as `mmproj.gguf`, under llama.cpp's names, without a vision tower.
 */
export type ExportKind = 'learned' | 'all' | 'merged' | 'llava' | 'hf' | 'mmproj'
/** How a call is stopped. */
export interface CallOptions {
  /** Stops the call between two parts of a batch, or before the next token; it then rejects with `CANCELLED`. */
  signal?: AbortSignal
}
interface Wording {
  /** The user's text around `<image>` where a record has no question. */
  prompt: string
  /** What the assistant is given about itself; absent for the template's own. */
  system?: string
  /** Whether images are left out, for a model that is to see nothing. */
  blind?: boolean
  /** Where the place of an image is put in its turn. @defaultValue `'inline'` */
  imagePlacement?: ImagePlacement
}
/**
 * Where the place of an image is put in its turn:
 * - `'inline'`: where the record has it;
 * - `'front'`: as LLaVA, Bunny and the paper's authors put it: taken out, white space at both ends of what is left taken off, and
 *   `<image>` with a line break set in front. A turn of several images stays as it is, as in LLaVA-NeXT.
 */
export type ImagePlacement = 'inline' | 'front'
declare const TEMPLATES: readonly ['plain', 'llama', 'llama-2', 'chatml', 'bunny', 'vicuna', 'model']
type TemplateName = (typeof TEMPLATES)[number]
/** A benchmark. */
export interface BenchmarkConfig {
  /** File or folder of the benchmark. */
  path: string
  /** Its name. */
  name?: string
  /** What it is about. */
  group?: BenchmarkGroup
  /** File of right answers. */
  answers?: string
  /** Rows of its images, where they are others than those of training. */
  image?: string | string[]
  /** How a row is found by an id. */
  imageIds?: EmbeddingIds
  /** How yes and no are read, where it is another way than `evaluation.yesNo`. */
  yesNo?: YesNoRule
  /** Whether a question of choice is asked as often as it has options, in another order each time (MMBench). */
  circular?: boolean
}
/** Section `model`. */
export interface ModelConfig {
  /** Folder in the layout of Hugging Face, or a GGUF file. */
  path: string
  /** Storage type of frozen weights and of matrix products. */
  dtype?: 'bf16' | 'f32'
}
/** Section `projector`. */
export interface ProjectorConfig {
  /** Layers between embedding and model. */
  type?: string
  /** Soft tokens that one embedding becomes. */
  numVisualTokens?: number
  /** Whether the last layer makes them distinct, or one token is repeated. */
  distinctTokens?: boolean
  /** Factor of an embedding on its way in; `sqrt` is the root of its width. */
  inputScale?: number | 'sqrt'
  /** A projector to begin with: LLaVA, Bunny, Hugging Face or mmproj. */
  init?: string
}
/** Section `embeddings`. */
export interface EmbeddingsConfig {
  /** Rows of real images, in any format that `align` reads. */
  image?: string | string[]
  /** How a row is found by an id. */
  imageIds?: EmbeddingIds
  /** Rows of texts that stand in for images in stage 1. */
  text?: string | string[]
  /** How a row is found by an id. */
  textIds?: EmbeddingIds
  /** What moves text rows onto the images as they are read; absent for rows as they are. */
  aligner?: string | FitOptions
  /** What happens to rows that are not finite or have no length; dropped ones count as missing. */
  onBadRow?: 'error' | 'drop'
  /** Encoder of image files that the model is asked about, see `DualEncoder.load`. */
  encoder?: string
}
/** Section `stage1`. */
export interface Stage1Config {
  /** Records to train on, JSON or JSON lines. */
  data: string | string[]
  /** Whose rows are the visual tokens. @defaultValue `'text'` */
  rows: 'text' | 'image'
  /** Whether a row is found by the image's id or by the record's. @defaultValue `'id'` */
  key: 'image' | 'id'
  /** What happens to a record whose image has no row. @defaultValue `'error'` */
  missing: 'error' | 'skip' | 'report'
  /** Held out: a share below 1, or a number of records. @defaultValue `0` */
  valSize: number
  /** Records at most; fewer of one seed are among more of it. */
  maxSamples?: number
  /** Template of this stage. @defaultValue `'plain'` */
  template: TemplateName
  /** Text around `<image>` for records without a question. */
  prompt?: string
  /** Tokens of a sample at most, visual ones included. @defaultValue `2048` */
  maxLength: number
  /** Passes over the data. @defaultValue `1` */
  epochs: number
  /** Updates in all; takes the place of `epochs`. */
  steps?: number
  /** Samples of an update. @defaultValue `256` */
  batchSize: number
  /** Samples that are held at a time; it changes memory, and results by rounding only. */
  microBatch?: number
  /** Highest learning rate. @defaultValue `0.0005` */
  learningRate: number
  /** How the rate changes after its rise. @defaultValue `'cosine'` */
  schedule: ScheduleKind
  /** What is special to some schedules. */
  scheduleShape?: {
    /** Cycles of `cosine_with_restarts`. */
    cycles?: number
    /** Power of `polynomial`. */
    power?: number
    /** Rate at the end: of `polynomial` as it is, of `cosine_with_min_lr` as a share of the highest. */
    end?: number
  }
  /** Share of the updates in which the rate rises from 0. @defaultValue `0.03` */
  warmupRatio: number
  /** Updates of that rise; takes the place of `warmupRatio`. */
  warmupSteps?: number
  /** Decay of matrices. @defaultValue `0` */
  weightDecay: number
  /** Largest norm of all gradients together; 0 for no bound. @defaultValue `1` */
  maxGradNorm: number
  /** Constants of AdamW. */
  optimizer?: {
    /** β₁. */
    beta1?: number
    /** β₂. */
    beta2?: number
    /** ε. */
    eps?: number
  }
  /**
   * Updates between two evaluations of held-out records; 0 for one at the end. Without `valSize` they are those of
   * `evaluation.data`, where this is above 0 or `earlyStop` is given. @defaultValue `0`
   */
  evalEvery: number | 'epoch'
  /** Updates between two checkpoints; 0 for one at the end. @defaultValue `0` */
  saveEvery: number | 'epoch'
  /** Checkpoints to keep; the best is kept beside the newest. */
  saveTotalLimit?: number
  /** Whether a caption ends with the end token; published code leaves it out. @defaultValue `true` */
  endToken: boolean
}
/** Section `stage2`. */
export interface Stage2Config {
  /** Records to train on, JSON or JSON lines. */
  data: string | string[]
  /** Whose rows are the visual tokens. @defaultValue `'image'` */
  rows: 'text' | 'image'
  /** Whether a row is found by the image's id or by the record's. @defaultValue `'image'` */
  key: 'image' | 'id'
  /** What happens to a record whose image has no row. @defaultValue `'error'` */
  missing: 'error' | 'skip' | 'report'
  /** Held out: a share below 1, or a number of records. @defaultValue `0` */
  valSize: number
  /** Records at most; fewer of one seed are among more of it. */
  maxSamples?: number
  /** Template of this stage. */
  template?: TemplateName
  /** Text around `<image>` for records without a question. */
  prompt?: string
  /** Tokens of a sample at most, visual ones included. @defaultValue `2048` */
  maxLength: number
  /** Passes over the data. @defaultValue `1` */
  epochs: number
  /** Updates in all; takes the place of `epochs`. */
  steps?: number
  /** Samples of an update. @defaultValue `256` */
  batchSize: number
  /** Samples that are held at a time; it changes memory, and results by rounding only. */
  microBatch?: number
  /** Highest learning rate. @defaultValue `0.00001` */
  learningRate: number
  /** How the rate changes after its rise. @defaultValue `'cosine'` */
  schedule: ScheduleKind
  /** What is special to some schedules. */
  scheduleShape?: {
    /** Cycles of `cosine_with_restarts`. */
    cycles?: number
    /** Power of `polynomial`. */
    power?: number
    /** Rate at the end: of `polynomial` as it is, of `cosine_with_min_lr` as a share of the highest. */
    end?: number
  }
  /** Share of the updates in which the rate rises from 0. @defaultValue `0.03` */
  warmupRatio: number
  /** Updates of that rise; takes the place of `warmupRatio`. */
  warmupSteps?: number
  /** Decay of matrices. @defaultValue `0` */
  weightDecay: number
  /** Largest norm of all gradients together; 0 for no bound. @defaultValue `1` */
  maxGradNorm: number
  /** Constants of AdamW. */
  optimizer?: {
    /** β₁. */
    beta1?: number
    /** β₂. */
    beta2?: number
    /** ε. */
    eps?: number
  }
  /**
   * Updates between two evaluations of held-out records; 0 for one at the end. Without `valSize` they are those of
   * `evaluation.data`, where this is above 0 or `earlyStop` is given. @defaultValue `0`
   */
  evalEvery: number | 'epoch'
  /** Updates between two checkpoints; 0 for one at the end. @defaultValue `0` */
  saveEvery: number | 'epoch'
  /** Checkpoints to keep; the best is kept beside the newest. */
  saveTotalLimit?: number
  /** What learns beside the projector. @defaultValue `'full'` */
  mode: 'full' | 'lora' | 'projector'
  /** Learning rate of the projector, where it is another. */
  projectorLearningRate?: number
  /** Low-rank matrices that learn in place of the model. */
  lora?: {
    /** Rank of the added matrices. */
    rank?: number
    /** Factor of what they add, divided by the rank. */
    alpha?: number
    /** Share of their input that is dropped. */
    dropout?: number
    /** Maps of a block that they are added to. */
    targets?: string[]
  }
}
/** Section `evaluation`. */
export interface EvaluationConfig {
  /** Records with answers, scored by loss and by metrics. */
  data?: string | string[]
  /** Rows of their images, where they are others than those of training. */
  image?: string | string[]
  /** How a row is found by an id. */
  imageIds?: EmbeddingIds
  /** Whose rows their visual tokens are. @defaultValue `'image'` */
  rows: 'image' | 'text'
  /** Whether a row is found by the image's id or by the record's. @defaultValue `'image'` */
  key: 'image' | 'id'
  /** What happens to a record whose image has no row. @defaultValue `'error'` */
  missing: 'error' | 'skip' | 'report'
  /** Records of each file at most; of a benchmark, questions. */
  maxSamples?: number
  /** Whether the loss with other records' images is computed as well. @defaultValue `true` */
  shuffled: boolean
  /** Records of each file that are answered, for the metrics. @defaultValue `200` */
  answers: number
  /** Questions with right answers, see `readBenchmark`. @defaultValue `[]` */
  benchmarks: (string | BenchmarkConfig)[]
  /**
   * How yes and no are read: ours, or as POPE or MME (the first four characters) are published; `docs/answers.md`
   * compares them. @defaultValue `'strict'`
   */
  yesNo: YesNoRule
  /**
   * Answers to held-out records that every evaluation of a stage writes into `samples.jsonl` beside its log.
   * @defaultValue `4`
   */
  samples: number
  /** How answers are drawn. */
  generate?: {
    /** Tokens of an answer at most. */
    maxNewTokens?: number
    /** 0 takes the likeliest token. */
    temperature?: number
    /** Share of the probability that is drawn from. */
    topP?: number
    /** Texts that end an answer. */
    stop?: string[]
  }
  /** Metrics of open answers. @defaultValue `['f1','bleu4','rougeL','cider']` */
  metrics: OpenMetric[]
}
/** Section `records`. */
export interface RecordsConfig {
  /**
   * What happens to records that cannot be used: all are reported in one error, the first twenty by name, or they are
   * left out and counted. @defaultValue `'error'`
   */
  onBad: 'error' | 'drop'
}
/** Section `logging`. */
export interface LoggingConfig {
  /**
   * Log as JSON lines, `log.jsonl` in the stage's folder; a path `a/b.jsonl` makes it `a/b.stage1.jsonl`, and the
   * answers `a/b.stage1.samples.jsonl`. @defaultValue `true`
   */
  jsonl: boolean | string
  /** Event files, in `runs/` of the stage's folder; a path `a` puts them into `a/stage1`. @defaultValue `false` */
  tensorboard: boolean | string
  /** Updates between two lines. @defaultValue `10` */
  every: number
}
/** Section `earlyStop`. */
export interface EarlyStopConfig {
  /** Evaluations without a better value until training stops. */
  patience: number
  /** What a better value has to be better by. @defaultValue `0` */
  minDelta: number
}
/** Section `compare`. */
export interface CompareConfig {
  /** What is compared, see `ARMS`. */
  arms: ArmInput[]
  /** Seeds of every arm; runs of one seed are compared with each other. */
  seeds: number[]
  /** The arm that others are compared with; absent for `realign` where it is one of them, else the first. */
  reference?: string
  /** Tokens that making an arm's data costs, `input` and `output` in millions. */
  tokens?: Record<string, Tokens>
}
/** A checked configuration, with its defaults. */
export interface ReVisionConfig {
  /** Section `model`. */
  model: ModelConfig
  /** Section `projector`. */
  projector: ProjectorConfig
  /** Section `embeddings`. */
  embeddings: EmbeddingsConfig
  /** Section `stage1`, or none. */
  stage1: false | Stage1Config
  /** Section `stage2`, or none. */
  stage2: false | Stage2Config
  /** Section `evaluation`. */
  evaluation: EvaluationConfig
  /** Section `records`. */
  records: RecordsConfig
  /** Section `logging`. */
  logging: LoggingConfig
  /** Section `earlyStop`. */
  earlyStop?: EarlyStopConfig
  /** Section `compare`. */
  compare?: CompareConfig
  /**
   * Values of a recipe where nothing else is said: `published` is what the scripts of arXiv 2602.07026 do (576 repeated
   * tokens, no end token in `plain`, their rates, batches and lengths).
   */
  recipe?: 'published'
  /** Template of stage 2 and of answers. @defaultValue `'model'` */
  template: TemplateName
  /** What a model's own template is given beside the conversation, such as `enable_thinking: true`. */
  templateArguments?: Record<string, unknown>
  /** Text around `<image>` for records without a question. @defaultValue `'<image>'` */
  prompt: string
  /**
   * Where the place of an image is put in its turn: where the record has it, or in front with a line break, as LLaVA
   * and Bunny do. With a `version` of theirs it is `front`. @defaultValue `'inline'`
   */
  imagePlacement: ImagePlacement
  /** System text; absent for the template's own. */
  system?: string
  /** Whether images are left out, to see what a model says without them. @defaultValue `false` */
  blind: boolean
  /** Folder of checkpoints, logs and results. */
  output: string
  /** Seed of everything that happens by chance. @defaultValue `0` */
  seed: number
  /** Native threads. */
  threads?: number
  /** Go on from the newest checkpoint of the output, or from the one named. @defaultValue `false` */
  resume: boolean | string
  /** Begin anew where the output holds another run, which is removed. @defaultValue `false` */
  overwrite: boolean
  /** Number of the evaluation that the best checkpoint is chosen by. @defaultValue `'eval_loss'` */
  bestMetric: 'eval_loss' | 'eval_perplexity' | 'eval_accuracy'
  /** Whether more of it is better; of `eval_accuracy` it always is. @defaultValue `false` */
  greaterIsBetter: boolean
  /** Whether a stage ends with its best checkpoint rather than with its last. @defaultValue `false` */
  loadBest: boolean
}
/** A part of a type that may be left out at every level. */
export type Partly<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? {
        [K in keyof T]?: Partly<T[K]>
      }
    : T
/** A configuration as it is written, in our names: what has a default may be left out. */
export type ReVisionConfigInput = Partly<ReVisionConfig>
/** A checked configuration. */
export interface LoadedConfig {
  /** With its defaults. */
  config: ReVisionConfig
  /** One sentence about the keys that have no effect here; absent without such keys. */
  warning?: string
}
/**
 * Reads the configuration of a run, YAML or JSON: our names, or those of LLaVA, Bunny, Hugging Face, LLaMA-Factory and
 * axolotl (`docs/revision-config.md`). A folder is the output of an earlier run, whose configuration it holds.
 *
 * @param overrides keys that take the place of the file's; `null` takes one away
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`; `BAD_FORMAT` for broken YAML; `BAD_OPTION` for unknown keys,
 * contradictions and values that make no sense, with the file and the line as row
 */
export declare function loadConfig(path: string, overrides?: Override): Promise<LoadedConfig>
/**
 * Checks a configuration that is an object already.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION`
 */
export declare function checkConfig(value: object, overrides?: Override): LoadedConfig
interface AnswerRun extends RunOptions {
  /** Hears pieces of answers as they are certain; what it throws stops the call, which then rejects with it. */
  onText?: (piece: AnswerPiece) => void
  /** Hears whole answers with their numbers, a few at a time; what it throws stops the call, which then rejects with it. */
  onAnswer?: (answer: Answer, number: number) => void
}
/** How answers are drawn, watched and stopped. */
export interface GenerateOptions extends SamplingOptions, Omit<AnswerRun, 'onProgress'> {
  /** Called after every few answers; what it throws stops the call, which then rejects with it. */
  onProgress?: AnswerRun['onProgress']
}
/** Rows that a model sees, each read by its number and moved by an aligner on its way. */
export interface ModelRows {
  /** Rows there are. */
  readonly rows: number
  /** Columns. */
  readonly dim: number
  /** Rows that are not to be used, by their numbers; absent where none are known. */
  readonly bad?: ReadonlySet<number>
  /** Some rows by their numbers, as the model sees them: row-major, f32. */
  pick(rows: readonly number[]): Promise<Float32Array>
  /** @internal */
  readonly native: NativeRows
}
/** How rows are read. */
export interface ModelRowsOptions {
  /** Moves each row as it is read. */
  aligner?: Aligner
  /** Which of the aligner's maps: that of the texts, or that of the images where the method moves them. @defaultValue `'source'` */
  side?: 'source' | 'target'
  /** Folder for a copy of rows whose format is read in order only (npz, parquet, Arrow, pickle). */
  cache: string
}
/**
 * Opens rows to be read by their numbers. Rows are never all in memory; formats that are decoded in order are converted
 * once, in their own storage type, into a file of `cache`.
 *
 * @throws {@link ModalityGapError} `WIDTH_MISMATCH` when rows and aligner differ in width; as {@link convert} does
 */
export declare function openModelRows(
  embeddings: Embeddings,
  options: ModelRowsOptions,
  run?: RunOptions,
): Promise<ModelRows>
/** A batch for a model, and the rows that its images are. */
export interface ModelBatch {
  /** The samples. */
  samples: readonly ModelSample[]
  /** Where their images' embeddings are read; not needed for samples without images. */
  rows?: ModelRows
  /** Samples that are held at a time; it changes memory and nothing else. @defaultValue all */
  microBatch?: number
}
/** A language model that sees through a projector, in native memory. Calls on one model run one after the other. */
export declare class VisionModel {
  #private
  private constructor()
  /**
   * Reads a model, and makes what learns.
   *
   * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`, `BAD_MODEL` with the file; `BAD_OPTION`
   */
  static open(options: ModelOptions): Promise<VisionModel>
  /** What it is. */
  get info(): ModelInfo
  /**
   * How long samples are, and how much of them counts, as the model takes them.
   *
   * @throws {@link ModalityGapError} `BAD_SAMPLE` with its name when nothing is left to learn from one
   */
  sizes(list: readonly ModelSample[]): Promise<SampleSizes>
  /**
   * One update from a batch. The loss is the mean over all tokens that count, however they are spread over its parts.
   *
   * @throws {@link ModalityGapError} `NUMERIC` with step and samples when a loss or a gradient is not finite, which
   * changes nothing; `BAD_SAMPLE`, `BAD_ROW`, `CANCELLED`
   */
  step(batch: ModelBatch, call?: CallOptions): Promise<StepReport>
  /**
   * Losses of samples without an update.
   *
   * @throws {@link ModalityGapError} `BAD_SAMPLE`, `BAD_ROW`, `CANCELLED`
   */
  evaluate(batch: ModelBatch, call?: CallOptions): Promise<LossReport>
  /**
   * Answers to the last turn of each sample, which is the user's; all of them at a time.
   *
   * @param options `onText` hears pieces of answers as they are certain; what it throws stops the call
   * @throws {@link ModalityGapError} `BAD_OPTION` when prompt and answer do not fit; `BAD_SAMPLE`, `BAD_ROW`, `CANCELLED`
   */
  answer(
    batch: ModelBatch,
    sampling?: SamplingOptions,
    options?: CallOptions & {
      onText?: (piece: AnswerPiece) => void
    },
  ): Promise<Answer[]>
  /**
   * Embeddings in the language model's space: what the projector makes of them, all soft tokens of one side by side.
   *
   * @param embeddings rows of `info.dim` values
   */
  project(embeddings: Float32Array): Promise<Float32Array>
  /**
   * Writes what it has learned in files that others read: `mm_projector.safetensors` by LLaVA's names, with adapters
   * `adapter/` in PEFT's layout, with mode `full` the whole model in `model/`, in Hugging Face's.
   *
   * @returns the files
   * @throws {@link ModalityGapError} `BAD_OPTION`, `WRITE_FAILED`
   */
  export(folder: string, what?: ExportKind, options?: OverwriteOptions): Promise<string[]>
  /**
   * Writes the whole state of its training, but the order of the data, into a folder.
   *
   * @throws {@link ModalityGapError} `WRITE_FAILED`
   */
  saveState(folder: string): Promise<void>
  /**
   * Goes on from a state of the same training: further updates have the bits of a training that was never interrupted.
   *
   * @returns updates made by then
   * @throws {@link ModalityGapError} `UNREADABLE`; `BAD_MODEL` for a state of other options or another model
   */
  restoreState(folder: string): Promise<number>
  /** Releases the model's memory now, rather than when it is collected; calls that run keep it until they end. */
  dispose(): void
  /** The same, for `using`. */
  [Symbol.dispose](): void
}
/** What a model is asked, of which images. */
export interface Question {
  /**
   * What is asked; `<image>` is the place of the image, which goes first where the text has none.
   *
   * @defaultValue the `prompt` of the configuration
   */
  prompt?: string
  /** Rows of real images, opened or in an array: one answer each. Without rows and images the text alone is answered. */
  rows?: Embeddings | Float32Array
  /** Numbers of the rows to ask about. @defaultValue all */
  pick?: readonly number[]
  /** Image files instead of rows, embedded by `encoder`: one answer each. */
  images?: readonly string[]
  /** The encoder of the rows, or its path. @defaultValue `embeddings.encoder` of the configuration */
  encoder?: DualEncoder | string
}
/** What is known of a benchmark beside its file. */
export interface ReadBenchmarkOptions {
  /** Its name. @defaultValue the published benchmark whose name is in the path's last part, else that part */
  name?: string
  /** What it is about. @defaultValue that of the published benchmark of this name */
  group?: BenchmarkGroup
  /** File of right answers, `{question_id, text}` on each line, for questions that come without. */
  answers?: string
}
/**
 * Reads a benchmark, whatever its layout: `.tsv`, JSON or JSON lines, a folder of POPE's files (`*.json`, whose names
 * become categories and part of the ids), or a folder of MME.
 *
 * @throws {@link ModalityGapError} as `tableRecords`, `jsonQuestions` and `mmeRecords` do
 */
export declare function readBenchmark(path: string, options?: ReadBenchmarkOptions): Promise<BenchmarkRecord[]>
/** Mean, spread and an interval of numbers. */
export interface Spread {
  /** How many. */
  n: number
  /** Their mean. */
  mean: number
  /** Their standard deviation, divisor n − 1; absent for one number. */
  sd?: number
  /** 95 % interval of the mean by Student's t; absent for one number. */
  interval?: [number, number]
}
/** Mean, spread and interval of numbers; `undefined` for none. */
export declare function spreadOf(values: readonly number[]): Spread | undefined
/** How one arm does against another on the same seeds. */
export interface Difference extends Spread {
  /** Which is better, if the interval of the differences lies on one side of zero; else `null`: within the noise. */
  better: 'this' | 'reference' | null
}
/** Differences of pairs, value − reference. */
export declare function differenceOf(
  pairs: readonly (readonly [value: number, reference: number])[],
  greaterIsBetter: boolean,
): Difference | undefined
/** What a model shows on records with known answers. */
export interface RecordsScore {
  /** The file's name. */
  name: string
  /** Records. */
  count: number
  /** Records left out because an image has no row; absent where there are none. */
  skipped?: number
  /** Records left out because they cannot be used; absent where there are none. */
  dropped?: DroppedRecords
  /** Mean −log p of the tokens of the answers, in nats. */
  loss: number
  /** exp of the loss. */
  perplexity: number
  /** Share of those tokens that were the likeliest. */
  accuracy: number
  /** The loss when every record is shown another record's image: what lies between is what the image tells. */
  shuffledLoss?: number
  /** Scores of answers that were drawn. */
  open?: OpenScore
}
/** What a model shows. */
export interface EvaluationReport {
  /** Records with answers. */
  records: RecordsScore[]
  /** Benchmarks, question by question judged. */
  benchmarks: BenchmarkScore[]
  /** Means over benchmarks by group. */
  groups: GroupScore[]
}
/** Centroid gap of unit rows beside its noise floor. */
export interface GapAt {
  /** ‖μx − μy‖. */
  centroid: number
  /** How far apart two samples of one distribution of these sizes would be. */
  floor: number
}
/** The gap between images and texts on their way into the language model. */
export interface GapOnTheWay {
  /** Rows a side. */
  rows: ImageText
  /** As the encoder gives them. */
  raw: GapAt
  /** After the aligner; absent without one. */
  aligned?: GapAt
  /** After the projector, in the language model's space: all soft tokens of an embedding as one vector. */
  projected: GapAt
}
/** The stages of a run, in their order. */
export type StageName = 'stage1' | 'stage2'
/** What is written for others. */
export interface HandOverOptions extends RunOptions, OverwriteOptions {
  /** What of the model. @defaultValue `'learned'` */
  kind?: ExportKind
  /**
   * Whether the training's records and rows are written as well: `stage1.json`, `stage2.json` in LLaVA's layout, and
   * beside each its rows as the model saw them, texts aligned, in pickles as published with the paper.
   *
   * @defaultValue `false`
   */
  rows?: boolean
}
/**
 * A line of a training's log, with Hugging Face's keys. Of an update: `loss`, `grad_norm`, `learning_rate`; of an
 * evaluation: `eval_loss` and further `eval_*`; at the end: `train_runtime`, `train_samples_per_second`,
 * `train_steps_per_second`, `train_loss`. A number that is not finite is kept as `null`.
 */
export interface LogRecord {
  /** Updates so far. */
  step: number
  /** Passes over the data so far, with fractions. */
  epoch: number
  /** What was logged. */
  [key: string]: number | string | null
}
/**
 * Reads the log of a training, one JSON record per line. A last line that an interruption cut short is left out.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`; `BAD_FORMAT` with the line as row
 */
export declare function readTrainLog(path: string, options?: ReadLogOptions): Promise<LogRecord[]>
/** What a training that continues has to know beside Hugging Face's fields. */
export interface Tally {
  /** Σ −log p of all tokens that counted, in nats. */
  loss: number
  /** How many they were. */
  labels: number
  /** Positions computed. */
  positions: number
  /** Seconds of training. */
  seconds: number
  /** Updates since the last line of the log. */
  unlogged: StepReport[]
  /** The checkpoint is there because the training was interrupted, and the next one takes its place. */
  interrupted?: true
}
/** How far a training is: the part of Hugging Face's `TrainerState` that has a meaning here. */
export interface TrainerState {
  /** Passes over the data so far, with fractions. */
  epoch: number
  /** Updates so far. */
  global_step: number
  /** Updates in all. */
  max_steps: number
  /** Passes over the data in all. */
  num_train_epochs: number
  /** Samples of an update. */
  train_batch_size: number
  /** Updates between two lines of the log. */
  logging_steps: number
  /** Updates between two evaluations. */
  eval_steps: number
  /** Updates between two checkpoints. */
  save_steps: number
  /** Everything that was logged. */
  log_history: LogRecord[]
  /** Best value of the metric that is followed, or `null` before the first evaluation. */
  best_metric: number | null
  /** Folder of the checkpoint that has it. */
  best_model_checkpoint: string | null
  /** Absent in a state by Hugging Face; in the file it stands among the `stateful_callbacks`. */
  tally?: Tally
}
/** What a listener may ask for; each is taken back once it is done. */
export interface TrainerControl {
  /** Stop after this update. */
  shouldStop: boolean
  /** Write a checkpoint after this update. */
  shouldSave: boolean
  /** Evaluate after this update. */
  shouldEvaluate: boolean
}
/** How far a training is. */
export interface TrainingProgress {
  /** Updates so far. */
  step: number
  /** Updates in all. */
  steps: number
  /** Passes over the data so far, with fractions. */
  epoch: number
  /** Seconds since this run began. */
  seconds: number
  /** Seconds that are probably left, evaluations not counted. */
  secondsLeft: number
  /** Positions computed per second by this run. */
  positionsPerSecond: number
}
/** Listeners of a training, after Hugging Face's `TrainerCallback`; what one throws stops the training. */
export interface TrainerCallbacks {
  /** Before the first update. */
  onTrainBegin?(state: TrainerState, control: TrainerControl): void | Promise<void>
  /** After every update. */
  onStepEnd?(step: StepReport, progress: TrainingProgress, control: TrainerControl): void | Promise<void>
  /** For every line of the log. */
  onLog?(record: LogRecord, control: TrainerControl): void | Promise<void>
  /** After an evaluation, with its metrics. */
  onEvaluate?(metrics: LogRecord, control: TrainerControl): void | Promise<void>
  /** After a checkpoint, with its folder. */
  onSave?(folder: string, control: TrainerControl): void | Promise<void>
  /** After the last update. */
  onTrainEnd?(state: TrainerState): void | Promise<void>
}
/** What a training came to. */
export interface TrainingReport {
  /** Updates. */
  steps: number
  /** Passes over the data. */
  epochs: number
  /** Mean loss of all updates, in nats per token that counts. */
  loss: number
  /** The last evaluation. */
  evaluation?: Record<string, number>
  /** The best checkpoint, and its metric. */
  best?: {
    /** Its folder. */
    folder: string
    /** Its value of the metric that is followed. */
    metric: number
  }
  /** The last checkpoint. */
  checkpoint: string
  /** Why it ended. */
  ended: 'steps' | 'early-stop' | 'callback'
  /** Tokens that counted, over all updates. */
  labels: number
  /** Positions computed. */
  positions: number
  /** Seconds of training, those before an interruption included. */
  seconds: number
  /** Records left out because an image has no row; absent where there are none. */
  skipped?: number
  /** The first of the ids without a row, where they are asked for. */
  missing?: string[]
  /** Records left out because they cannot be used; absent where there are none. */
  dropped?: DroppedRecords
}
/** What a run came to; also `result.json` in its output. */
export interface ReVisionReport {
  /** Pretraining of the projector on text. */
  stage1?: TrainingReport
  /** Tuning on images. */
  stage2?: TrainingReport
  /** What the model shows at the end. */
  evaluation: EvaluationReport
  /** The gap before the aligner, after it, and after the projector; absent without rows of both sides. */
  gap?: GapOnTheWay
}
/** How a run is watched and stopped. */
export interface ReVisionRunOptions extends RunOptions {
  /** Listeners, by stage. */
  callbacks?: Partial<Record<StageName, TrainerCallbacks>>
}
/**
 * A run of ReVision: a projector learns from texts that stand in for images, then from a few real images, and is asked
 * about real images without calibration.
 *
 * @see arXiv 2602.07026, section 5
 */
export declare class ReVision {
  #private
  /** The checked configuration, with its defaults. */
  readonly config: ReVisionConfig
  /** What is odd about the configuration, such as keys that have no effect; absent where nothing is. */
  readonly warning?: string
  private constructor()
  /**
   * Reads a configuration: a file (YAML or JSON), the output folder of an earlier run, or an object. Nothing else is
   * opened yet.
   *
   * @param overrides keys that take the place of the configuration's, in the same nesting; `null` takes one away
   * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`; `BAD_FORMAT` for broken YAML; `BAD_OPTION` for unknown keys,
   * contradictions and values that make no sense, with the file and the line as row
   */
  static open(config: string | object, overrides?: Override): Promise<ReVision>
  /**
   * Runs everything that is configured: both stages, evaluation; writes `result.json` into the output.
   *
   * @throws {@link ModalityGapError} what is wrong with data or model, by name; `BAD_OPTION` where the output holds another run;
   * `CANCELLED` after a checkpoint
   */
  run(options?: ReVisionRunOptions): Promise<ReVisionReport>
  /**
   * Stage 1 alone: modality substitution pretraining, the language model frozen.
   *
   * @throws {@link ModalityGapError} as {@link ReVision.run} does
   */
  pretrain(options?: ReVisionRunOptions): Promise<TrainingReport>
  /**
   * Stage 2 alone, from what stage 1 left in the output, or from a fresh projector where there is no stage 1.
   *
   * @throws {@link ModalityGapError} as {@link ReVision.run} does; `NOT_FOUND` when stage 1 was not finished
   */
  finetune(options?: ReVisionRunOptions): Promise<TrainingReport>
  /**
   * What the model of the last stage shows: losses, answers and benchmarks, and the gap on the way into it.
   *
   * @throws {@link ModalityGapError} as {@link ReVision.model} does; what is wrong with data, by name; `CANCELLED`
   */
  evaluate(run?: RunOptions): Promise<Pick<ReVisionReport, 'evaluation' | 'gap'>>
  /**
   * Answers about real images, by the model of the last stage. Their rows go to the projector as they are; where the
   * method of the aligner moves images as well, they are moved first.
   *
   * The model is read once and kept until {@link ReVision.close}.
   *
   * @returns one answer for each image, or one for a text alone
   * @throws {@link ModalityGapError} `BAD_OPTION` for a question that makes no sense, or that does not fit with its answer;
   * `WIDTH_MISMATCH`, `BAD_ROW`, `BAD_IMAGE`; `NOT_FOUND` when no stage has been finished; `CANCELLED`
   */
  generate(question: Question, options?: GenerateOptions): Promise<Answer[]>
  /**
   * Writes what the run has learned in files that others read; with `rows` also its records and embeddings, as trainers
   * of LLaVA's and Bunny's kind take them.
   *
   * @returns the files
   * @throws {@link ModalityGapError} `BAD_OPTION`, `WRITE_FAILED`; `NOT_FOUND` when no stage has been finished
   */
  export(folder: string, options?: HandOverOptions): Promise<string[]>
  /**
   * The model that the last stage left, for use.
   *
   * @throws {@link ModalityGapError} `NOT_FOUND` when no stage has been finished; `BAD_OPTION` when one has that the
   * configuration does not name
   */
  model(): Promise<VisionModel>
  /** Lets go of the model that {@link ReVision.generate} keeps, and of opened rows; what is asked later is read anew. */
  close(): void
}
/** What a metric is about. */
export type MetricGroup = BenchmarkGroup | 'records'
/** A number of every run. */
export interface MetricOfArms {
  /** Its name, such as `unseen.jsonl loss`. */
  metric: string
  /** What it is of: a stage, a file of records, a benchmark, a group of benchmarks, the gap. */
  of: string
  /** The group of the benchmark that it is of; `records` for held-out records. */
  group?: MetricGroup
  /** Whether more of it is better. */
  greaterIsBetter: boolean
  /** Mean and spread over the seeds, by arm. */
  arms: Record<string, Spread>
  /** Differences from the reference on the same seeds, by arm. */
  differences: Record<string, Difference>
}
/** Where an arm gains and loses against the reference, beyond the noise. */
export interface GainsOfArm {
  /** The arm. */
  arm: string
  /** Group of benchmarks, or held-out records. */
  group: MetricGroup
  /** Metrics by which it is better. */
  better: string[]
  /** Metrics by which it is worse. */
  worse: string[]
  /** How many metrics tell nothing. */
  undecided: number
}
/** What a comparison came to; also `compare.json` in its output. */
export interface ArmsReport {
  /** Names of the arms, in their order. */
  arms: string[]
  /** Seeds. */
  seeds: number[]
  /** The arm that others are compared with. */
  reference: string
  /** Numbers of the runs. */
  metrics: MetricOfArms[]
  /** Where arms gain, by group. */
  gains: GainsOfArm[]
  /** Price of the arms' data in dollars, where tokens were given. */
  cost?: Record<string, number>
  /** Seconds of training, mean over the seeds, by arm. */
  seconds: Record<string, number>
  /** Result of every run, by arm and seed. */
  runs: Record<string, Record<string, ReVisionReport>>
}
/** A run of a comparison. */
export interface ArmRun {
  /** Its arm. */
  arm: string
  /** Its seed. */
  seed: number
  /** How many runs came before. */
  index: number
  /** How many runs there are. */
  count: number
  /** Whether its result was there already. */
  cached: boolean
}
/** How a comparison is watched and stopped. */
export interface CompareArmsOptions extends ReVisionRunOptions {
  /** Hears of every run before it begins. */
  onRun?: (run: ArmRun) => void
  /** Hears once of keys of the configuration that have no effect. */
  onWarning?: (warning: string) => void
}
/**
 * Runs every arm with every seed at the budget of one configuration, and puts their numbers side by side. A run whose
 * result is there already, of the same configuration, is not repeated, and one that was interrupted continues from its last
 * checkpoint. Nothing counts as better whose interval of differences over the seeds holds zero.
 *
 * @param input configuration with a section `compare`: a file, an output folder or an object
 * @param overrides keys that take the place of the configuration's, in all arms; `null` takes one away
 * @throws {@link ModalityGapError} as {@link ReVision} does; `BAD_OPTION` for a comparison that makes no sense, before
 * the first run begins
 */
export declare function compareArms(
  input: string | object,
  options?: CompareArmsOptions,
  overrides?: Override,
): Promise<ArmsReport>
/** Records and the rows of their images. */
export interface DatasetOptions {
  /**
   * Files of records, or folders of such files, read in the order of their names: JSON, JSON lines, both also in gzip, parquet, COCO's
   * captions; conversations of LLaVA or ShareGPT, chat messages, captions, texts.
   */
  records: string | readonly string[]
  /** Embeddings of the images: opened, or their files; without them no image is looked up. */
  rows?: Embeddings | string | readonly string[]
  /** How a record finds its row. @defaultValue the ids in the metadata of the rows */
  ids?: EmbeddingIds
  /** Whether a row is found by the id of the image or by the id of the record. @defaultValue `'image'` */
  key?: 'image' | 'id'
  /** What happens to a record whose image has no row. @defaultValue `'error'` */
  missing?: MissingRows
  /** What happens to records that cannot be used; `'drop'` counts them in the report. @defaultValue `'error'` */
  onBad?: 'error' | 'drop'
  /** What happens to bad rows: an error when a record needs one, or they are left out, and `missing` decides. @defaultValue `'error'` */
  onBadRow?: OnBadRow
  /** Moves rows as they are read. */
  aligner?: Aligner
  /** Which of the aligner's maps: that of the texts, or that of the images. @defaultValue `'source'` */
  side?: 'source' | 'target'
  /** Which part of the records; a part needs `valSize`. @defaultValue `'all'` */
  split?: 'all' | 'train' | 'validation'
  /** Held out for validation: a share below 1, or a number of records from 1 on. */
  valSize?: number
  /** Records at most, before any are held out. @defaultValue all */
  maxSamples?: number
  /** Seed of the split, of `maxSamples`, and of the choice among several captions. @defaultValue `0` */
  seed?: number
  /** The user's text where a record has an image and no question. @defaultValue `'<image>'` */
  prompt?: string
  /** A system turn for records without one. */
  system?: string
  /** Where the place of an image is put in its turn. @defaultValue `'inline'` */
  imagePlacement?: 'inline' | 'front'
  /** Folder for copies of packed records and rows, which are used again. @defaultValue a temporary folder, removed by `close` */
  cache?: string
}
/** A record of a data set. */
export interface DatasetItem {
  /** Its id, or its number where it has none. */
  id: string
  /** The record as {@link VisionModel} takes it. */
  sample: ModelSample
  /** Ids of its images. */
  images: readonly string[]
  /** All captions of a record that has several; its last turn is one of them. */
  captions?: readonly string[]
  /** Number of the record over all files, from 0. */
  record: number
  /** Where it stands. */
  place: RecordPlace
}
/** Two views of a data set, each in its order. */
export interface DatasetSplit {
  /** What is trained on. */
  train: Dataset
  /** What is held out. */
  validation: Dataset
}
/** How batches are made. */
export interface BatchOptions {
  /** Whether a last batch of fewer samples is left out. @defaultValue `false` */
  dropLast?: boolean
}
/** How an order is drawn. */
export interface ShuffleOptions {
  /** Number of the pass over the data, from 0: another order, another of several captions, other noise. @defaultValue `0` */
  epoch?: number
}
interface Shared {
  set: TrainingSet
  rows?: ModelRows
  wording: Wording
  closed: boolean
  /** Removes what is temporary. */
  tidy(): Promise<void>
}
/**
 * Records with the rows of their images, validated when they are opened and read by position afterwards; only places are in memory.
 * `shuffle`, `split`, `filter` and `take` give views of the same files, which one `close` closes.
 */
export declare class Dataset implements AsyncIterable<DatasetItem> {
  #private
  /** @internal */
  constructor(own: symbol, shared: Shared, records: Uint32Array, epoch?: number)
  /** How many samples this view has. */
  get length(): number
  /** What was found in the files. */
  get report(): TrainingSetReport
  /** Rows of the images as a model sees them; absent where none were given. */
  get rows(): ModelRows | undefined
  /**
   * Reads a sample by its position in this view; negative positions count from the end.
   *
   * @throws {@link ModalityGapError} `BAD_OPTION` for a position that is not there; `UNREADABLE`
   */
  at(position: number): Promise<DatasetItem>
  /**
   * Embeddings of the images of some samples, in their order: row-major, f32, moved by the aligner.
   *
   * @throws {@link ModalityGapError} `BAD_OPTION` without rows; `BAD_ROW`
   */
  embeddings(samples: readonly ModelSample[]): Promise<Float32Array>
  /**
   * Two views, of what is trained on and of what is held out. Records are held out by a hash of the seed and their number, as in
   * {@link ReVision}.
   *
   * @param valSize a share below 1, or a number of records from 1 on
   * @throws {@link ModalityGapError} `BAD_OPTION`; `TOO_FEW_ROWS` when nothing is left to train on
   */
  split(valSize: number, seed?: number): DatasetSplit
  /** The samples in an order of chance: that of a training with this seed in that pass over the data. */
  shuffle(seed: number, options?: ShuffleOptions): Dataset
  /** The first samples of this view. */
  take(count: number): Dataset
  /** The samples that pass; every sample is read once. */
  filter(passes: (item: DatasetItem, position: number) => boolean | Promise<boolean>): Promise<Dataset>
  /** The samples in batches, the next of which is read while one is used. */
  batches(size: number, options?: BatchOptions): AsyncIterable<ModelBatch>
  /** Reads the samples one by one, in the order of this view. */
  [Symbol.asyncIterator](): AsyncGenerator<DatasetItem, void>
  /** Closes the files, for all views. */
  close(): Promise<void>
  /** The same, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}
/**
 * Opens records, and looks up the rows of their images, as {@link ReVision} does: every record is read once and validated. Samples can
 * then be read in any order, in batches for {@link VisionModel} or for a loop of one's own.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`, `BAD_FORMAT`; `BAD_SAMPLE` with all bad records; `EMPTY`; `NOT_PAIRED`;
 * `BAD_OPTION`; `CANCELLED`
 */
export declare function openDataset(options: DatasetOptions, run?: RunOptions): Promise<Dataset>
/** A Spark cluster and how tasks run there. */
export interface SparkOptions {
  /** `spark://host:7077`, `local-cluster[2,1,1024]`, `k8s://…`, `yarn`, `local[4,4]`; `sc://host:15002` for Spark Connect. */
  master: string
  /** Settings of the session, such as `{ 'spark.executor.memory': '4g' }`. */
  conf?: Readonly<Record<string, string>>
  /** Python 3 with pyspark 4, as a command. @defaultValue `'python3'` */
  python?: string
  /**
   * The executable `modality-gap-worker` for the machines of the cluster, which is sent to them.
   *
   * @defaultValue that of this package's version for this machine's processor, from its npm package
   */
  worker?: string
  /** Where the executable is on every machine of the cluster, so that none is sent. */
  installed?: string
  /** Threads of a task; `spark.task.cpus` should be the same. @defaultValue `1` */
  threads?: number
}
/** A Spark session that runs shard tasks; it starts with its first pass. */
export interface SparkEngine extends Engine, AsyncDisposable {
  /** Ends the session; the end of this process does so, too. */
  close(): Promise<void>
}
/**
 * Runs the shards of a job on Apache Spark 4, for `on` of fits, alignments, transformations and conversions. What is read and
 * written has to be at the same paths or addresses on every machine. Spark tries tasks again whose machine or storage failed; bad data
 * ends the job at once.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION`; a job on it `MISSING_PACKAGE` where Python, pyspark or the executable is missing,
 * `ENGINE_FAILED` when the cluster could not do its part
 */
export declare function spark(options: SparkOptions): SparkEngine
/** How large a cluster on this machine is. */
export interface SparkClusterOptions {
  /** Workers, each of which runs one executor of a job. @defaultValue `2` */
  workers?: number
  /** Cores of each worker, which are tasks at once. @defaultValue `1` */
  cores?: number
  /** Memory of each worker in MiB; a job's executors take `spark.executor.memory` of it, 1024 unless it is set. @defaultValue `1024` */
  memory?: number
  /** Python 3 with pyspark 4, as a command. @defaultValue `'python3'` */
  python?: string
}
/** A cluster of Spark on this machine: a process for its master, one for each worker, and those of the jobs. */
export interface SparkCluster extends AsyncDisposable {
  /** Its URL, for `master` of `spark` and for `--on`. */
  readonly master: string
  /** Address of the page that shows its workers and jobs. */
  readonly page: string
  /** Rejects when a process of the cluster has ended by itself, and resolves when the cluster was closed. */
  readonly ended: Promise<void>
  /** Ends all of its processes and deletes what they have written; the end of this process does so, too. */
  close(): Promise<void>
}
/**
 * Starts a throw-away cluster of Apache Spark on this machine, a master and workers that listen on loopback only, to try out how a job
 * runs on one; not on Windows, where Spark has no scripts for it. Every user of this machine can send jobs to it.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION`; `MISSING_PACKAGE` where Python, pyspark or Java is missing; `ENGINE_FAILED` when the
 * cluster could not start; `CANCELLED`
 */
export declare function sparkCluster(
  options?: SparkClusterOptions,
  run?: Pick<RunOptions, 'signal'>,
): Promise<SparkCluster>
/** Counts one shard: n, mean and trace, as a state that can be merged with others. */
export type MomentsTask = Extract<
  TaskSpec,
  {
    /** Which of these it is. */
    task: 'moments'
  }
>
/** Merges states in the order given, as if one pass had counted all their rows. */
export type MergeTask = Extract<
  TaskSpec,
  {
    /** Which of these it is. */
    task: 'merge'
  }
>
/** Moves the rows of one shard with an aligner. */
export type TransformTask = Extract<
  TaskSpec,
  {
    /** Which of these it is. */
    task: 'transform'
  }
>
/** What a task of this kind says of itself. */
export type ReceiptOf<S extends TaskSpec> = Extract<
  TaskReceipt,
  {
    /** Which of these it is. */
    task: S['task']
  }
>
/**
 * Runs one shard task and returns its receipt: what any scheduler calls, once per shard and in any order. Output has its
 * name only once it is complete, so a repeated attempt changes nothing.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION` when the specification makes no sense; otherwise as the work it names
 */
export declare function runTask<S extends TaskSpec>(spec: S, run?: RunOptions): Promise<ReceiptOf<S>>
/**
 * For any scheduler: the tasks of the next pass are written to `file`, one JSON text a line, and the job ends with `TASKS_PENDING`. When
 * they have been run (`modality-gap task` or `modality-gap-worker`, with one line each), the job is run again with `resume`; it takes
 * up their results and writes the tasks of the pass after that, until it is done.
 */
export declare function taskList(file: string): Engine
/**
 * What is done about an order in which nothing matches:
 * - `'none'`: nothing; BLEU is 0 (Papineni et al. 2002);
 * - `'exp'`: the k-th such precision is 1/(2ᵏ·total), as in `mteval` and by default in sacrebleu;
 * - `'floor'`: 0.1 matches (method 1 of Chen and Cherry 2014);
 * - `'add-one'`: one more match and one more n-gram in every order above 1 (method 2, Lin and Och 2004);
 * - `'coco'`: no smoothing but COCO's guards against division by zero, 1e-15 matches and 1e-9 n-grams more.
 */
export type BleuSmoothing = 'none' | 'exp' | 'floor' | 'add-one' | 'coco'
/** How BLEU is counted. */
export interface BleuOptions {
  /** @defaultValue `'none'` */
  smoothing?: BleuSmoothing
  /** @defaultValue {@link captionTokens} */
  tokenize?: Tokenizer
}
/** BLEU of a corpus. */
export interface Bleu {
  /** BLEU-4, 0 to 1. */
  bleu: number
  /** Precisions of orders 1 to 4 after smoothing. */
  precisions: number[]
  /** exp(1 − r/c) where the texts are shorter than their references, else 1. */
  brevityPenalty: number
  /** Tokens of the texts, c. */
  length: number
  /** Tokens of the references nearest in length, the shorter of two, r. */
  referenceLength: number
}
/**
 * BLEU-4 of a corpus (Papineni et al. 2002): matches, n-grams and lengths are summed over all texts before they are
 * divided.
 *
 * @throws {@link ModalityGapError} `EMPTY`, `BAD_SAMPLE` with the text
 */
export declare function bleu4(texts: readonly Judged[], options?: BleuOptions): Bleu
/** An answer to a question with options. */
export interface ChoiceAnswer {
  /** What the model said. */
  text: string
  /** Texts of the options, in the order of their letters. */
  options: readonly string[]
  /** Letter of the right one, `'A'` for the first. */
  answer: string
}
/** Accuracy where options were given. */
export interface ChoiceScore {
  /** Questions. */
  count: number
  /** Answers that name the right option. */
  correct: number
  /** correct / count: an answer that names no option is wrong. */
  accuracy: number
  /** Answers in which no option could be made out. */
  unparsed: number
}
/**
 * Accuracy of multiple choice.
 *
 * @throws {@link ModalityGapError} `EMPTY`; `BAD_SAMPLE` with the row where the right letter is none of the options'
 */
export declare function choiceAccuracy(answers: readonly ChoiceAnswer[]): ChoiceScore
/** Letters of the options. */
export declare function lettersOf(options: readonly string[]): string[]
/**
 * The letter of the option that an answer names, or nothing when it names none or several. The first reading that finds
 * one counts; those of `docs/answers.md` are compared with published ones there:
 * 1. a letter and nothing else: `B`, `b`, `(B)`, `B.`, `**B**`;
 * 2. a statement, the last one if there are several: `The answer is B`, `**Answer:** (B)`, `correct option: B.`,
 *    `\boxed{B}`; where words follow, the only option whose text they hold. A statement of several letters is none;
 * 3. the only letter that is called right or chosen: `Option B is correct`, `I would go with B`; then the only one that has a line
 *    of its own;
 * 4. a letter that opens the answer, and no other in brackets: `B. a dog`, `(B) a dog`, `B: a dog`;
 * 5. the text of an option and nothing else, whatever its case and its closing mark;
 * 6. the only letter in brackets, then the only one that is named as an option: `(B), as it barks`, `option B`; then the only one of
 *    all, where it ends the answer behind a comma, a colon or a word such as `is` or `but`;
 * 7. the only option whose text stands in the answer as whole words; a text inside a longer one found is not counted;
 * 8. the only one of three or more that is not called wrong;
 * 9. of the options yes and no the one that {@link yesOrNo} reads.
 *
 * A letter that is called wrong is none, and so is an option's text behind a negation (`not a dog`, `rather than a dog`). An article
 * before an option's text does not count, nor do thoughts (`<think>…</think>`). Numbers keep sign and point: an answer `3.5` names neither 5 nor 3.
 */
export declare function chosenLetter(text: string, options: readonly string[]): string | undefined
/**
 * How precision P and recall R of the longest common subsequence become one number:
 * - `'coco'`: best P and best R over the references, whichever they come from, and F with β = 1.2;
 * - `'f1'`: the best F1 of a reference, as the ROUGE package reports it.
 */
export type RougeVariant = 'coco' | 'f1'
/** How ROUGE-L is counted. */
export interface RougeOptions {
  /** @defaultValue `'coco'` */
  variant?: RougeVariant
  /** @defaultValue {@link captionTokens} for `'coco'`, {@link rougeTokens} for `'f1'` */
  tokenize?: Tokenizer
}
/** A metric that is the mean of the texts' own. */
export interface MeanScore {
  /** The mean. */
  score: number
  /** The score of each text. */
  each: number[]
}
/**
 * ROUGE-L (Lin 2004): how much of a text and its reference is one common subsequence. Mean over the texts, 0 to 1.
 *
 * @throws {@link ModalityGapError} `EMPTY`, `BAD_SAMPLE` with the text
 */
export declare function rougeL(texts: readonly Judged[], options?: RougeOptions): MeanScore
/** How CIDEr-D is counted. */
export interface CiderOptions {
  /** @defaultValue {@link captionTokens} */
  tokenize?: Tokenizer
}
/**
 * CIDEr-D (Vedantam, Zitnick and Parikh 2015): clipped cosine of tf-idf n-grams with a Gaussian penalty on a difference
 * in length, mean over orders 1 to 4 and over references, times 10.
 *
 * Document frequencies come from the references of these texts, a text's references being one document; so scores depend
 * on the corpus, and one text alone scores 0.
 *
 * @throws {@link ModalityGapError} `EMPTY`, `BAD_SAMPLE` with the text
 */
export declare function ciderD(texts: readonly Judged[], options?: CiderOptions): MeanScore
/** How well short answers agree. */
export interface TokenF1 {
  /** Mean over the answers of the best F1 of shared tokens with a reference, 0 to 1. */
  f1: number
  /** Share of answers whose tokens are those of a reference. */
  exactMatch: number
  /** F1 of each answer. */
  each: number[]
}
/**
 * Token F1 and exact match of SQuAD (Rajpurkar et al. 2016), tokens of {@link answerTokens}. As in version 2 an answer
 * without tokens agrees with a reference without tokens only.
 *
 * @throws {@link ModalityGapError} `EMPTY`, `BAD_SAMPLE` with the text
 */
export declare function tokenF1(answers: readonly Judged[]): TokenF1
/**
 * Reads a tracker's log, one JSON record per line. A last line that an interruption cut short is left out.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`; `BAD_FORMAT` with the line as row
 */
export declare function readTrackLog(path: string, options?: ReadLogOptions): Promise<TrackRecord[]>
/** How a run is followed; kept in the state. */
interface TrackerOptions$1 {
  /** The frame of the first step at or after this one stays; until then each step has its own. The paper takes 800. */
  freezeAt: number
  /** Share of the energy that U holds; not with `rank`. @defaultValue `0.99` */
  energy?: number
  /** Dimension of U; not with `energy`. */
  rank?: number
  /** Only steps that are multiples of this are recorded. @defaultValue `1` */
  every?: number
  /** Recorded steps whose covariances are averaged; windows follow one another once the frame is frozen. @defaultValue `10` */
  window?: number
  /** Leading eigencomponents that are compared with the gradients'. @defaultValue `128` */
  topEigen?: number
  /** Probe pairs that retrieval is measured on, at most, chosen by the seed; 0 leaves it out. @defaultValue `4096` */
  retrievalPairs?: number
  /** Ridge λ of the coupling, absolute. @defaultValue `1e-6` */
  lambda?: number
  /** Seed of the isotropic samples and of the pairs that retrieval takes. @defaultValue `0` */
  seed?: number
}
/** Rows of a step: an array of whole rows, a tensor, opened rows, or the path of a file. Arrays are copied at once. */
export type TrackRows = Rows | NumberRows | Tensor | Embeddings | string
/** What a tracker is fed at a step. */
export interface TrackStep {
  /** The trainer's step, a whole number larger than every one before. */
  step: number
  /** Columns of plain arrays of this step, as a probe says them. @defaultValue those of the tracker */
  dim?: number
  /** Image embeddings of the probe, the same pairs at every step; scaled to unit length inside. */
  image: TrackRows
  /** Text embeddings of the probe; row i belongs to row i of `image`. */
  text: TrackRows
  /** Gradients of the loss by image embeddings, any rows; taken as they are. */
  gradImage?: TrackRows
  /** Gradients of the loss by text embeddings. */
  gradText?: TrackRows
  /** Image embeddings of the batch that the gradients come from, to see whether they lie in its span. */
  batchImage?: TrackRows
  /** Text embeddings of that batch. */
  batchText?: TrackRows
}
/** How a tracker is used in this process. */
export interface TrackerUse extends ThreadOptions, OverwriteOptions {
  /** Columns of plain arrays; tensors and files know theirs. */
  dim?: number
  /** File that every record is appended to as a line of JSON, on the disk before `push` resolves. */
  log?: string
  /**
   * The item of each probe pair, such as the image of a caption; the same pairs at every step, so the state keeps it. Noise
   * and retrieval are those of items: any row of the query's item is right, and a repeated row counts once.
   * @defaultValue pairs with equal rows share an item; `'none'` says that they do not
   */
  ids?: RowIds
  /** Captions of each image, in order: pairs 5i to 5i+4 belong to image i for `5`. Not with `ids`. */
  captionsPerImage?: number
}
/** Follows the modality gap of a training run, step by step, in a frame that is frozen once. */
export declare class Tracker {
  #private
  /** Options of the run. */
  readonly options: TrackerOptions$1
  /**
   * A tracker of a new run.
   *
   * @throws {@link ModalityGapError} `BAD_OPTION`
   */
  constructor(options: TrackerOptions$1 & TrackerUse)
  /** @internal */
  constructor(
    options: (TrackerOptions$1 & TrackerUse) | TrackerUse,
    loaded: NativeTracker | undefined,
    takesUp?: boolean,
  )
  /**
   * Continues a saved run. Of the log, records after the saved step are cut off; they will be written again.
   *
   * @throws {@link ModalityGapError} `NOT_FOUND`, `BAD_STATE`, `NEWER_VERSION`; `BAD_FORMAT` for the log
   */
  static load(path: string, use?: TrackerUse): Promise<Tracker>
  /**
   * Goes on with a run from the bytes of its state.
   *
   * @throws {@link ModalityGapError} `BAD_STATE`, `NEWER_VERSION`
   */
  static fromBytes(bytes: Uint8Array, use?: TrackerUse): Tracker
  /** Records of this process and of the log that was gone on with, in order. */
  get records(): readonly TrackRecord[]
  /** The last step recorded, also by the process before. */
  get lastStep(): number | undefined
  /**
   * Records a step off the event loop, in passes over its rows; memory is a few `dim × dim` matrices beside them. Calls
   * that are not awaited are recorded in their order. After an error the tracker is as it was before.
   *
   * @returns the record, or nothing for a step that `every` leaves out
   * @throws {@link ModalityGapError} `BAD_OPTION` for a step that does not come after the last one, `BAD_ROW` with file
   * and row, `BAD_SHAPE`, `NOT_PAIRED`, `TOO_FEW_ROWS`, `WIDTH_MISMATCH`, `NUMERIC`, `CANCELLED`; `WRITE_FAILED` for the
   * log
   */
  push(step: TrackStep, run?: Pick<RunOptions, 'signal'>): Promise<TrackRecord | undefined>
  /** The state as a safetensors file; `fromBytes` reads it back exactly. Steps that are being recorded are not in it. */
  toBytes(): Uint8Array
  /**
   * Writes the state, once the steps pushed so far are recorded; the file has its name only when it is complete. An older
   * state is replaced, any other file is not.
   *
   * @throws {@link ModalityGapError} `BAD_OPTION`, `WRITE_FAILED`
   */
  save(path: string): Promise<void>
  /**
   * Writes the frozen frame, for measurements in the same frame.
   *
   * @throws {@link ModalityGapError} `BAD_OPTION` when no frame is frozen yet, or where something stands; `WRITE_FAILED`
   */
  saveFrame(path: string, options?: OverwriteOptions): Promise<void>
}

export { ProbeEvent as TrainProbe, ProgressEvent as Progress, TrackerOptions$1 as TrackerOptions }

export {}
