import type { Centroid, Method, Step } from './native.ts'

export type { Centroid, Method, OnBadRow, Pool, ReadFormat, Step } from './native.ts'

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
