import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { mergeOverrides, type Override } from '../../src/revision/config/overlay.ts'
import { writeNpy } from './npy.ts'
import { folderOf } from './place.ts'

const FIXTURES = join(import.meta.dirname, '..', '..', 'crates', 'revision', 'tests', 'fixtures')

/** Two blocks of width 16 with a tokenizer of bytes and positions for 64 of them. */
export const TINY = join(FIXTURES, 'llama-tied')

/** A tiny model of another family. */
export const TINY_QWEN = join(FIXTURES, 'qwen2')

/** Columns of the rows. */
export const DIM = 6

/** What pictures show; the words are short, for every byte is a token. */
export const WORDS = ['fox', 'owl', 'sea', 'ivy'] as const

/** The word that picture or text `i` is about. */
export function wordOf(i: number): string {
  return WORDS[i % WORDS.length] as string
}

/** Rows of one side: one direction for each word, and a shift that sets the sides apart. */
export function sideRows(count: number, side: 'image' | 'text'): Float32Array {
  const shift = side === 'image' ? 0.4 : -0.4
  const value = (i: number, j: number) =>
    (j === i % WORDS.length ? 1 : 0) + (j >= WORDS.length ? shift : 0) + 0.1 * Math.sin(7 * i + 3 * j + shift)
  return Float32Array.from({ length: count * DIM }, (_, at) => value(Math.floor(at / DIM), at % DIM))
}

/** Writes records as JSON lines. */
export function jsonLines(path: string, records: readonly object[]): string {
  writeFileSync(path, records.map(record => `${JSON.stringify(record)}\n`).join(''))
  return path
}

/**
 * A folder with rows of texts and images, their ids, captions that texts and images share, questions about the images, and held-out
 * records of further images.
 */
export function material(t: ExecutionContext, { texts = 24, images = 16, held = 8 } = {}): string {
  const folder = folderOf(t)
  const rows = (name: string, count: number, side: 'image' | 'text') => {
    writeNpy(join(folder, `${name}.npy`), sideRows(count, side), [count, DIM])
    const id = (i: number) => ({ id: `${side[0]}${i}` })
    jsonLines(
      join(folder, `${name}-ids.jsonl`),
      Array.from({ length: count }, (_, i) => id(i)),
    )
  }
  rows('text', texts, 'text')
  rows('image', images + held, 'image')
  const captions = Array.from({ length: texts }, (_, i) => ({ id: `t${i}`, image: `i${i}`, caption: wordOf(i) }))
  jsonLines(join(folder, 'captions.jsonl'), captions)
  const question = (i: number) => ({
    id: `q${i}`,
    image: `i${i}`,
    conversations: [
      { from: 'human', value: '<image>\nwhat' },
      { from: 'gpt', value: wordOf(i) },
    ],
  })
  const questions = Array.from({ length: images + held }, (_, i) => question(i))
  jsonLines(join(folder, 'questions.jsonl'), questions.slice(0, images))
  jsonLines(join(folder, 'held.jsonl'), questions.slice(images))
  return folder
}

/** A configuration of both stages on such a folder; quick, and enough to learn something. */
export function tinyConfig(folder: string, changes: Override = {}): Record<string, unknown> {
  const at = (name: string) => join(folder, name)
  const common = { batchSize: 4, schedule: 'constant', warmupRatio: 0, learningRate: 0.02, maxLength: 64 }
  const config = {
    model: { path: TINY },
    projector: { numVisualTokens: 2, distinctTokens: true },
    embeddings: {
      image: at('image.npy'),
      imageIds: { from: at('image-ids.jsonl') },
      text: at('text.npy'),
      textIds: { from: at('text-ids.jsonl') },
      aligner: { method: 'realign' },
    },
    stage1: { data: at('captions.jsonl'), steps: 8, ...common },
    stage2: { data: at('questions.jsonl'), steps: 6, mode: 'lora', lora: { rank: 2 }, ...common },
    evaluation: { data: at('held.jsonl'), answers: 4, samples: 2, generate: { maxNewTokens: 4 } },
    template: 'chatml',
    logging: { every: 1 },
    output: at('out'),
    seed: 3,
    threads: 1,
  }
  return mergeOverrides(config, changes)
}

/** Losses of the updates in the log of a stage. */
export function losses(output: string, stage: 'stage1' | 'stage2'): number[] {
  return linesOf(join(output, stage, 'log.jsonl')).flatMap(({ loss }) => (typeof loss === 'number' ? [loss] : []))
}

/** Records of a file of JSON lines. */
export function linesOf(path: string): Record<string, unknown>[] {
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
}

/** A copy of the tiny model that has positions for longer texts. */
export function longerModel(folder: string, positions = 256): string {
  const path = join(folder, 'longer')
  cpSync(TINY, path, { recursive: true })
  const file = join(path, 'config.json')
  const config = JSON.parse(readFileSync(file, 'utf8'))
  writeFileSync(file, JSON.stringify({ ...config, max_position_embeddings: positions }))
  return path
}
