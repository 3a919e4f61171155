import { join } from 'node:path'
import { type Cancellation, cancelOn, withReason } from '../abort.ts'
import {
  type Checks,
  checkOptions,
  checkPath,
  instanceOf,
  localInput,
  localOutput,
  madeHere,
  needed,
  OWN,
  oneOf,
  whole,
  wrong,
} from '../checks.ts'
import { claimPlaces } from '../claim.ts'
import { ModalityGapError, unwrap } from '../errors.ts'
import { given, guarded } from '../job.ts'
import { type NativeModel, native } from '../native.ts'
import { refuseLinks } from '../no-links.ts'
import { overwriteChecks } from '../option-checks.ts'
import type { OverwriteOptions } from '../options.ts'
import { checkedRows, kindOf } from '../rows.ts'
import { answerChecks, callChecks, EXPORTS, modelChecks, samples, samplingChecks } from './model-checks.ts'
import type {
  Answer,
  AnswerPiece,
  CallOptions,
  ExportKind,
  LossReport,
  ModelInfo,
  ModelOptions,
  ModelSample,
  SampleSizes,
  SamplingOptions,
  StepReport,
} from './model-options.ts'
import { type ModelRows, modelRows } from './rows.ts'
import { asks } from './turns.ts'

/** A batch for a model, and the rows that its images are. */
export interface ModelBatch {
  /** The samples. */
  samples: readonly ModelSample[]
  /** Where their images' embeddings are read; not needed for samples without images. */
  rows?: ModelRows
  /** Samples that are held at a time; it changes memory and nothing else. @defaultValue all */
  microBatch?: number
}

/** What each kind of export may write. */
const EXPORTED: Readonly<Record<ExportKind, readonly string[]>> = {
  learned: ['mm_projector.safetensors', 'adapter'],
  all: ['mm_projector.safetensors', 'adapter', 'model'],
  merged: ['mm_projector.safetensors', 'model'],
  llava: ['mm_projector.bin', 'config.json'],
  hf: ['multi_modal_projector.safetensors'],
  mmproj: ['mmproj.gguf'],
}

const shown = new Set<string>()

/** Warns of what is odd about a model, each once: stages open the same one several times. */
function tell(notes: readonly string[]): void {
  for (const note of notes.filter(each => !shown.has(each))) {
    shown.add(note)
    process.emitWarning(note, 'ModelWarning')
  }
}
const batchChecks: Checks<ModelBatch> = { samples: needed(samples), rows: modelRows, microBatch: whole() }

/** A language model that sees through a projector, in native memory. Calls on one model run one after the other. */
export class VisionModel {
  readonly #opened: NativeModel
  readonly #info: ModelInfo
  readonly #template: string
  #disposed = false

  private constructor(own: symbol, opened: NativeModel, template: string) {
    madeHere(own, 'VisionModel', 'await VisionModel.open({ path })')
    this.#opened = opened
    this.#info = opened.info()
    this.#template = template
  }

  /**
   * Reads a model, and makes what learns.
   *
   * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`, `BAD_MODEL` with the file; `BAD_OPTION`
   */
  static async open(options: ModelOptions): Promise<VisionModel> {
    checkOptions(options, 'VisionModel.open', modelChecks)
    const { threads = 0, projector = {}, learn, ...rest } = options
    const { inputScale, ...shape } = projector
    const scale = inputScale === 'sqrt' ? Math.sqrt(options.dim) : inputScale
    const spec = given({ ...rest, projector: given({ ...shape, inputScale: scale }), learn: learn && nested(learn) })
    const model = new VisionModel(
      OWN,
      unwrap(await native.NativeModel.open(spec, threads)),
      options.template ?? 'model',
    )
    tell(model.info.notes)
    return model
  }

  /** What it is. */
  get info(): ModelInfo {
    return this.#info
  }

  /**
   * How long samples are, and how much of them counts, as the model takes them.
   *
   * @throws {@link ModalityGapError} `BAD_SAMPLE` with its name when nothing is left to learn from one
   */
  async sizes(list: readonly ModelSample[]): Promise<SampleSizes> {
    samples(list, 'model.sizes')
    return unwrap(await this.#native.sizes(list))
  }

  /**
   * One update from a batch. The loss is the mean over all tokens that count, however they are spread over its parts.
   *
   * @throws {@link ModalityGapError} `NUMERIC` with step and samples when a loss or a gradient is not finite, which
   * changes nothing; `BAD_SAMPLE`, `BAD_ROW`, `CANCELLED`
   */
  async step(batch: ModelBatch, call: CallOptions = {}): Promise<StepReport> {
    checkBatch(batch, 'model.step')
    checkOptions(call, 'the second argument of model.step', callChecks)
    return await this.#call(call, token =>
      this.#native.step(batch.samples, batch.rows?.native, batch.microBatch ?? 0, token),
    )
  }

  /**
   * Losses of samples without an update.
   *
   * @throws {@link ModalityGapError} `BAD_SAMPLE`, `BAD_ROW`, `CANCELLED`
   */
  async evaluate(batch: ModelBatch, call: CallOptions = {}): Promise<LossReport> {
    checkBatch(batch, 'model.evaluate')
    checkOptions(call, 'the second argument of model.evaluate', callChecks)
    return await this.#call(call, token =>
      this.#native.evaluate(batch.samples, batch.rows?.native, batch.microBatch ?? 0, token),
    )
  }

  /**
   * Answers to the last turn of each sample, which is the user's; all of them at a time.
   *
   * @param options `onText` hears pieces of answers as they are certain; what it throws stops the call
   * @throws {@link ModalityGapError} `BAD_OPTION` when prompt and answer do not fit; `BAD_SAMPLE`, `BAD_ROW`, `CANCELLED`
   */
  async answer(
    batch: ModelBatch,
    sampling: SamplingOptions = {},
    options: CallOptions & { onText?: (piece: AnswerPiece) => void } = {},
  ): Promise<Answer[]> {
    checkBatch(batch, 'model.answer')
    checkOptions(sampling, 'the second argument of model.answer', samplingChecks)
    checkOptions(options, 'the third argument of model.answer', answerChecks)
    const { samples, rows } = batch
    const { onText, ...call } = options
    const silent = samples.find(sample => !asks(sample, this.#template))
    if (silent) {
      const reason =
        this.#template === 'plain' ? 'the template plain shows an image, and there is none' : 'nothing is asked'
      throw new ModalityGapError('BAD_SAMPLE', `sample ${silent.id}: ${reason}`, { sample: silent.id })
    }
    return await this.#call(call, async (token, cancellation) => {
      const listener = onText && guarded(onText, cancellation)
      const outcome = await this.#native.answer(samples, rows?.native, given(sampling), token, listener?.callback)
      await listener?.ended()
      return outcome
    })
  }

  /**
   * Embeddings in the language model's space: what the projector makes of them, all soft tokens of one side by side.
   *
   * @param embeddings rows of `info.dim` values
   */
  async project(embeddings: Float32Array): Promise<Float32Array> {
    if (kindOf(embeddings) !== 'Float32Array') {
      throw wrong(embeddings, 'model.project', 'a Float32Array of embeddings')
    }
    return unwrap(await this.#native.project(checkedRows(embeddings) as Float32Array))
  }

  /**
   * Writes what it has learned in files that others read: `mm_projector.safetensors` by LLaVA's names, with adapters
   * `adapter/` in PEFT's layout, with mode `full` the whole model in `model/`, in Hugging Face's.
   *
   * @returns the files
   * @throws {@link ModalityGapError} `BAD_OPTION`, `WRITE_FAILED`
   */
  async export(folder: string, what: ExportKind = 'learned', options: OverwriteOptions = {}): Promise<string[]> {
    checkPath(folder, 'model.export', localOutput)
    oneOf(EXPORTS)(what, 'the second argument of model.export')
    checkOptions(options, 'the third argument of model.export', overwriteChecks)
    const written = EXPORTED[what].map(name => join(folder, name))
    await refuseLinks(written)
    await claimPlaces(written, options)
    return unwrap(await this.#native.export(folder, what))
  }

  /**
   * Writes the whole state of its training, but the order of the data, into a folder.
   *
   * @throws {@link ModalityGapError} `WRITE_FAILED`
   */
  async saveState(folder: string): Promise<void> {
    checkPath(folder, 'model.saveState', localOutput)
    unwrap(await this.#native.saveState(folder))
  }

  /**
   * Goes on from a state of the same training: further updates have the bits of a training that was never interrupted.
   *
   * @returns updates made by then
   * @throws {@link ModalityGapError} `UNREADABLE`; `BAD_MODEL` for a state of other options or another model
   */
  async restoreState(folder: string): Promise<number> {
    checkPath(folder, 'model.restoreState', localInput)
    return unwrap(await this.#native.restoreState(folder))
  }

  /** Releases the model's memory now, rather than when it is collected; calls that run keep it until they end. */
  dispose(): void {
    this.#disposed = true
    this.#opened.release()
  }

  /** The same, for `using`. */
  [Symbol.dispose](): void {
    this.dispose()
  }

  get #native(): NativeModel {
    if (this.#disposed) {
      throw new ModalityGapError('BAD_OPTION', 'this model was disposed of; open it again')
    }
    return this.#opened
  }

  async #call<T>(
    { signal }: CallOptions,
    work: (token: Cancellation['token'], cancellation: Cancellation) => Promise<Parameters<typeof unwrap<T>>[0]>,
  ): Promise<T> {
    const cancellation = cancelOn(signal)
    try {
      return unwrap(await work(cancellation.token, cancellation))
    } catch (error) {
      throw withReason(error, signal)
    } finally {
      cancellation.release()
    }
  }
}

function checkBatch(batch: unknown, of: string): void {
  checkOptions(batch, of, batchChecks)
}

/** A model, as an option. */
export const visionModel = instanceOf(VisionModel, 'a VisionModel')

function nested(learn: NonNullable<ModelOptions['learn']>): object {
  const { lora, scheduleShape } = learn
  return given({
    ...learn,
    lora: lora && given(lora),
    scheduleShape: scheduleShape && given(scheduleShape),
  })
}
