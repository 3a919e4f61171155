import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { rowsById, rowsInOrder } from '../src/revision/data/row-lookup.ts'
import { type JoinedSample, type SampleList, TrainingSet } from '../src/revision/data/training-set.ts'
import { folderOf } from './helpers/place.ts'

const caption = (i: number) => ({ id: `r${i}`, image: `i${i}`, caption: `caption ${i}` })

function jsonl(t: ExecutionContext, records: readonly object[]): string {
  const path = join(folderOf(t), 'data.jsonl')
  writeFileSync(path, records.map(record => JSON.stringify(record)).join('\n'))
  return path
}

async function every(list: SampleList): Promise<JoinedSample[]> {
  return await Promise.all(Array.from({ length: list.length }, (_, i) => list.at(i)))
}

test('records of several files are one list, each with its rows and its place', async t => {
  const first = jsonl(t, [0, 1, 2].map(caption))
  const second = jsonl(t, [3, 4].map(caption))
  const lookup = await rowsById(['i4', 'i3', 'i2', 'i1', 'i0'])
  const set = await TrainingSet.open({ data: [first, second], lookup })
  t.deepEqual(set.report, { records: 5, withImages: 5, skipped: 0 })
  const samples = await every(set.train)
  t.deepEqual(
    samples.map(({ id, rows, record }) => ({ id, rows, record })),
    [0, 1, 2, 3, 4].map(i => ({ id: `r${i}`, rows: [4 - i], record: i })),
  )
  t.deepEqual(samples[3]?.place, { file: second, row: 0 })
  t.is(set.validation.length, 0)
  await set.close()
})

test('thousands of records keep their numbers', async t => {
  const [first, second] = [
    jsonl(
      t,
      Array.from({ length: 2500 }, (_, i) => caption(i)),
    ),
    jsonl(t, [2500, 2501].map(caption)),
  ]
  const set = await TrainingSet.open({ data: [first, second] })
  t.is(set.train.length, 2502)
  for (const i of [0, 1, 1023, 1024, 1025, 2047, 2048, 2499, 2500, 2501]) {
    const { id, record } = await set.train.at(i)
    t.deepEqual({ id, record }, { id: `r${i}`, record: i })
  }
  await set.close()
})

test('records without names are counted over all files, so that each has its own row', async t => {
  const [first, second] = [jsonl(t, [{ caption: 'a' }, { caption: 'b' }]), jsonl(t, [{ caption: 'c' }])]
  const lookup = await rowsById(['0', '1', '2'])
  const set = await TrainingSet.open({ data: [first, second], lookup, key: 'id' })
  const samples = await every(set.train)
  t.deepEqual(
    samples.map(({ id, rows }) => [id, ...rows]),
    [
      ['0', 0],
      ['1', 1],
      ['2', 2],
    ],
  )
  await set.close()
})

test('the id of the record may be the key of the row, for one image', async t => {
  const lookup = await rowsById(['r1', 'r0'])
  const set = await TrainingSet.open({ data: jsonl(t, [0, 1].map(caption)), lookup, key: 'id' })
  t.deepEqual(
    (await every(set.train)).map(({ rows }) => rows),
    [[1], [0]],
  )
  await set.close()
  const turns = [
    { role: 'user', content: '<image><image>' },
    { role: 'assistant', content: 'x' },
  ]
  const two = jsonl(t, [{ id: 'r0', images: ['a', 'b'], messages: turns }])
  await t.throwsAsync(() => TrainingSet.open({ data: two, lookup, key: 'id' }), { code: 'BAD_SAMPLE' })
})

test('a record whose image has no row is an error, or left out in silence, or by name', async t => {
  const data = jsonl(t, [0, 1, 2, 3].map(caption))
  const lookup = await rowsById(['i0', 'i2'])
  const error = await t.throwsAsync(() => TrainingSet.open({ data, lookup }))
  t.like(error, { code: 'BAD_SAMPLE', file: data, row: 1 })
  t.regex(error?.message ?? '', /"i1"/)
  const skip = await TrainingSet.open({ data, lookup, missing: 'skip' })
  t.deepEqual(skip.report, { records: 4, withImages: 4, skipped: 2 })
  t.deepEqual(
    (await every(skip.train)).map(({ id }) => id),
    ['r0', 'r2'],
  )
  const report = await TrainingSet.open({ data, lookup, missing: 'report' })
  t.deepEqual(report.report, { records: 4, withImages: 4, skipped: 2, missing: ['i1', 'i3'] })
  await t.throwsAsync(() => TrainingSet.open({ data, lookup: rowsInOrder(0), missing: 'skip' }), { code: 'EMPTY' })
  // a bad record is counted once, among those that are dropped
  const bad = jsonl(t, [caption(0), { id: 'r1', messages: [{ role: 'user', content: 'Hi' }] }, caption(3), caption(2)])
  const drop = await TrainingSet.open({ data: bad, lookup, missing: 'skip', onBad: 'drop' })
  t.like(drop.report, { records: 4, withImages: 3, skipped: 1, dropped: { count: 1 } })
  await Promise.all([skip.close(), report.close(), drop.close()])
})

test('leaving records out moves no other record across the split', async t => {
  const data = jsonl(
    t,
    Array.from({ length: 400 }, (_, i) => caption(i)),
  )
  const some = await rowsById(Array.from({ length: 400 }, (_, i) => `i${i}`).filter((_, i) => i % 3 !== 0))
  const whole = await TrainingSet.open({ data, valSize: 0.25, seed: 9 })
  const part = await TrainingSet.open({ data, lookup: some, missing: 'skip', valSize: 0.25, seed: 9 })
  const names = async (list: SampleList) => (await every(list)).map(({ id }) => id)
  const kept = (id: string) => Number(id.slice(1)) % 3 !== 0
  t.deepEqual(await names(part.validation), (await names(whole.validation)).filter(kept))
  t.deepEqual(await names(part.train), (await names(whole.train)).filter(kept))
  await Promise.all([whole.close(), part.close()])
})

test('a bad record anywhere stops before the first step', async t => {
  const records = Array.from({ length: 50 }, (_, i) => caption(i) as object)
  records[49] = { id: 'last', messages: [{ role: 'user', content: 'Hi' }] }
  const data = jsonl(t, records)
  t.like(await t.throwsAsync(() => TrainingSet.open({ data })), { code: 'BAD_SAMPLE', file: data, row: 49 })
})

test('text alone needs no rows', async t => {
  const data = jsonl(t, [{ text: 'one' }, { text: 'two' }])
  const set = await TrainingSet.open({ data, lookup: rowsInOrder(0) })
  t.deepEqual(set.report, { records: 2, withImages: 0, skipped: 0 })
  t.deepEqual((await set.train.at(1)).rows, [])
  await t.throwsAsync(() => set.train.at(2), { instanceOf: RangeError })
  await set.close()
})
