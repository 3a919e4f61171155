import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import * as v from 'valibot'
import type { FitOptions } from '../src/options.ts'
import { atLeastZero, part, positive, share, someShare, whole } from '../src/revision/config/leaves.ts'
import type { Override } from '../src/revision/config/overlay.ts'
import {
  checkConfig,
  loadConfig,
  type ReVisionConfig,
  type Stage1Config,
  type Stage2Config,
} from '../src/revision/config.ts'
import { folderOf } from './helpers/place.ts'

const SMALLEST = {
  model: { path: 'smollm' },
  embeddings: { text: 'text' },
  stage1: { data: 'captions.jsonl' },
  output: 'out',
}

function file(t: ExecutionContext, content: string, name = 'config.yaml'): string {
  const path = join(folderOf(t), name)
  writeFileSync(path, content)
  return path
}

const YAML = `
# a comment
model: { path: smollm, dtype: bf16 }
projector:
  type: mlp2x_gelu
  numVisualTokens: 4
embeddings:
  image: [a, b]
  text: text
  aligner:
    method: realign
    centroidIterations: 10
  imageIds: { match: stem }
stage1:
  data: captions.jsonl
  steps: 100
  learningRate: 5e-4
stage2:
  data: [one.json, two.json]
  mode: lora
  lora: { rank: 8, targets: [q_proj] }
  evalEvery: epoch
evaluation:
  benchmarks:
    - pope/
    - { path: mmstar.tsv, image: rows }
output: out
`

test('a file of YAML, one of JSON and an object give the same configuration', async t => {
  const { config, warning } = await loadConfig(file(t, YAML))
  t.is(warning, undefined)
  t.like(config, { stage1: { learningRate: 5e-4 }, stage2: { batchSize: 256 } })
  t.deepEqual(config.evaluation.benchmarks, ['pope/', { path: 'mmstar.tsv', image: 'rows' }])
  const json = JSON.stringify(config, null, '\t')
  t.deepEqual((await loadConfig(file(t, json, 'config.json'))).config, config)
  t.deepEqual(checkConfig(config).config, config)
})

test('defaults of orchestration are filled in; what the native side has defaults for stays away', t => {
  const { config } = checkConfig(SMALLEST)
  t.like(config, { seed: 0, template: 'model', resume: false, stage2: false, logging: { jsonl: true, every: 10 } })
  t.like(config.stage1, {
    batchSize: 256,
    learningRate: 5e-4,
    schedule: 'cosine',
    warmupRatio: 0.03,
    weightDecay: 0,
    maxGradNorm: 1,
    maxLength: 2048,
    template: 'plain',
    endToken: true,
  })
  t.false('dtype' in config.model)
  t.deepEqual(config.projector, {})
  t.false('optimizer' in (config.stage1 || {}))
})

test('the options of an aligner are those of a fit', t => {
  const { aligner } = checkConfig({ ...SMALLEST, embeddings: { image: 'i', text: 't', aligner: { method: 'c3' } } })
    .config.embeddings
  const options: FitOptions = typeof aligner === 'object' ? aligner : {}
  t.deepEqual(options, { method: 'c3' })
})

test('types follow from the schema', t => {
  const config: ReVisionConfig = checkConfig(SMALLEST).config
  // @ts-expect-error a stage may be false
  t.is(config.stage1.batchSize, 256)
  // @ts-expect-error no such key
  t.is(config.stage3, undefined)
})

test('a LLaVA script for its first stage means the projector alone', t => {
  const { config, warning } = checkConfig({
    model_name_or_path: 'smollm',
    version: 'plain',
    data_path: 'blip_laion_cc_sbu_558k.json',
    image_folder: 'images',
    vision_tower: 'openai/clip-vit-large-patch14-336',
    mm_projector_type: 'mlp2x_gelu',
    tune_mm_mlp_adapter: true,
    mm_vision_select_layer: -2,
    mm_use_im_start_end: false,
    mm_use_im_patch_token: false,
    bf16: true,
    output_dir: 'out',
    num_train_epochs: 1,
    per_device_train_batch_size: 32,
    per_device_eval_batch_size: 4,
    gradient_accumulation_steps: 8,
    evaluation_strategy: 'no',
    save_strategy: 'steps',
    save_steps: 24000,
    save_total_limit: 1,
    learning_rate: 1e-3,
    weight_decay: 0,
    warmup_ratio: 0.03,
    lr_scheduler_type: 'cosine',
    logging_steps: 1,
    tf32: true,
    model_max_length: 2048,
    gradient_checkpointing: true,
    dataloader_num_workers: 4,
    lazy_preprocess: true,
    report_to: 'wandb',
    deepspeed: 'zero2.json',
    embeddings: { text: 'aligned' },
  })
  t.like(config, {
    model: { path: 'smollm', dtype: 'bf16' },
    projector: { type: 'mlp2x_gelu' },
    output: 'out',
    stage2: false,
    logging: { every: 1, tensorboard: false },
  })
  t.like(config.stage1, {
    data: 'blip_laion_cc_sbu_558k.json',
    template: 'plain',
    epochs: 1,
    microBatch: 32,
    batchSize: 256,
    learningRate: 1e-3,
    evalEvery: 0,
    saveEvery: 24000,
    saveTotalLimit: 1,
  })
  t.is(
    warning,
    'without effect here: dataloader_num_workers, deepspeed, gradient_checkpointing, image_folder, lazy_preprocess, ' +
      'mm_use_im_patch_token, mm_use_im_start_end, mm_vision_select_layer, per_device_eval_batch_size, report_to: wandb, tf32, vision_tower',
  )
})

test('a LLaMA-Factory file with LoRA means stage 2', t => {
  const { config } = checkConfig({
    model_name_or_path: 'qwen',
    stage: 'sft',
    finetuning_type: 'lora',
    lora_rank: 8,
    lora_target: 'q_proj, v_proj',
    template: 'qwen',
    data_path: 'data.json',
    cutoff_len: 1024,
    max_samples: 1000,
    val_size: 0.1,
    num_train_epochs: 3.0,
    per_device_train_batch_size: 1,
    gradient_accumulation_steps: 8,
    learning_rate: 1.0e-4,
    eval_strategy: 'steps',
    eval_steps: 500,
    resume_from_checkpoint: null,
    report_to: ['tensorboard'],
    output_dir: 'out',
    embeddings: { image: 'rows' },
  })
  t.like(config, { template: 'chatml', stage1: false, resume: false, logging: { tensorboard: true } })
  t.like(config.stage2, {
    mode: 'lora',
    lora: { rank: 8, targets: ['q_proj', 'v_proj'] },
    maxLength: 1024,
    maxSamples: 1000,
    valSize: 0.1,
    epochs: 3,
    batchSize: 8,
    evalEvery: 500,
  })
})

test('names of others serve within a stage as well, and so does snake_case', t => {
  const { config, warning } = checkConfig({
    ...SMALLEST,
    stage1: {
      data: 'x',
      lr: 1e-3,
      num_epochs: 2,
      adam_beta2: 0.95,
      warmup_steps: 5,
      deepspeed: 'x',
      freeze_backbone: true,
    },
  })
  t.like(config.stage1, { learningRate: 1e-3, epochs: 2, warmupSteps: 5, optimizer: { beta2: 0.95 } })
  const other = { data: 'x', lr_scheduler_type: 'cosine_with_restarts', lr_scheduler_kwargs: { num_cycles: 3 } }
  t.like(checkConfig({ ...SMALLEST, stage1: other }).config.stage1, {
    schedule: 'cosine_with_restarts',
    scheduleShape: { cycles: 3 },
  })
  t.is(warning, 'without effect here: deepspeed')
})

const REFUSALS: [string, object, RegExp][] = [
  [
    'a misspelt key',
    { stage1: { data: 'x', lerningRate: 1 } },
    /stage1 has no key lerningRate; did you mean learningRate\?/,
  ],
  ['a misspelt alias', { stage1: { data: 'x', num_train_epoch: 1 } }, /did you mean num_train_epochs\?/],
  ['a misspelt section', { evalutaion: {} }, /there is no key evalutaion; did you mean evaluation\?/],
  [
    'a key deep inside',
    { evaluation: { benchmarks: ['a', { path: 'x', gruop: 'y' }] } },
    /benchmarks\.1 has no key gruop; did you mean group\?/,
  ],
  [
    'a key of a fit',
    { embeddings: { text: 't', aligner: { metod: 'x' } } },
    /embeddings\.aligner has no key metod; did you mean method\?/,
  ],
  [
    'a key that is like no other',
    { stage1: { data: 'x', zzzzzz: 1 } },
    /stage1 has no key zzzzzz; it may be data, rows/,
  ],
  ['a dataset by name', { dataset: 'x' }, /no key dataset: name the file itself/],
  ['a name that every object has', { constructor: 1 }, /there is no key constructor/],
  ['alias and name that differ', { learning_rate: 1, stage1: { data: 'x', learningRate: 2 } }, /contradict/],
  ['two aliases that differ', { model_name_or_path: 'x', base_model: 'y' }, /base_model \("y"\) contradicts model/],
  [
    'a batch that is another',
    { stage1: { data: 'x', batchSize: 8, micro_batch_size: 2, gradient_accumulation_steps: 2 } },
    /gradient_accumulation_steps \(4\) contradicts stage1\.batchSize \(8\)/,
  ],
  ['a stage option outside of two stages', { learning_rate: 1, stage2: { data: 'x' } }, /learning_rate stands outside/],
  ['an option of the other stage', { stage1: { data: 'x', lora_r: 8 } }, /lora_r is an option of stage2/],
  [
    'a number that is text',
    { stage1: { data: 'x', learningRate: 'fast' } },
    /stage1\.learningRate has to be a number above 0, not "fast"/,
  ],
  [
    'a number under another name',
    { stage1: { data: 'x', lr: -1 } },
    /stage1\.lr \(stage1\.learningRate\) has to be a number above 0, not -1/,
  ],
  ['a word of none', { stage1: { data: 'x', schedule: 'cosinus' } }, /has to be one of cosine, linear/],
  ['a section that is text', { model: 'x' }, /model has to be a section of keys, not "x"/],
  ['a section that is text beside an alias', { base_model: 'x', model: 'y' }, /contradict|section of keys/],
  ['a stage that is text', { stage1: 'x' }, /stage1 has to be a section of keys, not "x"/],
  ['a missing path', { model: {} }, /model\.path is missing/],
  ['a missing section', { model: undefined }, /model is missing/],
  ['nothing to do', { stage1: false }, /nothing to do/],
  [
    'rows that are not given',
    { stage2: { data: 'x' } },
    /stage2 reads image rows: give embeddings\.image, or rows: text/,
  ],
  [
    'LoRA without its mode',
    { embeddings: { text: 't', image: 'i' }, stage2: { data: 'x', lora: { rank: 2 } } },
    /stage2\.mode is full/,
  ],
  ['a prompt without an image', { prompt: 'Describe.' }, /prompt has to hold <image> once/],
  ['an aligner to be fitted to nothing', { embeddings: { text: 't', aligner: {} } }, /fitted to images/],
  ['early stopping without held-out records', { earlyStop: { patience: 2 } }, /needs held-out records/],
  [
    'a micro-batch beyond the batch',
    { stage1: { data: 'x', batchSize: 2, microBatch: 4 } },
    /is more than its batch of 2/,
  ],
  ['a projector of another kind', { projector: { type: 'mlp0x_gelu' } }, /linear, identity or mlpNx_gelu/],
  [
    'an unknown key of what another tool names',
    { stage1: { data: 'x', lr_scheduler_kwargs: { min_lr: 1 } } },
    /scheduleShape\.min_lr is not known/,
  ],
  ['packing', { packing: true }, /packing: true is not possible/],
  ['quantised training', { bits: 4 }, /bits: 4 is not possible/],
  ['another optimiser', { optim: 'adafactor' }, /AdamW is the only optimiser/],
  ['another optimiser by our name', { stage1: { data: 'x', optimizer: 'lion' } }, /optimizer has to be a section/],
  [
    'many evaluations an epoch',
    { stage1: { data: 'x', evals_per_epoch: 4 } },
    /evals_per_epoch .* not "4 times an epoch"/,
  ],
  ['a metric that no evaluation has', { bestMetric: 'eval_f1' }, /bestMetric has to be one of eval_loss/],
  ['a metric of others that no evaluation has', { metric_for_best_model: 'f1' }, /not "eval_f1"/],
  ['a beta of one', { stage1: { data: 'x', optimizer: { beta2: 1 } } }, /beta2 has to be a number from 0 to below 1/],
  ['a nucleus of nothing', { evaluation: { generate: { topP: 0 } } }, /topP has to be a number above 0, up to 1/],
  ['an empty text that ends answers', { evaluation: { generate: { stop: [''] } } }, /stop.* not empty/],
  [
    'adapters of a map that no block has',
    {
      embeddings: { text: 't', image: 'i' },
      stage2: { data: 'x', mode: 'lora', lora: { targets: ['q_pro'] } },
    },
    /targets.* list of q_proj, k_proj/,
  ],
  ['a projector of too many maps', { projector: { type: 'mlp17x_gelu' } }, /from 1 to 16/],
  ['another stage', { stage: 'dpo' }, /two stages, pt and sft/],
]

for (const [name, change, message] of REFUSALS) {
  test(`${name}: refused, and said how`, t => {
    const error = t.throws(() => checkConfig({ ...SMALLEST, ...change }))
    t.like(error, { code: 'BAD_OPTION' })
    t.regex(error?.message ?? '', message)
  })
}

test('an axolotl file is read', t => {
  const { config } = checkConfig({
    base_model: 'smollm',
    data_path: 'data.jsonl',
    adapter: 'lora',
    lora_r: 8,
    lora_target_modules: ['q_proj'],
    sequence_len: 512,
    micro_batch_size: 2,
    gradient_accumulation_steps: 4,
    num_epochs: 2,
    optimizer: 'adamw_torch',
    lr_scheduler: 'cosine',
    learning_rate: 0.0002,
    val_set_size: 0.05,
    evals_per_epoch: 1,
    saves_per_epoch: 1,
    flash_attention: true,
    bf16: 'auto',
    output_dir: 'out',
    embeddings: { image: 'rows' },
  })
  t.false('dtype' in config.model)
  t.like(config.stage2, {
    mode: 'lora',
    lora: { rank: 8, targets: ['q_proj'] },
    maxLength: 512,
    microBatch: 2,
    batchSize: 8,
    epochs: 2,
    valSize: 0.05,
    evalEvery: 'epoch',
    saveEvery: 'epoch',
  })
})

test('a switch that is off, and a number that means none, take away what they speak against, and contradict it in one file', t => {
  const both = { ...SMALLEST, embeddings: { text: 'text', image: 'image' } }
  const of = (base: object, changes: Override) => checkConfig({ ...both, ...base }, changes).config
  const mode = (stage2: object, changes: Override) =>
    (of({ stage1: false, stage2 }, { stage2: changes }).stage2 as Stage2Config).mode
  const lora = { data: 'd', mode: 'lora', lora: { targets: ['q_proj'] } }
  const [steps, frozen] = [
    { data: 'd', steps: 9 },
    { data: 'd', mode: 'projector' },
  ]
  t.is(mode({ data: 'd', mode: 'lora' }, { lora_enable: false }), 'full')
  t.is(mode(frozen, { freeze_backbone: false }), 'full')
  t.is(mode(frozen, { lora_enable: false }), 'projector')
  t.false('steps' in (of({ stage1: steps }, { stage1: { max_steps: -1 } }).stage1 as object))
  const adapted = of({ stage1: false, stage2: lora }, { stage2: { lora_target: 'all' } }).stage2 as Stage2Config
  t.is(adapted.lora?.targets, undefined)
  // the mode that the file has anyway leaves its adapters as they are
  t.like(of({ stage1: false, stage2: lora }, { stage2: { mode: 'lora' } }).stage2, { lora: { targets: ['q_proj'] } })
  for (const [stages, said] of [
    [
      { stage1: false, stage2: { ...lora, lora_enable: false } },
      /lora_enable \(false\) contradicts stage2\.mode \("lora"\)/,
    ],
    [
      { stage1: false, stage2: { ...frozen, freeze_backbone: false } },
      /freeze_backbone \(false\) contradicts stage2\.mode/,
    ],
    [{ stage1: { ...steps, max_steps: -1 } }, /max_steps \(-1\) contradicts stage1\.steps \(9\)/],
    [
      { stage1: false, stage2: { ...lora, lora_target: 'all' } },
      /lora_target \("all"\) contradicts stage2\.lora\.targets/,
    ],
    [{ stage1: false, stage2: { data: 'd', lora_enable: 'True' } }, /lora_enable \(stage2\.mode\) has to be one of/],
    [{ bf16: 'yes' }, /bf16 \(model\.dtype\) has to be one of bf16, f32/],
  ] as const) {
    t.throws(() => checkConfig({ ...both, ...stages }), { code: 'BAD_OPTION', message: said })
  }
})

test('keys of a section under another name take the place of its own, and a number of batches keeps their size', t => {
  const of = (base: object, changes: Override) => checkConfig({ ...SMALLEST, ...base }, changes).config
  const stage1 = (base: object, changes: Override) => of(base, changes).stage1 as Stage1Config
  const shape = { data: 'd', schedule: 'polynomial', scheduleShape: { power: 2, end: 1e-6 } }
  t.deepEqual(stage1({ stage1: shape }, { stage1: { lr_scheduler_kwargs: { power: 3 } } }).scheduleShape, {
    power: 3,
    end: 1e-6,
  })
  t.deepEqual(stage1({ stage1: shape }, { stage1: { lr_scheduler_kwargs: { lr_end: 1e-7 } } }).scheduleShape, {
    power: 2,
    end: 1e-7,
  })
  const given = { chat_template_kwargs: { enable_thinking: true, language: 'en' } }
  t.deepEqual(of(given, { templateArguments: { enable_thinking: false } }).templateArguments, {
    enable_thinking: false,
    language: 'en',
  })
  const twice = { ...SMALLEST, ...given, templateArguments: { language: 'de' } }
  t.throws(() => checkConfig(twice), { message: /language \("de"\) contradicts|language \("en"\) contradicts/ })
  const hugging = { data: 'd', per_device_train_batch_size: 4, gradient_accumulation_steps: 8 }
  t.like(stage1({ stage1: hugging }, { stage1: { gradient_accumulation_steps: 2 } }), { microBatch: 4, batchSize: 8 })
  const own = { data: 'd', microBatch: 4, batchSize: 32 }
  t.like(stage1({ stage1: own }, { stage1: { gradient_accumulation_steps: 2 } }), { microBatch: 4, batchSize: 8 })
  t.throws(() => checkConfig({ ...SMALLEST, stage1: { data: 'd', scheduleShape: { cycles: 0.5 } } }), {
    message: /^(?!.*\n)stage1\.scheduleShape\.cycles has to be a whole number from 1 on, not 0\.5$/,
  })
})

test('a number at the edge of what its key takes is taken, and none beyond it', t => {
  const edges: [v.GenericSchema, taken: number[], refused: number[]][] = [
    [positive('x'), [1e-300, 5], [0, -1, Number.POSITIVE_INFINITY, Number.NaN]],
    [atLeastZero('x'), [0, 5], [-1e-300, Number.POSITIVE_INFINITY, Number.NaN]],
    [share('x'), [0, 1], [-1e-9, 1 + 1e-9, Number.NaN]],
    [part('x'), [0, 1 - 1e-9], [-1e-9, 1]],
    [someShare('x'), [1e-9, 1], [0, 1 + 1e-9]],
    [whole(1, 'x'), [1, 2 ** 53 - 1], [0, 1.5, 2 ** 53, Number.POSITIVE_INFINITY]],
    [whole(0, 'x'), [0, 1], [-1, 0.5]],
  ]
  for (const [schema, taken, refused] of edges) {
    for (const value of taken) t.true(v.safeParse(schema, value).success, String(value))
    for (const value of refused) t.false(v.safeParse(schema, value).success, String(value))
  }
  const stage1 = { data: 'x', batchSize: 8 }
  t.notThrows(() => checkConfig({ ...SMALLEST, stage1: { ...stage1, microBatch: 8 } }))
  t.throws(() => checkConfig({ ...SMALLEST, stage1: { ...stage1, microBatch: 9 } }), {
    message: /microBatch 9 is more/,
  })
})

test('values that are allowed where others are refused pass', t => {
  for (const type of ['mlp1x_gelu', 'mlp16x_gelu', 'linear', 'identity']) {
    t.is(checkConfig({ ...SMALLEST, projector: { type } }).config.projector.type, type)
  }
  const { warning } = checkConfig({ ...SMALLEST, packing: false, bits: 16, num_beams: 1, optim: 'adamw_torch' })
  t.is(warning, 'without effect here: bits, num_beams, optim, packing')
})

test('an error names the line of every key it is about', async t => {
  const path = file(
    t,
    'model:\n  path: x\noutput: y\n\nsede: 3\nembeddings:\n  text: t\nstage1:\n  data: x\n  lr_: 1\n',
  )
  const error = await t.throwsAsync(() => loadConfig(path))
  t.like(error, { code: 'BAD_OPTION', file: path, row: 4 })
  t.regex(
    error?.message ?? '',
    /config\.yaml: line 5: there is no key sede; did you mean seed\?\nline 10: stage1 has no key lr_/,
  )
})

test('a key that is missing is named with the line of its section', async t => {
  const path = file(t, 'model:\n  path: x\noutput: y\nembeddings:\n  text: t\nstage1:\n  epochs: 1\n')
  const error = await t.throwsAsync(() => loadConfig(path))
  t.like(error, { code: 'BAD_OPTION', file: path })
  t.regex(error?.message ?? '', /line 6: .*data/)
})

test('what is not YAML, or too much of it, is refused with its line', async t => {
  const cases: [string, RegExp, object][] = [
    ['model: [1, 2\nx', /line 2/, { row: 1 }],
    ['a: 1\na: 2', /line 2: .*unique/i, { row: 1 }],
    ['- 1', /no keys/, {}],
    ['', /no keys/, {}],
    [
      `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefg'].map((n, i) => `${n}: &${n} [${`*${'abcdef'[i]},`.repeat(9)}]`).join('\n')}`,
      /alias/i,
      {},
    ],
    [`a: ${'x'.repeat(2 ** 20)}`, /more than/, {}],
  ]
  for (const [content, message, place] of cases) {
    const path = file(t, content)
    const error = await t.throwsAsync(() => loadConfig(path))
    t.like(error, { code: 'BAD_FORMAT', file: path, ...place })
    t.regex(error?.message ?? '', message)
  }
  await t.throwsAsync(() => loadConfig('none.yaml'), { code: 'NOT_FOUND' })
})

test('the published recipe stands below what a configuration says itself', t => {
  const base = { model: { path: 'm' }, embeddings: { image: 'i', text: 't' }, output: 'o', recipe: 'published' }
  const { config } = checkConfig({ ...base, stage1: { data: 'd' }, stage2: { data: 'e', learning_rate: 2e-5 } })
  t.like(config, {
    projector: { type: 'mlp2x_gelu', numVisualTokens: 576, distinctTokens: false },
    template: 'bunny',
    imagePlacement: 'front',
    stage1: { template: 'plain', endToken: false, learningRate: 5e-4, batchSize: 256, epochs: 1, maxLength: 2048 },
    stage2: { mode: 'full', learningRate: 2e-5, batchSize: 256 },
  })
  const own = checkConfig({
    ...base,
    projector: { num_visual_tokens: 4 },
    template: 'chatml',
    stage1: { data: 'd', endToken: true },
  })
  t.like(own.config, {
    projector: { numVisualTokens: 4 },
    template: 'chatml',
    stage2: false,
    stage1: { endToken: true },
  })
  // what an output keeps says the same again
  t.deepEqual(checkConfig(JSON.parse(JSON.stringify(own.config))).config, own.config)
  t.throws(() => checkConfig({ ...base, recipe: 'secret', stage1: { data: 'd' } }), {
    code: 'BAD_OPTION',
    message: /recipe has to be one of published/,
  })
})

test('what is set takes the place of the file, whatever name either gives it', t => {
  const base = { model: { path: 'm' }, embeddings: { image: 'i', text: 't' }, output: 'o' }
  const of = (value: object, changes: Override) => checkConfig({ ...base, ...value }, changes).config
  t.like(of({ stage1: { data: 'd', learningRate: 1 } }, { stage1: { lr: 2 } }), { stage1: { learningRate: 2 } })
  t.like(of({ stage1: { data: 'd', lr: 1 } }, { stage1: { learning_rate: 2 } }), { stage1: { learningRate: 2 } })
  t.like(of({ stage2: { data: 'd' }, learning_rate: 1 }, { stage2: { lr: 2 } }), { stage2: { learningRate: 2 } })
  t.like(of({ stage1: { data: 'd', learningRate: 1 } }, { lr: 2 }), { stage1: { learningRate: 2 } })
  t.like(of({ stage1: { data: 'd' }, logging_steps: 5 }, { logging: { every: 7 } }), { logging: { every: 7 } })
  t.like(of({ stage1: { data: 'd' }, output_dir: 'a', output: undefined }, { output: 'b' }), { output: 'b' })
  t.like(of({ stage2: { data: 'd', lora_r: 8, mode: 'lora' } }, { stage2: { lora: { rank: 4 } } }), {
    stage2: { lora: { rank: 4 } },
  })
  // taken away by another name
  t.like(of({ stage1: { data: 'd', lr: 1 } }, { stage1: { learningRate: null } }), { stage1: { learningRate: 5e-4 } })
  const devices = { data: 'd', per_device_train_batch_size: 8, gradient_accumulation_steps: 4 }
  t.like(of({ stage1: devices }, { stage1: { batchSize: 64 } }), { stage1: { batchSize: 64, microBatch: 8 } })
  t.like(of({ stage1: devices }, {}), { stage1: { batchSize: 32, microBatch: 8 } })
  t.like(of({ stage1: devices }, { stage1: { batchSize: 3 } }), { stage1: { batchSize: 3, microBatch: undefined } })
  t.like(of({ stage1: { data: 'd', microBatch: 8 } }, { stage1: { batchSize: 3 } }), {
    stage1: { batchSize: 3, microBatch: undefined },
  })
  // what counts more gives way to what is set
  t.like(of({ stage1: { data: 'd', max_steps: 9 } }, { stage1: { num_train_epochs: 2 } }), {
    stage1: { epochs: 2, steps: undefined },
  })
  t.like(of({ stage1: { data: 'd', steps: 9, epochs: 3 } }, { stage1: { epochs: null } }), { stage1: { steps: 9 } })
  t.like(of({ stage1: { data: 'd', steps: 9 } }, { stage1: { epochs: 2, steps: 4 } }), {
    stage1: { epochs: 2, steps: 4 },
  })
  t.like(of({ stage1: { data: 'd', warmup_steps: 10 } }, { stage1: { warmup_ratio: 0.1 } }), {
    stage1: { warmupRatio: 0.1, warmupSteps: undefined },
  })
  const adapters = { data: 'd', mode: 'lora', lora_r: 8, lora: { alpha: 3 } }
  t.like(of({ stage2: adapters }, { stage2: { mode: 'full' } }), { stage2: { mode: 'full', lora: undefined } })
  t.throws(() => of({ stage2: adapters }, { stage2: { mode: 'full', lora: { rank: 2 } } }), { message: /mode is full/ })
  t.throws(() => of({ stage2: { ...adapters, mode: 'full' } }, {}), { message: /mode is full/ })
  // within one file two names that differ are still an error
  t.throws(() => of({ stage1: { data: 'd', lr: 1, learningRate: 2 } }, {}), {
    code: 'BAD_OPTION',
    message: /contradicts/,
  })
})

test('services that are not served are named', t => {
  const base = { model: { path: 'm' }, embeddings: { text: 't' }, stage1: { data: 'd' }, output: 'o' }
  const of = (report_to: unknown) => checkConfig({ ...base, report_to })
  t.like(of('wandb'), { warning: 'without effect here: report_to: wandb', config: { logging: { tensorboard: false } } })
  t.like(of(['tensorboard', 'mlflow']), {
    warning: 'without effect here: report_to: mlflow',
    config: { logging: { tensorboard: true } },
  })
  t.is(of('none').warning, undefined)
  t.is(of('tensorboard').warning, undefined)
})

test('shares stand where transformers 5 takes them', t => {
  const base = { model: { path: 'm' }, embeddings: { text: 't' }, output: 'o' }
  const of = (stage: object, more: object = {}) =>
    checkConfig({ ...base, ...more, stage1: { data: 'd', ...stage } }).config
  const share = of({ warmup_steps: 0.1, eval_steps: 0.25, save_steps: 0.5 }, { logging_steps: 0.05 })
  t.like(share, { stage1: { warmupRatio: 0.1, evalEvery: 0.25, saveEvery: 0.5 }, logging: { every: 0.05 } })
  t.false('warmupSteps' in (share.stage1 || {}))
  t.like(of({ warmup_steps: 10, eval_steps: 25 }), { stage1: { warmupSteps: 10, evalEvery: 25 } })
  for (const stage of [
    { warmup_steps: 1.5 },
    { eval_steps: 2.5 },
    { eval_steps: -0.5 },
    { warmup_steps: 0.1, warmup_ratio: 0.2 },
  ]) {
    t.throws(() => of(stage), { code: 'BAD_OPTION' })
  }
})

test('schedules whose numbers make no sense are refused', t => {
  const base = { model: { path: 'm' }, embeddings: { text: 't' }, output: 'o' }
  const of = (schedule: string, scheduleShape: object) =>
    checkConfig({ ...base, stage1: { data: 'd', learningRate: 1e-3, schedule, scheduleShape } })
  const refused: [string, object, RegExp][] = [
    ['polynomial', { end: 2e-3 }, /above the highest, 0.001/],
    ['cosine_with_min_lr', { end: 1.5 }, /above the highest, 1/],
    ['cosine', { end: 0.1 }, /end belongs to polynomial/],
    ['cosine', { cycles: 3 }, /cycles belong to cosine_with_restarts/],
    ['linear', { power: 2 }, /power belongs to polynomial/],
    ['polynomial', { power: -1 }, /number above 0/],
    ['polynomial', { power: Number.NaN }, /number above 0/],
    ['cosine_with_restarts', { cycles: 0 }, /whole number from 1/],
  ]
  for (const [schedule, shape, message] of refused) {
    t.throws(() => of(schedule, shape), { code: 'BAD_OPTION', message })
  }
  t.like(of('polynomial', { end: 1e-3, power: 0.5 }).config.stage1, { scheduleShape: { end: 1e-3 } })
})
