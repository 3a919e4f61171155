import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { Aligner } from '../src/align.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import { ARMS } from '../src/revision/arms.ts'
import { BestSoFar } from '../src/revision/best-so-far.ts'
import { comparisonOf } from '../src/revision/compare-report.ts'
import { idsIn } from '../src/revision/data/id-files.ts'
import type { JoinedSample } from '../src/revision/data/training-set.ts'
import { heldOutLoss } from '../src/revision/held-out.ts'
import { VisionModel } from '../src/revision/model.ts'
import type { ModelSample, StepReport } from '../src/revision/model-options.ts'
import { openModelRows } from '../src/revision/rows.ts'
import { ReVision, type ReVisionReport } from '../src/revision/run.ts'
import type { TrainerOptions } from '../src/revision/trainer-options.ts'
import type { TrainerState } from '../src/revision/trainer-state.ts'
import { lineOf } from '../src/revision/training-log.ts'
import { DIM, jsonLines, linesOf, losses, material, sideRows, TINY, tinyConfig } from './helpers/revision.ts'

const pretrain = async (config: object) => await (await ReVision.open(config)).pretrain()

/** A list of samples, each with its place for an id. */
function listOf(count: number) {
  return { length: count, at: async (place: number) => ({ id: `${place}` }) as JoinedSample }
}

test('the held-out loss is that of all samples of all lists, however many are computed at a time', async t => {
  const calls: number[] = []
  // sample i has i + 1 labels of loss 1/(i + 1) each and is right in every third
  const model = {
    evaluate: async ({ samples }: { samples: ModelSample[] }) => {
      calls.push(samples.length)
      const places = samples.map(({ id }) => Number(id))
      return {
        losses: places.map(() => 1),
        labels: places.map(i => i + 1),
        right: places.filter(i => i % 3 === 0).length,
      }
    },
  } as unknown as VisionModel
  const toSample = ({ id }: JoinedSample) => ({ id, turns: [], rows: [] })
  for (const counts of [[70], [64], [130, 3], [1]]) {
    const lists = counts.map(count => ({ list: listOf(count), toSample }))
    const total = counts.reduce((sum, count) => sum + count, 0)
    const labels = counts.reduce((sum, n) => sum + (n * (n + 1)) / 2, 0)
    const right = counts.reduce((sum, n) => sum + Math.ceil(n / 3), 0)
    const found = await heldOutLoss({ model }, lists)
    t.is(found.eval_samples, total)
    t.is(found.eval_loss, total / labels)
    t.is(found.eval_perplexity, Math.exp(total / labels))
    t.is(found.eval_accuracy, right / labels)
  }
  t.true(Math.max(...calls) <= 64)
})

test('a line of the log weighs updates by their labels, and has the last one’s norm and rate', t => {
  const update = (labels: number, loss: number, accuracy: number, gradNorm: number) =>
    ({ labels, loss, accuracy, gradNorm, learningRate: gradNorm / 10 }) as StepReport
  const line = lineOf([update(1, 4, 1, 5), update(3, 2, 0, 7)])
  t.deepEqual(line, { loss: (4 + 3 * 2) / 4, accuracy: 1 / 4, grad_norm: 7, learning_rate: 0.7, labels: 4 })
})

test('the loss of a training is the mean over all of its labels', async t => {
  const folder = material(t, { texts: 10 })
  const captions = Array.from({ length: 10 }, (_, i) => ({ id: `t${i}`, caption: 'x'.repeat(1 + 3 * (i % 4)) }))
  jsonLines(join(folder, 'captions.jsonl'), captions)
  const stage1 = { batchSize: 1, steps: null, epochs: 1 }
  const one = await pretrain(tinyConfig(folder, { stage1 }))
  const updates = linesOf(join(folder, 'out', 'stage1', 'log.jsonl')).filter(({ loss }) => loss !== undefined)
  t.is(updates.length, 10)
  const weighted = updates.reduce((sum, each) => sum + (each.loss as number) * (each.labels as number), 0)
  const labels = updates.reduce((sum, each) => sum + (each.labels as number), 0)
  t.is(one.labels, labels)
  t.true(Math.abs(one.loss - weighted / labels) < 1e-12)
  const plain = updates.reduce((sum, each) => sum + (each.loss as number), 0) / 10
  t.true(Math.abs(plain - one.loss) > 1e-3, 'answers of different length tell both means apart')
  // one line for five updates
  const output = join(folder, 'five')
  await pretrain(tinyConfig(folder, { stage1, logging: { every: 5 }, output }))
  const [first] = losses(output, 'stage1')
  const early = updates.slice(0, 5)
  const sum = (key: (each: Record<string, unknown>) => number) => early.reduce((total, each) => total + key(each), 0)
  const expected = sum(each => (each.loss as number) * (each.labels as number)) / sum(each => each.labels as number)
  t.true(Math.abs((first as number) - expected) < 1e-12)
})

test('the prompt of a stage takes the place of the run’s', async t => {
  const folder = material(t)
  const trained = async (output: string, prompt: string, own?: string) => {
    const stage1 = { template: 'chatml', steps: 3, ...(own === undefined ? {} : { prompt: own }) }
    await pretrain(tinyConfig(folder, { prompt, stage1, stage2: false, output: join(folder, output) }))
    return losses(join(folder, output), 'stage1')
  }
  const root = await trained('root', '<image>\nwhat is it')
  t.deepEqual(await trained('own', '<image>', '<image>\nwhat is it'), root)
  t.notDeepEqual(await trained('other', '<image>'), root)
})

test('rows are handed over by the ids of the records, in any order, and without those that are missing', async t => {
  const folder = material(t)
  // rows t0 … t23 stand in their order; records name some of them backwards, and two that are not there
  const places = [21, 3, 16, 0, 9, 14, 2, 23]
  const records = places.map(i => ({ id: `t${i}`, caption: `caption ${i}` }))
  records.splice(2, 0, { id: 'gone', caption: 'nothing' })
  records.push({ id: 'away', caption: 'nothing' })
  jsonLines(join(folder, 'captions.jsonl'), records)
  const changes = { stage1: { missing: 'skip', steps: 2 }, stage2: false }
  const revision = await ReVision.open(
    tinyConfig(folder, { ...changes, projector: { numVisualTokens: 2, distinctTokens: false } }),
  )
  await revision.run()
  const out = join(folder, 'handed')
  await revision.export(out, { kind: 'llava', rows: true })
  const texts = join(out, 'stage1_embeddings', 'text_embeds_0.pkl')
  const ids: string[] = []
  for await (const id of idsIn(texts)) ids.push(id)
  const captions: string[] = []
  for await (const caption of idsIn(texts, 'caption')) captions.push(caption)
  t.deepEqual(
    ids,
    places.map(i => `t${i}`),
  )
  t.deepEqual(
    captions,
    places.map(i => `caption ${i}`),
  )
  const aligner = await Aligner.load(join(folder, 'out', 'aligner.safetensors'))
  const moved = aligner.transform(sideRows(24, 'text'))
  const stored = await openModelRows(await openEmbeddings(texts, { normalize: false }), { cache: folder })
  const values = await stored.pick(places.map((_, i) => i))
  t.deepEqual(
    [...values],
    places.flatMap(i => [...moved.subarray(i * DIM, (i + 1) * DIM)]),
  )
})

test('a gain of exactly minDelta is none, and more is one', t => {
  const state = { best_metric: null, best_model_checkpoint: null, log_history: [] } as unknown as TrainerState
  const earlyStop = { patience: 2, minDelta: 0.25 }
  const options = { output: 'out', bestMetric: 'eval_loss', greaterIsBetter: false, earlyStop } as TrainerOptions
  const best = new BestSoFar(state, options)
  const judged = (step: number, eval_loss: number) => best.judge({ step, epoch: 1, eval_loss } as never)
  t.true(judged(1, 2))
  t.false(judged(2, 1.75))
  t.false(best.stalled)
  t.true(judged(3, 1.5))
  t.false(judged(4, 1.5))
  t.false(judged(5, 1.25))
  t.true(best.stalled)
  t.is(state.best_metric, 1.5)
})

test('a resumed training counts the evaluations since its best one', t => {
  const log_history = [2, 1, 1.5].map((eval_loss, i) => ({ step: i + 1, epoch: 1, eval_loss }))
  const state = { best_metric: 1, best_model_checkpoint: 'out/checkpoint-2', log_history } as unknown as TrainerState
  const options = { output: 'out', bestMetric: 'eval_loss', greaterIsBetter: false, earlyStop: { patience: 2 } }
  const best = new BestSoFar(state, options as TrainerOptions)
  t.false(best.stalled, 'one since then')
  t.false(best.judge({ step: 4, epoch: 1, eval_loss: 1.25 } as never))
  t.true(best.stalled)
})

test('answers of a later step go when a run resumes from an earlier checkpoint', async t => {
  const folder = material(t)
  const changes = { stage1: { evalEvery: 2, saveEvery: 2, valSize: 4 }, stage2: false }
  const [whole, parts] = [join(folder, 'whole'), join(folder, 'parts')]
  await pretrain(tinyConfig(folder, { ...changes, output: whole }))
  const config = tinyConfig(folder, { ...changes, output: parts })
  await pretrain(config)
  rmSync(join(parts, 'stage1', 'mm_projector.safetensors'))
  await pretrain({ ...config, resume: join(parts, 'stage1', 'checkpoint-4') })
  for (const file of ['samples.jsonl', 'log.jsonl']) {
    const lines = (output: string) =>
      linesOf(join(output, 'stage1', file)).filter(line => line.train_runtime === undefined)
    t.deepEqual(lines(parts), lines(whole), file)
  }
  const steps = linesOf(join(whole, 'stage1', 'samples.jsonl')).map(({ step }) => step)
  t.deepEqual([...new Set(steps)], [2, 4, 6, 8])
})

test('after a defect of an update nothing of it is saved', async t => {
  const folder = material(t)
  const stage1 = { learningRate: 1e30, maxGradNorm: 0, saveEvery: 100, steps: 4 }
  const error = await t.throwsAsync(pretrain(tinyConfig(folder, { stage1 })))
  t.like(error, { code: 'NUMERIC' })
  const [, step] = /step (\d)/.exec(error.message) ?? []
  t.true(Number(step) > 1, 'updates were made before it')
  const left = readdirSync(join(folder, 'out', 'stage1')).filter(name => name.startsWith('checkpoint'))
  t.deepEqual(left, [])
})

/** A run with one file of records. */
function run(loss: number, shuffledLoss: number): ReVisionReport {
  const record = { name: 'held.jsonl', count: 8, loss, perplexity: Math.exp(loss), accuracy: 0.5, shuffledLoss }
  return { evaluation: { records: [record], benchmarks: [], groups: [] } }
}

test('the image gain is the loss with another’s image less the own one, and more is better', t => {
  const runs = {
    none: { 1: run(2, 2.25), 2: run(2, 2.5), 3: run(2, 2.375) },
    realign: { 1: run(2, 3.25), 2: run(2, 3.5), 3: run(2, 3.5) },
  }
  const config = { arms: ['none', 'realign'], seeds: [1, 2, 3], reference: 'none' }
  const { metrics, gains } = comparisonOf(config as never, runs)
  const gain = metrics.find(({ metric }) => metric === 'held.jsonl image gain')
  t.true(gain?.greaterIsBetter)
  t.is(gain?.arms.none?.mean, 0.375)
  t.is(gain?.differences.realign?.mean, (1 + 1 + 1.125) / 3)
  t.is(gain?.differences.realign?.better, 'this')
  const loss = metrics.find(({ metric }) => metric === 'held.jsonl loss')
  t.false(loss?.greaterIsBetter)
  const [records] = gains
  t.deepEqual(records?.better, ['held.jsonl image gain'])
})

test('arms are the published strategies with their options', t => {
  const aligner = (name: string) => (ARMS[name] as { embeddings: { aligner: unknown } }).embeddings.aligner
  t.deepEqual(aligner('realign'), { method: 'realign' })
  t.deepEqual(aligner('realign-iterated'), { method: 'realign', centroidIterations: 10 })
  t.deepEqual(aligner('anchor'), { method: 'realign', steps: ['anchor'] })
  t.deepEqual(aligner('anchor+trace'), { method: 'realign', steps: ['anchor', 'trace'] })
  t.is(aligner('none'), null)
  t.true(ARMS.blind?.blind)
  t.false(ARMS['no-stage1']?.stage1)
})

test('stage 2 begins with the projector that stage 1 left', async t => {
  const folder = material(t)
  const frozen = { mode: 'lora', projectorLearningRate: 1e-30, steps: 1 }
  const revision = await ReVision.open(tinyConfig(folder, { stage2: frozen }))
  await revision.pretrain()
  await revision.finetune()
  const written = (stage: string) => readFileSync(join(folder, 'out', stage, 'mm_projector.safetensors'))
  // at such a rate the weights of stage 1 keep every bit
  t.deepEqual(written('stage2').subarray(-64), written('stage1').subarray(-64))
})

test('sizes that no model has are refused before memory is asked for', async t => {
  const open = (options: object) => VisionModel.open({ path: TINY, dim: DIM, template: 'chatml', ...options })
  const adapters = (rank: number) => ({ learn: { steps: 1, mode: 'lora' as const, lora: { rank } } })
  for (const size of [65_537, 1e12, Number.MAX_SAFE_INTEGER]) {
    for (const options of [{ dim: size }, { projector: { numVisualTokens: size } }, adapters(size)]) {
      await t.throwsAsync(open(options), { code: 'BAD_OPTION', message: /a whole number from 1 to 65,?536/ })
    }
  }
})
