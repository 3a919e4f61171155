import { type Embeddings, openEmbeddings } from '../embeddings.ts'
import { DualEncoder } from '../encoder/encoder.ts'
import { ModalityGapError } from '../errors.ts'
import { answersInTurn } from './answers.ts'
import type { ReVisionConfig } from './config.ts'
import type { GenerateOptions } from './generate-options.ts'
import type { VisionModel } from './model.ts'
import type { Answer, ModelSample } from './model-options.ts'
import type { ModelRows } from './rows.ts'
import { askedAbout, withoutImages } from './turns.ts'
import type { Workspace } from './workspace.ts'

/** What a model is asked, of which images. */
export interface Question {
  /**
   * What is asked; `<image>` is the place of the image, which goes first where the text has none.
   *
   * @defaultValue the `prompt` of the configuration
   */
  prompt?: string
  /** Rows of real images, opened or in an array: one answer each. Without rows and images the text alone is answered. */
  rows?: Embeddings | Float32Array
  /** Numbers of the rows to ask about. @defaultValue all */
  pick?: readonly number[]
  /** Image files instead of rows, embedded by `encoder`: one answer each. */
  images?: readonly string[]
  /** The encoder of the rows, or its path. @defaultValue `embeddings.encoder` of the configuration */
  encoder?: DualEncoder | string
}

/** What answers, and with which images. */
interface Asked {
  model: VisionModel
  config: ReVisionConfig
  workspace: Workspace
}

/** Answers to a question, one for each image. */
export async function ask(
  { model, config, workspace }: Asked,
  question: Question,
  { signal, onProgress, onText, onAnswer, ...sampling }: GenerateOptions = {},
): Promise<Answer[]> {
  const rows = await rowsOf(question, model.info.dim, { config, workspace })
  const numbers = rows ? picked(question, rows) : [undefined]
  const samples = numbers.map((row, i) => sampleOf(question, config, { row, id: `image ${row ?? i}` }))
  const chosen = { seed: config.seed, ...config.evaluation.generate, ...sampling }
  return await answersInTurn(model, { samples, rows }, chosen, { signal, onProgress, onText, onAnswer })
}

/** The rows asked about, as the model sees them; none for a text alone. */
async function rowsOf(
  { rows, images, encoder, pick }: Question,
  dim: number,
  { config, workspace }: Omit<Asked, 'model'>,
): Promise<ModelRows | undefined> {
  if (rows !== undefined && images !== undefined) {
    throw new ModalityGapError('BAD_OPTION', 'give rows or images, not both')
  }
  if (rows === undefined && images === undefined && pick !== undefined) {
    throw new ModalityGapError('BAD_OPTION', 'pick chooses among rows or images: give them')
  }
  const found = images === undefined ? rows : await embedded(images, encoder ?? config.embeddings.encoder)
  if (found === undefined) {
    return undefined
  }
  const opened = found instanceof Float32Array ? await openEmbeddings(found, { dim }) : found
  if (opened.dim !== dim) {
    const message = `the images have ${opened.dim} columns, those of the training had ${dim}`
    throw new ModalityGapError('WIDTH_MISMATCH', message, { file: opened.shards[0]?.path })
  }
  return await workspace.rowsOf('image', opened)
}

async function embedded(images: readonly string[], encoder: DualEncoder | string | undefined): Promise<Embeddings> {
  if (encoder === undefined) {
    const message = 'image files need the encoder of the rows: give encoder, or embeddings.encoder in the configuration'
    throw new ModalityGapError('BAD_OPTION', message)
  }
  const loaded = typeof encoder === 'string' ? await DualEncoder.load(encoder) : encoder
  return await openEmbeddings(await loaded.embedImages(images), { dim: loaded.dim })
}

function picked({ pick }: Question, { rows }: ModelRows): readonly number[] {
  const wrong = pick?.find(row => !Number.isSafeInteger(row) || row < 0 || row >= rows)
  if (wrong !== undefined) {
    throw new ModalityGapError('BAD_OPTION', `there is no row ${wrong} among ${rows}, counted from 0`)
  }
  return pick ?? Array.from({ length: rows }, (_, row) => row)
}

function sampleOf(
  { prompt }: Question,
  config: ReVisionConfig,
  { row, id }: { row: number | undefined; id: string },
): ModelSample {
  const sees = row !== undefined && !config.blind
  const given = prompt ?? config.prompt
  if (typeof given !== 'string') {
    throw new ModalityGapError('BAD_OPTION', `prompt has to be a text, not ${JSON.stringify(given)}`)
  }
  const content = sees ? askedAbout(given, config.imagePlacement) : withoutImages(given)
  if (!sees && content.trim() === '') {
    throw new ModalityGapError('BAD_OPTION', 'there is nothing to answer: give a prompt, rows or images')
  }
  const asked = [{ role: 'user' as const, content }]
  const { system } = config
  const turns = system === undefined ? asked : [{ role: 'system' as const, content: system }, ...asked]
  return { id, turns, rows: sees ? [row] : [] }
}
