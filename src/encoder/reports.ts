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

/** Pairs that were left out. */
export interface DroppedPairs {
  /** How many. */
  count: number
  /** What is wrong with the first twenty. */
  first: string[]
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
  /** Pairs that were left out, with `onBadPair: 'drop'`. */
  dropped: DroppedPairs
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
  pairs: number
  /** Rows on each side: a pair has one for each of its captions. */
  rows: number
  /** Columns. */
  dim: number
  /** Pairs that were left out, with `onBadPair: 'drop'`. */
  dropped: DroppedPairs
  /** Shards that were kept from an earlier run. */
  kept: number
  /** Files, in order. */
  outputs: string[]
}
