import test from 'ava'
import * as v from 'valibot'
import { entriesOf, schema } from '../src/revision/config/schema.ts'
import { checkConfig } from '../src/revision/config.ts'

/** A configuration in which every number may stand. */
const BASE = {
  model: { path: 'smollm' },
  embeddings: { image: 'image', text: 'text', aligner: {} },
  stage1: { data: 'captions.jsonl' },
  stage2: { data: 'questions.jsonl', mode: 'lora', lora: {} },
  evaluation: { data: 'held.jsonl', generate: {} },
  earlyStop: { patience: 3 },
  output: 'out',
}

/** What a kind of number may be at its bounds, and what it may not. */
const KINDS = {
  positive: [
    [1e-12, 2.5],
    [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '1'],
  ],
  'at least zero': [
    [0, 2.5],
    [-1e-12, Number.NaN, Number.POSITIVE_INFINITY, '1'],
  ],
  share: [
    [0, 0.5, 1],
    [-1e-12, 1.001, Number.NaN, '1'],
  ],
  'share below one': [
    [0, 0.999],
    [-1e-12, 1, Number.NaN],
  ],
  'share above zero': [
    [1e-12, 1],
    [0, 1.001, Number.NaN],
  ],
  'whole from 0': [
    [0, 1, 7],
    [-1, 0.5, 2 ** 53, '1'],
  ],
  // Hugging Face takes a share of all updates here as well
  'whole from 0 or a share': [
    [0, 0.5, 1, 7],
    [-1, 1.5, 2 ** 53, '1'],
  ],
  'whole from 1': [
    [1, 7],
    [0, -1, 1.5, 2 ** 53, '1'],
  ],
  cadence: [
    [0, 0.25, 1, 7, 'epoch'],
    [-1, 1.5, 2 ** 53, 'step', Number.NaN],
  ],
  'cadence of lines': [
    [0.25, 1, 7],
    [0, -1, 1.5, 2 ** 53, 'epoch'],
  ],
  'factor or sqrt': [
    [1e-12, 3, 'sqrt'],
    [0, -1, 'root', Number.POSITIVE_INFINITY],
  ],
} as const satisfies Record<string, readonly [readonly unknown[], readonly unknown[]]>

type Kind = keyof typeof KINDS

/** Numbers of a training. */
const TRAINING: Record<string, Kind> = {
  valSize: 'at least zero',
  maxSamples: 'whole from 1',
  maxLength: 'whole from 1',
  epochs: 'positive',
  steps: 'whole from 1',
  batchSize: 'whole from 1',
  microBatch: 'whole from 1',
  learningRate: 'positive',
  warmupRatio: 'share',
  warmupSteps: 'whole from 0 or a share',
  weightDecay: 'at least zero',
  maxGradNorm: 'at least zero',
  evalEvery: 'cadence',
  saveEvery: 'cadence',
  saveTotalLimit: 'whole from 1',
  'scheduleShape.cycles': 'whole from 1',
  'scheduleShape.power': 'positive',
  'scheduleShape.end': 'share',
  'optimizer.beta1': 'share below one',
  'optimizer.beta2': 'share below one',
  'optimizer.eps': 'positive',
}

const of = (section: string, numbers: Record<string, Kind>) =>
  Object.entries(numbers).map(([key, kind]) => [`${section}.${key}`, kind] as const)

const NUMBERS: readonly (readonly [string, Kind])[] = [
  ['projector.numVisualTokens', 'whole from 1'],
  ['projector.inputScale', 'factor or sqrt'],
  ['embeddings.aligner.centroidIterations', 'whole from 1'],
  ['embeddings.aligner.tolerance', 'at least zero'],
  ['embeddings.aligner.noise', 'at least zero'],
  ['embeddings.aligner.noiseSeed', 'whole from 0'],
  ['embeddings.aligner.ridge', 'at least zero'],
  ['embeddings.aligner.energy', 'share'],
  ['embeddings.aligner.rank', 'whole from 1'],
  ['embeddings.aligner.holdout', 'share'],
  ['embeddings.aligner.seed', 'whole from 0'],
  ['embeddings.aligner.subset', 'share'],
  ['embeddings.aligner.subsetSeed', 'whole from 0'],
  ...of('stage1', TRAINING),
  ...of('stage2', {
    ...TRAINING,
    projectorLearningRate: 'positive',
    'lora.rank': 'whole from 1',
    'lora.alpha': 'positive',
    'lora.dropout': 'share below one',
  }),
  ['evaluation.maxSamples', 'whole from 1'],
  ['evaluation.answers', 'whole from 0'],
  ['evaluation.samples', 'whole from 0'],
  ['evaluation.generate.maxNewTokens', 'whole from 1'],
  ['evaluation.generate.temperature', 'at least zero'],
  ['evaluation.generate.topP', 'share above zero'],
  ['logging.every', 'cadence of lines'],
  ['earlyStop.patience', 'whole from 1'],
  ['earlyStop.minDelta', 'at least zero'],
  ['seed', 'whole from 0'],
  ['threads', 'whole from 1'],
]

/** The configuration with a value at a path of keys; what other keys ask for beside it is given. */
function withValue(path: string, value: unknown): object {
  const config = structuredClone(BASE) as Record<string, unknown>
  const keys = path.split('.')
  let at = config
  for (const key of keys.slice(0, -1)) {
    at[key] ??= {}
    at = at[key] as Record<string, unknown>
  }
  at[keys.at(-1) as string] = value
  const stage = config[keys[0] as string] as { schedule?: string }
  const schedules = { cycles: 'cosine_with_restarts', power: 'polynomial', end: 'cosine_with_min_lr' }
  if (keys[1] === 'scheduleShape') {
    stage.schedule = schedules[keys[2] as keyof typeof schedules]
  }
  return config
}

for (const [path, kind] of NUMBERS) {
  test(`${path}: ${kind}`, t => {
    const [fits, others] = KINDS[kind]
    for (const value of fits) {
      t.notThrows(() => checkConfig(withValue(path, value)), `${value}`)
    }
    for (const value of others) {
      const error = t.throws(() => checkConfig(withValue(path, value)), undefined, `${value}`)
      t.like(error, { code: 'BAD_OPTION' })
      t.true(error?.message.includes(path.split('.').at(-1) as string), error?.message)
    }
  })
}

test('every number of the configuration is tried', t => {
  const found: string[] = []
  const look = (at: Parameters<typeof entriesOf>[0], path: string) => {
    const entries = entriesOf(at)
    if (entries) {
      for (const [key, each] of Object.entries(entries)) look(each, path === '' ? key : `${path}.${key}`)
    } else if ([1, 0.5].some(number => v.safeParse(at, number).success)) {
      found.push(path)
    }
  }
  look(schema, '')
  const lists = /^(compare|evaluation\.benchmarks)\b/
  t.deepEqual(found.filter(path => !lists.test(path)).sort(), NUMBERS.map(([path]) => path).sort())
})
