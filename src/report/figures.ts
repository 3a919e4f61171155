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
    points: {
      /** Index in the whole source. */
      row: number
      /** Its modality. */
      modality: Modality
      /** The stage of the map. */
      stage: string
      /** Its place along the first axis. */
      x: number
      /** Its place along the second. */
      y: number
    }[]
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

/** Names of rows for tooltips and tables, such as captions and file names, by row. */
export interface RowLabels {
  /** Of image rows. */
  image?: readonly string[] | Readonly<Record<number, string>>
  /** Of text rows. */
  text?: readonly string[] | Readonly<Record<number, string>>
}
