// Language models: folders, GGUF, tokenizers and what stands beside them, templates, adapters, projectors.
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openEmbeddings } from '../../../src/embeddings.ts'
import { VisionModel } from '../../../src/revision/model.ts'
import { widthOfProjector } from '../../../src/revision/projector-file.ts'
import { openModelRows } from '../../../src/revision/rows.ts'
import { CASES, copied, MODELS, npy, withRows, written } from './material.mjs'

const TURNS = [
  { role: 'user', content: 'what is this ?' },
  { role: 'assistant', content: 'a red fox on snow .' },
]
const SAMPLES = [{ id: 's', rows: [], turns: TURNS }]

/** Opens a model and measures a sample; some models have positions for a few words only. */
async function measured(path, options = {}) {
  const model = await VisionModel.open({ path, dim: 4, dtype: 'f32', threads: 1, maxLength: 64, ...options })
  try {
    const { losses } = await model.evaluate({ samples: SAMPLES })
    const [answer] = await model.answer({ samples: [{ ...SAMPLES[0], turns: TURNS.slice(0, 1) }] }, { maxNewTokens: 2 })
    return [losses, typeof answer.text === 'string' ? 0 : Number.NaN]
  } finally {
    model.dispose()
  }
}

const folderKind = (id, make, targets, options) => ({
  id,
  make,
  targets,
  read: async folder => await measured(join(folder, 'm'), options),
})

const COMPANIONS = {
  'm/special_tokens_map.json': {
    bos_token: '<s>',
    eos_token: { content: '</s>', lstrip: false, rstrip: true, normalized: false, single_word: false },
  },
  'm/generation_config.json': { bos_token_id: 1, eos_token_id: [2, 3], pad_token_id: 0, temperature: 0.7 },
  'm/added_tokens.json': {},
}
const LM = join(CASES, 'model-cases/lm')

/** Tokens of a model that takes every tokenizer of the fixtures. */
const VOCABULARY = 700

const chat = join(MODELS, 'text/templates')
const TEMPLATES = ['gemma-3', 'glm-4.5', 'deepseek-v3.1', 'command-r', 'hermes-3', 'granite-3', 'falcon-3', 'alpaca']

const GGUF = ['llama3-rope-f16', 'qwen2-f16', 'qwen3-bf16', 'wide-q4_1', 'wide-q8_0']

const ADAPTERS = ['peft', 'adapter-rslora', 'adapter-patterns', 'adapter-layers', 'adapter-old']
/** Kinds of files that a projector is written in, and the file that is read again. */
const PROJECTORS = {
  learned: 'mm_projector.safetensors',
  llava: 'mm_projector.bin',
  hf: 'multi_modal_projector.safetensors',
  mmproj: 'mmproj.gguf',
}

export const kinds = [
  folderKind(
    'model-config',
    folder => {
      copied(folder, { m: LM })
      written(folder, COMPANIONS)
    },
    ['m/config.json', 'm/config.json', ...Object.keys(COMPANIONS)],
  ),
  folderKind('model-weights', folder => copied(folder, { m: LM }), ['m/model.safetensors']),
  folderKind('model-tokenizer', folder => copied(folder, { m: LM }), [
    'm/tokenizer.json',
    'm/tokenizer.json',
    'm/tokenizer_config.json',
  ]),
  folderKind(
    'model-tokenizer-bytes',
    folder => copied(folder, { m: join(MODELS, 'llama-tied') }),
    ['m/tokenizer.json', 'm/tokenizer_config.json', 'm/config.json', 'm/generation_config.json'],
    { template: 'chatml' },
  ),
  {
    id: 'model-tokenizer-pieces',
    make(folder) {
      for (const name of ['pieces-first', 'pieces-legacy', 'chat']) {
        copied(folder, { [name]: LM })
        copied(folder, { [name]: join(MODELS, 'text', name) })
        const config = JSON.parse(readFileSync(join(LM, 'config.json'), 'utf8'))
        const weights = withRows(readFileSync(join(LM, 'model.safetensors')), VOCABULARY, [
          'model.embed_tokens.weight',
          'lm_head.weight',
        ])
        written(folder, {
          [`${name}/config.json`]: { ...config, vocab_size: VOCABULARY },
          [`${name}/model.safetensors`]: weights,
        })
      }
    },
    targets: ['pieces-first', 'pieces-legacy', 'chat'].flatMap(name => [
      `${name}/tokenizer.json`,
      `${name}/tokenizer_config.json`,
    ]),
    read: async (folder, file) =>
      await measured(join(folder, file.split('/')[0]), { template: 'vicuna', maxLength: 512 }),
  },
  folderKind(
    'model-parts',
    folder => copied(folder, { m: join(MODELS, 'llama-untied') }),
    ['m/model.safetensors.index.json', 'm/model-00001-of-00002.safetensors', 'm/config.json'],
    { template: 'chatml' },
  ),
  folderKind('model-qwen3', folder => copied(folder, { m: join(CASES, 'model-cases/qwen3-think/model') }), [
    ...[
      'config.json',
      'tokenizer.json',
      'tokenizer_config.json',
      'chat_template.jinja',
      'model.safetensors',
      'generation_config.json',
    ].map(name => `m/${name}`),
  ]),
  folderKind('model-rope', folder => copied(folder, { m: join(MODELS, 'llama3-rope') }), ['m/config.json'], {
    template: 'chatml',
  }),
  {
    id: 'model-gguf',
    make: folder =>
      copied(folder, Object.fromEntries(GGUF.map(name => [`${name}.gguf`, join(MODELS, 'gguf', `${name}.gguf`)]))),
    targets: GGUF.map(name => `${name}.gguf`),
    read: async (folder, file) => await measured(join(folder, file), { template: 'chatml' }),
  },
  {
    id: 'model-templates',
    make(folder) {
      for (const name of TEMPLATES) {
        copied(folder, { [name]: LM, [`${name}/chat_template.jinja`]: join(chat, `${name}.jinja`) })
      }
    },
    targets: TEMPLATES.map(name => `${name}/chat_template.jinja`),
    async read(folder, file) {
      const model = await VisionModel.open({ path: join(folder, file.split('/')[0]), dim: 4, dtype: 'f32', threads: 1 })
      try {
        return (await model.sizes(SAMPLES)).positions
      } finally {
        model.dispose()
      }
    },
  },
  {
    id: 'adapters',
    make(folder) {
      copied(folder, { m: join(MODELS, 'llama-tied') })
      for (const name of ADAPTERS) copied(folder, { [name]: join(MODELS, 'theirs', name) })
    },
    targets: ['peft', 'adapter-rslora', 'adapter-patterns', 'adapter-layers']
      .flatMap(name => [`${name}/adapter_config.json`, `${name}/adapter_model.safetensors`])
      .concat('adapter-old/adapter_model.bin', 'adapter-old/adapter_config.json'),
    read: async (folder, file) =>
      await measured(join(folder, 'm'), { template: 'chatml', adapter: join(folder, file.split('/')[0]) }),
  },
  {
    id: 'projectors',
    async make(folder) {
      copied(folder, { m: join(MODELS, 'llama-tied') })
      written(folder, { 'rows.npy': npy(4, 6) })
      const { model } = await learning(folder)
      for (const kind of Object.keys(PROJECTORS)) await model.export(join(folder, kind), kind)
      model.dispose()
    },
    targets: Object.entries(PROJECTORS).map(([kind, file]) => `${kind}/${file}`),
    async read(folder, file) {
      const init = join(folder, file)
      const width = file.startsWith('learned') ? await widthOfProjector(init).catch(coded) : 0
      const model = await VisionModel.open({
        path: join(folder, 'm'),
        dim: 6,
        dtype: 'f32',
        threads: 1,
        template: 'chatml',
        projector: { init },
      })
      try {
        return [await model.project(Float32Array.of(1, 0, 0.5, -0.5, 0, 0.25)), width]
      } finally {
        model.dispose()
      }
    },
  },
  {
    id: 'training-state',
    async make(folder) {
      copied(folder, { m: join(MODELS, 'llama-tied') })
      written(folder, { 'rows.npy': npy(4, 6) })
      mkdirSync(join(folder, 'state'))
      const { model, batch } = await learning(folder)
      await model.step(batch)
      await model.saveState(join(folder, 'state'))
      model.dispose()
    },
    // what saveState writes
    targets: ['state/*'],
    async read(folder) {
      const { model, batch } = await learning(folder)
      // a model that waits for the collector keeps its threads
      try {
        const steps = await model.restoreState(join(folder, 'state'))
        return [steps, await model.step(batch)]
      } finally {
        model.dispose()
      }
    },
  },
]

/** A model that learns, and a batch for it. */
async function learning(folder) {
  const learn = { mode: 'projector', learningRate: 0.01, steps: 4 }
  const model = await VisionModel.open({
    path: join(folder, 'm'),
    dim: 6,
    dtype: 'f32',
    threads: 1,
    template: 'plain',
    learn,
  })
  const rows = await openModelRows(await openEmbeddings(join(folder, 'rows.npy')), { cache: join(folder, 'cache') })
  const turns = [
    { role: 'user', content: '<image>' },
    { role: 'assistant', content: 'a fox' },
  ]
  return { model, batch: { samples: [{ id: 's', rows: [1], turns }], rows } }
}

/** An error with a code is an answer, too. */
function coded(error) {
  if (error.name !== 'ModalityGapError') throw error
  return 0
}
