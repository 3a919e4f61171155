import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { mergeOverrides, type Override } from '../src/revision/config/overlay.ts'
import { ReVision, type ReVisionRunOptions } from '../src/revision/run.ts'
import { folderOf } from './helpers/place.ts'
import { linesOf, losses } from './helpers/revision.ts'

/** By PyTorch, NumPy and transformers: fixtures/make_published.py. */
const FIXTURES = join(import.meta.dirname, 'fixtures', 'published')
const read = (name: string) => JSON.parse(readFileSync(join(FIXTURES, name), 'utf8'))

interface Update {
  loss: number
  labels: number
  norm: number
  rate: number
}

/** Updates of a stage in float64, and the relative distance of the same in float32. */
interface Expected {
  updates: Update[]
  close: { loss: number; norm: number; projector: number }
}

type Stage = 'stage1' | 'stage2'
const EXPECTED: Record<Stage, Expected> = read('expected.json')

/** Tensors of a safetensors file in f32, by their names. */
function tensorsOf(path: string): Map<string, Float32Array> {
  const bytes = readFileSync(path)
  const size = Number(bytes.readBigUInt64LE(0))
  const header: Record<string, { dtype: string; data_offsets: [number, number] }> = JSON.parse(
    bytes.subarray(8, 8 + size).toString(),
  )
  const tensors = Object.entries(header).filter(([name]) => name !== '__metadata__')
  return new Map(
    tensors.map(([name, { dtype, data_offsets: at }]) => {
      if (dtype !== 'F32') {
        throw new Error(`${name} is ${dtype}`)
      }
      return [
        name,
        new Float32Array(bytes.buffer.slice(bytes.byteOffset + 8 + size + at[0], bytes.byteOffset + 8 + size + at[1])),
      ]
    }),
  )
}

function config(t: ExecutionContext, changes: Override): Record<string, unknown> {
  const at = (name: string) => join(FIXTURES, name)
  const common = {
    model: { path: at('model'), dtype: 'f32' },
    projector: { init: at('init.safetensors') },
    embeddings: {
      image: at('images.npy'),
      imageIds: { from: at('images.ids.txt') },
      text: at('texts.npy'),
      textIds: { from: at('texts.ids.txt') },
      aligner: { method: 'realign', compat: 'official' },
    },
    logging: { every: 1 },
    output: join(folderOf(t), 'out'),
    seed: 3,
    threads: 1,
  }
  return mergeOverrides(common, changes)
}

const run = async (config: object, options: ReVisionRunOptions = {}) => await (await ReVision.open(config)).run(options)

const away = (found: readonly number[], expected: readonly number[]) =>
  Math.hypot(...found.map((value, i) => value - (expected[i] ?? Number.NaN))) / Math.hypot(...expected)

/** Lines of updates in the log of a stage. */
const updatesOf = (output: string, stage: Stage) =>
  linesOf(join(output, stage, 'log.jsonl')).filter(({ loss }) => typeof loss === 'number') as Record<string, number>[]

test('the published recipe trains as its PyTorch twin', async t => {
  const published = config(t, {
    threads: 2,
    recipe: 'published',
    stage1: { data: join(FIXTURES, 'captions.jsonl'), steps: 6 },
    stage2: { data: join(FIXTURES, 'tuning.json'), steps: 5 },
  })
  await run(published)
  const output = published.output as string
  const wanted = tensorsOf(join(FIXTURES, 'expected.safetensors'))
  const first = tensorsOf(join(FIXTURES, 'init.safetensors'))
  for (const stage of ['stage1', 'stage2'] as const) {
    const { updates, close } = EXPECTED[stage]
    const log = updatesOf(output, stage)
    t.is(log.length, updates.length)
    updates.forEach(({ loss, labels, norm, rate }, i) => {
      const found = log[i] ?? {}
      t.is(found.labels, labels, `${stage} ${i}`)
      t.true(Math.abs((found.learning_rate ?? 0) - rate) <= 1e-12 * rate, `${stage} ${i}: rate ${found.learning_rate}`)
      // sums in another order: ten times what float32 is away in PyTorch, and no less than its unit for some hundred terms
      const near = (value: number, from: number, by: number) => Math.abs(value / from - 1) < Math.max(10 * by, 1e-6)
      t.true(near(found.loss ?? 0, loss, close.loss), `${stage} ${i}: loss ${found.loss}, not ${loss}`)
      t.true(near(found.grad_norm ?? 0, norm, close.norm), `${stage} ${i}: norm ${found.grad_norm}, not ${norm}`)
    })
    const learned = tensorsOf(join(output, stage, 'mm_projector.safetensors'))
    const [found, expected] = [[], []] as [number[], number[]]
    for (const [name, begun] of first) {
      const target = wanted.get(`${stage}.${name.replace('model.mm_projector.', '')}`) as Float32Array
      const is = learned.get(name) as Float32Array
      begun.forEach((value, i) => {
        found.push((is[i] as number) - value)
        expected.push((target[i] as number) - value)
      })
    }
    const distance = away(found, expected)
    t.true(distance < Math.max(10 * close.projector, 1e-4), `${stage}: the projector's change is ${distance} away`)
  }
})

const NOISE: Record<string, number[]> = read('noise.json')
const VARIANTS: Record<string, Override> = {
  c3: { method: 'c3' },
  'c3-centred': { method: 'c3', centered: true },
  'c3-0.02': { method: 'c3', noise: 0.02, renormalize: false },
}

/** A stage 1 of three epochs over thirteen captions, five at a time. */
function withNoise(t: ExecutionContext, aligner: Override, changes: Override = {}): Record<string, unknown> {
  const stage1 = {
    data: join(FIXTURES, 'few.jsonl'),
    batchSize: 5,
    epochs: 3,
    learningRate: 0.02,
    schedule: 'constant',
    endToken: false,
  }
  const embeddings = { text: join(FIXTURES, 'few.npy'), textIds: { from: join(FIXTURES, 'few.ids.txt') } }
  const few = config(t, { projector: { numVisualTokens: 2 }, embeddings, stage1, template: 'bunny' })
  // in place of what ReAlign is asked for
  return mergeOverrides({ ...few, embeddings: { ...(few.embeddings as object), aligner } }, changes)
}

for (const [name, aligner] of Object.entries(VARIANTS)) {
  test(`texts with the noise of ${name} train as their NumPy twins, anew in every epoch`, async t => {
    const noisy = withNoise(t, aligner)
    await run(noisy)
    const found = losses(noisy.output as string, 'stage1')
    const expected = NOISE[name] as number[]
    t.is(found.length, expected.length)
    // nine updates of AdamW at 0.02 in f32: a wrong draw changes a loss by a hundredth and more
    t.true(away(found, expected) < 2e-5, `${found}\n${expected}`)
  })
}

test('noise does not depend on parts of a batch, on threads or on an interruption', async t => {
  const learned = (output: unknown) => readFileSync(join(output as string, 'stage1', 'mm_projector.safetensors'))
  const whole = withNoise(t, { method: 'c3' })
  await run(whole)
  const threads = withNoise(t, { method: 'c3' }, { threads: 2 })
  await run(threads)
  t.deepEqual(learned(threads.output), learned(whole.output))
  const parts = withNoise(t, { method: 'c3' }, { stage1: { microBatch: 2 } })
  await run(parts)
  const [one, other] = [whole, parts].map(({ output }) => losses(output as string, 'stage1')) as [number[], number[]]
  t.true(away(other, one) < 2e-5)
  const stopped = withNoise(t, { method: 'c3' })
  const controller = new AbortController()
  const onStepEnd = ({ step }: { step: number }) => void (step === 5 && controller.abort())
  await t.throwsAsync(run(stopped, { signal: controller.signal, callbacks: { stage1: { onStepEnd } } }), {
    code: 'CANCELLED',
  })
  await run({ ...stopped, resume: true })
  t.deepEqual(learned(stopped.output), learned(whole.output))
  const seeded = withNoise(t, { method: 'c3' }, { seed: 4, projector: { init: join(FIXTURES, 'init.safetensors') } })
  await run(seeded)
  t.notDeepEqual(learned(seeded.output), learned(whole.output))
})
