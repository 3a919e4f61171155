import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { cancelled } from '../abort.ts'
import { ModalityGapError } from '../errors.ts'
import type { JsonLog } from '../json-log.ts'
import {
  type Checkpoint,
  checkpointsIn,
  latestCheckpoint,
  removeOldCheckpoints,
  saveCheckpoint,
  tidyCheckpoints,
} from './checkpoints.ts'
import { epochOrder } from './data/order.ts'
import { heldOutLoss } from './held-out.ts'
import { type LogRecord, openTrainLog } from './logs.ts'
import type { ModelSample, StepReport } from './model-options.ts'
import {
  stepsPerEpoch,
  type TrainerCallbacks,
  type TrainerControl,
  type TrainerOptions,
  type TrainingReport,
} from './trainer-options.ts'
import type { TrainerState } from './trainer-state.ts'

/**
 * Trains one stage to its end. What comes next at any update follows from the number of updates made, the seed and the
 * data, so that an interrupted run, resumed, ends with the bits of one that was not.
 *
 * @throws {@link ModalityGapError} `CANCELLED` after writing a checkpoint to go on from; `NUMERIC` with the step and the
 * samples when a loss is not finite; what a callback throws
 */
export async function train(
  options: TrainerOptions,
  callbacks: TrainerCallbacks = {},
  signal?: AbortSignal,
): Promise<TrainingReport> {
  const training = await Training.begin(options, callbacks, signal)
  return await training.run()
}

class Training {
  readonly #options: TrainerOptions
  readonly #callbacks: TrainerCallbacks
  readonly #signal: AbortSignal | undefined
  readonly #state: TrainerState
  readonly #log: JsonLog<LogRecord> | undefined
  readonly #control: TrainerControl = { shouldStop: false, shouldSave: false, shouldEvaluate: false }
  readonly #began = performance.now()
  readonly #perEpoch: number
  #sums = { loss: 0, labels: 0, positions: 0, updates: 0 }
  /** Updates since the last line of the log. */
  #unlogged: StepReport[] = []
  #checkpoint: string | undefined
  #evaluation: LogRecord | undefined
  #fruitless = 0

  private constructor(
    options: TrainerOptions,
    callbacks: TrainerCallbacks,
    signal: AbortSignal | undefined,
    state: TrainerState,
    log: JsonLog<LogRecord> | undefined,
  ) {
    this.#options = options
    this.#callbacks = callbacks
    this.#signal = signal
    this.#state = state
    this.#log = log
    this.#perEpoch = stepsPerEpoch(options.train.length, options.batchSize)
    this.#fruitless = fruitlessSoFar(state, options)
  }

  static async begin(
    options: TrainerOptions,
    callbacks: TrainerCallbacks,
    signal: AbortSignal | undefined,
  ): Promise<Training> {
    const { output, model, resume } = options
    await mkdir(output, { recursive: true })
    if (resume) {
      await tidyCheckpoints(output)
    }
    const from = await checkpointToResume(output, resume)
    if (from) {
      await model.restoreState(from.path)
    }
    const path = typeof options.log === 'string' ? options.log : join(output, 'log.jsonl')
    const log = options.log ? (await openTrainLog(path, resume ? (from?.step ?? -1) : undefined)).log : undefined
    const training = new Training(options, callbacks, signal, from?.state ?? freshState(options), log)
    training.#checkpoint = from?.path
    return training
  }

  async run(): Promise<TrainingReport> {
    const { steps } = this.#options
    await this.#callbacks.onTrainBegin?.(this.#state, this.#control)
    let next = this.#batch(this.#state.global_step)
    while (this.#state.global_step < steps && !this.#control.shouldStop && !this.#early()) {
      const samples = await next
      const step = this.#state.global_step
      if (step + 1 < steps) {
        // read while the native side computes; what is wrong with it is told in its turn
        next = this.#batch(step + 1)
        next.catch(() => undefined)
      }
      await this.#update(samples)
    }
    return await this.#end()
  }

  async #batch(step: number): Promise<ModelSample[]> {
    const { train, batchSize, seed, toSample } = this.#options
    const [epoch, within] = [Math.floor(step / this.#perEpoch), step % this.#perEpoch]
    const order = epochOrder(train.length, seed, epoch)
    const count = Math.min(batchSize, train.length - within * batchSize)
    const places = Array.from({ length: count }, (_, i) => order(within * batchSize + i))
    return await Promise.all(places.map(async place => toSample(await train.at(place))))
  }

  async #update(samples: readonly ModelSample[]): Promise<void> {
    const { model, rows, microBatch, steps } = this.#options
    const report = await model.step({ samples, rows, microBatch }, { signal: this.#signal }).catch(async error => {
      await this.#interrupted(error)
      throw error
    })
    this.#state.global_step = report.step
    this.#state.epoch = report.step / this.#perEpoch
    this.#count(report)
    await this.#callbacks.onStepEnd?.(report, this.#progress(), this.#control)
    const { logEvery, evalEvery, saveEvery } = this.#options
    const last = report.step === steps
    if (last || report.step % logEvery === 0) {
      await this.#logUpdates()
    }
    if (last || this.#control.shouldEvaluate || (evalEvery > 0 && report.step % evalEvery === 0)) {
      await this.#evaluate()
    }
    if (last || this.#control.shouldSave || this.#improved() || (saveEvery > 0 && report.step % saveEvery === 0)) {
      await this.#save()
    }
    if (this.#signal?.aborted) {
      await this.#interrupted(cancelled(this.#signal.reason))
      throw cancelled(this.#signal.reason)
    }
  }

  #count(report: StepReport): void {
    this.#unlogged.push(report)
    this.#sums.loss += report.loss * report.labels
    this.#sums.labels += report.labels
    this.#sums.positions += report.positions
    this.#sums.updates += 1
  }

  async #logUpdates(): Promise<void> {
    const updates = this.#unlogged
    this.#unlogged = []
    const last = updates.at(-1)
    if (last === undefined) {
      return
    }
    const labels = updates.reduce((sum, each) => sum + each.labels, 0)
    await this.#write({
      ...this.#place(),
      loss: updates.reduce((sum, each) => sum + each.loss * each.labels, 0) / labels,
      accuracy: updates.reduce((sum, each) => sum + each.accuracy * each.labels, 0) / labels,
      grad_norm: last.gradNorm,
      learning_rate: last.learningRate,
      labels,
    })
  }

  async #evaluate(): Promise<void> {
    this.#control.shouldEvaluate = false
    const { validation, evaluate, model, rows, microBatch, toSample } = this.#options
    const step = this.#state.global_step
    const held =
      validation && validation.length > 0
        ? await heldOutLoss({ model, rows, microBatch, list: validation, toSample }, this.#signal)
        : {}
    const more = (await evaluate?.(step, this.#signal)) ?? {}
    if (Object.keys(held).length + Object.keys(more).length === 0) {
      return
    }
    const record: LogRecord = { ...this.#place(), ...held, ...more }
    this.#evaluation = record
    this.#judge(record)
    await this.#write(record)
    await this.#callbacks.onEvaluate?.(record, this.#control)
  }

  /** Whether the last evaluation was the best so far and has no checkpoint yet. */
  #improved(): boolean {
    return this.#evaluation?.step === this.#state.global_step && this.#fruitless === 0 && this.#metric() !== undefined
  }

  #metric(): number | undefined {
    const value = this.#evaluation?.[this.#options.bestMetric]
    return typeof value === 'number' ? value : undefined
  }

  #judge(record: LogRecord): void {
    const { bestMetric, greaterIsBetter, earlyStop } = this.#options
    const value = record[bestMetric]
    if (typeof value !== 'number') {
      return
    }
    const before = this.#state.best_metric
    const better = before === null ? Number.POSITIVE_INFINITY : greaterIsBetter ? value - before : before - value
    if (better > (earlyStop?.minDelta ?? 0)) {
      this.#state.best_metric = value
      this.#state.best_model_checkpoint = join(this.#options.output, `checkpoint-${record.step}`)
      this.#fruitless = 0
    } else {
      this.#fruitless++
    }
  }

  #early(): boolean {
    const { earlyStop } = this.#options
    return earlyStop !== undefined && this.#fruitless >= earlyStop.patience
  }

  async #save(): Promise<void> {
    this.#control.shouldSave = false
    const { output, model, saveTotalLimit } = this.#options
    this.#checkpoint = await saveCheckpoint(output, this.#state, async folder => {
      await model.saveState(folder)
      await this.#options.export?.(folder)
    })
    if (saveTotalLimit !== undefined) {
      await removeOldCheckpoints(output, saveTotalLimit, this.#state.best_model_checkpoint)
    }
    await this.#callbacks.onSave?.(this.#checkpoint, this.#control)
  }

  /** After an abort the updates made so far are kept; after a defect they are not, for they may be part of it. */
  async #interrupted(error: unknown): Promise<void> {
    const aborted = error instanceof ModalityGapError && error.code === 'CANCELLED'
    const saved = this.#checkpoint?.endsWith(`checkpoint-${this.#state.global_step}`)
    if (aborted && this.#sums.updates > 0 && !saved) {
      await this.#logUpdates()
      await this.#save()
    }
  }

  async #end(): Promise<TrainingReport> {
    const { steps } = this.#options
    const early = this.#early()
    const ended = this.#state.global_step >= steps ? 'steps' : early ? 'early-stop' : 'callback'
    if (!this.#checkpoint?.endsWith(`checkpoint-${this.#state.global_step}`)) {
      await this.#logUpdates()
      await this.#save()
    }
    const seconds = this.#seconds()
    // a run that finds its last checkpoint has nothing to do but to tell what the log knows
    const told = this.#state.log_history.findLast(record => typeof record.train_loss === 'number')
    const loss = this.#sums.labels > 0 ? this.#sums.loss / this.#sums.labels : Number(told?.train_loss ?? Number.NaN)
    if (this.#sums.updates > 0) {
      await this.#write({
        ...this.#place(),
        train_runtime: seconds,
        train_steps_per_second: this.#sums.updates / seconds,
        train_samples_per_second: (this.#sums.updates * this.#options.batchSize) / seconds,
        train_loss: loss,
      })
    }
    await this.#callbacks.onTrainEnd?.(this.#state)
    const { best_metric: metric, best_model_checkpoint: folder } = this.#state
    return {
      steps: this.#state.global_step,
      epochs: this.#state.epoch,
      loss,
      evaluation: this.#evaluation && numbersOf(this.#evaluation),
      best: metric !== null && folder !== null ? { folder, metric } : undefined,
      checkpoint: this.#checkpoint as string,
      ended,
      labels: this.#sums.labels,
      positions: this.#sums.positions,
      seconds,
    }
  }

  async #write(record: LogRecord): Promise<void> {
    this.#state.log_history.push(record)
    await this.#log?.append(record)
    for (const sink of this.#options.sinks ?? []) {
      await sink.write(record)
    }
    await this.#callbacks.onLog?.(record, this.#control)
  }

  #place(): { step: number; epoch: number } {
    return { step: this.#state.global_step, epoch: this.#state.epoch }
  }

  #progress() {
    const [seconds, { updates, positions }] = [this.#seconds(), this.#sums]
    const left = this.#options.steps - this.#state.global_step
    return {
      step: this.#state.global_step,
      steps: this.#options.steps,
      epoch: this.#state.epoch,
      seconds,
      secondsLeft: (seconds / updates) * left,
      positionsPerSecond: positions / seconds,
    }
  }

  #seconds(): number {
    return (performance.now() - this.#began) / 1000
  }
}

async function checkpointToResume(output: string, resume: boolean | string): Promise<Checkpoint | undefined> {
  if (resume === false) {
    return undefined
  }
  if (resume === true) {
    return await latestCheckpoint(output)
  }
  const found = (await checkpointsIn(join(resume, '..'))).find(
    ({ path }) => path === resume || join(path) === join(resume),
  )
  if (found === undefined) {
    throw new ModalityGapError('NOT_FOUND', `${resume} is no complete checkpoint`, { file: resume })
  }
  return found
}

function freshState(options: TrainerOptions): TrainerState {
  const { steps, train, batchSize, logEvery, evalEvery, saveEvery } = options
  return {
    epoch: 0,
    global_step: 0,
    max_steps: steps,
    num_train_epochs: Math.ceil(steps / stepsPerEpoch(train.length, batchSize)),
    train_batch_size: batchSize,
    logging_steps: logEvery,
    eval_steps: evalEvery,
    save_steps: saveEvery,
    log_history: [],
    best_metric: null,
    best_model_checkpoint: null,
  }
}

/** Evaluations since the best one, from the log. */
function fruitlessSoFar({ log_history, best_metric }: TrainerState, { bestMetric }: TrainerOptions): number {
  const values = log_history.map(record => record[bestMetric]).filter(value => typeof value === 'number')
  const best = values.lastIndexOf(best_metric as number)
  return best === -1 ? 0 : values.length - 1 - best
}

function numbersOf(record: LogRecord): Record<string, number> {
  const numbers = Object.entries(record).filter((entry): entry is [string, number] => typeof entry[1] === 'number')
  return Object.fromEntries(numbers)
}
