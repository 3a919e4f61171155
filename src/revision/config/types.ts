// made from the schema by scripts/config-docs.mjs
import type { ScheduleKind } from '../../encoder/options.ts'
import type { FitOptions } from '../../options.ts'
import type { YesNoRule } from '../../text-metrics/yes-no.ts'
import type { ArmInput } from '../arms.ts'
import type { BenchmarkGroup } from '../benchmarks/record.ts'
import type { OpenMetric } from '../benchmarks/score.ts'
import type { Tokens } from '../cost.ts'
import type { EmbeddingIds } from '../data/embedding-rows.ts'
import type { ImagePlacement } from '../turns.ts'
import type { TemplateName } from './sections.ts'

/** A benchmark. */
export interface BenchmarkConfig {
  /** File or folder of the benchmark. */
  path: string
  /** Its name. */
  name?: string
  /** What it is about. */
  group?: BenchmarkGroup
  /** File of right answers. */
  answers?: string
  /** Rows of its images, where they are others than those of training. */
  image?: string | string[]
  /** How a row is found by an id. */
  imageIds?: EmbeddingIds
  /** How yes and no are read, where it is another way than `evaluation.yesNo`. */
  yesNo?: YesNoRule
  /** Whether a question of choice is asked as often as it has options, in another order each time (MMBench). */
  circular?: boolean
}

/** Section `model`. */
export interface ModelConfig {
  /** Folder in the layout of Hugging Face, or a GGUF file. */
  path: string
  /** Storage type of frozen weights and of matrix products. */
  dtype?: 'bf16' | 'f32'
}

/** Section `projector`. */
export interface ProjectorConfig {
  /** Layers between embedding and model. */
  type?: string
  /** Soft tokens that one embedding becomes. */
  numVisualTokens?: number
  /** Whether the last layer makes them distinct, or one token is repeated. */
  distinctTokens?: boolean
  /** Factor of an embedding on its way in; `sqrt` is the root of its width. */
  inputScale?: number | 'sqrt'
  /** A projector to begin with: LLaVA, Bunny, Hugging Face or mmproj. */
  init?: string
}

/** Section `embeddings`. */
export interface EmbeddingsConfig {
  /** Rows of real images, in any format that `align` reads. */
  image?: string | string[]
  /** How a row is found by an id. */
  imageIds?: EmbeddingIds
  /** Rows of texts that stand in for images in stage 1. */
  text?: string | string[]
  /** How a row is found by an id. */
  textIds?: EmbeddingIds
  /** What moves text rows onto the images as they are read; absent for rows as they are. */
  aligner?: string | FitOptions
  /** What happens to rows that are not finite or have no length; dropped ones count as missing. */
  onBadRow?: 'error' | 'drop'
  /** Encoder of image files that the model is asked about, see `DualEncoder.load`. */
  encoder?: string
}

/** Section `stage1`. */
export interface Stage1Config {
  /** Records to train on, JSON or JSON lines. */
  data: string | string[]
  /** Whose rows are the visual tokens. @defaultValue `'text'` */
  rows: 'text' | 'image'
  /** Whether a row is found by the image's id or by the record's. @defaultValue `'id'` */
  key: 'image' | 'id'
  /** What happens to a record whose image has no row. @defaultValue `'error'` */
  missing: 'error' | 'skip' | 'report'
  /** Held out: a share below 1, or a number of records. @defaultValue `0` */
  valSize: number
  /** Records at most; fewer of one seed are among more of it. */
  maxSamples?: number
  /** Template of this stage. @defaultValue `'plain'` */
  template: TemplateName
  /** Text around `<image>` for records without a question. */
  prompt?: string
  /** Tokens of a sample at most, visual ones included. @defaultValue `2048` */
  maxLength: number
  /** Passes over the data. @defaultValue `1` */
  epochs: number
  /** Updates in all; takes the place of `epochs`. */
  steps?: number
  /** Samples of an update. @defaultValue `256` */
  batchSize: number
  /** Samples that are held at a time; it changes memory, and results by rounding only. */
  microBatch?: number
  /** Highest learning rate. @defaultValue `0.0005` */
  learningRate: number
  /** How the rate changes after its rise. @defaultValue `'cosine'` */
  schedule: ScheduleKind
  /** What is special to some schedules. */
  scheduleShape?: {
    /** Cycles of `cosine_with_restarts`. */
    cycles?: number
    /** Power of `polynomial`. */
    power?: number
    /** Rate at the end: of `polynomial` as it is, of `cosine_with_min_lr` as a share of the highest. */
    end?: number
  }
  /** Share of the updates in which the rate rises from 0. @defaultValue `0.03` */
  warmupRatio: number
  /** Updates of that rise; takes the place of `warmupRatio`. */
  warmupSteps?: number
  /** Decay of matrices. @defaultValue `0` */
  weightDecay: number
  /** Largest norm of all gradients together; 0 for no bound. @defaultValue `1` */
  maxGradNorm: number
  /** Constants of AdamW. */
  optimizer?: {
    /** β₁. */
    beta1?: number
    /** β₂. */
    beta2?: number
    /** ε. */
    eps?: number
  }
  /**
   * Updates between two evaluations of held-out records; 0 for one at the end. Without `valSize` they are those of
   * `evaluation.data`, where this is above 0 or `earlyStop` is given. @defaultValue `0`
   */
  evalEvery: number | 'epoch'
  /** Updates between two checkpoints; 0 for one at the end. @defaultValue `0` */
  saveEvery: number | 'epoch'
  /** Checkpoints to keep; the best is kept beside the newest. */
  saveTotalLimit?: number
  /** Whether a caption ends with the end token; published code leaves it out. @defaultValue `true` */
  endToken: boolean
}

/** Section `stage2`. */
export interface Stage2Config {
  /** Records to train on, JSON or JSON lines. */
  data: string | string[]
  /** Whose rows are the visual tokens. @defaultValue `'image'` */
  rows: 'text' | 'image'
  /** Whether a row is found by the image's id or by the record's. @defaultValue `'image'` */
  key: 'image' | 'id'
  /** What happens to a record whose image has no row. @defaultValue `'error'` */
  missing: 'error' | 'skip' | 'report'
  /** Held out: a share below 1, or a number of records. @defaultValue `0` */
  valSize: number
  /** Records at most; fewer of one seed are among more of it. */
  maxSamples?: number
  /** Template of this stage. */
  template?: TemplateName
  /** Text around `<image>` for records without a question. */
  prompt?: string
  /** Tokens of a sample at most, visual ones included. @defaultValue `2048` */
  maxLength: number
  /** Passes over the data. @defaultValue `1` */
  epochs: number
  /** Updates in all; takes the place of `epochs`. */
  steps?: number
  /** Samples of an update. @defaultValue `256` */
  batchSize: number
  /** Samples that are held at a time; it changes memory, and results by rounding only. */
  microBatch?: number
  /** Highest learning rate. @defaultValue `0.00001` */
  learningRate: number
  /** How the rate changes after its rise. @defaultValue `'cosine'` */
  schedule: ScheduleKind
  /** What is special to some schedules. */
  scheduleShape?: {
    /** Cycles of `cosine_with_restarts`. */
    cycles?: number
    /** Power of `polynomial`. */
    power?: number
    /** Rate at the end: of `polynomial` as it is, of `cosine_with_min_lr` as a share of the highest. */
    end?: number
  }
  /** Share of the updates in which the rate rises from 0. @defaultValue `0.03` */
  warmupRatio: number
  /** Updates of that rise; takes the place of `warmupRatio`. */
  warmupSteps?: number
  /** Decay of matrices. @defaultValue `0` */
  weightDecay: number
  /** Largest norm of all gradients together; 0 for no bound. @defaultValue `1` */
  maxGradNorm: number
  /** Constants of AdamW. */
  optimizer?: {
    /** β₁. */
    beta1?: number
    /** β₂. */
    beta2?: number
    /** ε. */
    eps?: number
  }
  /**
   * Updates between two evaluations of held-out records; 0 for one at the end. Without `valSize` they are those of
   * `evaluation.data`, where this is above 0 or `earlyStop` is given. @defaultValue `0`
   */
  evalEvery: number | 'epoch'
  /** Updates between two checkpoints; 0 for one at the end. @defaultValue `0` */
  saveEvery: number | 'epoch'
  /** Checkpoints to keep; the best is kept beside the newest. */
  saveTotalLimit?: number
  /** What learns beside the projector. @defaultValue `'full'` */
  mode: 'full' | 'lora' | 'projector'
  /** Learning rate of the projector, where it is another. */
  projectorLearningRate?: number
  /** Low-rank matrices that learn in place of the model. */
  lora?: {
    /** Rank of the added matrices. */
    rank?: number
    /** Factor of what they add, divided by the rank. */
    alpha?: number
    /** Share of their input that is dropped. */
    dropout?: number
    /** Maps of a block that they are added to. */
    targets?: string[]
  }
}

/** Section `evaluation`. */
export interface EvaluationConfig {
  /** Records with answers, scored by loss and by metrics. */
  data?: string | string[]
  /** Rows of their images, where they are others than those of training. */
  image?: string | string[]
  /** How a row is found by an id. */
  imageIds?: EmbeddingIds
  /** Whose rows their visual tokens are. @defaultValue `'image'` */
  rows: 'image' | 'text'
  /** Whether a row is found by the image's id or by the record's. @defaultValue `'image'` */
  key: 'image' | 'id'
  /** What happens to a record whose image has no row. @defaultValue `'error'` */
  missing: 'error' | 'skip' | 'report'
  /** Records of each file at most; of a benchmark, questions. */
  maxSamples?: number
  /** Whether the loss with other records' images is computed as well. @defaultValue `true` */
  shuffled: boolean
  /** Records of each file that are answered, for the metrics. @defaultValue `200` */
  answers: number
  /** Questions with right answers, see `readBenchmark`. @defaultValue `[]` */
  benchmarks: (string | BenchmarkConfig)[]
  /**
   * How yes and no are read: ours, or as POPE or MME (the first four characters) are published; `docs/answers.md`
   * compares them. @defaultValue `'strict'`
   */
  yesNo: YesNoRule
  /**
   * Answers to held-out records that every evaluation of a stage writes into `samples.jsonl` beside its log.
   * @defaultValue `4`
   */
  samples: number
  /** How answers are drawn. */
  generate?: {
    /** Tokens of an answer at most. */
    maxNewTokens?: number
    /** 0 takes the likeliest token. */
    temperature?: number
    /** Share of the probability that is drawn from. */
    topP?: number
    /** Texts that end an answer. */
    stop?: string[]
  }
  /** Metrics of open answers. @defaultValue `['f1','bleu4','rougeL','cider']` */
  metrics: OpenMetric[]
}

/** Section `records`. */
export interface RecordsConfig {
  /**
   * What happens to records that cannot be used: all are reported in one error, the first twenty by name, or they are
   * left out and counted. @defaultValue `'error'`
   */
  onBad: 'error' | 'drop'
}

/** Section `logging`. */
export interface LoggingConfig {
  /**
   * Log as JSON lines, `log.jsonl` in the stage's folder; a path `a/b.jsonl` makes it `a/b.stage1.jsonl`, and the
   * answers `a/b.stage1.samples.jsonl`. @defaultValue `true`
   */
  jsonl: boolean | string
  /** Event files, in `runs/` of the stage's folder; a path `a` puts them into `a/stage1`. @defaultValue `false` */
  tensorboard: boolean | string
  /** Updates between two lines. @defaultValue `10` */
  every: number
}

/** Section `earlyStop`. */
export interface EarlyStopConfig {
  /** Evaluations without a better value until training stops. */
  patience: number
  /** What a better value has to be better by. @defaultValue `0` */
  minDelta: number
}

/** Section `compare`. */
export interface CompareConfig {
  /** What is compared, see `ARMS`. */
  arms: ArmInput[]
  /** Seeds of every arm; runs of one seed are compared with each other. */
  seeds: number[]
  /** The arm that others are compared with; absent for `realign` where it is one of them, else the first. */
  reference?: string
  /** Tokens that making an arm's data costs, `input` and `output` in millions. */
  tokens?: Record<string, Tokens>
}

/** A checked configuration, with its defaults. */
export interface ReVisionConfig {
  /** Section `model`. */
  model: ModelConfig
  /** Section `projector`. */
  projector: ProjectorConfig
  /** Section `embeddings`. */
  embeddings: EmbeddingsConfig
  /** Section `stage1`, or none. */
  stage1: false | Stage1Config
  /** Section `stage2`, or none. */
  stage2: false | Stage2Config
  /** Section `evaluation`. */
  evaluation: EvaluationConfig
  /** Section `records`. */
  records: RecordsConfig
  /** Section `logging`. */
  logging: LoggingConfig
  /** Section `earlyStop`. */
  earlyStop?: EarlyStopConfig
  /** Section `compare`. */
  compare?: CompareConfig
  /**
   * Values of a recipe where nothing else is said: `published` is what the scripts of arXiv 2602.07026 do (576 repeated
   * tokens, no end token in `plain`, their rates, batches and lengths).
   */
  recipe?: 'published'
  /** Template of stage 2 and of answers. @defaultValue `'model'` */
  template: TemplateName
  /** What a model's own template is given beside the conversation, such as `enable_thinking: true`. */
  templateArguments?: Record<string, unknown>
  /** Text around `<image>` for records without a question. @defaultValue `'<image>'` */
  prompt: string
  /**
   * Where the place of an image is put in its turn: where the record has it, or in front with a line break, as LLaVA
   * and Bunny do. With a `version` of theirs it is `front`. @defaultValue `'inline'`
   */
  imagePlacement: ImagePlacement
  /** System text; absent for the template's own. */
  system?: string
  /** Whether images are left out, to see what a model says without them. @defaultValue `false` */
  blind: boolean
  /** Folder of checkpoints, logs and results. */
  output: string
  /** Seed of everything that happens by chance. @defaultValue `0` */
  seed: number
  /** Native threads. */
  threads?: number
  /** Go on from the newest checkpoint of the output, or from the one named. @defaultValue `false` */
  resume: boolean | string
  /** Begin anew where the output holds another run, which is removed. @defaultValue `false` */
  overwrite: boolean
  /** Number of the evaluation that the best checkpoint is chosen by. @defaultValue `'eval_loss'` */
  bestMetric: 'eval_loss' | 'eval_perplexity' | 'eval_accuracy'
  /** Whether more of it is better; of `eval_accuracy` it always is. @defaultValue `false` */
  greaterIsBetter: boolean
  /** Whether a stage ends with its best checkpoint rather than with its last. @defaultValue `false` */
  loadBest: boolean
}
