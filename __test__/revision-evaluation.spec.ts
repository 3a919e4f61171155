import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { ReVision } from '../src/revision/run.ts'
import { writeNpy } from './helpers/npy.ts'
import { DIM, jsonLines, longerModel, material, sideRows, tinyConfig, wordOf } from './helpers/revision.ts'

/** Evaluates what was never trained, so that it takes no time. */
async function evaluated(t: ExecutionContext, folder: string, evaluation: object, changes: object = {}) {
  const model = { path: longerModel(folder) }
  const config = tinyConfig(folder, { stage1: false, stage2: false, model, evaluation, ...changes })
  const report = await (await ReVision.open(config)).evaluate()
  rmSync(join(folder, 'longer'), { recursive: true, force: true })
  t.true(report.evaluation.records.every(({ loss }) => Number.isFinite(loss)))
  return report.evaluation
}

function pope(folder: string, images: readonly (string | undefined)[]): string {
  const line = (image: string | undefined, i: number) => ({
    question_id: i,
    ...(image === undefined ? {} : { image }),
    text: 'Is there a fox?',
    label: i % 4 === 0 ? 'yes' : 'no',
  })
  return jsonLines(join(folder, 'coco_pope_random.json'), images.map(line))
}

function table(folder: string): string {
  const path = join(folder, 'MMStar.tsv')
  const lines = [0, 1, 2, 3].map(i => [i, 'what', 'fox', 'owl', 'sea', 'ivy', 'ABCD'[i], `i${i}`].join('\t'))
  writeFileSync(path, ['index\tquestion\tA\tB\tC\tD\tanswer\timage_path', ...lines, ''].join('\n'))
  return path
}

test('benchmarks are asked, scored by their kind and put together by group', async t => {
  const folder = material(t)
  const benchmarks = [
    pope(folder, ['i0', 'i1', 'i2', 'i3', undefined]),
    { path: table(folder), name: 'ours', group: 'reasoning' },
  ]
  const { benchmarks: scores, groups } = await evaluated(t, folder, { data: null, benchmarks })
  t.like(scores, [
    { benchmark: 'POPE', group: 'hallucination', count: 5, yesNo: { count: 5 } },
    { benchmark: 'ours', group: 'reasoning', count: 4 },
  ])
  t.true(scores.every(({ accuracy = -1, unparsed = -1 }) => accuracy >= 0 && accuracy <= 1 && unparsed >= 0))
  t.deepEqual(
    groups.map(({ group, benchmarks: count }) => [group, count]),
    [
      ['reasoning', 1],
      ['hallucination', 1],
      ['all', 2],
    ],
  )
})

test('an image of a benchmark that has no row is an error, or its question is left out and counted', async t => {
  const folder = material(t)
  const path = pope(folder, ['i0', 'gone', 'i2'])
  const error = await t.throwsAsync(evaluated(t, folder, { data: null, benchmarks: [path] }))
  t.like(error, { code: 'BAD_SAMPLE', file: path })
  t.regex(error.message, /question 1.*"gone".*skip/)
  for (const missing of ['skip', 'report']) {
    rmSync(join(folder, 'longer'), { recursive: true, force: true })
    const { benchmarks } = await evaluated(t, folder, { data: null, benchmarks: [path], missing })
    t.like(benchmarks, [{ count: 2, skipped: 1 }], missing)
  }
  pope(folder, ['gone', 'too'])
  const none = evaluated(t, folder, { data: null, benchmarks: [path], missing: 'skip' })
  t.like(await t.throwsAsync(none), { code: 'EMPTY', file: path })
})

test('a benchmark may name the common rows in its own way, and questions without a right answer are counted', async t => {
  const folder = material(t)
  const names = Array.from({ length: 24 }, (_, i) => `pope/${i}.jpg\n`)
  writeFileSync(join(folder, 'names.txt'), names.join(''))
  const path = pope(folder, ['pope/3.png', 'pope/4.png', 'pope/5.png'])
  const lines = readFileSync(path, 'utf8').replace('"yes"', '"maybe"')
  writeFileSync(path, lines)
  const spec = { path, imageIds: { from: join(folder, 'names.txt'), match: 'stem' } }
  const { benchmarks } = await evaluated(t, folder, { data: null, benchmarks: [spec] })
  t.like(benchmarks, [{ count: 2, unknown: 1 }])
  t.false('skipped' in (benchmarks[0] ?? {}))
})

test('a benchmark may have rows of its own, and a blind model needs none', async t => {
  const folder = material(t)
  const path = pope(folder, ['a', 'b'])
  const image = writeNpy(join(folder, 'own.npy'), sideRows(2, 'image'), [2, DIM])
  writeFileSync(join(folder, 'own.txt'), 'a\nb\n')
  const own = { path, image, imageIds: { from: join(folder, 'own.txt') } }
  const { benchmarks } = await evaluated(t, folder, { data: null, benchmarks: [own] })
  t.is(benchmarks[0]?.count, 2)
  const blind = await evaluated(t, folder, { data: null, benchmarks: [path] }, { blind: true })
  t.is(blind.benchmarks[0]?.count, 2)
})

test('a question of a choice keeps its place among rows that go by order', async t => {
  const folder = material(t)
  const path = pope(folder, ['a', 'b', 'c', 'd'])
  const image = writeNpy(join(folder, 'own.npy'), sideRows(1, 'image'), [1, DIM])
  const first = { path, image, imageIds: { from: 'order' } }
  const evaluation = { data: null, benchmarks: [first], maxSamples: 2, missing: 'skip' }
  // the only row is the first question's: it is found when that is chosen, and else there is none
  const found = []
  for (const seed of [0, 1, 2, 3, 4, 5]) {
    const asked = evaluated(t, folder, evaluation, { seed })
    found.push(
      await asked.then(
        ({ benchmarks }) => benchmarks[0]?.count,
        ({ code }) => code,
      ),
    )
    rmSync(join(folder, 'longer'), { recursive: true, force: true })
  }
  t.deepEqual([...new Set(found)].sort(), [1, 'EMPTY'])
})

test('questions of choice may be asked with their options in every order', async t => {
  const folder = material(t)
  const spec = { path: table(folder), circular: true }
  const { benchmarks } = await evaluated(t, folder, { data: null, benchmarks: [spec], maxSamples: 3 })
  t.like(benchmarks, [{ count: 12, together: { count: 3 } }])
})

test('held-out records tell their loss, and what it is with the image of another', async t => {
  const folder = material(t)
  const [record] = (await evaluated(t, folder, { metrics: ['f1', 'bleu4'] })).records
  t.is(record?.count, 8)
  t.is(record?.perplexity, Math.exp(record?.loss ?? 0))
  t.not(record?.shuffledLoss, record?.loss)
  t.deepEqual(Object.keys(record?.open ?? {}), ['count', 'f1', 'exactMatch', 'bleu4'])
  const plain = (await evaluated(t, folder, { shuffled: false, answers: 0 })).records[0]
  t.is(plain?.loss, record?.loss)
  t.false('shuffledLoss' in (plain ?? {}) || 'open' in (plain ?? {}))
})

test('records at most: fewer are among more, and a file with one has no other image to be shown', async t => {
  const folder = material(t)
  const [one] = (await evaluated(t, folder, { maxSamples: 1 })).records
  t.is(one?.count, 1)
  t.is(one?.shuffledLoss, undefined)
  const path = pope(folder, ['i0', 'i1', 'i2', 'i3'])
  const { benchmarks } = await evaluated(t, folder, { data: null, benchmarks: [path], maxSamples: 3 })
  t.is(benchmarks[0]?.count, 3)
})

test('files of one name in two folders are distinguished', async t => {
  const folder = material(t)
  mkdirSync(join(folder, 'other'))
  const [a, b] = [join(folder, 'held.jsonl'), join(folder, 'other', 'held.jsonl')]
  copyFileSync(a, b)
  const { records } = await evaluated(t, folder, { data: [a, b], answers: 0 })
  t.deepEqual(
    records.map(({ name }) => name),
    [a, b],
  )
})

test('text without a question has a loss and no answer to be judged by', async t => {
  const folder = material(t)
  const data = jsonLines(join(folder, 'text.jsonl'), [{ text: 'a fox' }, { text: 'an owl' }])
  const [record] = (await evaluated(t, folder, { data })).records
  t.is(record?.count, 2)
  t.false('open' in (record ?? {}))
})

test('an evaluation is stopped in the middle, and says how far it is', async t => {
  const folder = material(t)
  const config = tinyConfig(folder, { stage1: false, stage2: false })
  const revision = await ReVision.open(config)
  const controller = new AbortController()
  const stages: string[] = []
  const onProgress = ({ stage }: { stage: string }) => {
    stages.push(stage)
    if (stage === 'answers') controller.abort('enough')
  }
  const running = revision.evaluate({ signal: controller.signal, onProgress })
  t.like(await t.throwsAsync(running), { code: 'CANCELLED', cause: 'enough' })
  t.deepEqual([...new Set(stages)].slice(-2), ['held-out loss', 'answers'])
  t.is((await revision.evaluate()).evaluation.records.length, 1)
})

test('records with other numbers of images are shown those of their like', async t => {
  const folder = material(t)
  const asked = (i: number, images: string[]) => ({
    id: `${i}`,
    images,
    conversations: [
      { from: 'human', value: `${images.map(() => '<image>').join('')}what` },
      { from: 'gpt', value: wordOf(i) },
    ],
  })
  const images = [['i0'], ['i1'], [], [], [], []]
  const data = jsonLines(
    join(folder, 'mixed.jsonl'),
    images.map((own, i) => asked(i, own)),
  )
  const [record] = (await evaluated(t, folder, { data, answers: 0 })).records
  t.true(Math.abs((record?.shuffledLoss ?? 0) - (record?.loss ?? 0)) > 1e-6)
})

test('files that are not there are missed before a training, not after it', async t => {
  const folder = material(t)
  for (const evaluation of [
    { data: 'none.jsonl' },
    { benchmarks: [{ path: join(folder, 'held.jsonl'), answers: 'no' }] },
  ]) {
    const error = await t.throwsAsync((await ReVision.open(tinyConfig(folder, { evaluation }))).run())
    t.like(error, { code: 'NOT_FOUND' })
  }
  t.false(existsSync(join(folder, 'out')))
})

test('MME asks both questions of an image, however few it asks', async t => {
  const folder = material(t)
  mkdirSync(join(folder, 'mme'))
  const lines = [0, 1, 2, 3, 4, 5].flatMap(i => [`i${i}\tIs it a fox?\tYes`, `i${i}\tIs it an owl?\tNo`])
  writeFileSync(join(folder, 'mme', 'color.txt'), lines.join('\n'))
  writeFileSync(join(folder, 'ids.txt'), [0, 1, 2, 3, 4, 5].map(i => `color/i${i}\n`).join(''))
  const image = writeNpy(join(folder, 'own.npy'), sideRows(6, 'image'), [6, DIM])
  const spec = { path: join(folder, 'mme'), name: 'mme', image, imageIds: { from: join(folder, 'ids.txt') } }
  const { benchmarks } = await evaluated(t, folder, { data: null, benchmarks: [spec], maxSamples: 3 })
  t.like(benchmarks, [{ count: 6, together: { count: 3 } }])
  t.is(benchmarks[0]?.mme?.accuracyPlus, benchmarks[0]?.together?.accuracy)
})

test('a model in use has the positions that its stage had', async t => {
  const folder = material(t)
  const said = [
    { from: 'human', value: `<image>\n${'what '.repeat(600)}` },
    { from: 'gpt', value: 'fox' },
  ]
  const data = jsonLines(join(folder, 'long.jsonl'), [{ id: 'long', image: 'i0', conversations: said }])
  const model = { path: longerModel(folder, 4096) }
  const config = (maxLength: number) =>
    tinyConfig(folder, {
      model,
      stage1: { maxLength, steps: 1 },
      stage2: false,
      evaluation: { data, answers: 0 },
      output: join(folder, `out-${maxLength}`),
    })
  const run = async (maxLength: number) => (await ReVision.open(config(maxLength))).run()
  t.like(await t.throwsAsync(run(64)), { code: 'BAD_SAMPLE' })
  t.is((await run(4096)).evaluation.records[0]?.count, 1)
})
