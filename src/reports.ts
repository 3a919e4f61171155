import type { Causes } from './causes.ts'
import type { Metrics } from './metrics.ts'
import type { Centroid, Dtype, FitOptions, Method, ReadFormat } from './options.ts'
import type { Finding, GapVerdict, ImageText } from './report-parts.ts'

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
  /** Storage type of its components. */
  dtype?: Dtype
  /** The file of metadata that describes its rows, in a clip-retrieval folder. */
  metadata?: string
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
  format: ReadFormat | 'memory'
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
  /** Items that the rows are of, where several are of one. */
  groups?: number
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
export interface FittedOptions
  extends Omit<FitOptions, 'holdout' | 'seed' | 'subset' | 'subsetSeed' | 'paired' | 'frame'> {
  /** How rows are moved. */
  method: Method
  /** How the centroid step found its offset. */
  centroid: Centroid
}

/** A stage of an aligner's map; vectors and matrices stand in the file's tensors `stages.N…`. */
export type StageInfo =
  | {
      /** Every component times `factor`. */
      kind: 'scale'
      /** The factor. */
      factor: number
    }
  | {
      /** A vector added, the sphere, or a matrix. */
      kind: 'add' | 'sphere' | 'linear'
    }
  | {
      /** Gaussian noise, keyed by the row's index. */
      kind: 'noise'
      /** Standard deviation of each component. */
      sigma: number
      /** Seed. */
      seed: number
    }
  | {
      /** Radii of coordinate pairs and scales of single coordinates in a basis. */
      kind: 'polar'
      /** Pairs of coordinates. */
      pairs: number
      /** Order statistics kept of the source's radii and of the target's. */
      knots: [number, number]
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
  /** Stages of a map that is more than a scale, a shift and offsets. */
  stages?: StageInfo[]
  /** Whether the target's rows move too, as in centering. */
  movesTarget: boolean
  /** How rows of the fit belonged together: row by row, or by ids; absent where they did not. */
  pairs?: 'rows' | 'groups'
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

/** What stands beside rows that were read, and is in no file that was written: its format or place does not hold it. */
export interface NotCarried {
  /** Columns, keys, arrays, tensors or files. */
  names: string[]
  /** The first file that held them; absent for rows from memory. */
  file?: string
  /** How many files did. */
  files: number
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
  /** What was not carried along; absent where all was. */
  notCarried?: NotCarried[]
  /** Wall-clock seconds of each part. */
  seconds: Seconds
  /** Largest resident memory of the process so far; absent where the system does not tell. */
  peakMemoryBytes?: number
  /** What looks wrong or is worth knowing, the gravest first. */
  diagnosis: Finding[]
}

/** How the mean of projected rows departs from the projected mean. */
export interface PhantomDrift {
  /** ‖E[π(z)]−π(E[z])‖. */
  measured: number
  /** ‖E[π(z)]−μx‖, the distance it leaves to the target's mean. */
  toTarget: number
  /** Length of the measured drift's part tangential to the sphere. */
  tangential?: number
  /** Length of its prediction −(I−aaᵀ)Σc/R³, with Σ the covariance of the moved text and c = μx − s·μy. */
  predictedTangential?: number
  /** Cosine of predicted and measured tangential parts. */
  cosine?: number
  /** Length of the predicted drift less the measured one, relative to the measured one. */
  error?: number
  /** √(cᵀΣc)/R², the parameter that the prediction is an expansion in; the smaller, the nearer. */
  parameter?: number
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
  /** What was not carried along; absent where all was. */
  notCarried?: NotCarried[]
  /** ‖μz−μx‖ of the moved rows and the target's mean; absent for the target side. */
  toTarget?: number
  /** Whether the rows look like those of the fit; absent for the target side. */
  fits?: {
    /** Distance of the new rows' mean from the stored one. */
    meanShift: number
    /** The root mean square of the distance that sampling alone gives. */
    floor: number
    /** The squared distance without what sampling adds. */
    unbiasedSquared: number
    /** The distance that one in two hundred samples of the fit's distribution exceeds; absent for too few rows. */
    critical?: number
    /** Distance of the moved mean from where the fit's own rows come to lie; absent where the fit was not verified. */
    shiftAfter?: number
    /** What that exceeds in one of two hundred samples. */
    criticalAfter?: number
    /** Trace of the new rows. */
    trace: number
    /** Trace of the rows of the fit. */
    storedTrace: number
    /** `'drifted'` when either distance exceeds what one in two hundred samples shows. */
    verdict: 'fits' | 'drifted' | 'too-few-rows'
  }
  /** Wall-clock seconds of each part. */
  seconds: Seconds
  /** Largest resident memory of the process so far; absent where the system does not tell. */
  peakMemoryBytes?: number
}

/** How rows belong together. Hold-outs, halves, noise and ranks are those of groups. */
export interface GroupsReport {
  /** Known by ids, or by rows that are equal bit for bit. */
  by: 'ids' | 'equal-rows'
  /** Where the ids come from. */
  from?: string
  /** Groups of the image rows. */
  image: number
  /** Groups of the text rows. */
  text: number
  /** Groups with rows on both sides; absent where the sides share none. */
  both?: number
  /** Rows that repeat another of their group bit for bit: one item, counted once; absent without ids. */
  repeated?: ImageText
  /** Pairs that the groups make; absent where row i belongs to row i. */
  pairs?: number
}

/** A squared gap judged against its noise. */
export interface JudgedGap {
  /** The squared gap without the part that sampling adds; negative when the gap is below the noise. */
  unbiasedSquared: number
  /** Root mean square of the distance that two samples of one distribution show. */
  floor: number
  /** 95 % interval of `unbiasedSquared`; absent without covariances. */
  interval?: [number, number] | null
  /** Standard deviation of `unbiasedSquared` where there is no gap; absent without covariances. */
  nullDeviation?: number
  /** Whether the gap is real: without one, a sample is called so in 5 % of cases. */
  verdict: GapVerdict
}

/** The gap between two modalities and what it is made of. */
export interface GapReport extends Partial<Causes>, Metrics {
  /** Columns. */
  dim: number
  /** Rows measured. */
  rows: ImageText
  /** Bad rows left out. */
  dropped: ImageText
  /** Rows that belong together, and are not independent; absent where every row is its own. */
  groups?: GroupsReport
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
    /**
     * Cosine of the means of the populations; null where the noise of a mean is more than .04 of its square, and on the rows of the
     * aligner's fit.
     */
    cosine: number | null
    /** That of these two means; null when one has length zero. */
    cosineBiased?: number | null
    /** Independent rows a side that would do, where `cosine` is null for want of them. */
    cosineNeeds?: number
    /**
     * The squared gap without the part that sampling adds; negative when the gap is below the noise. With an aligner that was
     * fitted on other rows the noise of its fit is taken out as well.
     */
    unbiasedSquared: number
    /** Root mean square of the distance that two samples of one distribution show, the noise of the fit included. */
    floor: number
    /** 95 % interval of `unbiasedSquared`; null in sample, where it would mean nothing; absent without covariances. */
    interval?: [number, number] | null
    /** Standard deviation of `unbiasedSquared` where there is no gap; absent without covariances. */
    nullDeviation?: number
    /** Whether the gap is real: without one, a sample is called so in 5 % of cases. */
    verdict: GapVerdict
    /** The same of this very aligner, whose fit is taken as it is: what it leaves on rows like these. */
    ofAligner?: JudgedGap
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
  /** Distances of these rows' means, before the aligner, from those of its fit. */
  alignerFit?: ImageText<{
    /** From the mean it moves onto. */
    toTarget: number
    /** From the mean it moves. */
    toSource: number
  }>
  /** The aligner was fitted on these very rows: the gap lies below its floor whatever the method. */
  inSample?: true
  /** The rows were held out from the aligner's fit, whose noise the floor holds as well. */
  held?: true
  /** What was taken from a sample rather than from all rows. */
  sampled?: Record<string, Sampled>
  /** What looks wrong or is worth knowing, the gravest first. */
  diagnosis: Finding[]
}

/** A row that cannot be used, and why. */
export interface BadRow {
  /** The file; absent for rows from memory. */
  file?: string
  /** Index in the file. */
  row: number
  /** Index in all files together. */
  index: number
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
  /** What was not carried along; absent where all was. */
  notCarried?: NotCarried[]
  /** Wall-clock seconds of each part. */
  seconds: Seconds
}
