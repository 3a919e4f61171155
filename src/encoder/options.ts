import type { OnBadPair, ScheduleKind, TowerShape } from '../native.ts'
import type { OverwriteOptions } from '../options.ts'

export type { OnBadPair, ProbeEvent as TrainProbe, ScheduleKind, TowerShape, TrainStep } from '../native.ts'

/** Shapes of a dual encoder. */
export interface EncoderShape {
  /** Columns of an embedding. @defaultValue `192` */
  dim?: number
  /** Pixels of an image's side. @defaultValue `32` */
  imageSize?: number
  /** Pixels of a patch's side, a divisor of the image's. @defaultValue `8` */
  patch?: number
  /** The image tower. @defaultValue `{ width: 128, layers: 2, heads: 4 }` */
  image?: TowerShape
  /** The text tower. @defaultValue `{ width: 128, layers: 1, heads: 4 }` */
  text?: TowerShape
  /** Words of a caption that are read at most. @defaultValue `24` */
  tokens?: number
}

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
  /** Pairs that are contrasted with each other; no two of equal captions. @defaultValue `128` */
  batchSize?: number
  /** Pairs whose activations are held at a time; it changes memory and nothing else. @defaultValue the batch */
  microBatch?: number
  /** Highest learning rate. @defaultValue `0.001` */
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

/** How lists of pairs are read. */
export interface PairOptions {
  /**
   * `error` stops with all bad pairs in one message, the first twenty by name; `drop` leaves them out and counts them.
   *
   * @defaultValue `'error'`
   */
  onBadPair?: OnBadPair
  /** Whether a list may name images outside of its own folder. @defaultValue `false` */
  allowOutsideImages?: boolean
}

/** What and how pairs are embedded. */
export interface EmbedOptions extends PairOptions, OverwriteOptions {
  /** Name of the encoder's prompt that every text stands behind. @defaultValue the encoder's own default, if it has one */
  prompt?: string
  /** Only pairs of these splits. @defaultValue all */
  splits?: readonly string[]
  /** Pairs per shard; each gives a row for each of its captions. @defaultValue `10000` */
  shardRows?: number
  /** f32 instead of f16. @defaultValue `false` */
  full?: boolean
  /** Keep the shards of an earlier run that are as it wrote them, of the same encoder, pairs and images. @defaultValue `false` */
  resume?: boolean
}
