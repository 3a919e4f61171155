import type { ImageText } from './report-parts.ts'

/** A part of a measurement beside the gap itself. */
export type MeasurePart = 'causes' | 'neighbours' | 'retrieval' | 'similarity' | 'preservation'

/** Neighbours by cosine; a row is no neighbour of itself, ties go to the lower index. */
export interface NeighboursReport {
  /** Neighbours of retention and hubness. */
  k: number
  /** Mean share of a text row's neighbours among the text before the aligner that are its neighbours after it. */
  retention?: number
  /** The neighbours of all rows put together, where a row's own partner counts as the other modality. */
  mixing: {
    /** Neighbours looked at. */
    k: number
    /** Share of them that belong to the other modality, over all rows. */
    all: number
    /**
     * Directional mixing of the images: mean entropy of the modalities among their neighbours over what permuted labels
     * would give (arXiv 2605.07825); null when a modality has no choice.
     */
    image: number | null
    /** The same of the texts. */
    text: number | null
    /** Share of the other modality among the neighbours of each side's rows. */
    shares: ImageText
    /** `all` where the labels of the rows are permuted. */
    chance: number
  }
  /** Share of rows that have a double among their own kind, equal to rounding. */
  duplicates: ImageText
  /** Skewness of how often a row is among the nearest: image for image, text for text, image for text. */
  hubness: ImageText & {
    /** Images among the nearest of texts. */
    textToImage: number
    /** The same where every row is equally likely to be among the nearest. */
    chance?: ImageText & {
      /** Images among the nearest of texts. */
      textToImage: number
    }
  }
}

/** How well one modality finds its partner in the other. */
export interface RetrievalSide {
  /** Share of partners found first. */
  r1: number
  /** Among the first five. */
  r5: number
  /** Among the first ten. */
  r10: number
  /** Mean of 1/rank. */
  mrr: number
}

/**
 * Retrieval of partners, by cosine. Every row of the query's group is one: the rank is that of the nearest, after the rows of
 * other groups that are nearer, or as near with a lower index.
 */
export interface RetrievalReport {
  /** Text asks for its image. */
  textToImage: RetrievalSide
  /** Image asks for its text. */
  imageToText: RetrievalSide
  /** Text asks a corpus of images and texts. */
  mixed: {
    /** Results looked at. */
    k: number
    /** Share of images among them. */
    imageShare: number
  }
}

/** Cosines among rows. */
export interface SimilarityReport {
  /**
   * Jensen–Shannon divergence, in nats, of the populations of each pair of histograms, such as `'cross/imageImage'`; null where sampling
   * adds too much.
   */
  js: Record<string, number | null>
  /** That of the histograms of these rows. */
  jsBiased?: Record<string, number>
  /** Independent rows a side that would do, by the name of each divergence that is null. */
  jsNeeds?: Record<string, number>
  /**
   * What sampling alone gives: between two halves of the image rows, of `rows` each, the cosines across against those within one
   * (`'cross/one'`) and those within one against those within the other (`'one/other'`); and as many strangers as there are pairs
   * against all cosines of strangers (`'paired/cross'`).
   */
  jsChance?: Record<string, number>
  /** Shares of cosines in equal bins on [−1, 1]. */
  histograms: {
    /** Number of bins. */
    bins: number
    /** Of pairs. */
    paired?: number[]
    /** Of images with texts, partners left out. */
    cross: number[]
    /** Among images. */
    imageImage: number[]
    /** Among texts. */
    textText: number[]
  }
  /** Mean squared distance of pairs. */
  alignment?: number
  /** ln E exp(−2‖u−v‖²) (Wang and Isola 2020); null below 20 independent rows. */
  uniformity: ImageText<number | null>
  /**
   * Linear centred kernel alignment of the pairs, from unbiased squares; null where a side does not vary, and below 60 independent
   * pairs.
   */
  cka?: number | null
  /** The same from plug-in squares, as papers print it: strangers reach .9 with fewer rows than columns. */
  ckaBiased?: number | null
  /**
   * Accuracy of a logistic regression that tells the modalities apart, on rows it has not seen; ½ when mixed. Null on the rows of
   * the aligner's fit, whose halves have opposite errors.
   */
  separability: number | null
}

/** What an aligner keeps of the text's own geometry. */
export interface PreservationReport {
  /** Mean y·z of a row before and after; a cosine where both have unit length. */
  phi: number
  /** Correlation of pairwise cosines before and after; null where nothing varies. */
  psi: number | null
  /** Retention of the ten nearest neighbours. */
  omega: number | null
}

/** A row drawn in the plane of the two leading principal directions. */
export interface DrawnRow {
  /** Index in its source; that of the pair when rows are paired. */
  row: number
  /** Its modality. */
  modality: 'image' | 'text'
  /** Stage of the aligner it was drawn at. */
  stage: string
  /** First coordinate. */
  x: number
  /** Second coordinate. */
  y: number
}

/** A row near a query. */
export interface ShownNeighbour {
  /** Its index. */
  row: number
  /** Its modality. */
  modality: 'image' | 'text'
  /** Its cosine. */
  cosine: number
}

/** A query with its nearest rows in both modalities put together, nearest first. */
export interface ShownQuery {
  /** Index of the query. */
  query: number
  /** Its modality. */
  queryModality: 'image' | 'text'
  /** Its neighbours, where there is no aligner. */
  neighbours?: ShownNeighbour[]
  /** Its neighbours before the aligner. */
  before?: ShownNeighbour[]
  /** Its neighbours after it. */
  after?: ShownNeighbour[]
}

/** What a report draws. */
export interface Figures {
  /** Rows in two dimensions, the same plane for every stage. */
  projection: {
    /** What the plane is. */
    axes: string
    /** Share of the variance along each axis. */
    explained: [number, number]
    /** The rows. */
    points: DrawnRow[]
  }
  /** The aligner stage by stage; `original` alone without one. */
  stages: {
    /** Such as `original`, `anchor`, `trace`, `centroid`, `final`. */
    name: string
    /** ‖μx−μ‖ at this stage. */
    gap: number
    /** Trace of the text at this stage. */
    trace: number
    /** Its mean in the plane. */
    centroid: [number, number]
    /** The images' mean in the plane. */
    imageCentroid: [number, number]
  }[]
  /** Example queries. */
  neighbours?: ShownQuery[]
}

/** What is measured beside the gap itself; absent when it was not asked for. */
export interface Metrics {
  /** Neighbours of rows. */
  neighbours?: NeighboursReport
  /** Retrieval of partners; `paired` only. */
  retrieval?: RetrievalReport
  /** Cosines among rows. */
  similarity?: SimilarityReport
  /** What the aligner keeps; with an aligner only. */
  preservation?: PreservationReport
  /** What a report draws; with `figures` only. */
  figures?: Figures
}
