import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { DualEncoder, embedPairs, type TrainProbe, type TrainStep } from '../src/index.ts'
import { modalityGap } from './helpers/cli.ts'
import { readNpy } from './helpers/npy.ts'
import { colours } from './helpers/pictures.ts'
import { folderOf } from './helpers/place.ts'

const tower = { width: 8, layers: 1, heads: 2 }
const model = { dim: 6, imageSize: 8, patch: 4, image: tower, text: tower, tokens: 4 }
const small = { model, batchSize: 4, steps: 6, threads: 1 } as const

test('a training tells its steps, writes its encoder and says what held-out pairs show', async t => {
  const folder = folderOf(t)
  const steps: TrainStep[] = []
  const probes: TrainProbe[] = []
  const encoder = await DualEncoder.train(
    { ...small, data: colours(folder), out: join(folder, 'out'), probeEvery: 3, probes: join(folder, 'probes') },
    { onStep: step => steps.push(step), onProbe: probe => probes.push(probe) },
  )
  t.deepEqual(
    steps.map(({ step }) => step),
    [1, 2, 3, 4, 5, 6],
  )
  t.is(steps[0]?.learningRate, 0)
  t.true(steps.every(({ loss }) => Number.isFinite(loss)))
  t.deepEqual(
    probes.map(({ step, dim, image, gradText }) => [step, dim, image.length, gradText.length]),
    [
      [0, 6, 12, 24],
      [3, 6, 12, 24],
    ],
  )
  t.deepEqual(readNpy(join(folder, 'probes', 'step_000003', 'grad_text.npy')).shape, [4, 6])
  t.deepEqual(
    readNpy(join(folder, 'probes', 'step_000003', 'batch_image.npy')).values,
    Float64Array.from(probes[1]?.batchImage ?? []),
  )
  t.like(encoder.report, { pairs: 8, steps: 6, dim: 6 })
  t.is(encoder.report?.heldOut.test?.rows, 2)

  const again = await DualEncoder.load(join(folder, 'out'))
  t.is(again.dim, 6)
  t.deepEqual(await again.embedTexts(['colour 1']), await encoder.embedTexts(['colour 1']))
  const image = await again.embedImages([join(folder, '1.png')])
  t.true(Math.abs(Math.hypot(...image) - 1) < 1e-6)
})

test('an interrupted training continues to the same bits', async t => {
  const folder = folderOf(t)
  const data = colours(folder)
  // enough steps that none of the machines we know is done before the signal arrives
  const long = { ...small, steps: 600, data }
  const whole = await DualEncoder.train({ ...long, out: join(folder, 'whole') })
  const out = join(folder, 'parts')
  const controller = new AbortController()
  const onStep = ({ step }: TrainStep) => step === 2 && controller.abort('enough')
  const error = await t.throwsAsync(DualEncoder.train({ ...long, out }, { signal: controller.signal, onStep }))
  t.like(error, { code: 'CANCELLED', cause: 'enough' })
  t.true(existsSync(join(out, 'checkpoint.safetensors')))
  const resumed = await DualEncoder.train({ ...long, out, resume: true })
  t.deepEqual(await resumed.embedTexts(['colour 3']), await whole.embedTexts(['colour 3']))
})

test('what a callback throws stops the training, which rejects with it', async t => {
  const folder = folderOf(t)
  const thrown = new Error('mine')
  const onStep = () => {
    throw thrown
  }
  const running = DualEncoder.train({ ...small, steps: 10_000, data: colours(folder), out: folder }, { onStep })
  t.is(await t.throwsAsync(running), thrown)
})

test('errors name the file, the record, the option', async t => {
  const folder = folderOf(t)
  const out = join(folder, 'out')
  const data = colours(folder)
  writeFileSync(join(folder, '2.png'), 'no picture')
  const image = await t.throwsAsync(DualEncoder.train({ ...small, data, out }))
  t.like(image, { code: 'BAD_IMAGE', file: join(folder, '2.png') })
  writeFileSync(data, '{"image":"1.png","caption":"a"}\n{"image":"1.png"}\n')
  t.like(await t.throwsAsync(DualEncoder.train({ ...small, data, out })), { code: 'BAD_FORMAT', file: data, row: 1 })
  const option = await t.throwsAsync(DualEncoder.train({ ...small, data, out, speed: 3 } as never))
  t.like(option, { code: 'BAD_OPTION' })
  t.regex(option.message, /speed/)
  t.like(await t.throwsAsync(DualEncoder.load(join(folder, 'nowhere'))), { code: 'NOT_FOUND' })
})

test('a transformers folder embeds texts and images in the clip-retrieval layout, and resumes', async t => {
  const folder = folderOf(t)
  const data = colours(folder)
  const clip = join(import.meta.dirname, '..', 'crates', 'encoder', 'tests', 'fixtures', 'clip')
  const out = join(folder, 'rows')
  const report = await embedPairs({ encoder: clip, data, out, shardRows: 6 })
  t.like(report, { rows: 10, dim: 6, kept: 0 })
  t.deepEqual(readNpy(join(out, 'img_emb', 'img_emb_1.npy')).shape, [4, 6])
  t.deepEqual(readNpy(join(out, 'text_emb', 'text_emb_0.npy')).shape, [6, 6])
  const lines = readFileSync(join(out, 'metadata', 'metadata_1.jsonl'), 'utf8')
    .trim()
    .split('\n')
  t.like(JSON.parse(lines[0] as string), { caption: 'colour 6', split: 'train' })
  t.is((await embedPairs({ encoder: clip, data, out, shardRows: 6, resume: true })).kept, 2)
  t.is((await embedPairs({ encoder: clip, data, out, shardRows: 5, resume: true })).kept, 0)
})

test('the command line trains from a configuration and embeds', async t => {
  const folder = folderOf(t)
  const data = colours(folder)
  const out = join(folder, 'out')
  const config = join(folder, 'config.json')
  const { threads: _, ...options } = small
  writeFileSync(config, JSON.stringify({ ...options, data: [data] }))
  const trained = await modalityGap(['encoder', 'train', config, '--out', out, '--steps', '3', '--json'])
  t.is(trained.code, 0, trained.stderr)
  t.like(JSON.parse(trained.stdout), { steps: 3, pairs: 8 })
  t.is(readFileSync(join(out, 'log.jsonl'), 'utf8').trim().split('\n').length, 3)
  const rows = join(folder, 'rows')
  const embedded = await modalityGap([
    'encoder',
    'embed',
    '--encoder',
    out,
    '--data',
    data,
    '--out',
    rows,
    '--splits',
    'test',
  ])
  t.is(embedded.code, 0, embedded.stderr)
  t.regex(embedded.stdout, /2 pairs in 6 dimensions/)
  const wrong = await modalityGap(['encoder', 'train', '--out', out])
  t.is(wrong.code, 2)
})

test('what a listener of a training throws ends it and reaches the caller', async t => {
  const folder = folderOf(t)
  const data = colours(folder)
  for (const [name, listener] of [
    ['onStep', { onStep: () => fail('of a step') }],
    ['onProbe', { onProbe: () => fail('of a probe') }],
  ] as const) {
    const training = DualEncoder.train({ ...small, data, out: join(folder, name), probeEvery: 3 }, listener)
    t.regex((await t.throwsAsync(training))?.message ?? '', name === 'onStep' ? /of a step/ : /of a probe/)
  }
})

test('of two jobs on one folder one is refused, and the output is that of the other', async t => {
  const folder = folderOf(t)
  const data = colours(folder)
  const out = join(folder, 'out')
  const trainings = await Promise.allSettled([1, 2].map(seed => DualEncoder.train({ ...small, seed, data, out })))
  const rows = join(folder, 'rows')
  const embeddings = await Promise.allSettled([1, 2].map(() => embedPairs({ encoder: out, data, out: rows })))
  for (const [ended, place] of [
    [trainings, out],
    [embeddings, rows],
  ] as const) {
    const refused = ended.flatMap(each => (each.status === 'rejected' ? [each.reason] : []))
    t.is(refused.length, 1)
    t.like(refused[0], { code: 'BAD_OPTION' })
    t.regex(refused[0].message, /another job writes there|exists already/)
    t.false(existsSync(join(place, '.lock')) || existsSync(join(place, '_run', 'lock')))
  }
})

function fail(reason: string): never {
  throw new Error(reason)
}
