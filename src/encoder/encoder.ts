import { cancelOn, type RunOptions, withReason } from '../abort.ts'
import {
  type Checks,
  callback,
  checkOptions,
  checkPath,
  flag,
  listOf,
  localInput,
  localInputs,
  localOutput,
  madeHere,
  needed,
  number,
  OWN,
  object,
  oneOf,
  signal,
  text,
  whole,
} from '../checks.ts'
import { ModalityGapError, unwrap } from '../errors.ts'
import { given, guarded } from '../job.ts'
import { type NativeEncoder, native } from '../native.ts'
import { checkCall, names, overwriteChecks, runChecks, threadChecks } from '../option-checks.ts'
import type { OverwriteOptions, ThreadOptions } from '../options.ts'
import type { EmbedReport, TrainReport } from '../results.ts'
import type {
  AdamWOptions,
  EmbedOptions,
  EncoderShape,
  PairOptions,
  ScheduleKind,
  TowerShape,
  TrainOptions,
  TrainProbe,
  TrainStep,
} from './options.ts'

/** What is trained, from what, and where it goes. */
export interface TrainInput extends TrainOptions, PairOptions, ThreadOptions, OverwriteOptions {
  /** Lists of pairs: jsonl, csv, tar files in the WebDataset layout, or folders with one of them or with text files. */
  data: string | readonly string[]
  /** Folder for the encoder, its checkpoint and `log.jsonl`, one line for each update. */
  out: string
  /**
   * Go on from the checkpoint in `out`; the options have to be the same. A training that was cut short before its first
   * checkpoint begins anew.
   *
   * @defaultValue `false`
   */
  resume?: boolean
  /** Folder for probes as files: `step_000800/{image,text,grad_image,grad_text,batch_image,batch_text}.npy`. */
  probes?: string
  /** Share of the training pairs held out by chance, for lists that name no splits. @defaultValue `0` */
  holdout?: number
}

/** How a training is watched and stopped; what a callback throws stops it, and the call rejects with that. */
export interface TrainRun {
  /** Stops before the next update; a checkpoint is left in `out`. */
  signal?: AbortSignal
  /** After every update. */
  onStep?: (step: TrainStep) => void
  /** Every `probeEvery` updates, before the update. */
  onProbe?: (probe: TrainProbe) => void
}

/** What is embedded, by what, and where it goes. */
export interface EmbedInput extends EmbedOptions, ThreadOptions {
  /** An encoder trained here (file or folder), or a folder of transformers or sentence-transformers: see docs/encoders.md. */
  encoder: string
  /** Lists of pairs, as for training. */
  data: string | readonly string[]
  /** Folder to write into, in the clip-retrieval layout. */
  out: string
}

export const SCHEDULES = names<ScheduleKind>({
  cosine: true,
  linear: true,
  constant: true,
  constant_with_warmup: true,
  inverse_sqrt: true,
  polynomial: true,
  cosine_with_restarts: true,
  cosine_with_min_lr: true,
})

const tower = object<TowerShape>({ width: needed(whole(1)), layers: needed(whole(1)), heads: needed(whole(1)) })

const pairChecks: Checks<PairOptions> = { onBadPair: oneOf(['error', 'drop']), allowOutsideImages: flag }

const trainChecks: Checks<TrainInput> = {
  ...pairChecks,
  data: needed(localInputs),
  out: needed(localOutput),
  resume: flag,
  ...overwriteChecks,
  probes: localOutput,
  holdout: number(),
  model: object<EncoderShape>({
    dim: whole(),
    imageSize: whole(),
    patch: whole(),
    image: tower,
    text: tower,
    tokens: whole(),
  }),
  epochs: whole(),
  steps: whole(),
  batchSize: whole(),
  microBatch: whole(),
  learningRate: number(),
  warmup: number(),
  schedule: oneOf(SCHEDULES),
  weightDecay: number(),
  optimizer: object<AdamWOptions>({ beta1: number(), beta2: number(), eps: number(), maxGradNorm: number() }),
  temperature: number(),
  minTemperature: number(),
  augment: flag,
  seed: whole(),
  probeEvery: whole(),
  probeRows: whole(),
  checkpointEvery: whole(),
  ...threadChecks,
}

const trainRunChecks: Checks<TrainRun> = { signal, onStep: callback, onProbe: callback }

const embedChecks: Checks<EmbedInput> = {
  ...pairChecks,
  prompt: text,
  encoder: needed(localInput),
  data: needed(localInputs),
  out: needed(localOutput),
  splits: listOf(text, 'a list of splits'),
  shardRows: whole(1),
  full: flag,
  resume: flag,
  ...overwriteChecks,
  ...threadChecks,
}

/** An encoder: one that was trained here, or a local CLIP, SigLIP or BERT-like sentence encoder. */
export class DualEncoder {
  /** What the training found; absent when the encoder was loaded. */
  readonly report?: TrainReport
  readonly #native: NativeEncoder
  #disposed = false

  private constructor(own: symbol, encoder: NativeEncoder, report?: TrainReport) {
    madeHere(own, 'DualEncoder', 'await DualEncoder.load(path) or DualEncoder.train({ data, out })')
    this.#native = encoder
    this.report = report
  }

  /**
   * Trains an image tower and a text tower from scratch by the symmetric contrastive loss of CLIP.
   *
   * @throws {@link ModalityGapError} `BAD_IMAGE` with the file, `BAD_FORMAT` with list and record, `BAD_OPTION`
   * (also where `out` holds another training), `NUMERIC` when the loss is not finite, `BAD_MODEL` when a checkpoint belongs to other options, `CANCELLED`
   * @see arXiv 2103.00020
   */
  static async train(input: TrainInput, run: TrainRun = {}): Promise<DualEncoder> {
    checkCall('DualEncoder.train', [input, trainChecks], [run, trainRunChecks])
    const {
      data,
      out,
      resume,
      overwrite,
      probes,
      holdout,
      onBadPair,
      allowOutsideImages,
      threads = 0,
      ...options
    } = input
    const pairs = { data: listed(data), onBadPair, allowOutsideImages }
    const job = { ...pairs, out, resume, overwrite, probes, holdout, options: given(options) }
    const cancellation = cancelOn(run.signal)
    const step = run.onStep && guarded(run.onStep, cancellation)
    const probe = run.onProbe && guarded(run.onProbe, cancellation)
    try {
      const { token } = cancellation
      const outcome = await native.trainEncoder(given(job), threads, token, step?.callback, probe?.callback)
      await step?.ended()
      await probe?.ended()
      const report = unwrap(outcome)
      return new DualEncoder(OWN, unwrap(await native.NativeEncoder.load(report.encoder)), report)
    } catch (error) {
      throw withReason(error, run.signal)
    } finally {
      cancellation.release()
    }
  }

  /**
   * Reads an encoder: the file or the folder of a training, or a folder of transformers or sentence-transformers.
   *
   * @throws {@link ModalityGapError} `NOT_FOUND`, `BAD_MODEL` with the file
   */
  static async load(path: string): Promise<DualEncoder> {
    checkPath(path, 'DualEncoder.load', localInput)
    return new DualEncoder(OWN, unwrap(await native.NativeEncoder.load(path)))
  }

  /** Columns of a row. */
  get dim(): number {
    return this.#held().info().dim
  }

  /** Whether it takes images. */
  get images(): boolean {
    return this.#held().info().images
  }

  /** Names of the prompts that the folder of a sentence encoder brings, sorted. */
  get prompts(): readonly string[] {
    return this.#held().info().prompts
  }

  /**
   * Unit rows of texts, row-major, `texts.length × dim`.
   *
   * @throws {@link ModalityGapError} `BAD_OPTION` for a prompt that the encoder does not have, `BAD_ROW` for a text whose row
   * has length zero
   */
  async embedTexts(texts: readonly string[], options: Pick<EmbedOptions, 'prompt'> = {}): Promise<Float32Array> {
    listOf(text, 'an array of texts')(texts, 'encoder.embedTexts')
    checkOptions<Pick<EmbedOptions, 'prompt'>>(options, 'the second argument of encoder.embedTexts', { prompt: text })
    return unwrap(await this.#held().embedTexts([...texts], options.prompt))
  }

  /**
   * Unit rows of image files, row-major, `paths.length × dim`.
   *
   * @throws {@link ModalityGapError} `BAD_IMAGE`, `NOT_FOUND` with the file; `BAD_OPTION` without an image tower
   */
  async embedImages(paths: readonly string[]): Promise<Float32Array> {
    listOf(localInput, 'an array of paths')(paths, 'encoder.embedImages')
    return unwrap(await this.#held().embedImages([...paths]))
  }

  /** Releases the encoder's memory now, rather than when it is collected; calls that run keep it until they end. */
  dispose(): void {
    this.#disposed = true
    this.#native.release()
  }

  /** The same, for `using`. */
  [Symbol.dispose](): void {
    this.dispose()
  }

  #held(): NativeEncoder {
    if (this.#disposed) {
      throw new ModalityGapError('BAD_OPTION', 'this encoder was disposed of; load it again')
    }
    return this.#native
  }
}

/**
 * Writes the embeddings of pairs in the clip-retrieval layout: `img_emb/`, `text_emb/`, and `metadata/` with paths and
 * captions. A pair of several captions gives a row for each, its image beside all of them; by their path in the metadata, `measure`
 * knows that they belong together.
 *
 * @throws {@link ModalityGapError} as {@link DualEncoder.load} and {@link DualEncoder.embedImages}; `BAD_OPTION` where something
 * stands in `out`, `CANCELLED`
 */
export async function embedPairs(input: EmbedInput, run: RunOptions = {}): Promise<EmbedReport> {
  checkCall('embedPairs', [input, embedChecks], [run, runChecks])
  const { data, threads = 0, ...options } = input
  const cancellation = cancelOn(run.signal)
  const progress = run.onProgress && guarded(run.onProgress, cancellation)
  try {
    const job = given({ ...options, data: listed(data) })
    const outcome = await native.embedPairs(job, threads, cancellation.token, progress?.callback)
    await progress?.ended()
    return unwrap(outcome)
  } catch (error) {
    throw withReason(error, run.signal)
  } finally {
    cancellation.release()
  }
}

function listed(data: string | readonly string[]): readonly string[] {
  return typeof data === 'string' ? [data] : data
}
