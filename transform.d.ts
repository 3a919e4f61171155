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
 * How the centroid step is solved.
 */
export type Centroid = 'iterate' | 'solve'
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
/** Distances between the means on one set of rows, before and after a fit. */
export type FitGap = Omit<AlignerGap, 'held'>
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
/** A saved aligner, ready to move rows. */
export declare class PortableAligner {
  #private
  /** What it knows about itself and its fit. */
  readonly info: AlignerInfo
  /**
   * @param bytes an aligner file, as `Aligner.save` and `Aligner.toBytes` make it
   * @throws {@link ModalityGapError} `BAD_ALIGNER`, `NEWER_VERSION`
   */
  constructor(bytes: Uint8Array | ArrayBuffer)
  /** Columns of the rows it takes and gives. */
  get dim(): number
  /**
   * Moves one source row or many. Rows are scaled to unit length first; results have unit length, except for methods
   * without renormalisation.
   *
   * @param rows `n × dim` values, row-major; `Uint16Array` holds f16 bits, a tensor what its `type` says
   * @param out where to write, of the same kind and length; may be `rows` itself; allocated when absent
   * @returns `out`
   * @throws {@link ModalityGapError} `BAD_SHAPE` when they are not whole rows, `BAD_ROW` with the first row that is not
   * finite or has length zero; the rows before it are then written
   */
  transform(rows: Float32Array, out?: Float32Array): Float32Array
  transform(rows: Float64Array, out?: Float64Array): Float64Array
  transform(rows: Uint16Array, out?: Uint16Array): Uint16Array
  transform<T extends Rows>(rows: Tensor<T>, out?: Tensor<T>): Tensor<T>
  transform(rows: readonly number[]): number[]
  transform(rows: readonly (readonly number[])[]): number[][]
}

export {}
