import type { CovarianceReport, Decomposition, FrameReport, ResidualReport, SpectrumReport } from '../causes.ts'
import type { ImageText, PerSide } from '../reports.ts'

/** One of the two modalities. */
export type Modality = 'image' | 'text'

/** A row found near another. */
export interface NeighbourData {
  /** Its index in its source. */
  row: number
  /** The modality it belongs to. */
  modality: Modality
  /** Its cosine to the query. */
  cosine: number
}

/** Pictures of a measurement: a projection onto two directions, the stages of the map, and example queries. */
export interface FiguresData {
  /** Rows in the plane of two directions that every stage shares. */
  projection?: {
    /** What the two axes are. */
    axes?: string
    /** Share of the variance that each axis holds. */
    explained?: number[]
    /** The rows; those of one pair share `row`. */
    points: { row: number; modality: Modality; stage: string; x: number; y: number }[]
  }
  /** What each stage of the map leaves, in order. */
  stages?: {
    /** Name, such as `'anchor'`. */
    name: string
    /** Distance of the means. */
    gap: number
    /** Trace of the text rows' covariance. */
    trace?: number
    /** Mean of the text rows in the plane. */
    centroid?: number[]
    /** Mean of the image rows in the plane. */
    imageCentroid?: number[]
  }[]
  /** The nearest rows of a few queries; `neighbours` where nothing was moved. */
  neighbours?: {
    /** Index of the query's row. */
    query: number
    /** Its modality. */
    queryModality: Modality
    /** Its neighbours before the map. */
    before?: NeighbourData[]
    /** Its neighbours after it. */
    after?: NeighbourData[]
    /** Its neighbours, where there is no map. */
    neighbours?: NeighbourData[]
  }[]
}

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

/** A result of `measure`; whatever is absent is not shown. */
export interface MeasureData {
  /** Columns. */
  dim?: number
  /** Rows measured. */
  rows?: ImageText
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
    /** The squared gap without the part that sampling adds. */
    unbiasedSquared?: number
    /** How far apart two samples of one distribution are. */
    floor: number
    /** 95 % interval of `unbiasedSquared`; null in sample. */
    interval?: number[] | null
    /** Mean distance of the pairs. */
    pairedDistance?: number
    /** Relative modality gap. */
    rmg?: number
    /** The gap on rows kept out of a fit. */
    held?: { before: number; after?: number; floor: number }
  }
  /** E‖e−μ‖² of the unit rows. */
  trace?: PerSide | ImageText
  /** sqrt(image trace / text trace). */
  scale?: number
  /** The frame U. */
  frame?: FrameReport
  /** The gap taken apart. */
  decomposition?: Decomposition
  /** Spectra of both modalities. */
  spectrum?: ImageText<SpectrumReport & { eigenvalues?: number[] }>
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
    mixing?: { k: number; all?: number; image?: number; text?: number; shares?: ImageText }
    /** Skewness of the in-degrees. */
    hubness?: { image?: number; text?: number; textToImage?: number }
  }
  /** Cosines and what follows from them. */
  similarity?: {
    /** Jensen–Shannon divergences of the histograms. */
    js?: Record<string, number>
    /** Shares of cosines in equal bins on [−1, 1]. */
    histograms?: { bins: number; paired?: number[]; cross?: number[]; imageImage?: number[]; textText?: number[] }
    /** E‖x−z‖² of the pairs. */
    alignment?: number
    /** log E exp(−2‖u−v‖²). */
    uniformity?: ImageText
    /** Linear CKA. */
    cka?: number
    /** Held-out accuracy of a logistic probe. */
    separability?: number
  }
  /** What the map keeps of the text rows. */
  preservation?: { phi?: number; psi?: number; omega?: number }
  /** Search from one side in the other. */
  retrieval?: {
    /** Texts ask, images answer. */
    textToImage?: RetrievalData
    /** Images ask, texts answer. */
    imageToText?: RetrievalData
    /** A corpus of both. */
    mixed?: { k: number; imageShare: number }
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

/** A result of `compare`. */
export interface CompareData {
  /** Columns. */
  dim?: number
  /** Rows of either side. */
  rows?: ImageText
  /** Share of rows kept out of the fits. */
  holdout?: number
  /** What each strategy leaves, under its name. */
  strategies: Record<string, MeasureData & { seconds?: { fit?: number; measure?: number } }>
  /** The strategy to take. */
  recommended?: { method: string; why: string }
  /** What is wrong or worth knowing. */
  diagnosis?: DiagnosisData[]
}

/** A result of `analyze sample-size`. */
export interface SampleSizeData {
  /** The held-out gap after fits on n rows. */
  curve: { n: number; trials?: number[]; mean: number; sd: number; floor?: number }[]
  /** T of sqrt(T/N); without it the line goes through the first size. */
  trace?: number
  /** Rows that a wanted gap takes. */
  rowsFor?: { gap: number; rows: number | null }
}

/** A result of `analyze domains` or `analyze modalities`: one number for each pair of names. */
export interface MatrixData {
  /** Domains or modalities. */
  names: string[]
  /** Gaps; of domains, fitted on the row's and used on the column's. */
  gap: (number | null)[][]
  /** Their noise floors. */
  floor?: (number | null)[][]
  /** Squared gaps without the part that sampling adds; of modalities only. */
  unbiasedSquared?: (number | null)[][]
}

/** A result of `analyze captions`. */
export interface CaptionsData {
  /** The corpora compared. */
  corpora: {
    /** Its name. */
    name: string
    /** Its rows. */
    rows?: number
    /** exp of the entropy of its spectrum. */
    effectiveRank?: number | null
    /** Trace of its covariance. */
    trace?: number
    /** Its gap to the images. */
    gap?: number
    /** The noise floor of that gap. */
    floor?: number
    /** Exponent of the power law of its spectrum. */
    alpha?: number | null
    /** Its captions. */
    captions?: { count?: number; words?: number; overLimit?: number | null; nonVisual?: number | null }
  }[]
}

/** One result that a report can show. */
export type ReportData = MeasureData | CompareData | SampleSizeData | MatrixData | CaptionsData

/** Names of rows for tooltips and tables, such as captions and file names, by row. */
export interface RowLabels {
  /** Of image rows. */
  image?: readonly string[] | Readonly<Record<number, string>>
  /** Of text rows. */
  text?: readonly string[] | Readonly<Record<number, string>>
}
