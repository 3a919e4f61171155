import { mkdir } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { cancelled } from '../abort.ts'
import { ModalityGapError } from '../errors.ts'
import { BestSoFar } from './best-so-far.ts'
import {
  type Checkpoint,
  checkpointsIn,
  latestCheckpoint,
  removeCheckpoint,
  removeOldCheckpoints,
  saveCheckpoint,
  tidyCheckpoints,
} from './checkpoints.ts'
import { epochOrder } from './data/order.ts'
import type { RecordPlace } from './data/sample.ts'
import { heldOutLoss } from './held-out.ts'
import type { LogRecord } from './logs.ts'
import type { ModelSample, StepReport } from './model-options.ts'
import {
  stepsPerEpoch,
  type TrainerCallbacks,
  type TrainerControl,
  type TrainerOptions,
  type TrainingProgress,
  type TrainingReport,
} from './trainer-options.ts'
import type { Tally, TrainerState } from './trainer-state.ts'
import { lineOf, TrainingLog } from './training-log.ts'

/**
 * Trains one stage to its end. What comes next at any update follows from the number of updates made, the seed and the
 * data, so that an interrupted run, resumed, ends with the bits of one that was not, and with the same log.
 *
 * @throws {@link ModalityGapError} `CANCELLED` after writing a checkpoint to continue from; `NUMERIC` with the step and the
 * samples when a loss is not finite; what a callback throws
 */
export async function train(
  options: TrainerOptions,
  callbacks: TrainerCallbacks = {},
  signal?: AbortSignal,
): Promise<TrainingReport> {
  const training = await Training.begin(options, callbacks, signal)
  try {
    return await training.run()
  } finally {
    await training.close()
  }
}

class Training {
  readonly #options: TrainerOptions
  readonly #callbacks: TrainerCallbacks
  readonly #signal: AbortSignal | undefined
  readonly #state: TrainerState
  readonly #tally: Tally
  readonly #best: BestSoFar
  readonly #log: TrainingLog
  readonly #control: TrainerControl = { shouldStop: false, shouldSave: false, shouldEvaluate: false }
  readonly #began = performance.now()
  readonly #perEpoch: number
  /** Where this run began. */
  readonly #before: { step: number; positions: number; seconds: number }
  /** Whether an update is being made, so that a defect may be its own. */
  #updating = false
  /** The newest checkpoint. */
  #saved: Pick<Checkpoint, 'path' | 'step'> | undefined
  /** The checkpoint that an interruption left, until another takes its place: a run that was not interrupted has none. */
  #interim: string | undefined

  private constructor(
    options: TrainerOptions,
    callbacks: TrainerCallbacks,
    signal: AbortSignal | undefined,
    log: TrainingLog,
    from: Checkpoint | undefined,
  ) {
    this.#options = options
    this.#callbacks = callbacks
    this.#signal = signal
    this.#log = log
    this.#saved = from
    this.#state = from?.state ?? freshState(options)
    this.#tally = this.#state.tally ??= { loss: 0, labels: 0, positions: 0, seconds: 0, unlogged: [] }
    const isOwn = from !== undefined && resolve(dirname(from.path)) === resolve(options.output)
    this.#interim = this.#tally.interrupted && isOwn ? from.path : undefined
    delete this.#tally.interrupted
    this.#before = { step: this.#state.global_step, ...this.#tally }
    this.#best = new BestSoFar(this.#state, options)
    this.#perEpoch = stepsPerEpoch(options.train.length, options.batchSize)
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
    const log = await TrainingLog.open(options, resume ? (from?.step ?? -1) : undefined)
    return new Training(options, callbacks, signal, log, from)
  }

  async run(): Promise<TrainingReport> {
    const { steps } = this.#options
    await this.#callbacks.onTrainBegin?.(this.#state, this.#control)
    if (this.#saved) {
      // an interruption may have come between an update and its evaluation
      await this.#interruptible(() => this.#afterUpdate())
    }
    let next = this.#batch(this.#state.global_step)
    next.catch(() => undefined)
    while (this.#state.global_step < steps && !this.#control.shouldStop && !this.#best.stalled) {
      await this.#interruptible(async () => {
        const samples = await next
        const step = this.#state.global_step
        if (step + 1 < steps) {
          // read while the native side computes; what is wrong with it is reported in its turn
          next = this.#batch(step + 1)
          next.catch(() => undefined)
        }
        await this.#update(samples)
      })
    }
    return await this.#end()
  }

  async close(): Promise<void> {
    await this.#log.close()
  }

  async #batch(step: number): Promise<PlacedSample[]> {
    const { train, batchSize, seed, toSample } = this.#options
    const [epoch, within] = [Math.floor(step / this.#perEpoch), step % this.#perEpoch]
    const order = epochOrder(train.length, seed, epoch)
    const count = Math.min(batchSize, train.length - within * batchSize)
    const places = Array.from({ length: count }, (_, i) => order(within * batchSize + i))
    return await Promise.all(
      places.map(async place => {
        const read = await train.at(place, epoch)
        return { sample: { ...toSample(read), epoch }, place: read.place }
      }),
    )
  }

  async #update(placed: readonly PlacedSample[]): Promise<void> {
    const { model, rows, microBatch } = this.#options
    const samples = placed.map(({ sample }) => sample)
    this.#updating = true
    const report = await model.step({ samples, rows, microBatch }, { signal: this.#signal }).catch(error => {
      throw withPlace(error, placed)
    })
    this.#updating = false
    this.#state.global_step = report.step
    this.#state.epoch = report.step / this.#perEpoch
    this.#count(report)
    await this.#callbacks.onStepEnd?.(report, this.#progress(), this.#control)
    await this.#afterUpdate()
  }

  /** What is due after the updates so far and was not done yet: a line of the log, an evaluation, a checkpoint. */
  async #afterUpdate(): Promise<void> {
    const { logEvery, evalEvery, saveEvery } = this.#options
    const step = this.#state.global_step
    if (this.#isDue(logEvery)) {
      await this.#logUpdates()
    }
    const evaluates = this.#control.shouldEvaluate || (this.#isDue(evalEvery) && this.#evaluation()?.step !== step)
    const improved = evaluates && (await this.#evaluate())
    const saves = this.#control.shouldSave || (this.#isDue(saveEvery) && this.#saved?.step !== step)
    if (saves || improved) {
      await this.#save()
    }
    if (this.#signal?.aborted) {
      throw cancelled(this.#signal.reason)
    }
  }

  #isDue(every: number): boolean {
    const { global_step: step } = this.#state
    return step === this.#options.steps || (every > 0 && step % every === 0)
  }

  #count(report: StepReport): void {
    this.#tally.unlogged.push(report)
    this.#tally.loss += report.loss * report.labels
    this.#tally.labels += report.labels
    this.#tally.positions += report.positions
  }

  async #logUpdates(): Promise<void> {
    const { unlogged } = this.#tally
    if (unlogged.length > 0) {
      this.#tally.unlogged = []
      await this.#write({ ...this.#place(), ...lineOf(unlogged) })
    }
  }

  /** Evaluates, where there is something to evaluate; answers whether it was better than all before. */
  async #evaluate(): Promise<boolean> {
    this.#control.shouldEvaluate = false
    const { heldOut = [], model, microBatch, samples } = this.#options
    if (heldOut.every(({ list }) => list.length === 0)) {
      return false
    }
    const found = await heldOutLoss({ model, microBatch }, heldOut, { signal: this.#signal })
    const answers = (await samples?.(this.#signal)) ?? []
    const record: LogRecord = { ...this.#place(), ...found }
    const improved = this.#best.judge(record)
    await this.#log.samples(this.#place(), answers)
    await this.#write(record)
    await this.#callbacks.onEvaluate?.(record, this.#control)
    return improved
  }

  /** The last evaluation. */
  #evaluation(): LogRecord | undefined {
    return this.#state.log_history.findLast(record => 'eval_loss' in record)
  }

  async #save(): Promise<void> {
    this.#control.shouldSave = false
    const { output, model, saveTotalLimit } = this.#options
    this.#tally.seconds = this.#seconds()
    const path = await saveCheckpoint(output, this.#state, async folder => {
      await model.saveState(folder)
      await this.#options.export?.(folder)
    })
    this.#saved = { path, step: this.#state.global_step }
    const interim = this.#interim
    this.#interim = undefined
    if (interim !== undefined && basename(interim) !== basename(path)) {
      await removeCheckpoint(output, interim)
    }
    if (saveTotalLimit !== undefined) {
      await removeOldCheckpoints(output, saveTotalLimit, [path, this.#state.best_model_checkpoint])
    }
    await this.#callbacks.onSave?.(path, this.#control)
  }

  /**
   * The updates made so far are kept when a sample or something else fails, or the caller aborts; after a defect of an
   * update they are not, for they may be part of it.
   */
  async #interruptible(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      const code = error instanceof ModalityGapError ? error.code : undefined
      const aborted = code === 'CANCELLED'
      const { global_step: step } = this.#state
      if ((aborted || code === 'BAD_SAMPLE' || !this.#updating) && step > 0 && this.#saved?.step !== step) {
        const { saveEvery } = this.#options
        const isBest = basename(this.#state.best_model_checkpoint ?? '') === `checkpoint-${step}`
        if (!(this.#isDue(saveEvery) || isBest || this.#control.shouldSave)) {
          this.#tally.interrupted = true
        }
        await this.#save().catch(failed => {
          throw aborted ? failed : error
        })
      }
      throw error
    }
  }

  async #end(): Promise<TrainingReport> {
    const { steps, model, output, loadBest } = this.#options
    const { global_step: step, best_metric: metric, best_model_checkpoint: best } = this.#state
    const ended = step >= steps ? 'steps' : this.#best.stalled ? 'early-stop' : 'callback'
    await this.#logUpdates()
    if (this.#saved?.step !== step) {
      await this.#save()
    }
    const { path: checkpoint } = this.#saved as Checkpoint
    // an interruption may have come between the last checkpoint and the line of the end
    if (step > this.#before.step || (this.#options.log && !this.#log.ended)) {
      await this.#tellEnd()
    }
    if (loadBest && best !== null) {
      await model.restoreState(join(output, basename(best)))
    }
    await this.#callbacks.onTrainEnd?.(this.#state)
    const evaluation = this.#evaluation()
    return {
      steps: step,
      epochs: this.#state.epoch,
      loss: this.#loss(),
      ...(evaluation ? { evaluation: numbersOf(evaluation) } : {}),
      ...(metric !== null && best !== null ? { best: { folder: best, metric } } : {}),
      checkpoint,
      ended,
      labels: this.#tally.labels,
      positions: this.#tally.positions,
      seconds: this.#tally.seconds,
    }
  }

  async #tellEnd(): Promise<void> {
    const { global_step: step } = this.#state
    // a run that only had to end tells of those before it
    const before = step > this.#before.step ? this.#before : { step: 0, seconds: 0 }
    const [updates, seconds] = [step - before.step, this.#seconds() - before.seconds]
    await this.#write({
      ...this.#place(),
      train_runtime: seconds,
      train_steps_per_second: updates / seconds,
      train_samples_per_second: (updates * this.#options.batchSize) / seconds,
      train_loss: this.#loss(),
    })
  }

  async #write(record: LogRecord): Promise<void> {
    this.#state.log_history.push(record)
    await this.#log.write(record)
    await this.#callbacks.onLog?.(record, this.#control)
  }

  #place(): { step: number; epoch: number } {
    return { step: this.#state.global_step, epoch: this.#state.epoch }
  }

  #loss(): number {
    return this.#tally.loss / this.#tally.labels
  }

  #progress(): TrainingProgress {
    const { global_step: step, epoch } = this.#state
    const { steps } = this.#options
    const seconds = this.#seconds() - this.#before.seconds
    const secondsLeft = (seconds / (step - this.#before.step)) * (steps - step)
    const positionsPerSecond = (this.#tally.positions - this.#before.positions) / seconds
    return { step, steps, epoch, seconds, secondsLeft, positionsPerSecond }
  }

  /** Seconds of training, those before an interruption included. */
  #seconds(): number {
    return this.#before.seconds + (performance.now() - this.#began) / 1000
  }
}

/** A sample with the place of its record. */
interface PlacedSample {
  sample: ModelSample
  place: RecordPlace
}

/** An error about a sample, with the place of its record. */
function withPlace(error: unknown, placed: readonly PlacedSample[]): unknown {
  if (!(error instanceof ModalityGapError) || error.sample === undefined) {
    return error
  }
  const { code, message, sample: name } = error
  const found = placed.find(({ sample }) => sample.id === name)
  return found ? new ModalityGapError(code, message, { ...found.place, sample: name, cause: error }) : error
}

async function checkpointToResume(output: string, resume: boolean | string): Promise<Checkpoint | undefined> {
  if (resume === false) {
    return undefined
  }
  if (resume === true) {
    return await latestCheckpoint(output)
  }
  const wanted = resolve(resume)
  const found = (await checkpointsIn(dirname(wanted))).find(({ path }) => path === wanted)
  if (found === undefined) {
    throw new ModalityGapError('NOT_FOUND', `${resume} is not a complete checkpoint`, { file: resume })
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

/** Keys of an evaluation in the order of a report; a state that was read from a file has them by the alphabet. */
const EVALUATED = ['step', 'epoch', 'eval_loss', 'eval_perplexity', 'eval_accuracy', 'eval_samples']

function numbersOf(record: LogRecord): Record<string, number> {
  const keys = [
    ...EVALUATED,
    ...Object.keys(record)
      .filter(key => !EVALUATED.includes(key))
      .sort(),
  ]
  return Object.fromEntries(
    keys.flatMap(key => {
      const value: unknown = record[key as keyof LogRecord]
      return typeof value === 'number' ? [[key, value]] : []
    }),
  )
}
