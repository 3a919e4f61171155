import type { Figures, Gap, GapReport, GapVerdict, ImageText } from '../results.ts'
import type { TrackData } from './track/data.ts'

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

/** Parts that a measurement and a fit name alike, or that may be there in part. */
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
