import type { SampleList } from './data/training-set.ts'
import type { LogRecord } from './logs.ts'
import type { VisionModel } from './model.ts'
import type { ModelSample, StepReport } from './model-options.ts'
import type { ModelRows } from './rows.ts'
import type { TrainerState } from './trainer-state.ts'

/** What a listener may ask for; each is taken back once it is done. */
export interface TrainerControl {
  /** Stop after this update. */
  shouldStop: boolean
  /** Write a checkpoint after this update. */
  shouldSave: boolean
  /** Evaluate after this update. */
  shouldEvaluate: boolean
}

/** How far a training is. */
export interface TrainingProgress {
  /** Updates so far. */
  step: number
  /** Updates in all. */
  steps: number
  /** Passes over the data so far, with fractions. */
  epoch: number
  /** Seconds since this run began. */
  seconds: number
  /** Seconds that are probably left. */
  secondsLeft: number
  /** Positions computed per second by this run. */
  positionsPerSecond: number
}

/** Listeners of a training, after Hugging Face's `TrainerCallback`; what one throws stops the training. */
export interface TrainerCallbacks {
  /** Before the first update. */
  onTrainBegin?(state: TrainerState, control: TrainerControl): void | Promise<void>
  /** After every update. */
  onStepEnd?(step: StepReport, progress: TrainingProgress, control: TrainerControl): void | Promise<void>
  /** For every line of the log. */
  onLog?(record: LogRecord, control: TrainerControl): void | Promise<void>
  /** After an evaluation, with its metrics. */
  onEvaluate?(metrics: LogRecord, control: TrainerControl): void | Promise<void>
  /** After a checkpoint, with its folder. */
  onSave?(folder: string, control: TrainerControl): void | Promise<void>
  /** After the last update. */
  onTrainEnd?(state: TrainerState): void | Promise<void>
}

/** Where log records go beside the log file. */
export interface LogSink {
  /** Takes a record. */
  write(record: LogRecord): void | Promise<void>
  /** Takes texts, such as answers. */
  text?(step: number, tag: string, text: string): void | Promise<void>
}

/** A training of one stage, all decided. */
export interface TrainerOptions {
  /** What learns; opened with as many steps as {@link totalSteps} says. */
  model: VisionModel
  /** Rows of the samples' images. */
  rows?: ModelRows
  /** Samples to learn from. */
  train: SampleList
  /** Samples held out. */
  validation?: SampleList
  /** A sample as the model takes it. */
  toSample(sample: Awaited<ReturnType<SampleList['at']>>): ModelSample
  /** More metrics of an evaluation, under names that begin with `eval_`. */
  evaluate?(step: number, signal?: AbortSignal): Promise<Record<string, number>>
  /** Folder of checkpoints and of `log.jsonl`. */
  output: string
  /** Seed of the data's order. */
  seed: number
  /** Samples of an update. */
  batchSize: number
  /** Samples held at a time. */
  microBatch?: number
  /** Updates in all. */
  steps: number
  /** Updates between two evaluations; 0 for one at the end. */
  evalEvery: number
  /** Updates between two checkpoints; 0 for one at the end. */
  saveEvery: number
  /** Checkpoints to keep. */
  saveTotalLimit?: number
  /** Updates between two lines of the log. */
  logEvery: number
  /** Whether `log.jsonl` is written, or where. */
  log: boolean | string
  /** Further sinks of the log. */
  sinks?: readonly LogSink[]
  /** Key of the evaluation that the best checkpoint is chosen by. */
  bestMetric: string
  /** Whether more of it is better. */
  greaterIsBetter: boolean
  /** When to stop for lack of progress. */
  earlyStop?: { patience: number; minDelta: number }
  /** The checkpoint to go on from: the newest, or one by its folder. */
  resume: boolean | string
  /** Writes what a checkpoint has for users: the projector, adapters. */
  export?(folder: string): Promise<unknown>
}

/** What a training came to. */
export interface TrainingReport {
  /** Updates. */
  steps: number
  /** Passes over the data. */
  epochs: number
  /** Mean loss of all updates of this run, in nats per token that counts. */
  loss: number
  /** The last evaluation. */
  evaluation?: Record<string, number>
  /** The best checkpoint, and its metric. */
  best?: { folder: string; metric: number }
  /** The last checkpoint. */
  checkpoint: string
  /** Why it ended. */
  ended: 'steps' | 'early-stop' | 'callback'
  /** Tokens that counted, over all updates of this run. */
  labels: number
  /** Positions computed by this run. */
  positions: number
  /** Seconds of this run. */
  seconds: number
}

/** Updates of one pass over `samples`, the last of which may be smaller. */
export function stepsPerEpoch(samples: number, batchSize: number): number {
  return Math.max(1, Math.ceil(samples / batchSize))
}

/** Updates in all: as many as are asked for, or as passes have. */
export function totalSteps(samples: number, stage: { batchSize: number; epochs: number; steps?: number }): number {
  return stage.steps ?? Math.max(1, Math.round(stage.epochs * stepsPerEpoch(samples, stage.batchSize)))
}
