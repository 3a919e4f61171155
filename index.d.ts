/**
 * What went wrong, stable across versions:
 *
 * | code | meaning |
 * | --- | --- |
 * | `NOT_FOUND` | a path does not exist |
 * | `UNREADABLE` | a file exists but the system does not let it be read |
 * | `BAD_FORMAT` | a file is not what its name says: wrong magic, truncated, nonsense in the header |
 * | `UNSUPPORTED` | a data type or compression that is not read or written |
 * | `EMPTY` | no rows, or no file of rows in a folder |
 * | `BAD_SELECTOR` | `#name` picks a column, tensor or key that is not there |
 * | `WIDTH_MISMATCH` | rows that must share a width do not |
 * | `BAD_ROW` | a row is not finite, has length zero or a wrong width |
 * | `BAD_SHAPE` | an array does not hold whole rows, or `out` has another length |
 * | `BAD_OPTION` | an option has a value that makes no sense |
 * | `OVERFLOW` | a component is beyond the range of the output's storage type |
 * | `NOT_PAIRED` | two sides that should be paired differ in rows |
 * | `TOO_FEW_ROWS` | fewer rows than the statistics need |
 * | `NOT_CONVERGED` | the centroid step did not settle within its bound |
 * | `NUMERIC` | an eigenvalue problem could not be solved, or a loss is not finite |
 * | `BAD_ALIGNER` | bytes that are not an aligner file |
 * | `NEWER_VERSION` | an aligner file written by a newer version of this package |
 * | `BAD_IMAGE` | an image cannot be decoded |
 * | `BAD_MODEL` | an encoder's file or folder is damaged, of an unknown kind, or of another training |
 * | `BAD_RECEIPT` | a receipt of an earlier run does not belong to its output |
 * | `WRITE_FAILED` | output could not be written: disk full, no permission |
 * | `CANCELLED` | the signal was aborted; `name` is `'AbortError'`, `cause` the signal's reason |
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
  | 'NEWER_VERSION'
  | 'BAD_IMAGE'
  | 'BAD_MODEL'
  | 'BAD_RECEIPT'
  | 'WRITE_FAILED'
  | 'CANCELLED'
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
  /**
   * @param code what went wrong
   * @param message one sentence for people
   * @param place file, row and column, as far as known; `cause` as in `Error`
   */
  constructor(
    code: ErrorCode,
    message: string,
    place?: ErrorPlace & {
      cause?: unknown
    },
  )
}
/** How the source rows are moved onto the target's distribution. */
export type Method = 'realign' | 'mean-shift' | 'centering' | 'none'
/** A step of the `realign` method, for ablation. */
export type Step = 'anchor' | 'trace' | 'centroid'
/** How the centroid step finds its offset: repeated correction, or the one offset that solves for the target's mean. */
export type Centroid = 'iterate' | 'solve'
/** Storage type of a component. */
export type Dtype = 'f16' | 'bf16' | 'f32' | 'f64'
/** Container of rows on disk; `pickle` is the published layout, a list of `{id, caption | image_path, embed}`. */
export type Format = 'npy' | 'npz' | 'parquet' | 'arrow' | 'safetensors' | 'pickle'
/** What to do with a row that is not finite, has length zero or a wrong width. */
export type OnBadRow = 'error' | 'drop'
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
  /** Share of both sides kept out of the fit, in [0, 1), to measure the gap on rows it has not seen. @defaultValue `0` */
  holdout?: number
  /** Seed of every sampled choice. @defaultValue `0` */
  seed?: number
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
/** What is written, and how. */
export interface OutputOptions extends ThreadOptions {
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
/** How far a job has come; sent at most a few times a second. */
export interface Progress {
  /** What is being done, such as `'moments image'`, `'centroid 1'` or `'transform'`. */
  stage: string
  /** Rows done in this stage. */
  rows: number
  /** Rows of this stage. */
  total: number
  /** Seconds since the job began. */
  seconds: number
}
/** One file of rows, or one part of a file. */
export interface ShardInfo {
  /** Its path; absent for rows in memory. */
  path?: string
  /** The column, tensor, key or leading index that was picked. */
  selector?: string
  /** Its rows. */
  rows: number
}
/** What is known of opened rows without reading them. */
export interface EmbeddingsInfo {
  /** Number of rows. */
  rows: number
  /** Columns of a row. */
  dim: number
  /** Storage type of a component. */
  dtype: Dtype
  /** Container, or `'memory'`. */
  format: Format | 'memory'
  /** Whether the files stand in a clip-retrieval folder with metadata beside them. */
  layout: 'files' | 'clip-retrieval' | 'memory'
  /** The files in reading order; empty for rows in memory. */
  shards: ShardInfo[]
  /** The label they were opened with. */
  label?: string
}
/** What an aligner keeps of one side of its fit. */
export interface SideInfo {
  /** Name of the side, such as `'image'`. */
  name: string
  /** Rows that were fitted. */
  rows: number
  /** Trace of the covariance, E‖e−μ‖² of the unit rows. */
  trace: number
}
/** Distances between the means on one set of rows, before and after a fit. */
export interface FitGap {
  /** ‖μx−μy‖ of the unit rows. */
  before: number
  /** The same after the fit, of the f64 result; absent when it was not measured. */
  after?: number
  /** How far apart the means of two samples of one distribution are. */
  floor: number
}
/** The gaps that an aligner remembers. */
export interface AlignerGap extends FitGap {
  /** The same on rows that were kept out of the fit. */
  held?: FitGap
}
/** Method and options of a fit; an option that was not given is absent. */
export interface FittedOptions extends Omit<FitOptions, 'holdout' | 'seed'> {
  /** How rows are moved. */
  method: Method
  /** How the centroid step found its offset. */
  centroid: Centroid
}
/** What a fitted aligner knows about itself. */
export interface AlignerInfo {
  /** Version of the file format. */
  version: number
  /** Version of the package that fitted it. */
  package: string
  /** Method and options of the fit. */
  options: FittedOptions
  /** Columns of the rows it takes and gives. */
  dim: number
  /** The side that is moved. */
  source: SideInfo
  /** The side that is imitated. */
  target: SideInfo
  /** Factor on the residuals, sqrt(target trace / source trace). */
  scale: number
  /** Whether results have unit length. */
  renormalize: boolean
  /** Centroid offsets it applies. */
  iterations: number
  /** The gap on the rows of the fit, and on rows kept out of it. */
  gap: AlignerGap
  /** Whether the target's rows move too, as in centering. */
  movesTarget: boolean
}
/** A number for each side, under the side's name (`image` and `text` unless named otherwise). */
export type PerSide<T = number> = Record<string, T>
/** Wall-clock seconds of the parts of a job; a part that did not happen is absent. */
export interface Seconds {
  /** The pass over new rows that looks for bad ones and compares them with those of the fit. */
  check?: number
  /** Passes over the rows to fit. */
  fit?: number
  /** Reading, moving and writing rows. */
  transform?: number
  /** Reading and writing rows as they are. */
  convert?: number
  /** Waiting until the disk held the output. */
  sync?: number
}
/** Lengths of rows as they are stored. */
export interface Norms {
  /** The shortest. */
  min: number
  /** The longest. */
  max: number
}
/** Lengths of rows as they are stored, with their mean. */
export interface MeanNorms extends Norms {
  /** Their mean. */
  mean: number
}
/** What was taken from a sample rather than from all rows. */
export interface Sampled {
  /** Rows of the sample. */
  size: number
  /** Seed of the choice. */
  seed: number
}
/** A value for either modality. */
export interface ImageText<T = number> {
  /** Of the image rows. */
  image: T
  /** Of the text rows. */
  text: T
}
/** Distances between the means of two sets of unit rows. */
export interface Gap {
  /** ‖μx−μz‖ before the fit, on the rows of the fit. */
  before: number
  /** The same after it, of the f64 result. */
  after?: number
  /** The same of the rows as written, rounded to their storage type. */
  stored?: number
  /** sqrt(Tx/n+Tz/m): how far apart two samples of one distribution are. */
  floor: number
  /** Whether before and after were measured on the rows of the fit, where the gap after it always lies below the floor. */
  inSample?: boolean
  /** The gap on rows that were kept out of the fit, with the floor that holds for them. */
  held?: FitGap
}
/** What a fit found. */
export interface FitReport {
  /** Columns. */
  dim: number
  /** Rows fitted. */
  rows: PerSide
  /** Bad rows left out. */
  dropped: PerSide
  /** Lengths of the rows as they are stored. */
  norms: PerSide<Norms>
  /** Trace of the covariance, E‖e−μ‖² of the unit rows. */
  trace: PerSide
  /** Factor on the residuals. */
  scale: number
  /** Centroid offsets that were fitted. */
  iterations: number
  /** What the sphere projection does to the mean; absent where no row is projected. */
  phantomDrift?: PhantomDrift
  /** The gap before and after. */
  gap: Gap
  /** Method and options of the fit. */
  options: FittedOptions
  /** The rows kept out of the fit, when some were. */
  holdout?: {
    /** Their share. */
    holdout: number
    /** Seed of the choice. */
    seed: number
  }
  /** Files written. */
  outputs: string[]
  /** Wall-clock seconds of each part. */
  seconds: Seconds
  /** Largest resident memory of the process so far; absent where the system does not tell. */
  peakMemoryBytes?: number
}
/** How the mean of projected rows departs from the projected mean. */
export interface PhantomDrift {
  /** ‖E[π(z)]−π(E[z])‖. */
  measured: number
  /** ‖E[π(z)]−μx‖, the distance it leaves to the target's mean. */
  toTarget: number
  /** Length of the measured drift's part tangential to the sphere. */
  tangential?: number
  /** The same by the second-order prediction. */
  predictedTangential?: number
  /** Cosine of predicted and measured tangential parts. */
  cosine?: number
}
/** What a transformation of rows found. */
export interface TransformReport {
  /** Columns. */
  dim: number
  /** Rows taken in. */
  rows: {
    /** Rows that were moved. */
    input: number
  }
  /** Bad rows left out. */
  dropped: number
  /** Files written. */
  outputs: string[]
  /** ‖μz−μx‖ of the moved rows and the target's mean; absent for the target side. */
  toTarget?: number
  /** Whether the rows look like those of the fit; absent for the target side. */
  fits?: {
    /** Distance of the new rows' mean from the stored one. */
    meanShift: number
    /** The distance that sampling alone explains. */
    floor: number
    /** Trace of the new rows. */
    trace: number
    /** Trace of the rows of the fit. */
    storedTrace: number
    /** `'drifted'` when the new rows are not like those of the fit. */
    verdict: 'fits' | 'drifted' | 'too-few-rows'
  }
  /** Wall-clock seconds of each part. */
  seconds: Seconds
  /** Largest resident memory of the process so far; absent where the system does not tell. */
  peakMemoryBytes?: number
}
/** The gap between two modalities and what it is made of. */
export interface GapReport extends Causes {
  /** Columns. */
  dim: number
  /** Rows measured. */
  rows: ImageText
  /** Bad rows left out. */
  dropped: ImageText
  /** Lengths of the rows as they are stored. */
  norms: ImageText<Norms>
  /** Distances between the modalities. */
  gap: {
    /** ‖μx−μy‖ without the aligner, when one was given. */
    before?: number
    /** ‖μx−μz‖ with it. */
    after?: number
    /** ‖μx−μy‖ of the unit rows. */
    centroid: number
    /** Cosine of the two means; null when a mean has length zero. */
    cosine: number | null
    /** The squared gap without the part that sampling adds; negative when the gap is below the noise. */
    unbiasedSquared: number
    /** How far apart two samples of one distribution are. */
    floor: number
    /** 95 % interval of `unbiasedSquared`. */
    interval: [number, number]
    /** Mean distance of the pairs; `paired` only. */
    pairedDistance?: number
    /** Relative modality gap (Schrodi et al. 2025); `paired` only. */
    rmg?: number
  }
  /** Trace of the covariance, E‖e−μ‖² of the unit rows. */
  trace: ImageText
  /** sqrt(image trace / text trace). */
  scale: number
  /** What the sphere projection would do to the mean of anchored and scaled text. */
  phantomDrift?: PhantomDrift
  /** What was taken from a sample rather than from all rows. */
  sampled?: Record<string, Sampled>
}
/** A row that cannot be used, and why. */
export interface BadRow {
  /** The file; absent for rows from memory. */
  file?: string
  /** Index in the file. */
  row: number
  /** Why it cannot be used. */
  reason: string
}
/** What a set of rows looks like. */
export interface InspectReport extends EmbeddingsInfo {
  /** Lengths of the usable rows as they are stored, and their mean; null when no row is usable. */
  norms: MeanNorms | null
  /** Whether every usable row has length one up to the rounding of its storage type. */
  unit: boolean
  /** Rows that cannot be used: how many, and the first of them. */
  badRows: {
    /** How many there are. */
    count: number
    /** The first of them. */
    first: BadRow[]
  }
}
/** What a conversion wrote. */
export interface ConvertReport {
  /** Rows written. */
  rows: number
  /** Columns. */
  dim: number
  /** Bad rows left out. */
  dropped: number
  /** Files written. */
  outputs: string[]
  /** Wall-clock seconds of each part. */
  seconds: Seconds
}
/** The fixed reference frame: U, where both modalities vary, and its complement V. */
export interface FrameReport {
  /** Share of the trace of Cov(image)+Cov(text) that U holds. */
  energy: number
  /** Dimension of U. */
  rank: number
}
/**
 * The gap taken apart, Δ = β + γ + δ + ζ; `pmb`² + `cob`² + `traceU` + `traceV` is E‖Δ‖² of the pairs. What needs pairs
 * is absent without `paired`; what is undefined is null.
 *
 * @see arXiv 2602.07026, section 3
 */
export interface Decomposition {
  /** ‖m‖, the distance of the means. */
  gap: number
  /** ‖β‖, its part in U: principal mean (modality) bias. */
  pmb: number
  /** ‖γ‖, its part in V: constant (passive) orthogonal bias. */
  cob: number
  /** Trace of the residuals' covariance in U. */
  traceU?: number
  /** The same in V. */
  traceV?: number
  /** Condition number of the residuals in U, over eigenvalues that are more than rounding. */
  kappaU?: number | null
  /** The same in V. */
  kappaV?: number | null
  /** First eigenvalue over the last of those that hold 99.9 % of the trace, in U. */
  kappaEffU?: number | null
  /** The same in V. */
  kappaEffV?: number | null
  /** Eigenvalues that were rounding only. */
  belowFloor?: {
    /** In U. */
    u: number
    /** In V. */
    v: number
  }
  /** Degrees between γ and the leading direction of the residuals in V. */
  angleCobV1?: number | null
  /** How far the residuals in V follow those in U linearly: ‖L‖₂, R² and the ridge λ that both depend on. */
  coupling?: {
    /** ‖L‖₂. */
    norm: number
    /** Share of the residuals in V that L explains. */
    r2: number | null
    /** The ridge, absolute. */
    lambda: number
  }
  /** Von Mises–Fisher concentration of the pairs' directions in V. */
  vmf?: number | null
}
/** The eigenvalues of one modality's covariance. */
export interface SpectrumReport {
  /** Exponent of the power law λ_k ∝ k^−α; null below two ranks. */
  alpha: number | null
  /** First and last rank of its fit. */
  alphaRange: [number, number]
  /** exp of the entropy of λ/Σλ. */
  effectiveRank: number | null
  /** (Σλ)²/Σλ². */
  participationRatio: number | null
  /** Eigenvalues above rounding. */
  rank: number
  /** Condition number over eigenvalues that are more than rounding of the stored rows. */
  kappa: number | null
  /** First eigenvalue over the last of those that hold 99.9 % of the trace. */
  kappaEff: number | null
  /** Eigenvalues that were rounding only. */
  belowFloor: number
}
/** How alike the covariances of image and text are. */
export interface CovarianceReport {
  /** ‖Σx−Σz‖_F/‖Σx‖_F. */
  shape: number
  /** Correlation of the logarithms of the two spectra over their common ranks; null below two. */
  logSpectraCorrelation: number | null
  /** Fréchet distance, squared, divisor n. */
  frechet: number
  /** Overlap of the q leading directions; q/d for random ones. */
  overlap: {
    /** Numbers of directions. */
    q: number[]
    /** Overlap of each, ‖UxᵀUz‖²/q. */
    o: number[]
  }
}
/** The covariance of the paired differences. */
export interface ResidualReport {
  /** Its trace. */
  trace: number
  /** Largest eigenvalue over the mean one. */
  anisotropy: number
  /** Trace over the mean squared distance of the pairs. */
  ratio: number
  /** Share of the trace in U. */
  coverage: number
  /** (Σλ)²/Σλ². */
  effectiveDimension: number
  /** Share of the K leading eigenvalues. */
  energy: {
    /** Numbers of eigenvalues. */
    k: number[]
    /** Share of each. */
    share: number[]
  }
}
/** What the gap is made of. */
export interface Causes {
  /** The frame everything is taken apart in. */
  frame: FrameReport
  /** The gap taken apart. */
  decomposition: Decomposition
  /** Spectra of both modalities. */
  spectrum: ImageText<SpectrumReport>
  /** Their covariances compared. */
  covariance: CovarianceReport
  /** The paired differences; `paired` only. */
  residual?: ResidualReport
}
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
/** Shapes of one tower's transformer. */
export interface TowerShape {
  /** Columns inside. */
  width: number
  /** Blocks. */
  layers: number
  /** Heads of each block, a divisor of the width. */
  heads: number
}
/** Shapes of a dual encoder. */
export interface EncoderShape {
  /** Columns of an embedding. @defaultValue `192` */
  dim?: number
  /** Pixels of an image's side. @defaultValue `32` */
  imageSize?: number
  /** Pixels of a patch's side, a divisor of the image's. @defaultValue `8` */
  patch?: number
  /** The image tower. @defaultValue `{ width: 128, layers: 3, heads: 4 }` */
  image?: TowerShape
  /** The text tower. @defaultValue `{ width: 128, layers: 2, heads: 4 }` */
  text?: TowerShape
  /** Words of a caption that are read at most. @defaultValue `24` */
  tokens?: number
}
/** How the learning rate goes on after its rise; names and values are those of Hugging Face's trainers. */
export type ScheduleKind = 'cosine' | 'linear' | 'constant' | 'constant_with_warmup' | 'inverse_sqrt'
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
  /** Pairs that are contrasted with each other; no two of equal captions. @defaultValue `256` */
  batchSize?: number
  /** Pairs whose activations are held at a time; it changes memory and nothing else. @defaultValue the batch */
  microBatch?: number
  /** Highest learning rate. @defaultValue `0.002` */
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
/** What one update did. */
export interface TrainStep {
  /** Updates so far, this one included. */
  step: number
  /** Updates in all. */
  total: number
  /** Passes over the data begun. */
  epoch: number
  /** Loss of the batch before the update, natural logarithm. */
  loss: number
  /** Share of the batch's images whose own caption came first. */
  accuracy: number
  /** Temperature before the update. */
  temperature: number
  /** Learning rate of the update. */
  learningRate: number
  /** Norm of all gradients together, before it was bounded. */
  gradNorm: number
  /** Seconds since training began or went on. */
  seconds: number
}
/** Unit rows under the parameters of one moment, and the loss's gradients at the batch's rows; `dim` values a row. */
export interface TrainProbe {
  /** Updates made when it was taken. */
  step: number
  /** Columns. */
  dim: number
  /** Held-out images. */
  image: Float32Array
  /** Their captions, row by row. */
  text: Float32Array
  /** The batch's images. */
  batchImage: Float32Array
  /** The batch's captions. */
  batchText: Float32Array
  /** dL/d the batch's image rows. */
  gradImage: Float32Array
  /** dL/d the batch's text rows. */
  gradText: Float32Array
}
/** What and how pairs are embedded. */
export interface EmbedOptions {
  /** Only pairs of these splits. @defaultValue all */
  splits?: readonly string[]
  /** Pairs per shard. @defaultValue `10000` */
  shardRows?: number
  /** f32 instead of f16. @defaultValue `false` */
  full?: boolean
  /** Keep the finished shards of an interrupted run of the same job. @defaultValue `false` */
  resume?: boolean
}
/** How often the right answer is among the first k, and the mean of 1/rank. */
export interface Recall {
  /** Among the first. */
  r1: number
  /** Among the first five. */
  r5: number
  /** Among the first ten. */
  r10: number
  /** Mean reciprocal rank. */
  mrr: number
}
/** What held-out pairs show. */
export interface HeldOut {
  /** Pairs. */
  rows: number
  /** Different captions among them; images of one caption are all right answers to it. */
  captions: number
  /** ‖mean image − mean text‖. */
  gap: number
  /** Mean cosine of a pair. */
  pairedCosine: number
  /** Images found by captions. */
  textToImage: Recall
  /** Captions found by images. */
  imageToText: Recall
  /** What chance would give for `imageToText.r5`. */
  chanceR5: number
}
/** What a training gave. */
export interface TrainReport {
  /** The encoder's file. */
  encoder: string
  /** Columns of its embeddings. */
  dim: number
  /** Numbers that were trained. */
  parameters: number
  /** Pairs that were trained on. */
  pairs: number
  /** Updates. */
  steps: number
  /** Loss of the last batch; `null` when a resumed training was already done. */
  loss: number | null
  /** Learned temperature. */
  temperature: number
  /** Every held-out split, by name. */
  heldOut: Record<string, HeldOut>
  /** Seconds of this run. */
  seconds: number
}
/** What embedding gave. */
export interface EmbedReport {
  /** Pairs. */
  rows: number
  /** Columns. */
  dim: number
  /** Shards that were kept from an earlier run. */
  kept: number
  /** Files, in order. */
  outputs: string[]
}
/** How a long call is watched and stopped. */
export interface RunOptions {
  /** Stops the call within a block of rows; it then rejects with `CANCELLED` and leaves no unfinished file. */
  signal?: AbortSignal
  /** Called at most a few times a second; what it throws stops the call, which then rejects with it. */
  onProgress?: (progress: Progress) => void
}
/** Rows in memory, row-major; `Uint16Array` holds the bits of f16. */
export type Rows = Float32Array | Float64Array | Uint16Array
/** A dense tensor of one row (`[d]`) or of many (`[n, d]`), such as transformers.js returns. */
export interface Tensor<T extends Rows = Rows> {
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
 * - a tensor;
 * - bytes: Arrow IPC, or, when `dim` is given, plain rows of `dtype` in the byte order of the machine.
 */
export type EmbeddingsInput = string | readonly string[] | Rows | Tensor | Uint8Array | ArrayBuffer
/** How rows are opened. */
export interface EmbeddingsOptions {
  /** What to do with a row that is not finite, has length zero or a wrong width. @defaultValue `'error'` */
  onBadRow?: OnBadRow
  /** Whether rows are scaled to unit length as they are read. @defaultValue `true` */
  normalize?: boolean
  /** A name for these rows, kept in aligners that are fitted on them. */
  label?: string
  /** Side of a clip-retrieval folder to take. @defaultValue `'other'`, the rows as they stand */
  role?: Role
  /** Columns of a row; needed for plain arrays and plain bytes. */
  dim?: number
  /** What plain bytes or 16-bit patterns hold. @defaultValue `'f32'` for bytes, `'f16'` for `Uint16Array` */
  dtype?: Dtype
  /** The column of Arrow data to take. @defaultValue the only column of vectors */
  column?: string
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
}
/**
 * Opens rows on disk or takes a copy of rows in memory. Files are probed, not read: their rows are streamed by every
 * call that uses them and have to stay as they are meanwhile.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`, `BAD_FORMAT`, `UNSUPPORTED`, `EMPTY`, `BAD_SELECTOR` or
 * `WIDTH_MISMATCH` with the file; `BAD_SHAPE` when an array does not hold whole rows; `BAD_ROW` with the row
 */
export declare function openEmbeddings(input: EmbeddingsInput, options?: EmbeddingsOptions): Promise<Embeddings>
/** The two sides of a fit; they need not be paired. */
export interface Sides {
  /** Rows to imitate, usually images; read once. */
  target: Embeddings
  /** Rows to move, usually texts; read `2 + centroidIterations` times. */
  source: Embeddings
}
/** What to fit, and how. */
export interface FitInput extends Sides, FitOptions, ThreadOptions {
  /** Read the source once more to measure the gap after the fit. @defaultValue `true` */
  verify?: boolean
  /** Folder for the states of finished passes, so that an interrupted fit can be resumed. */
  work?: string
  /** Take up the states found in `work`, after checking them. @defaultValue `false` */
  resume?: boolean
}
/** What to fit and where to write the moved rows. */
export interface AlignInput extends Sides, FitOptions, ResumableOutputOptions {
  /** Folder for the moved rows and the aligner; made when absent. */
  out: string
}
/** How shards are transformed. */
export interface TransformOptions extends ResumableOutputOptions {
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
  static fit({ target, source, ...options }: FitInput, run?: RunOptions): Promise<Aligner>
  /**
   * Fits an aligner and writes the moved rows of the source, shard by shard, in one job; where a method moves the target
   * too (`centering`), both sides are written. Output keeps names, order, metadata and, unless told otherwise, format and
   * storage type of the input. `report.outputs` lists the files.
   *
   * @throws {@link ModalityGapError} as `fit` does, and `WRITE_FAILED`; unfinished files are removed
   */
  static alignTo({ target, source, ...options }: AlignInput, run?: RunOptions): Promise<Aligner>
  /**
   * Reads an aligner file.
   *
   * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`, `BAD_ALIGNER`, `NEWER_VERSION`
   */
  static load(path: string): Promise<Aligner>
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
   * @throws {@link ModalityGapError} `WRITE_FAILED`
   */
  save(path: string): Promise<void>
  /**
   * Moves one source row or many. Rows are scaled to unit length first; results have unit length (except for methods
   * without renormalisation) and are computed in f64 whatever the array.
   *
   * @param rows `n × dim` values, row-major; `Uint16Array` holds f16 bits
   * @param out where to write, of the same kind and length; may be `rows` itself; allocated when absent
   * @returns `out`
   * @throws {@link ModalityGapError} `BAD_SHAPE` when they are not whole rows, `BAD_ROW` with the first row that is not
   * finite or has length zero; `out` is then written up to that row at most
   */
  transform(rows: Float32Array, out?: Float32Array): Float32Array
  transform(rows: Float64Array, out?: Float64Array): Float64Array
  transform(rows: Uint16Array, out?: Uint16Array): Uint16Array
  transform<T extends Rows>(rows: Tensor<T>, out?: Tensor<T>): Tensor<T>
  /**
   * Moves the rows of any number of shards on the native threads and writes them to `out`, a folder, or a file when there
   * is one shard and the name has a known ending. The report says whether the rows still look like those of the fit.
   *
   * @throws {@link ModalityGapError} `WIDTH_MISMATCH`, `BAD_ROW` with file and row, `WRITE_FAILED`, `CANCELLED`;
   * unfinished files are removed
   */
  transformTo(rows: Embeddings, out: string, options?: TransformOptions & RunOptions): Promise<TransformReport>
}
/**
 * Writes rows as they are, not normalised, in another container or storage type. `out` is a folder, or a file when there
 * is one shard and the name has a known ending.
 *
 * @throws {@link ModalityGapError} `BAD_ROW` with file and row, `UNSUPPORTED`, `WRITE_FAILED`, `CANCELLED`; unfinished
 * files are removed
 */
export declare function convert(
  rows: Embeddings,
  out: string,
  options?: OutputOptions & RunOptions,
): Promise<ConvertReport>
/** What is trained, from what, and where it goes. */
export interface TrainInput extends TrainOptions, ThreadOptions {
  /** Lists of pairs: jsonl, csv, tar files in the WebDataset layout, or folders with one of them or with text files. */
  data: string | readonly string[]
  /** Folder for the encoder and its checkpoint. */
  out: string
  /** Go on from the checkpoint in `out`; the options have to be the same. @defaultValue `false` */
  resume?: boolean
  /** Folder for probes as files: `step_000800/{image,text,grad_image,grad_text}.npy`. */
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
  onProbe?: (probe: TrainProbe) => void
}
/** What is embedded, by what, and where it goes. */
export interface EmbedInput extends EmbedOptions, ThreadOptions {
  /** An encoder trained here (file or folder), or a folder with a CLIP, SigLIP or BERT in Hugging Face's layout. */
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
   * @throws {@link ModalityGapError} `BAD_IMAGE` with the file, `BAD_FORMAT` with list and record, `BAD_OPTION`,
   * `NUMERIC` when the loss is not finite, `BAD_MODEL` when a checkpoint belongs to other options, `CANCELLED`
   * @see arXiv 2103.00020
   */
  static train(input: TrainInput, run?: TrainRun): Promise<DualEncoder>
  /**
   * Reads an encoder: the file or the folder of a training, or a folder in Hugging Face's layout.
   *
   * @throws {@link ModalityGapError} `NOT_FOUND`, `BAD_MODEL` with the file
   */
  static load(path: string): Promise<DualEncoder>
  /** Columns of a row. */
  get dim(): number
  /** Whether it takes images. */
  get images(): boolean
  /** Unit rows of texts, row-major, `texts.length × dim`. */
  embedTexts(texts: readonly string[]): Promise<Float32Array>
  /**
   * Unit rows of image files, row-major, `paths.length × dim`.
   *
   * @throws {@link ModalityGapError} `BAD_IMAGE`, `NOT_FOUND` with the file; `BAD_OPTION` without an image tower
   */
  embedImages(paths: readonly string[]): Promise<Float32Array>
}
/**
 * Writes the embeddings of pairs in the clip-retrieval layout: `img_emb/`, `text_emb/`, and `metadata/` with paths and
 * captions.
 *
 * @throws {@link ModalityGapError} as {@link DualEncoder.load} and {@link DualEncoder.embedImages}; `CANCELLED`
 */
export declare function embedPairs(input: EmbedInput, run?: RunOptions): Promise<EmbedReport>
/** How rows are looked at. */
export interface InspectOptions extends ThreadOptions {
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
export declare function measureGap(
  { image, text, aligner, ...options }: MeasureInput,
  run?: RunOptions,
): Promise<GapReport>
/** One file of rows, or one part of a file. */
export interface TaskShard {
  /** The file. */
  path: string
  /** The column, tensor, key or leading index to take. */
  selector?: string
}
/** Counts one shard: n, mean and trace, as a state that can be merged with others. */
export interface MomentsTask {
  /** What is done. */
  task: 'moments'
  /** Version of this description. */
  version: 1
  /** The rows to count. */
  shard: TaskShard
  /** Aligner file whose map the rows go through first. */
  through?: string
  /** Whether rows are scaled to unit length. @defaultValue `true` */
  normalize?: boolean
  /** What to do with bad rows. @defaultValue `'error'` */
  onBadRow?: OnBadRow
  /** File of the state. */
  out: string
}
/** Merges states in the order given, as if one pass had counted all their rows. */
export interface MergeTask {
  /** What is done. */
  task: 'merge'
  /** Version of this description. */
  version: 1
  /** Files of the states, in shard order. */
  states: readonly string[]
  /** File of the merged state. */
  out: string
}
/** Moves the rows of one shard with an aligner. */
export interface TransformTask {
  /** What is done. */
  task: 'transform'
  /** Version of this description. */
  version: 1
  /** The rows to move. */
  shard: TaskShard
  /** Aligner file. */
  aligner: string
  /** What to do with bad rows. @defaultValue `'error'` */
  onBadRow?: OnBadRow
  /** Storage type of the output. @defaultValue that of the input */
  dtype?: Dtype
  /** Container of the output. @defaultValue that of the input */
  format?: Format
  /** Folder of the output. */
  out: string
}
/** A shard task: a pure function of one shard and small parameters. */
export type TaskSpec = MomentsTask | MergeTask | TransformTask
/** What a finished shard task says of itself. */
export interface Receipt {
  /** Version of the description it was run from. */
  version: number
  /** What was done. */
  task: TaskSpec['task']
  /** Rows counted or written. */
  rows: number
  /** The file written. */
  output: string
  /** Bytes of a state. */
  bytes?: number
  /** Hash of a state. */
  hash?: string
  /** The shard that was read. */
  shard?: unknown
  /** Bad rows left out: their number, or for `transform` their indices. */
  dropped?: number | number[]
  /** Number of merged states. */
  states?: number
}
/**
 * Runs one shard task and returns its receipt: what any scheduler calls, once per shard and in any order. Output has its
 * name only once it is complete, so a repeated attempt changes nothing.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION` when the specification makes no sense; otherwise as the work it names
 */
export declare function runTask(spec: TaskSpec, run?: RunOptions): Promise<Receipt>

export {}
