import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import test from 'ava'
import { Aligner, convert, type Dataset, openDataset, openEmbeddings, ReVision, VisionModel } from '../src/index.ts'
import { node } from './helpers/cli.ts'
import { writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { DIM, jsonLines, losses, material, sideRows, TINY, tinyConfig, wordOf } from './helpers/revision.ts'

async function every<T>(from: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const each of from) {
    all.push(each)
  }
  return all
}

const idsOf = async (dataset: Dataset) => (await every(dataset)).map(({ id }) => id)
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i)

test('a loop of one’s own over the data set has the losses of a run, to the last bit', async t => {
  const folder = material(t)
  const config = tinyConfig(folder, { stage2: false, evaluation: {}, stage1: { valSize: 6 } })
  const revision = await ReVision.open(config)
  await revision.pretrain()
  revision.close()
  const dataset = await openDataset({
    records: join(folder, 'captions.jsonl'),
    rows: join(folder, 'text.npy'),
    ids: { from: join(folder, 'text-ids.jsonl') },
    key: 'id',
    aligner: await Aligner.load(join(folder, 'out', 'aligner.safetensors')),
    split: 'train',
    valSize: 6,
    seed: 3,
  })
  t.is(dataset.length, 18)
  const learn = { steps: 8, learningRate: 0.02, schedule: 'constant' as const, warmupRatio: 0 }
  const model = await VisionModel.open({
    path: TINY,
    dim: DIM,
    projector: { numVisualTokens: 2, distinctTokens: true },
    template: 'plain',
    maxLength: 64,
    seed: 3,
    threads: 1,
    learn,
  })
  const found: number[] = []
  for (let epoch = 0; found.length < learn.steps; epoch++) {
    for await (const batch of dataset.shuffle(3, { epoch }).batches(4)) {
      if (found.length < learn.steps) {
        found.push((await model.step(batch)).loss)
      }
    }
  }
  model.dispose()
  await dataset.close()
  t.deepEqual(found, losses(join(folder, 'out'), 'stage1'))
})

test('views are of the same files: at, shuffle, split, filter, take, batches', async t => {
  const folder = material(t)
  const options = { records: join(folder, 'captions.jsonl'), seed: 1 }
  const dataset = await openDataset(options)
  t.is(dataset.length, 24)
  t.deepEqual(dataset.report, { records: 24, withImages: 24, skipped: 0 })
  t.like(await dataset.at(5), {
    id: 't5',
    images: ['i5'],
    sample: { id: 't5', rows: [] },
    record: 5,
    place: { file: options.records, row: 5 },
  })
  t.is((await dataset.at(-1)).id, 't23')
  const shuffled = dataset.shuffle(9)
  const order = await idsOf(shuffled)
  t.notDeepEqual(order, await idsOf(dataset))
  t.deepEqual(order.toSorted(), (await idsOf(dataset)).toSorted())
  t.deepEqual(await idsOf(dataset.shuffle(9)), order)
  t.notDeepEqual(await idsOf(dataset.shuffle(9, { epoch: 1 })), order)
  t.deepEqual(await idsOf(shuffled.take(3)), order.slice(0, 3))
  const { train, validation } = dataset.split(6, 1)
  t.is(validation.length, 6)
  t.deepEqual([...(await idsOf(train)), ...(await idsOf(validation))].toSorted(), order.toSorted())
  const opened = await openDataset({ ...options, split: 'validation', valSize: 6 })
  t.deepEqual(await idsOf(opened), await idsOf(validation))
  await opened.close()
  // the order of a view stays in its parts
  const parts = shuffled.split(6, 1)
  const held = new Set(await idsOf(validation))
  t.deepEqual(
    await idsOf(parts.train),
    order.filter(id => !held.has(id)),
  )
  const foxes = await dataset.filter(({ sample }) => sample.turns.at(-1)?.content === 'fox')
  t.deepEqual(
    await idsOf(foxes),
    numbers(24)
      .filter(i => wordOf(i) === 'fox')
      .map(i => `t${i}`),
  )
  const sizes = async (dropLast: boolean) => (await every(dataset.batches(10, { dropLast }))).map(b => b.samples.length)
  t.deepEqual(await sizes(false), [10, 10, 4])
  t.deepEqual(await sizes(true), [10, 10])
  t.deepEqual(await every(dataset.take(0).batches(4)), [])
  t.is(dataset.split(0).validation.length, 0)
  await dataset.close()
  await t.throwsAsync(() => dataset.at(0), { code: 'BAD_OPTION', message: /closed/ })
})

test('embeddings are those of the images, moved by the aligner; bad rows are left out by name', async t => {
  const folder = material(t)
  const image = sideRows(24, 'image')
  image.fill(Number.NaN, 3 * DIM, 4 * DIM)
  const path = writeNpy(join(folder, 'bad.npy'), image, [24, DIM])
  const options = {
    records: join(folder, 'questions.jsonl'),
    rows: path ?? join(folder, 'bad.npy'),
    ids: { from: join(folder, 'image-ids.jsonl') },
  }
  const strict = await openDataset(options)
  await t.throwsAsync(async () => strict.embeddings([(await strict.at(3)).sample]), { code: 'BAD_ROW' })
  t.deepEqual(
    (await strict.embeddings([(await strict.at(4)).sample])).map(Math.fround),
    unit(image.subarray(4 * DIM, 5 * DIM)),
  )
  await strict.close()
  await t.throwsAsync(() => openDataset({ ...options, onBadRow: 'drop' }), { code: 'BAD_SAMPLE', message: /"i3"/ })
  const dropped = await openDataset({ ...options, onBadRow: 'drop', missing: 'report' })
  t.is(dropped.length, 15)
  t.deepEqual(dropped.report.missing, ['i3'])
  await dropped.close()
  const without = await openDataset({ records: options.records })
  await t.throwsAsync(async () => without.embeddings([(await without.at(0)).sample]), {
    code: 'BAD_OPTION',
    message: /rows/,
  })
  await without.close()
})

test('rows of a format that is copied keep their records where bad ones are dropped', async t => {
  const folder = material(t)
  const image = sideRows(24, 'image')
  const arrow = join(folder, 'image.arrow')
  const raw = await openEmbeddings(join(folder, 'image.npy'), { normalize: false })
  await convert(raw, arrow, { format: 'arrow' })
  const bytes = readFileSync(arrow)
  const third = Buffer.from(image.slice(3 * DIM, 4 * DIM).buffer)
  t.true(bytes.includes(third))
  bytes.fill(0xff, bytes.indexOf(third), bytes.indexOf(third) + third.length)
  writeFileSync(arrow, bytes)
  const options = {
    records: join(folder, 'questions.jsonl'),
    ids: { from: join(folder, 'image-ids.jsonl') },
    missing: 'report' as const,
  }
  const opened = await openEmbeddings(arrow, { onBadRow: 'drop', normalize: false })
  for (const rows of [opened, arrow]) {
    await using dataset = await openDataset({ ...options, rows, ...(rows === arrow ? { onBadRow: 'drop' } : {}) })
    t.is(dataset.length, 15)
    t.deepEqual(dataset.report.missing, ['i3'])
    const { id, sample } = await dataset.at(3)
    t.is(id, 'q4')
    const row = image.slice(4 * DIM, 5 * DIM)
    t.deepEqual(await dataset.embeddings([sample]), rows === arrow ? unit(row) : row)
  }
})

test.serial('folders and packed files are read, and copies do not stay', async t => {
  const folder = folderOf(t)
  const records = join(folder, 'records')
  mkdirSync(records)
  const record = (i: number) => ({ id: `r${i}`, caption: [`one ${i}`, `two ${i}`] })
  jsonLines(join(records, 'b.jsonl'), [record(2), record(3)])
  writeFileSync(join(records, 'a.jsonl.gz'), gzipSync(`${JSON.stringify(record(0))}\n${JSON.stringify(record(1))}\n`))
  writeFileSync(join(records, 'notes.txt'), 'not records')
  const copies = () => readdirSync(tmpdir()).filter(name => name.startsWith('modality-gap-dataset-'))
  const before = new Set(copies())
  const dataset = await openDataset({ records })
  t.deepEqual(await idsOf(dataset), ['r0', 'r1', 'r2', 'r3'])
  const said = async (epoch: number) => (await dataset.shuffle(0, { epoch }).filter(({ id }) => id === 'r2')).at(0)
  const both = [await said(0), await said(1)]
  t.deepEqual(both.map(({ sample }) => sample.turns.at(-1)?.content).toSorted(), ['one 2', 'two 2'])
  t.deepEqual(both[0]?.captions, ['one 2', 'two 2'])
  t.deepEqual(
    both.map(({ sample }) => sample.epoch),
    [0, 1],
  )
  await dataset.close()
  t.deepEqual(
    copies().filter(name => !before.has(name)),
    [],
  )
  const cache = join(folder, 'cache')
  await using kept = await openDataset({ records, cache })
  t.is(kept.length, 4)
  t.true(existsSync(cache))
})

test('what is wrong is refused by name', async t => {
  const folder = folderOf(t)
  const records = jsonLines(join(folder, 'data.jsonl'), [
    { id: 'a', caption: 'a' },
    { id: 'b', video: 'v', caption: 'b' },
    { no: 1 },
  ])
  const refused = (options: object, expected: object) => t.throwsAsync(() => openDataset(options as never), expected)
  await refused({}, { code: 'BAD_OPTION', message: /needs `records`/ })
  await refused({ records, row: 'x.npy' }, { code: 'BAD_OPTION', message: /did you mean `rows`/ })
  await refused({ records, split: 'train' }, { code: 'BAD_OPTION', message: /valSize/ })
  await refused({ records, valSize: 0.1 }, { code: 'BAD_OPTION', message: /split/ })
  await refused({ records, rows: 5 }, { code: 'BAD_OPTION' })
  await refused({ records: join(folder, 'none.jsonl') }, { code: 'NOT_FOUND' })
  await refused({ records: folderOf(t) }, { code: 'EMPTY' })
  await refused({ records }, { code: 'BAD_SAMPLE', message: /video[\s\S]*record 2/ })
  const saved = join(folder, 'saved')
  mkdirSync(saved)
  writeFileSync(join(saved, 'state.json'), '{}')
  await refused({ records: saved }, { code: 'BAD_FORMAT', message: /to_parquet/ })
  const dataset = await openDataset({ records, onBad: 'drop' })
  t.is(dataset.report.dropped?.count, 2)
  for (const call of [
    () => dataset.take(-1),
    () => dataset.shuffle(0.5),
    () => dataset.batches(0),
    () => dataset.split(-1),
  ]) {
    t.throws(call, { code: 'BAD_OPTION' })
  }
  await t.throwsAsync(() => dataset.at(1), { code: 'BAD_OPTION' })
  await t.throwsAsync(() => dataset.filter(5 as never), { code: 'BAD_OPTION' })
  await dataset.close()
})

function unit(row: Float32Array): Float32Array {
  const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0))
  return row.map(value => value / length)
}

test('a data set that cannot be opened leaves no folder behind', async t => {
  const folder = folderOf(t)
  const records = join(folder, 'records.jsonl')
  writeFileSync(records, '{"id": "a"}\nno record\n')
  const temporary = join(folder, 'temporary')
  mkdirSync(temporary)
  const script = `import { openDataset } from '${join(import.meta.dirname, '..', 'dist', 'index.js')}'
await openDataset({ records: '${records}' }).then(() => console.log('opened'), error => console.log(error.code))`
  const ended = await node(['--input-type=module', '--eval', script], { env: { TMPDIR: temporary } })
  t.regex(ended.stdout, /^BAD_/)
  t.deepEqual(readdirSync(temporary), [])
})
