import { ModalityGapError } from '../errors.ts'
import type { DroppedRecords } from './data/bad-records.ts'
import type { JoinedSample, SampleList } from './data/training-set.ts'
import type { HeldOut } from './held-out.ts'
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
  /** Seconds that are probably left, evaluations not counted. */
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
  /** Called when nothing more comes. */
  close?(): void | Promise<void>
}

/** An answer to a held-out record, as a reader of the log wants to see it. */
export interface SampleAnswer {
  /** Name of the record. */
  id: string
  /** What was asked. */
  prompt: string
  /** What the record answers. */
  reference: string
  /** What the model answers. */
  answer: string
}

/** A training of one stage, all decided. */
export interface TrainerOptions {
  /** What learns; opened with as many steps as {@link totalSteps} says. */
  model: VisionModel
  /** Rows of the samples' images. */
  rows?: ModelRows
  /** Samples to learn from. */
  train: SampleList
  /** A sample as the model takes it. */
  toSample(sample: JoinedSample): ModelSample
  /** Samples held out, whose loss an evaluation tells; without any there is no evaluation. */
  heldOut?: readonly HeldOut[]
  /** Answers to show at every evaluation. */
  samples?(signal?: AbortSignal): Promise<SampleAnswer[]>
  /** Folder of checkpoints. */
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
  /** Files of the log and of the answers; absent for none. */
  log?: { lines: string; samples: string }
  /** Opens further sinks; given the step after which a run continues. */
  sinks?(resumedFrom?: number): Promise<readonly LogSink[]>
  /** Key of the evaluation that the best checkpoint is chosen by. */
  bestMetric: string
  /** Whether more of it is better. */
  greaterIsBetter: boolean
  /** When to stop for lack of progress. */
  earlyStop?: { patience: number; minDelta: number }
  /** Whether the model ends as it was at its best evaluation, rather than after the last update. */
  loadBest: boolean
  /** The checkpoint to continue from: the newest, or one by its folder. */
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
  /** Mean loss of all updates, in nats per token that counts. */
  loss: number
  /** The last evaluation. */
  evaluation?: Record<string, number>
  /** The best checkpoint, and its metric. */
  best?: {
    /** Its folder. */
    folder: string
    /** Its value of the metric that is followed. */
    metric: number
  }
  /** The last checkpoint. */
  checkpoint: string
  /** Why it ended. */
  ended: 'steps' | 'early-stop' | 'callback'
  /** Tokens that counted, over all updates. */
  labels: number
  /** Positions computed. */
  positions: number
  /** Seconds of training, those before an interruption included. */
  seconds: number
  /** Records left out because an image has no row; absent where there are none. */
  skipped?: number
  /** The first of the ids without a row, where they are asked for. */
  missing?: string[]
  /** Records left out because they cannot be used; absent where there are none. */
  dropped?: DroppedRecords
}

/** What a product of a share of an epoch may be off by. */
const ROUNDING = 1e-9

/** Updates of one pass over `samples`, the last of which may be smaller. */
export function stepsPerEpoch(samples: number, batchSize: number): number {
  return Math.max(1, Math.ceil(samples / batchSize))
}

/**
 * Updates in all: as many as are asked for, or as passes have.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION` for more passes than can be counted
 */
export function totalSteps(samples: number, stage: { batchSize: number; epochs: number; steps?: number }): number {
  const steps = stage.steps ?? Math.max(1, Math.ceil(stage.epochs * stepsPerEpoch(samples, stage.batchSize) - ROUNDING))
  if (!Number.isSafeInteger(steps)) {
    throw new ModalityGapError('BAD_OPTION', `epochs is ${stage.epochs}: that many updates cannot be counted`)
  }
  return steps
}
