import type { CovarianceReport, Decomposition, FrameReport, ResidualReport, SpectrumReport } from '../causes.ts'
import type { GapVerdict, ImageText } from '../report-parts.ts'
import type { FitGap, GroupsReport, JudgedGap, PerSide } from '../reports.ts'
import type { FiguresData } from './figures.ts'
import type { TrackData } from './track/data.ts'

/** How well one side is found from the other. */
export interface RetrievalData {
  /** Share of queries whose partner is the nearest row. */
  r1: number
  /** The same among the five nearest. */
  r5: number
  /** The same among the ten nearest. */
  r10: number
  /** Mean of one over the partner's rank. */
  mrr: number
}

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

/** A spectrum with the eigenvalues themselves. */
export interface SpectrumData extends Omit<SpectrumReport, 'eigenvalues'> {
  /** All of them, descending. */
  eigenvalues?: number[]
}

/** A result of `measure`; whatever is absent is not shown. */
export interface MeasureData {
  /** Columns. */
  dim?: number
  /** Rows measured. */
  rows?: PerSide | ImageText
  /** Distances between the modalities. */
  gap: {
    /** ‖μx−μz‖ without the aligner. */
    before?: number
    /** The same with it. */
    after?: number
    /** The same of the rows as written. */
    stored?: number
    /** ‖μx−μy‖. */
    centroid?: number
    /** Cosine of the means. */
    cosine?: number | null
    /** That of these two means. */
    cosineBiased?: number | null
    /** The squared gap without the part that sampling adds. */
    unbiasedSquared?: number
    /** How far apart two samples of one distribution are. */
    floor: number
    /** 95 % interval of `unbiasedSquared`; null in sample. */
    interval?: number[] | null
    /** Whether the gap is real. */
    verdict?: GapVerdict
    /** The same of this very aligner. */
    ofAligner?: JudgedGap
    /** Mean distance of the pairs. */
    pairedDistance?: number
    /** Relative modality gap. */
    rmg?: number
    /** Whether these are the rows of the fit. */
    inSample?: boolean
    /** The gap on rows kept out of a fit. */
    held?: FitGap
  }
  /** Rows that belong together. */
  groups?: GroupsReport
  /** E‖e−μ‖² of the unit rows. */
  trace?: PerSide | ImageText
  /** sqrt(image trace / text trace). */
  scale?: number
  /** The frame U. */
  frame?: FrameReport
  /** The gap taken apart. */
  decomposition?: Decomposition
  /** Spectra of both modalities. */
  spectrum?: ImageText<SpectrumData>
  /** Their covariances compared. */
  covariance?: CovarianceReport
  /** The covariance of the paired differences. */
  residual?: ResidualReport
  /** Who is near whom. */
  neighbours?: {
    /** Neighbours asked for in `retention`. */
    k: number
    /** Share of a row's neighbours that the map keeps. */
    retention?: number
    /** Share of neighbours of the other modality, and directional mixing. */
    mixing?: {
      /** Neighbours asked for in the pooled rows. */
      k: number
      /** Share of them that belong to the other modality. */
      all?: number
      /** Directional mixing of image rows, 1 where mixed as by chance. */
      image?: number | null
      /** The same of text rows. */
      text?: number | null
      /** The plain shares of either modality. */
      shares?: ImageText
    }
    /** Share of rows that have a double among their own kind. */
    duplicates?: ImageText
    /** Skewness of the in-degrees. */
    hubness?: {
      /** Among the image rows. */
      image?: number
      /** Among the text rows. */
      text?: number
      /** Of image rows as neighbours of text rows. */
      textToImage?: number
    }
  }
  /** Cosines and what follows from them. */
  similarity?: {
    /** Jensen–Shannon divergences of the populations of the histograms; null where rows are too few. */
    js?: Record<string, number | null>
    /** Those of the histograms. */
    jsBiased?: Record<string, number>
    /** What sampling alone gives. */
    jsChance?: Record<string, number>
    /** Shares of cosines in equal bins on [−1, 1]. */
    histograms?: {
      /** Number of bins. */
      bins: number
      /** Of partners. */
      paired?: number[]
      /** Of images and texts that are no partners. */
      cross?: number[]
      /** Of images. */
      imageImage?: number[]
      /** Of texts. */
      textText?: number[]
    }
    /** E‖x−z‖² of the pairs. */
    alignment?: number
    /** log E exp(−2‖u−v‖²); null below 20 rows. */
    uniformity?: ImageText<number | null>
    /** Linear CKA. */
    cka?: number | null
    /** Held-out accuracy of a logistic probe. */
    separability?: number | null
  }
  /** What the map keeps of the text rows. */
  preservation?: {
    /** Mean product with the original row. */
    phi?: number
    /** Correlation of pairwise cosines before and after. */
    psi?: number | null
    /** Share of neighbours kept. */
    omega?: number | null
  }
  /** Search from one side in the other. */
  retrieval?: {
    /** Texts ask, images answer. */
    textToImage?: RetrievalData
    /** Images ask, texts answer. */
    imageToText?: RetrievalData
    /** A corpus of both. */
    mixed?: {
      /** Rows found. */
      k: number
      /** Share of images among them when texts ask. */
      imageShare: number
    }
  }
  /** Whether the aligner was fitted on these very rows. */
  inSample?: boolean
  /** Whether the rows were kept out of the aligner's fit. */
  held?: boolean
  /** What is wrong or worth knowing. */
  diagnosis?: DiagnosisData[]
  /** Pictures. */
  figures?: FiguresData
}

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
  strategies: { readonly [name: string]: MeasureData | undefined }
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
