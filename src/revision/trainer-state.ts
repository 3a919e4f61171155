import { join } from 'node:path'
import { ModalityGapError } from '../errors.ts'
import { readRegular } from '../regular-file.ts'
import { writeWhole } from '../whole-file.ts'
import type { LogRecord } from './logs.ts'
import type { StepReport } from './model-options.ts'

/** Name of the file in a checkpoint. */
export const TRAINER_STATE = 'trainer_state.json'

/** What a training that continues has to know beside Hugging Face's fields. */
export interface Tally {
  /** Σ −log p of all tokens that counted, in nats. */
  loss: number
  /** How many they were. */
  labels: number
  /** Positions computed. */
  positions: number
  /** Seconds of training. */
  seconds: number
  /** Updates since the last line of the log. */
  unlogged: StepReport[]
  /** The checkpoint is there because the training was interrupted, and the next one takes its place. */
  interrupted?: true
}

/** How far a training is: the part of Hugging Face's `TrainerState` that has a meaning here. */
export interface TrainerState {
  /** Passes over the data so far, with fractions. */
  epoch: number
  /** Updates so far. */
  global_step: number
  /** Updates in all. */
  max_steps: number
  /** Passes over the data in all. */
  num_train_epochs: number
  /** Samples of an update. */
  train_batch_size: number
  /** Updates between two lines of the log. */
  logging_steps: number
  /** Updates between two evaluations. */
  eval_steps: number
  /** Updates between two checkpoints. */
  save_steps: number
  /** Everything that was logged. */
  log_history: LogRecord[]
  /** Best value of the metric that is followed, or `null` before the first evaluation. */
  best_metric: number | null
  /** Folder of the checkpoint that has it. */
  best_model_checkpoint: string | null
  /** Absent in a state by Hugging Face; in the file it stands among the `stateful_callbacks`. */
  tally?: Tally
}

/** The name of the tally among the callbacks, which Hugging Face's reader passes over. */
const TALLY = 'modality-gap'

/** What Hugging Face's reader also wants to find. */
const OTHERS = {
  is_hyper_param_search: false,
  is_local_process_zero: true,
  is_world_process_zero: true,
  num_input_tokens_seen: 0,
  stateful_callbacks: {},
  total_flos: 0,
  trial_name: null,
  trial_params: null,
} as const

/** The file's text: keys sorted, as Hugging Face writes it. */
export function trainerStateText(state: TrainerState): string {
  const { tally, ...known } = state
  const all: Record<string, unknown> = {
    ...OTHERS,
    ...known,
    ...(tally ? { stateful_callbacks: { [TALLY]: tally } } : {}),
  }
  return `${JSON.stringify(sorted(all), null, 2)}\n`
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(sorted)
  }
  if (typeof value !== 'object' || value === null) {
    return value
  }
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, each]) => [key, sorted(each)]))
}

/**
 * Writes `trainer_state.json` into a folder, whole or not at all.
 *
 * @throws {@link ModalityGapError} `WRITE_FAILED`
 */
export async function writeTrainerState(folder: string, state: TrainerState): Promise<void> {
  await writeWhole(join(folder, TRAINER_STATE), trainerStateText(state))
}

/**
 * Reads `trainer_state.json` of a folder, ours or Hugging Face's.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`, `BAD_FORMAT`
 */
export async function readTrainerState(folder: string): Promise<TrainerState> {
  const path = join(folder, TRAINER_STATE)
  const text = (await readRegular(path)).toString()
  const state = parsed(text)
  if (!isState(state)) {
    throw new ModalityGapError('BAD_FORMAT', `${path} is not a state of a training`, { file: path })
  }
  return {
    epoch: state.epoch,
    global_step: state.global_step,
    max_steps: state.max_steps,
    num_train_epochs: state.num_train_epochs,
    train_batch_size: state.train_batch_size ?? 0,
    logging_steps: state.logging_steps ?? 0,
    eval_steps: state.eval_steps ?? 0,
    save_steps: state.save_steps ?? 0,
    log_history: state.log_history,
    best_metric: state.best_metric ?? null,
    best_model_checkpoint: state.best_model_checkpoint ?? null,
    ...tallyOf(state),
  }
}

/** The tally of a file, where it has one that is whole. */
function tallyOf(state: object): { tally?: Tally } {
  const callbacks = Object((state as { stateful_callbacks?: unknown }).stateful_callbacks) as Record<string, unknown>
  const { loss, labels, positions, seconds, unlogged, interrupted } = Object(callbacks[TALLY]) as Tally
  const whole = [loss, labels, positions, seconds].every(Number.isFinite) && Array.isArray(unlogged)
  const tally = { loss, labels, positions, seconds, unlogged, ...(interrupted === true ? { interrupted } : {}) }
  return whole ? { tally } : {}
}

function parsed(text: string): unknown {
  // Python writes NaN and Infinity, which are not JSON
  for (const each of [text, text.replaceAll(/(?<=: )(?:NaN|-?Infinity)(?=,?$)/gm, 'null')]) {
    try {
      return JSON.parse(each)
    } catch {
      // the next, or nothing
    }
  }
  return undefined
}

function isState(value: unknown): value is TrainerState {
  const { epoch, global_step, max_steps, num_train_epochs, log_history } = Object(value) as Record<string, unknown>
  const numbers = [epoch, global_step, max_steps, num_train_epochs]
  return numbers.every(Number.isFinite) && Number.isSafeInteger(global_step) && Array.isArray(log_history)
}
