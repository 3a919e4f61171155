import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import type { ModalityGapError } from '../src/errors.ts'
import { ReVision, type ReVisionRunOptions } from '../src/revision/run.ts'
import { type TrainerCallbacks, type TrainingProgress, totalSteps } from '../src/revision/trainer-options.ts'
import { writeNpy } from './helpers/npy.ts'
import { DIM, jsonLines, linesOf, losses, material, sideRows, tinyConfig, wordOf } from './helpers/revision.ts'

const pretrain = async (config: object, options: ReVisionRunOptions = {}) =>
  await (await ReVision.open(config)).pretrain(options)

const listen = (stage1: TrainerCallbacks) => ({ callbacks: { stage1 } })

test('passes are updates, and more of them than can be counted are refused', t => {
  t.is(totalSteps(10, { batchSize: 4, epochs: 2 }), 6)
  t.is(totalSteps(10, { batchSize: 4, epochs: 2, steps: 5 }), 5)
  // .07 · 100 is 7.000000000000001 in f64
  t.is(totalSteps(100, { batchSize: 1, epochs: 0.07 }), 7)
  t.is(totalSteps(100, { batchSize: 1, epochs: 0.071 }), 8)
  t.throws(() => totalSteps(10, { batchSize: 4, epochs: 1e308 }), { code: 'BAD_OPTION', message: /epochs is 1e\+308/ })
})

test('one seed gives one training, another seed another', async t => {
  const folder = material(t)
  const trained = async (name: string, seed: number) => {
    const output = join(folder, name)
    await pretrain(tinyConfig(folder, { output, seed }))
    return readFileSync(join(output, 'stage1', 'checkpoint-8', 'training_state.safetensors'))
  }
  const first = await trained('a', 1)
  t.deepEqual(await trained('b', 1), first)
  t.notDeepEqual(await trained('c', 2), first)
})

test('every epoch shows every record once, in an order of its own', async t => {
  const folder = material(t, { texts: 10 })
  // each record has another length, so that labels tell which records an update saw
  const captions = Array.from({ length: 10 }, (_, i) => ({ id: `t${i}`, caption: 'x'.repeat(i + 1) }))
  jsonLines(join(folder, 'captions.jsonl'), captions)
  const seen: number[] = []
  const config = tinyConfig(folder, { stage1: { batchSize: 1, steps: null, epochs: 2 } })
  await pretrain(config, listen({ onStepEnd: ({ labels }) => void seen.push(labels) }))
  t.is(seen.length, 20)
  const sorted = (labels: number[]) => [...labels].sort((a, b) => a - b)
  t.deepEqual(sorted(seen.slice(0, 10)), sorted(seen.slice(10)))
  t.notDeepEqual(seen.slice(0, 10), seen.slice(10))
})

test('parts of a batch give the update of the whole batch', async t => {
  const folder = material(t)
  const config = (output: string, microBatch: number | null) =>
    tinyConfig(folder, { stage1: { microBatch, steps: 4 }, output: join(folder, output) })
  await pretrain(config('whole', null))
  await pretrain(config('parts', 1))
  const [whole, parts] = [losses(join(folder, 'whole'), 'stage1'), losses(join(folder, 'parts'), 'stage1')]
  for (const [i, loss] of whole.entries()) {
    // sums in f32 in another order: some 1e-7 for each of three updates that go by the signs of gradients
    t.true(Math.abs(loss - (parts[i] as number)) < 2e-5 * loss, `${loss} ${parts[i]}`)
  }
})

test('listeners hear of everything, in order, and of how much is left', async t => {
  const folder = material(t)
  const heard: string[] = []
  const progress: TrainingProgress[] = []
  const config = tinyConfig(folder, {
    stage1: { steps: 4, valSize: 4, evalEvery: 2, saveEvery: 4 },
    logging: { every: 2 },
  })
  await pretrain(
    config,
    listen({
      onTrainBegin: ({ global_step }) => void heard.push(`begin ${global_step}`),
      onStepEnd: ({ step }, where) => {
        heard.push(`step ${step}`)
        progress.push(where)
      },
      onLog: record => void heard.push('loss' in record ? 'log' : 'eval_loss' in record ? 'log of evaluation' : 'end'),
      onEvaluate: ({ step }) => void heard.push(`evaluation ${step}`),
      onSave: path => void heard.push(path.slice(path.lastIndexOf('checkpoint'))),
      onTrainEnd: ({ global_step }) => void heard.push(`end ${global_step}`),
    }),
  )
  const save = (step: number) => heard.filter(each => each === `checkpoint-${step}`).length
  // a better evaluation is kept as well, so that step 2 may have one
  t.deepEqual(
    heard.filter(each => each !== 'checkpoint-2'),
    [
      ...['begin 0', 'step 1', 'step 2', 'log', 'log of evaluation', 'evaluation 2'],
      ...['step 3', 'step 4', 'log', 'log of evaluation', 'evaluation 4', 'checkpoint-4', 'end', 'end 4'],
    ],
  )
  t.is(save(4), 1)
  t.deepEqual(
    progress.map(({ step, steps }) => [step, steps]),
    [1, 2, 3, 4].map(step => [step, 4]),
  )
  t.true(
    progress.every(
      ({ seconds, secondsLeft, positionsPerSecond }) => seconds > 0 && secondsLeft >= 0 && positionsPerSecond > 0,
    ),
  )
  t.is(progress.at(-1)?.secondsLeft, 0)
})

test('a listener may stop, save and evaluate; what it throws stops the training', async t => {
  const folder = material(t)
  const evaluated: number[] = []
  const config = tinyConfig(folder, { stage1: { valSize: 4 } })
  const report = await pretrain(
    config,
    listen({
      onStepEnd: ({ step }, _, control) => {
        control.shouldEvaluate = step === 2
        control.shouldSave = step === 3
        control.shouldStop = step === 5
      },
      onEvaluate: ({ step }) => void evaluated.push(step),
    }),
  )
  t.like(report, { steps: 5, ended: 'callback' })
  t.deepEqual(evaluated, [2])
  const checkpoints = readdirSync(join(folder, 'out', 'stage1')).filter(name => name.startsWith('checkpoint'))
  t.deepEqual(checkpoints.sort(), ['checkpoint-2', 'checkpoint-3', 'checkpoint-5'])
  const thrown = new Error('mine')
  const broken = pretrain(
    tinyConfig(folder, { output: join(folder, 'broken') }),
    listen({
      onLog: () => {
        throw thrown
      },
    }),
  )
  t.is(await t.throwsAsync(broken), thrown)
})

test('training stops when evaluations are no better for as long as asked, and keeps the best checkpoint', async t => {
  const folder = material(t)
  const config = tinyConfig(folder, {
    // a rate that throws the model about
    stage1: { steps: 60, valSize: 6, evalEvery: 1, saveTotalLimit: 1, learningRate: 0.5 },
    earlyStop: { patience: 3, minDelta: 0.01 },
  })
  const report = await pretrain(config)
  t.is(report.ended, 'early-stop')
  const lines = linesOf(join(folder, 'out', 'stage1', 'log.jsonl'))
  const found = lines.flatMap(({ eval_loss }) => (typeof eval_loss === 'number' ? [eval_loss] : []))
  const best = report.best?.metric as number
  t.is(report.steps, found.length)
  t.is(found.indexOf(best), found.length - 4)
  t.true(found.every(value => value > best - 0.01))
  const kept = readdirSync(join(folder, 'out', 'stage1')).filter(name => name.startsWith('checkpoint'))
  t.deepEqual(kept.sort(), [`checkpoint-${found.indexOf(best) + 1}`, `checkpoint-${report.steps}`].sort())
  const again = await pretrain({ ...config, resume: true })
  t.like(again, { steps: report.steps, ended: 'early-stop', best: report.best })
})

test('a stage ends with its last model, or with its best where that is asked for', async t => {
  const folder = material(t)
  const stage1 = { valSize: 6, evalEvery: 1 }
  const written = (output: string) => readFileSync(join(folder, output, 'stage1', 'mm_projector.safetensors'))
  for (const loadBest of [false, true]) {
    const output = `best-${loadBest}`
    // the largest loss, which is that of an early evaluation, stands for the best value
    const how = { stage1, loadBest, greaterIsBetter: true, output: join(folder, output) }
    const { best, checkpoint } = await pretrain(tinyConfig(folder, how))
    t.not(best?.folder, checkpoint)
    const from = loadBest ? (best?.folder as string) : checkpoint
    t.deepEqual(written(output), readFileSync(join(from, 'mm_projector.safetensors')))
  }
})

test('every evaluation writes answers to held-out records, the same records each time', async t => {
  const folder = material(t)
  const tensorboard = join(folder, 'board')
  const config = tinyConfig(folder, {
    stage1: { steps: 4, valSize: 6, evalEvery: 2 },
    logging: { tensorboard, jsonl: join(folder, 'logs', 'run.jsonl') },
  })
  await pretrain(config)
  const samples = linesOf(join(folder, 'logs', 'run.stage1.samples.jsonl'))
  t.deepEqual(
    samples.map(({ step }) => step),
    [2, 2, 4, 4],
  )
  t.deepEqual(samples[0]?.id, samples[2]?.id)
  for (const { prompt, reference, answer } of samples) {
    t.is(prompt, '<image>')
    t.regex(String(reference), /^(fox|owl|sea|ivy)$/)
    t.is(typeof answer, 'string')
  }
  t.is(linesOf(join(folder, 'logs', 'run.stage1.jsonl')).filter(({ loss }) => loss !== undefined).length, 4)
  const [events] = readdirSync(join(tensorboard, 'stage1'))
  const bytes = readFileSync(join(tensorboard, 'stage1', events ?? ''), 'latin1')
  t.true(['samples', 'eval/loss', 'train/loss', String(samples[0]?.id)].every(text => bytes.includes(text)))
})

test('without records of its own a stage is evaluated on those of the evaluation, where it is to be on its way', async t => {
  const folder = material(t)
  const evaluations = async (output: string, evalEvery: number) => {
    await pretrain(tinyConfig(folder, { stage1: { evalEvery, steps: 4 }, output: join(folder, output) }))
    return linesOf(join(folder, output, 'stage1', 'log.jsonl')).filter(({ eval_samples }) => eval_samples === 8).length
  }
  t.is(await evaluations('on-the-way', 2), 2)
  t.is(await evaluations('never', 0), 0)
})

test('held-out records that a stage cannot show are refused before its first update', async t => {
  const folder = material(t)
  const said = [
    { from: 'human', value: '<image>\nwhat' },
    { from: 'gpt', value: 'fox' },
    { from: 'human', value: 'and' },
    { from: 'gpt', value: 'owl' },
  ]
  const data = jsonLines(join(folder, 'long.jsonl'), [{ id: 'long', image: 'i1', conversations: said }])
  const config = tinyConfig(folder, { evaluation: { data }, stage1: { evalEvery: 2 } })
  let updates = 0
  const running = pretrain(config, listen({ onStepEnd: () => void updates++ }))
  const error = await t.throwsAsync(running)
  t.like(error, { code: 'BAD_SAMPLE' })
  t.regex(error.message, /long.*one caption/)
  t.is(updates, 0)
})

test('a sample that leaves nothing to learn is an error that names it', async t => {
  const folder = material(t)
  const said = [
    { from: 'human', value: `<image>\n${'what '.repeat(20)}` },
    { from: 'gpt', value: 'fox' },
  ]
  jsonLines(join(folder, 'questions.jsonl'), [{ id: 'endless', image: 'i0', conversations: said }])
  const revision = await ReVision.open(tinyConfig(folder, { stage1: false }))
  const error = await t.throwsAsync(revision.finetune())
  t.like(error, { code: 'BAD_SAMPLE', sample: 'endless', file: join(folder, 'questions.jsonl'), row: 0 })
  t.regex(error.message, /endless/)
})

test('a loss that is not finite stops with the step and the samples', async t => {
  const folder = material(t)
  const stage1 = { learningRate: 1e30, maxGradNorm: 0, saveEvery: 1, steps: 4 }
  const error = await t.throwsAsync(pretrain(tinyConfig(folder, { stage1 })))
  t.like(error, { code: 'NUMERIC' })
  t.regex(error.message, /step \d.*t\d+, t\d+/)
  t.false(existsSync(join(folder, 'out', 'stage1', 'mm_projector.safetensors')))
})

test('rows that cannot be used are refused with their file and their numbers, all in one go', async t => {
  const folder = material(t)
  const rows = sideRows(24, 'text')
  rows[5 * DIM + 2] = Number.NaN
  const file = writeNpy(join(folder, 'text.npy'), rows, [24, DIM])
  const refused = async (method: 'realign' | null, output: string) => {
    const aligner = method && { method }
    const config = tinyConfig(folder, { embeddings: { aligner }, output: join(folder, output) })
    return (await t.throwsAsync(pretrain(config))) as ModalityGapError
  }
  for (const method of [null, 'realign'] as const) {
    t.like(await refused(method, `one-${method}`), { code: 'BAD_ROW', file, row: 5 })
  }
  writeNpy(join(folder, 'text.npy'), rows.fill(0, 17 * DIM, 18 * DIM).fill(0, 2 * DIM, 3 * DIM), [24, DIM])
  for (const method of [null, 'realign'] as const) {
    const error = await refused(method, `three-${method}`)
    t.like(error, { code: 'BAD_ROW', file, row: 2 })
    t.regex(
      error.message,
      /^3 rows cannot be used:\n.*row 2: length is zero.*\n.*row 5: component in column 2.*\n.*row 17: length/,
    )
  }
})

test('a record whose row is missing is an error, or left out', async t => {
  const folder = material(t)
  writeFileSync(join(folder, 'captions.jsonl'), '{"id":"t0","caption":"fox"}\n{"id":"none","caption":"owl"}\n')
  const config = tinyConfig(folder, { stage1: { steps: 1, batchSize: 2 } })
  const error = await t.throwsAsync(pretrain(config))
  t.like(error, { code: 'BAD_SAMPLE', file: join(folder, 'captions.jsonl'), row: 1, sample: 'none' })
  const left = tinyConfig(folder, { stage1: { steps: 1, batchSize: 2, missing: 'skip' }, resume: true })
  t.like(await pretrain(left), { labels: 5, skipped: 1, missing: undefined })
  const named = tinyConfig(folder, {
    stage1: { steps: 1, batchSize: 2, missing: 'report' },
    output: join(folder, 'named'),
  })
  t.like(await pretrain(named), { labels: 5, skipped: 1, missing: ['none'] })
})

test('answers that are shown on the way end where the positions of the stage do', async t => {
  const folder = material(t)
  const evaluation = { generate: { maxNewTokens: 128 } }
  const config = tinyConfig(folder, { stage1: { steps: 2, valSize: 4, maxLength: 20 }, evaluation })
  t.is((await pretrain(config)).steps, 2)
  t.is(linesOf(join(folder, 'out', 'stage1', 'samples.jsonl')).length, 2)
})

test('of an accuracy the best is the highest', async t => {
  const folder = material(t)
  const config = tinyConfig(folder, {
    stage1: { valSize: 6, evalEvery: 1, steps: 20 },
    bestMetric: 'eval_accuracy',
  })
  const { best } = await pretrain(config)
  const found = linesOf(join(folder, 'out', 'stage1', 'log.jsonl')).flatMap(({ eval_accuracy }) => eval_accuracy ?? [])
  t.is(best?.metric, Math.max(...(found as number[])))
  t.true(Math.min(...(found as number[])) < (best?.metric ?? 0))
})

test('a seed may be a time of day in milliseconds', async t => {
  const report = await pretrain(tinyConfig(material(t), { stage1: { steps: 1 }, seed: 1_795_655_927_852 }))
  t.is(report.steps, 1)
})

test('a sample that leaves nothing to learn loses no update before it, and is reported with its record', async t => {
  const folder = material(t)
  const long = { id: 'endless', image: 'i0', conversations: [] as object[] }
  long.conversations = [
    { from: 'human', value: `<image>\n${'what '.repeat(20)}` },
    { from: 'gpt', value: 'fox' },
  ]
  const records = [...linesOf(join(folder, 'questions.jsonl')), long]
  const data = jsonLines(join(folder, 'questions.jsonl'), records)
  const stage2 = { batchSize: 1, steps: null, epochs: 1, maxLength: 40 }
  let updates = 0
  const listener = {
    onStepEnd: ({ step }: { step: number }) => {
      updates = step
    },
  }
  const config = (seed: number) =>
    tinyConfig(folder, { stage1: false, stage2, seed, output: join(folder, `out-${seed}`) })
  const error = await t.throwsAsync((await ReVision.open(config(4))).finetune({ callbacks: { stage2: listener } }))
  t.like(error, { code: 'BAD_SAMPLE', file: data, row: 16 })
  t.true(updates > 0)
  t.true(existsSync(join(folder, 'out-4', 'stage2', `checkpoint-${updates}`)))
})

test('rows that are bad may be left out, and then count as missing', async t => {
  const folder = material(t)
  const rows = sideRows(24, 'text')
  rows.fill(0, 5 * DIM, 6 * DIM)
  rows[9 * DIM] = Number.NaN
  writeNpy(join(folder, 'text.npy'), rows, [24, DIM])
  const config = (missing: string, onBadRow: string) =>
    tinyConfig(folder, {
      embeddings: { onBadRow },
      stage1: { missing, steps: 2 },
      stage2: false,
      output: join(folder, `${missing}-${onBadRow}`),
    })
  t.like(await t.throwsAsync(pretrain(config('report', 'error'))), { code: 'BAD_ROW', row: 5 })
  const error = await t.throwsAsync(pretrain(config('error', 'drop')))
  t.like(error, { code: 'BAD_SAMPLE', row: 5 })
  const report = await (await ReVision.open(config('report', 'drop'))).run()
  t.like(report.stage1, { skipped: 2, missing: ['t5', 't9'] })
  t.deepEqual(report.gap?.rows, { image: 24, text: 22 })
  // the other records are trained on as if the bad rows had never been there
  const good = (i: number) => i !== 5 && i !== 9
  const kept = Array.from({ length: 24 }, (_, i) => i).filter(good)
  const left = Float32Array.from(kept.flatMap(i => [...rows.subarray(i * DIM, (i + 1) * DIM)]))
  writeNpy(join(folder, 'text.npy'), left, [22, DIM])
  jsonLines(
    join(folder, 'text-ids.jsonl'),
    kept.map(i => ({ id: `t${i}` })),
  )
  jsonLines(
    join(folder, 'captions.jsonl'),
    kept.map(i => ({ id: `t${i}`, caption: wordOf(i) })),
  )
  await pretrain({ ...config('report', 'error'), output: join(folder, 'clean') })
  t.deepEqual(losses(join(folder, 'report-drop'), 'stage1'), losses(join(folder, 'clean'), 'stage1'))
})
