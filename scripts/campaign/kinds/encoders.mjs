// Encoders, pictures, lists of pairs, archives.
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DualEncoder, embedPairs } from '../../../src/encoder/encoder.ts'
import { CASES, copied, ENCODERS, tar, written } from './material.mjs'

const PICTURE = join(ENCODERS, 'pictures/rgb.png')

/** Rows of a text, and of a picture where the encoder takes them. */
async function embedded(path) {
  const encoder = await DualEncoder.load(path)
  try {
    const texts = await encoder.embedTexts(['a photo of a cat'])
    return encoder.images ? [texts, await encoder.embedImages([PICTURE])] : texts
  } finally {
    encoder.dispose()
  }
}

const folderKind = (id, make, targets) => ({
  id,
  make,
  targets,
  read: async folder => await embedded(join(folder, 'm')),
})

/** Trains a small encoder into a folder; `steps` is when it is interrupted. */
export async function trained(folder, interrupted) {
  copied(folder, { pairs: join(CASES, 'encoders/pairs') })
  const controller = new AbortController()
  const onStep = ({ step }) => step === interrupted && controller.abort()
  const training = DualEncoder.train(trainingIn(folder), { signal: controller.signal, onStep })
  await (interrupted === undefined
    ? training
    : training.catch(error => error.code === 'CANCELLED' || Promise.reject(error)))
}

function trainingIn(folder) {
  const tower = { width: 8, layers: 1, heads: 2 }
  return {
    ...{
      data: join(folder, 'pairs'),
      out: join(folder, 'out'),
      steps: 3,
      batchSize: 4,
      checkpointEvery: 1,
      seed: 1,
      threads: 1,
    },
    model: { dim: 8, imageSize: 16, patch: 8, image: tower, text: tower, tokens: 16 },
  }
}

const { cases } = JSON.parse(readFileSync(join(ENCODERS, 'folders/cases.json'), 'utf8'))

/** A folder of the fixtures as the case of that name lays it. */
function laid(folder, name) {
  const found = cases.find(each => each.name === name)
  if (found === undefined) throw new Error(`there is no case ${name}`)
  const { base, files, remove } = found
  copied(folder, { m: join(ENCODERS, base) })
  for (const each of remove) rmSync(join(folder, 'm', each), { force: true })
  for (const [path, value] of Object.entries(files)) {
    typeof value === 'string'
      ? copied(folder, { [`m/${path}`]: join(ENCODERS, 'folders', value) })
      : written(folder, { [`m/${path}`]: JSON.stringify(value) })
  }
}

const PICTURES = [
  ...['rgb.png', 'rgba-16.png', 'palette-half.png', 'bits-1.png', 'grey-alpha.png', 'animated.png', 'turned-xmp.png'],
  ...[
    'colour.jpg',
    'progressive.jpg',
    'grey.jpg',
    'turned-6.jpg',
    'lossless.webp',
    'lossless-alpha.webp',
    'animated.webp',
    'turned-8.webp',
  ],
]

export const kinds = [
  folderKind('encoder-clip', folder => copied(folder, { m: join(ENCODERS, 'clip') }), [
    'm/config.json',
    'm/config.json',
    'm/tokenizer.json',
    'm/model.safetensors',
  ]),
  folderKind('encoder-siglip', folder => copied(folder, { m: join(CASES, 'encoders/siglip2') }), [
    ...['config.json', 'preprocessor_config.json', 'tokenizer.json', 'tokenizer_config.json', 'model.safetensors'].map(
      name => `m/${name}`,
    ),
  ]),
  folderKind('encoder-processor', folder => copied(folder, { m: join(CASES, 'encoders/clip') }), [
    'm/processor_config.json',
    'm/tokenizer_config.json',
    'm/config.json',
  ]),
  folderKind(
    'encoder-sentence',
    folder => {
      copied(folder, { m: join(CASES, 'encoders/bert') })
      copied(folder, { m: join(CASES, 'encoders/dense') })
      written(folder, {
        'm/sentence_bert_config.json': { max_seq_length: 16, do_lower_case: true },
        'm/config_sentence_transformers.json': {
          prompts: { query: 'find: ' },
          default_prompt_name: 'query',
          similarity_fn_name: 'cosine',
        },
      })
    },
    [
      ...[
        'modules.json',
        '1_Pooling/config.json',
        '2_Dense/config.json',
        '2_Dense/model.safetensors',
        'config.json',
        'tokenizer.json',
      ],
      ...['sentence_bert_config.json', 'config_sentence_transformers.json', 'model.safetensors'],
    ].map(name => `m/${name}`),
  ),
  folderKind('encoder-torch', folder => laid(folder, 'pytorch_model.bin'), ['m/pytorch_model.bin']),
  folderKind('encoder-open-clip', folder => laid(folder, 'open_clip_pytorch_model.bin'), [
    'm/open_clip_config.json',
    'm/open_clip_pytorch_model.bin',
  ]),
  folderKind('encoder-companions', folder => laid(folder, "padding token of the special tokens' map"), [
    ...[
      'preprocessor_config.json',
      'tokenizer_config.json',
      'special_tokens_map.json',
      'config.json',
      'tokenizer.json',
    ].map(name => `m/${name}`),
  ]),
  folderKind('encoder-parts', folder => laid(folder, 'shards'), [
    'm/model.safetensors.index.json',
    'm/model-00002-of-00002.safetensors',
  ]),
  folderKind(
    'encoder-own',
    async folder => {
      await trained(folder)
      copied(folder, { m: join(folder, 'out/encoder.safetensors') })
    },
    ['m'],
  ),
  {
    id: 'encoder-training',
    make: async folder => await trained(folder, 2),
    targets: ['out/*'],
    read: async folder => (await DualEncoder.train({ ...trainingIn(folder), resume: true })).report,
  },
  {
    id: 'pictures',
    async make(folder) {
      await trained(folder)
      copied(folder, Object.fromEntries(PICTURES.map(name => [name, join(ENCODERS, 'pictures', name)])))
    },
    targets: PICTURES,
    async read(folder, file) {
      const encoder = await DualEncoder.load(join(folder, 'out'))
      return await encoder.embedImages([join(folder, file)])
    },
  },
  {
    id: 'pairs',
    async make(folder) {
      await trained(folder)
      copied(folder, { list: join(CASES, 'encoders/pairs') })
      const members = [0, 1, 2].flatMap(i => [
        [`${i}.png`, readFileSync(join(folder, `list/${i}.png`))],
        [`${i}.txt`, `caption ${i}`],
        [`${i}.json`, `{"a": ${i}}`],
      ])
      written(folder, { 'pairs.tar': tar(Object.fromEntries(members)) })
      const lines = [0, 1, 2].map(i => ({
        image: `list/${i}.png`,
        caption: [`a ${i}`, `b ${i}`],
        split: i < 2 ? 'train' : 'test',
      }))
      written(folder, {
        'pairs.jsonl': lines,
        'pairs.csv': 'image,caption,split\nlist/0.png,"a, b",train\nlist/1.png,c,train\n',
      })
    },
    targets: ['pairs.tar', 'pairs.tar', 'pairs.tar', 'pairs.jsonl', 'pairs.csv', 'list/metadata.jsonl'],
    async read(folder, file) {
      const data = join(folder, file.startsWith('list') ? 'list' : file)
      const report = await embedPairs({
        encoder: join(folder, 'out'),
        data,
        out: join(folder, 'rows'),
        full: true,
        threads: 1,
      })
      return report
    },
  },
  {
    id: 'embed-receipts',
    async make(folder) {
      await trained(folder)
      await embedPairs(receipts(folder))
    },
    targets: ['rows/**'],
    read: async folder => await embedPairs({ ...receipts(folder), resume: true }),
  },
]

function receipts(folder) {
  return {
    encoder: join(folder, 'out'),
    data: join(folder, 'pairs'),
    out: join(folder, 'rows'),
    full: true,
    shardRows: 4,
    threads: 1,
  }
}
