// Configurations, weights and pickles whose numbers are beyond every model.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openEmbeddings } from '../../../src/embeddings.ts'
import { DualEncoder } from '../../../src/encoder/encoder.ts'
import { inspect } from '../../../src/inspect.ts'
import { VisionModel } from '../../../src/revision/model.ts'
import { entriesOf, withEntry } from '../containers.mjs'
import { CASES, copied, ENCODERS, MODELS, written } from '../kinds/material.mjs'

const LM = join(CASES, 'model-cases/lm')
const jsonOf = path => JSON.parse(readFileSync(path, 'utf8'))

const SAID = [
  { role: 'user', content: 'what is this ?' },
  { role: 'assistant', content: 'a fox' },
]

async function asked(path, turns = SAID, options = {}) {
  const model = await VisionModel.open({ path, dim: 4, dtype: 'f32', threads: 1, ...options })
  try {
    return (await model.evaluate({ samples: [{ id: 's', rows: [], turns }] })).losses
  } finally {
    model.dispose()
  }
}

/** Every number of a configuration, each as these; a model may take some of them. */
const NUMBERS = [0, -1, 0.5, 3, 1e9, 4294967296, 1e18, 1e300, null, '7', [], true]

function* changedNumbers(config, at = []) {
  for (const [key, value] of Object.entries(config)) {
    if (typeof value === 'number') {
      for (const number of NUMBERS) yield { path: [...at, key], number }
    } else if (typeof value === 'object' && value !== null && !Array.isArray(value))
      yield* changedNumbers(value, [...at, key])
  }
}

function withNumber(config, { path, number }) {
  const changed = structuredClone(config)
  path.slice(0, -1).reduce((at, key) => at[key], changed)[path.at(-1)] = number
  return changed
}

const numbersOf = (id, base, file, read) => ({
  id: `numbers of ${id}`,
  mayBeRead: true,
  make: folder => copied(folder, { m: base }),
  async read(folder) {
    const config = jsonOf(join(base, file))
    for (const change of changedNumbers(config)) {
      written(folder, { [`m/${file}`]: withNumber(config, change) })
      const found = await read(join(folder, 'm')).catch(error => {
        if (error.name !== 'ModalityGapError' || error.code === 'PANIC')
          throw new Error(`${JSON.stringify(change)}: ${error.stack}`)
        return []
      })
      if ([...found].some(value => !Number.isFinite(value))) throw new Error(`${JSON.stringify(change)}: not finite`)
    }
  },
})

async function embedded(path) {
  const encoder = await DualEncoder.load(path)
  try {
    const texts = await encoder.embedTexts(['a photo of a cat'])
    const images = encoder.images ? await encoder.embedImages([join(ENCODERS, 'pictures/rgb.png')]) : []
    return [...texts, ...images]
  } finally {
    encoder.dispose()
  }
}

const numbers = [
  numbersOf('a language model', LM, 'config.json', path => asked(path)),
  numbersOf('Qwen 3', join(CASES, 'model-cases/qwen3-think/model'), 'config.json', path => asked(path)),
  numbersOf('Llama 3', join(MODELS, 'llama3-rope'), 'config.json', path => asked(path, SAID, { template: 'chatml' })),
  numbersOf('CLIP', join(ENCODERS, 'clip'), 'config.json', embedded),
  numbersOf('SigLIP', join(CASES, 'encoders/siglip2'), 'config.json', embedded),
  numbersOf('a preprocessor', join(CASES, 'encoders/siglip2'), 'preprocessor_config.json', embedded),
  numbersOf('BERT', join(CASES, 'encoders/bert'), 'config.json', embedded),
]

const config = (id, base, changes, read, says) => ({
  id,
  codes: ['BAD_MODEL'],
  says,
  make(folder) {
    copied(folder, { m: base })
    written(folder, { 'm/config.json': { ...jsonOf(join(base, 'config.json')), ...changes } })
  },
  read: async folder => await read(join(folder, 'm')),
})

const bert = join(CASES, 'encoders/bert')
const clip = join(ENCODERS, 'clip')
const vision = changes => ({ vision_config: { ...jsonOf(join(clip, 'config.json')).vision_config, ...changes } })

const configs = [
  config(
    'config: 1,000,000,000 layers of a language model',
    LM,
    { num_hidden_layers: 1e9 },
    path => asked(path),
    /layers/,
  ),
  config('config: 1,000,000,000 layers of BERT', bert, { num_hidden_layers: 1e9 }, embedded, /layers/),
  config('config: 1,000,000,000 layers of CLIP', clip, vision({ num_hidden_layers: 1e9 }), embedded, /layers/),
  config('config: heads that do not divide the width', bert, { num_attention_heads: 3 }, embedded, /heads/),
  config(
    'config: heads of CLIP that do not divide the width',
    clip,
    vision({ num_attention_heads: 3 }),
    embedded,
    /heads/,
  ),
  config('config: patches of no pixels', clip, vision({ patch_size: 0 }), embedded, /patch/),
]

/** Threads beyond every machine. */
const threads = {
  id: 'threads: 1e9',
  codes: ['BAD_OPTION'],
  make: folder => copied(folder, { m: LM }),
  read: async folder => await asked(join(folder, 'm'), SAID, { threads: 1e9 }),
}

/** A pickle in a PyTorch file of the fixtures. */
const torch = (id, pickle) => ({
  id: `torch pickle: ${id}`,
  codes: ['BAD_MODEL'],
  make(folder) {
    copied(folder, { m: join(MODELS, 'llama-tied') })
    const bytes = readFileSync(join(MODELS, 'theirs/mm_projector.bin'))
    const { name } = entriesOf(bytes).find(entry => entry.name.endsWith('data.pkl'))
    written(folder, { 'p.bin': withEntry(bytes, name, pickle()) })
  },
  read: async folder =>
    await VisionModel.open({
      path: join(folder, 'm'),
      dim: 6,
      threads: 1,
      template: 'chatml',
      projector: { init: join(folder, 'p.bin') },
    }),
})
const bytes = text => Buffer.from(text, 'latin1')
const START = '\x80\x02'
const torches = [
  torch('many marks', () => bytes(`${START}${'('.repeat(50e6)}.`)),
  torch('many values', () => bytes(`${START}${'N'.repeat(50e6)}.`)),
  torch('many lists', () => bytes(`${START}${']'.repeat(50e6)}.`)),
  torch('many memos', () =>
    Buffer.concat([
      bytes(`${START}]`),
      Buffer.concat(
        Array.from({ length: 5e5 }, (_, i) => Buffer.from([0x72, i & 255, (i >> 8) & 255, (i >> 16) & 255, 1])),
      ),
      bytes('.'),
    ]),
  ),
  torch('nested tuples', () => bytes(`${START}N${'\x85'.repeat(5e6)}.`)),
  torch('nested lists', () => bytes(`${START}${'](]'.repeat(1e6)}${'e'.repeat(1e6)}.`)),
  torch('tuples that double', () => bytes(`${START}N${'q\x00h\x00\x86'.repeat(60)}.`)),
  torch('a long text that is not there', () => bytes(`${START}X\xff\xff\xff\x7f.`)),
  torch('a long number', () => bytes(`${START}\x8b\xff\xff\xff\x7f.`)),
  torch('a function', () => bytes(`${START}cposix\nsystem\n(X\x02\x00\x00\x00idtR.`)),
]

/** Pickles of rows. */
const pickle = (id, make) => ({
  id: `pickle of rows: ${id}`,
  make: folder => written(folder, { 'rows.pkl': make() }),
  read: async folder => await inspect(await openEmbeddings(join(folder, 'rows.pkl')), { threads: 1 }),
})
const pickles = [
  pickle('many marks', () => bytes(`${START}${'('.repeat(50e6)}.`)),
  pickle('many values', () => bytes(`${START}${'N'.repeat(50e6)}.`)),
  pickle('nested tuples', () => bytes(`${START}N${'\x85'.repeat(5e6)}.`)),
  pickle('nested lists', () => bytes(`${START}${'](]'.repeat(1e6)}${'e'.repeat(1e6)}.`)),
  pickle('tuples that double', () => bytes(`${START}N${'q\x00h\x00\x86'.repeat(60)}.`)),
  pickle('a long text that is not there', () => bytes(`${START}X\xff\xff\xff\x7f.`)),
  pickle('a frame of 8 exabytes', () => bytes('\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f].')),
]

/** GGUF headers that announce what no file holds. */
const gguf = (id, ...parts) => ({
  id: `gguf: ${id}`,
  codes: ['BAD_MODEL'],
  make: folder => written(folder, { 'm.gguf': Buffer.concat([bytes('GGUF\x03\x00\x00\x00'), ...parts]) }),
  read: async folder => await asked(join(folder, 'm.gguf')),
})
const u64 = value => {
  const out = Buffer.alloc(8)
  out.writeBigUInt64LE(BigInt(value))
  return out
}
const u32 = value => Buffer.from([value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >>> 24) & 255])
const text = value => Buffer.concat([u64(value.length), bytes(value)])
const MOST = 2n ** 63n
const ggufs = [
  gguf('2⁶³ tensors', u64(MOST), u64(0)),
  gguf('2⁶³ values', u64(0), u64(MOST)),
  gguf('a name of 2⁶³ bytes', u64(0), u64(1), u64(MOST)),
  gguf('a list of 2⁶³', u64(0), u64(1), text('a'), u32(9), u32(4), u64(MOST)),
  gguf('a list of 2³² texts', u64(0), u64(1), text('a'), u32(9), u32(8), u64(2n ** 32n)),
  gguf(
    'lists in lists',
    u64(0),
    u64(1),
    text('a'),
    u32(9),
    ...Array.from({ length: 100_000 }, () => Buffer.concat([u32(9), u64(1)])),
  ),
  gguf(
    'a tensor of 2⁶⁰ values',
    u64(1),
    u64(0),
    text('t'),
    u32(4),
    u64(2n ** 15n),
    u64(2n ** 15n),
    u64(2n ** 15n),
    u64(2n ** 15n),
    u32(0),
    u64(0),
  ),
  gguf('a tensor of 2³² dimensions', u64(1), u64(0), text('t'), u32(0xffffffff)),
]

/** Weights that are not finite, in every kind of file that holds some. */
const notFinite = []
for (const [id, make, read] of [
  ['an encoder folder', folder => poisoned(folder, join(ENCODERS, 'clip'), 'model.safetensors'), embedded],
  ['a language model', folder => poisoned(folder, LM, 'model.safetensors'), path => asked(path)],
]) {
  notFinite.push({
    id: `weights that are not finite: ${id}`,
    codes: ['BAD_MODEL'],
    says: /is NaN|not finite/,
    make,
    read: async folder => await read(join(folder, 'm')),
  })
}

/** A folder in which every weight of a file is NaN. */
function poisoned(folder, base, file) {
  copied(folder, { m: base })
  const weights = Buffer.from(readFileSync(join(base, file)))
  for (let at = weights.length - 4; at > 16 + Number(weights.readBigUInt64LE(0)); at -= 4)
    weights.writeUInt32LE(0x7fc00000, at)
  written(folder, { [`m/${file}`]: weights })
}

export const families = [...configs, threads, ...torches, ...pickles, ...ggufs, ...notFinite, ...numbers]
