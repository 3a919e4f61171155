// The jobs of the kill campaign: what each reads, how it begins, and how it is resumed.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeNpy } from '../../__test__/helpers/npy.ts'
import { png } from '../../__test__/helpers/png.ts'
import { DIM, sideRows, TINY, wordOf } from '../../__test__/helpers/revision.ts'

const SHARDS = 8
const ROWS = 3000
const COLUMNS = 32

/** Rows that depend on their place only. */
function rows(count, columns, phase) {
  return Float32Array.from({ length: count * columns }, (_, i) => Math.sin(i * phase) + (i % columns) / columns)
}

/** Writes what all jobs read into a folder; paths in commands are relative to it. */
export function makeMaterial(folder) {
  const at = (...names) => join(folder, ...names)
  for (const [side, phase] of [
    ['img_emb', 1.3],
    ['text_emb', 2.1],
  ]) {
    mkdirSync(at('clip', side), { recursive: true })
    for (let i = 0; i < SHARDS; i++) {
      writeNpy(at('clip', side, `${side}_${i}.npy`), rows(ROWS, COLUMNS, phase + i / 100), [ROWS, COLUMNS])
    }
  }
  mkdirSync(at('clip', 'metadata'))
  for (let i = 0; i < SHARDS; i++) {
    const lines = Array.from({ length: ROWS }, (_, row) => `{"caption":"row ${row} of ${i}"}\n`)
    writeFileSync(at('clip', 'metadata', `metadata_${i}.jsonl`), lines.join(''))
  }
  for (let step = 0; step < 12; step++) {
    const probe = at('probes', `step_${String(step).padStart(6, '0')}`)
    mkdirSync(probe, { recursive: true })
    writeNpy(join(probe, 'image.npy'), rows(400, 16, 1.3 + step / 50), [400, 16])
    writeNpy(join(probe, 'text.npy'), rows(400, 16, 2.1 + step / 50), [400, 16])
  }
  mkdirSync(at('pictures'))
  const pairs = Array.from({ length: 40 }, (_, i) => {
    writeFileSync(at('pictures', `${i}.png`), png([(i * 25) % 256, 255 - i, (i * 97) % 256]))
    return `${JSON.stringify({ image: `${i}.png`, caption: `colour ${i}`, split: i < 32 ? 'train' : 'test' })}\n`
  })
  writeFileSync(at('pictures', 'pairs.jsonl'), pairs.join(''))
  const tower = { width: 16, layers: 1, heads: 2 }
  const model = { dim: 8, imageSize: 8, patch: 4, image: tower, text: tower, tokens: 4 }
  const training = { model, batchSize: 8, steps: 60, threads: 1, checkpointEvery: 10, probeEvery: 20 }
  writeFileSync(
    at('encoder.json'),
    JSON.stringify({ ...training, data: 'pictures/pairs.jsonl', out: 'out', probes: 'out/probes' }),
  )
  makeRevision(at)
}

function makeRevision(at) {
  const lines = (name, records) => writeFileSync(at(name), records.map(each => `${JSON.stringify(each)}\n`).join(''))
  const range = count => Array.from({ length: count }, (_, i) => i)
  for (const [side, count] of [
    ['text', 24],
    ['image', 24],
  ]) {
    writeNpy(at(`${side}.npy`), sideRows(count, side), [count, DIM])
    lines(
      `${side}-ids.jsonl`,
      range(count).map(i => ({ id: `${side[0]}${i}` })),
    )
  }
  lines(
    'captions.jsonl',
    range(24).map(i => ({ id: `t${i}`, caption: wordOf(i) })),
  )
  const question = i => ({
    id: `q${i}`,
    image: `i${i}`,
    conversations: [
      { from: 'human', value: '<image>\nwhat' },
      { from: 'gpt', value: wordOf(i) },
    ],
  })
  lines('questions.jsonl', range(16).map(question))
  lines(
    'held.jsonl',
    range(8).map(i => question(16 + i)),
  )
  const common = { batchSize: 4, schedule: 'constant', warmupRatio: 0, learningRate: 0.02, maxLength: 64 }
  const config = {
    model: { path: TINY },
    projector: { numVisualTokens: 2, distinctTokens: true },
    embeddings: {
      image: 'image.parquet',
      imageIds: { from: 'image-ids.jsonl' },
      text: 'text.npy',
      textIds: { from: 'text-ids.jsonl' },
      aligner: { method: 'realign' },
    },
    stage1: { data: 'captions.jsonl', steps: 12, saveEvery: 3, evalEvery: 6, saveTotalLimit: 2, ...common },
    stage2: { data: 'questions.jsonl', steps: 9, saveEvery: 3, mode: 'lora', lora: { rank: 2 }, ...common },
    evaluation: { data: 'held.jsonl', answers: 4, samples: 2, generate: { maxNewTokens: 4 } },
    template: 'chatml',
    logging: { every: 1 },
    output: 'out',
    seed: 3,
    threads: 1,
  }
  writeFileSync(at('revision.json'), JSON.stringify(config))
}

const CLIP = ['--image', 'clip', '--text', 'clip', '--threads', '2']

/** Jobs by name: the command that begins, and what is added to resume; all write into `out`. */
export const JOBS = {
  align: { begin: ['align', ...CLIP, '--out', 'out'], resume: ['--resume'] },
  convert: { begin: ['convert', '--in', 'clip/text_emb', '--format', 'parquet', '--out', 'out', '--threads', '2'] },
  fit: {
    begin: ['fit', ...CLIP, '--centroid-iterations', '6', '--work', 'out/work', '--out', 'out/aligner.safetensors'],
    resume: ['--resume'],
  },
  track: {
    begin: ['track', 'probes', '--freeze-at', '4', '--rank', '4', '--window', '3', '--top-eigen', '8'].concat([
      '--out',
      'out/log.jsonl',
      '--state',
      'out/state.safetensors',
      '--threads',
      '2',
    ]),
  },
  embed: {
    begin: [
      'encoder',
      'embed',
      '--encoder',
      'trained',
      '--data',
      'pictures/pairs.jsonl',
      '--shard-rows',
      '4',
      '--out',
      'out',
    ],
    resume: ['--resume'],
  },
  train: { begin: ['encoder', 'train', 'encoder.json'], resume: ['--resume'] },
  revision: { begin: ['revision', 'run', 'revision.json'], resume: ['--resume'] },
}

/** What has to be made by commands before the first job: arguments of each. */
export const PREPARED = [
  ['convert', '--in', 'image.npy', '--out', 'image.parquet'],
  ['encoder', 'train', '--epochs', '1', '--out', 'trained', 'encoder.json'],
]
