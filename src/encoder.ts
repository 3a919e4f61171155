import { cancelled, cancelOn, type RunOptions } from './abort.ts'
import type { EmbedOptions, PairOptions, TrainOptions, TrainProbe, TrainStep } from './encoder-options.ts'
import type { EmbedReport, TrainReport } from './encoder-reports.ts'
import { ModalityGapError, unwrap } from './errors.ts'
import { given, guarded } from './job.ts'
import { type NativeEncoder, native } from './native.ts'
import type { ThreadOptions } from './options.ts'

/** What is trained, from what, and where it goes. */
export interface TrainInput extends TrainOptions, PairOptions, ThreadOptions {
  /** Lists of pairs: jsonl, csv, tar files in the WebDataset layout, or folders with one of them or with text files. */
  data: string | readonly string[]
  /** Folder for the encoder and its checkpoint. */
  out: string
  /** Go on from the checkpoint in `out`; the options have to be the same. @defaultValue `false` */
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

/** An encoder: one that was trained here, or a local CLIP, SigLIP or BERT-like sentence encoder. */
export class DualEncoder {
  /** What the training found; absent when the encoder was loaded. */
  readonly report?: TrainReport
  readonly #native: NativeEncoder

  private constructor(encoder: NativeEncoder, report?: TrainReport) {
    this.#native = encoder
    this.report = report
  }

  /**
   * Trains an image tower and a text tower from scratch by the symmetric contrastive loss of CLIP.
   *
   * @throws {@link ModalityGapError} `BAD_IMAGE` with the file, `BAD_FORMAT` with list and record, `BAD_OPTION`,
   * `NUMERIC` when the loss is not finite, `BAD_MODEL` when a checkpoint belongs to other options, `CANCELLED`
   * @see arXiv 2103.00020
   */
  static async train(input: TrainInput, run: TrainRun = {}): Promise<DualEncoder> {
    const { data, out, resume, probes, holdout, onBadPair, allowOutsideImages, threads = 0, ...options } = input
    const pairs = { data: listed(data), onBadPair, allowOutsideImages }
    const job = { ...pairs, out, resume, probes, holdout, options: given(options) }
    const cancellation = cancelOn(run.signal)
    const step = run.onStep && guarded(run.onStep, cancellation)
    const probe = run.onProbe && guarded(run.onProbe, cancellation)
    try {
      const { token } = cancellation
      const outcome = await native.trainEncoder(given(job), threads, token, step?.callback, probe?.callback)
      await step?.ended()
      await probe?.ended()
      const report = unwrap(outcome)
      return new DualEncoder(unwrap(await native.NativeEncoder.load(report.encoder)), report)
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
    return new DualEncoder(unwrap(await native.NativeEncoder.load(path)))
  }

  /** Columns of a row. */
  get dim(): number {
    return this.#native.info().dim
  }

  /** Whether it takes images. */
  get images(): boolean {
    return this.#native.info().images
  }

  /** Names of the prompts that the folder of a sentence encoder brings, sorted. */
  get prompts(): readonly string[] {
    return this.#native.info().prompts
  }

  /**
   * Unit rows of texts, row-major, `texts.length × dim`.
   *
   * @throws {@link ModalityGapError} `BAD_OPTION` for a prompt that the encoder does not have, `BAD_ROW` for a text whose row
   * has length zero
   */
  async embedTexts(texts: readonly string[], { prompt }: Pick<EmbedOptions, 'prompt'> = {}): Promise<Float32Array> {
    return unwrap(await this.#native.embedTexts([...texts], prompt))
  }

  /**
   * Unit rows of image files, row-major, `paths.length × dim`.
   *
   * @throws {@link ModalityGapError} `BAD_IMAGE`, `NOT_FOUND` with the file; `BAD_OPTION` without an image tower
   */
  async embedImages(paths: readonly string[]): Promise<Float32Array> {
    return unwrap(await this.#native.embedImages([...paths]))
  }
}

/**
 * Writes the embeddings of pairs in the clip-retrieval layout: `img_emb/`, `text_emb/`, and `metadata/` with paths and
 * captions.
 *
 * @throws {@link ModalityGapError} as {@link DualEncoder.load} and {@link DualEncoder.embedImages}; `CANCELLED`
 */
export async function embedPairs(input: EmbedInput, run: RunOptions = {}): Promise<EmbedReport> {
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

function withReason(error: unknown, signal: AbortSignal | undefined): unknown {
  return error instanceof ModalityGapError && error.code === 'CANCELLED' ? cancelled(signal?.reason) : error
}
