import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import type { Override } from '../src/revision/config/overlay.ts'
import { ReVision } from '../src/revision/run.ts'
import { writeNpy } from './helpers/npy.ts'
import { jsonLines, linesOf, losses, material, tinyConfig } from './helpers/revision.ts'

const run = async (config: object) => await (await ReVision.open(config)).run()

test('a run of both stages ends with what it found, in result.json', async t => {
  const folder = material(t)
  const report = await run(tinyConfig(folder))
  t.deepEqual(JSON.parse(readFileSync(join(folder, 'out', 'result.json'), 'utf8')), report)
  t.like(report, { stage1: { steps: 8, ended: 'steps' }, stage2: { steps: 6, ended: 'steps' } })
  t.like(report.evaluation.records, [{ name: 'held.jsonl', count: 8, open: { count: 4 } }])
  t.like(report.gap, { rows: { image: 24, text: 24 } })
  for (const stage of ['stage1', 'stage2'] as const) {
    const all = losses(join(folder, 'out'), stage)
    t.is(all.length, stage === 'stage1' ? 8 : 6)
    t.true(all.every(Number.isFinite))
  }
  const [first, ...more] = losses(join(folder, 'out'), 'stage1') as [number, ...number[]]
  t.true((more.at(-1) as number) < first)
  t.is(linesOf(join(folder, 'out', 'stage2', 'log.jsonl')).at(-1)?.train_loss, report.stage2?.loss)
})

test('the gap is smaller after the aligner, and what the projector makes of it is reported as well', async t => {
  const { gap } = await run(tinyConfig(material(t), { stage2: false }))
  t.true(gap !== undefined && gap.raw.centroid > gap.raw.floor)
  t.true((gap?.aligned?.centroid as number) < (gap?.raw.floor as number))
  t.true(Number.isFinite(gap?.projected.centroid))
})

test('rows that only the aligner and the gap need may be without ids', async t => {
  const { gap } = await run(tinyConfig(material(t), { embeddings: { textIds: null }, stage1: false }))
  t.is(gap?.rows.text, 24)
})

test('stages run one by one give the bits of a whole run', async t => {
  const folder = material(t)
  const whole = await run(tinyConfig(folder))
  const apart = tinyConfig(folder, { output: join(folder, 'apart') })
  await (await ReVision.open(apart)).pretrain()
  await (await ReVision.open(apart)).finetune()
  const { evaluation, gap } = await (await ReVision.open(apart)).evaluate()
  t.deepEqual(evaluation, whole.evaluation)
  t.deepEqual(gap, whole.gap)
  t.deepEqual(losses(join(folder, 'apart'), 'stage2'), losses(join(folder, 'out'), 'stage2'))
})

test('stage 2 without a finished stage 1 names what is missing', async t => {
  const folder = material(t)
  const revision = await ReVision.open(tinyConfig(folder))
  const missing = join(folder, 'out', 'stage1', 'mm_projector.safetensors')
  t.like(await t.throwsAsync(revision.finetune()), { code: 'NOT_FOUND', file: missing })
  t.like(await t.throwsAsync(revision.evaluate()), { code: 'NOT_FOUND' })
})

test('an output that holds a training is not trained into again, unless it is resumed', async t => {
  const folder = material(t)
  const config = tinyConfig(folder, { stage2: false })
  const first = await run(config)
  const error = await t.throwsAsync(run(config))
  t.like(error, { code: 'BAD_OPTION', file: join(folder, 'out', 'stage1') })
  t.regex(error.message, /--resume/)
  const again = await run({ ...config, resume: true })
  t.deepEqual(again.stage1, first.stage1)
  t.deepEqual(again.evaluation, first.evaluation)
})

test('a training is resumed with its own options only; those that differ are named', async t => {
  const folder = material(t)
  await run(tinyConfig(folder, { stage2: false }))
  const other = tinyConfig(folder, {
    stage2: false,
    resume: true,
    stage1: { data: join(folder, 'held.jsonl'), key: 'image', rows: 'image', saveEvery: 2 },
  })
  const error = await t.throwsAsync(run(other))
  t.is((error as { code?: string }).code, 'BAD_OPTION')
  t.regex(error.message, /with another (data|rows|key), another (data|rows|key), another (data|rows|key);/)
})

test('a trained model is asked without the rows of its training', async t => {
  const folder = material(t)
  const revision = await ReVision.open(tinyConfig(folder, { embeddings: { aligner: { method: 'centering' } } }))
  await revision.run()
  const rows = new Float32Array([1, 0, 0, 0, 0.4, 0.4])
  const before = await revision.generate({ prompt: 'what', rows })
  for (const name of ['text.npy', 'image.npy', 'captions.jsonl', 'questions.jsonl']) {
    rmSync(join(folder, name))
  }
  const again = await ReVision.open(join(folder, 'out'))
  t.deepEqual(await again.generate({ prompt: 'what', rows }), before)
})

test('an aligner is fitted once for its options and rows, and anew when they change', async t => {
  const folder = material(t)
  const config = tinyConfig(folder, { stage1: { steps: 1 }, stage2: false, output: join(folder, 'one') })
  await run(config)
  const aligner = () => readFileSync(join(folder, 'one', 'aligner.safetensors'))
  const first = aligner()
  rmSync(join(folder, 'one', 'stage1'), { recursive: true })
  await run(tinyConfig(folder, { ...config, embeddings: { aligner: { method: 'mean-shift', steps: null } } }))
  t.notDeepEqual(aligner(), first)
})

test('a blind model is shown no image, and there is no gap to tell', async t => {
  const folder = material(t)
  const blind = { blind: true, stage1: false, embeddings: { aligner: null } }
  const { evaluation, gap, stage2 } = await run(tinyConfig(folder, blind))
  t.is(gap, undefined)
  t.false('shuffledLoss' in (evaluation.records[0] ?? {}))
  const seeing = await run(tinyConfig(folder, { ...blind, blind: false, output: join(folder, 'seeing') }))
  // two soft tokens and a line break in each of the samples
  t.is((seeing.stage2?.positions as number) - (stage2?.positions as number), 3 * 6 * 4)
})

test('without stages an untrained projector is evaluated', async t => {
  const folder = material(t)
  const { evaluation, stage1 } = await run(tinyConfig(folder, { stage1: false, stage2: false }))
  t.is(stage1, undefined)
  t.is(evaluation.records[0]?.count, 8)
  t.true(existsSync(join(folder, 'out', 'config.json')))
})

test('a configuration of an output folder is the one that it was made with', async t => {
  const folder = material(t)
  const config = tinyConfig(folder, { stage2: false, seed: 9 })
  const made = await ReVision.open(config)
  await made.run()
  const { config: kept } = await ReVision.open(join(folder, 'out'))
  t.deepEqual(kept, made.config)
  t.is((await ReVision.open(join(folder, 'out'), { evaluation: { max_samples: 2 } })).config.evaluation.maxSamples, 2)
})

test('what a later part needs is missed before anything is trained', async t => {
  const folder = material(t)
  const missed = async (changes: object, expected: object) => {
    const error = await t.throwsAsync(run(tinyConfig(folder, changes as Override)))
    t.like(error, expected)
    t.false(existsSync(join(folder, 'out')), JSON.stringify(changes))
  }
  await missed({ stage2: { data: 'none.json' } }, { code: 'NOT_FOUND', file: 'none.json' })
  await missed({ projector: { init: 'none.bin' } }, { code: 'NOT_FOUND', file: 'none.bin' })
  const bad = jsonLines(join(folder, 'bad.jsonl'), [{ id: 'a', image: 'i0', conversations: [] }])
  await missed({ stage2: { data: bad } }, { code: 'BAD_SAMPLE', file: bad })
  await missed({ evaluation: { data: bad } }, { code: 'BAD_SAMPLE', file: bad })
  const wide = writeNpy(join(folder, 'wide.npy'), new Float32Array(24 * 7).fill(1), [24, 7])
  await missed({ embeddings: { text: wide } }, { code: 'WIDTH_MISMATCH', file: wide })
})

test('a configuration without stages does not pass a new projector off as one that has learned', async t => {
  const folder = material(t)
  const config = tinyConfig(folder, { stage2: false })
  t.is((await ReVision.open(config)).warning, undefined)
  const bare = await ReVision.open({ ...config, stage1: false })
  t.regex(bare.warning ?? '', /the projector is new and has learned nothing/)
  t.is((await bare.evaluate()).evaluation.records.length, 1)
  await (await ReVision.open(config)).pretrain()
  const forgotten = await ReVision.open({ ...config, stage1: false })
  await t.throwsAsync(forgotten.evaluate(), { code: 'BAD_OPTION', message: /finished stage1/ })
})

test('two trainings do not share a folder', async t => {
  const folder = material(t)
  const config = tinyConfig(folder, { stage2: false })
  const both = await Promise.allSettled([run(config), run(config)])
  t.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  const refused = both.find(({ status }) => status === 'rejected') as PromiseRejectedResult
  t.is(refused.reason.code, 'BAD_OPTION')
  t.regex(refused.reason.message, /in use by process/)
  const lock = join(folder, 'out', 'stage1', '.lock')
  t.false(existsSync(lock))
  // a process of another machine may be alive; one of this one that is gone is not
  const { pid } = spawnSync(process.execPath, ['--version'])
  writeFileSync(lock, JSON.stringify({ pid, host: 'elsewhere' }))
  const resumed = { ...config, resume: true }
  await t.throwsAsync(run(resumed), { code: 'BAD_OPTION', message: /elsewhere.*remove/ })
  writeFileSync(lock, JSON.stringify({ pid, host: hostname() }))
  t.is((await run(resumed)).stage1?.steps, 8)
})
