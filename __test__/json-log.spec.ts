import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { readTrackLog, Tracker } from '../src/index.ts'
import { openTrackLog } from '../src/tracker/log.ts'
import { flawOfRecord } from '../src/tracker/shape.ts'
import type { TrackStep } from '../src/tracker/tracker.ts'
import { modalityGap } from './helpers/cli.ts'
import { folderOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'

const DIM = 4
const step = (number: number) => ({ step: number, image: someRows(40, DIM, 1), text: someRows(40, DIM, 2) })
const options = (log: string) => ({ freezeAt: 0, dim: DIM, rank: 2, retrievalPairs: 0, log })

for (const [what, content] of Object.entries({
  'one line of notes': 'notes',
  'lines of notes': 'some\nnotes\n',
  'a list': '[1, 2',
})) {
  test(`a log is never made of a file that holds ${what}`, async t => {
    const file = join(folderOf(t), 'notes.txt')
    writeFileSync(file, content)
    await t.throwsAsync(new Tracker(options(file)).push(step(0)), { code: 'BAD_FORMAT' })
    t.is(readFileSync(file, 'utf8'), content)
  })
}

/** Parts of a record that may be missing: those of some runs, and those that the first logs did not have. */
const OF_SOME_RUNS =
  /^(rotation|leakage|retrieval|retrieval\.chance|span|window|(window\.)?u\.gradient)$|^(passive|active)\./
const LATER =
  /^(gap\.verdict|leakage\.(bound|image|mixture|remainder|text)|phantomDrift\.(error|noise|parameter)|v\.(isotropicVmf|resultant|vmf))$|u\.gradient\.(chance|isotropicRhoEig|mixture\w+)/

test('a record that lacks any of its parts is no record', async t => {
  const named = ['image', 'text', 'gradImage', 'gradText', 'batchImage', 'batchText'] as const
  const rows = Object.fromEntries(named.map((name, i) => [name, someRows(40, DIM, i)]))
  const tracker = new Tracker({ freezeAt: 0, dim: DIM, rank: 2, retrievalPairs: 20, window: 2 })
  await tracker.push({ step: 0, ...rows } as TrackStep)
  const record = await tracker.push({ step: 1, ...rows } as TrackStep)
  t.is(flawOfRecord(record), undefined)
  const paths = (value: unknown, name: string): string[] =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.entries(value).flatMap(([key, inner]) => [
          [name, key].filter(Boolean).join('.'),
          ...paths(inner, [name, key].filter(Boolean).join('.')),
        ])
      : []
  const taken = paths(record, '').filter(path => {
    const copy = structuredClone(record) as unknown as Record<string, unknown>
    const keys = path.split('.')
    const last = keys.pop() as string
    delete keys.reduce((at, key) => at[key] as Record<string, unknown>, copy)[last]
    return flawOfRecord(copy) === undefined
  })
  t.deepEqual(
    taken.filter(path => !OF_SOME_RUNS.test(path) && !LATER.test(path)),
    [],
  )
})

test('a line that was cut short is left out, and written over', async t => {
  const file = join(folderOf(t), 'log.jsonl')
  for (const cut of ['', '{', '{"step', '{"step":0,"gap":']) {
    writeFileSync(file, cut)
    t.deepEqual(await readTrackLog(file), [])
    await new Tracker(options(file)).push(step(0))
    t.is((await readTrackLog(file)).length, 1)
  }
})

test('a run that was killed before its state was saved takes up the log of its first record, and of no more', async t => {
  const file = join(folderOf(t), 'log.jsonl')
  const first = new Tracker(options(file))
  const record = await first.push(step(0))
  const taken = await openTrackLog(file, undefined, { takesUp: true })
  t.deepEqual(taken.first, record)
  await t.throwsAsync(openTrackLog(file, undefined), { code: 'BAD_OPTION' })
  await first.push(step(1))
  await t.throwsAsync(openTrackLog(file, undefined, { takesUp: true }), { code: 'BAD_OPTION' })
})

test('a log that lacks the last step of the state is not gone on with', async t => {
  const folder = folderOf(t)
  const [log, state] = [join(folder, 'log.jsonl'), join(folder, 'state')]
  const run = new Tracker(options(log))
  for (const number of [0, 1, 2]) await run.push(step(number))
  await run.save(state)
  const whole = readFileSync(log, 'utf8')
  const lines = whole.split('\n')
  for (const content of [
    whole.slice(0, -30),
    `${lines[0]}\n`,
    `${lines[0]}\n${lines[2]}\n`.replace('"step":2', '"step":3'),
  ]) {
    writeFileSync(log, content)
    const error = await t.throwsAsync(Tracker.load(state, { log }), { message: /lacks the record of step 2/ })
    t.like(error, { code: 'BAD_OPTION' })
    t.is(readFileSync(log, 'utf8'), content)
  }
  writeFileSync(log, whole)
  t.is((await Tracker.load(state, { log })).records.length, 3)
  t.is((await Tracker.load(state, { log: join(folder, 'new.jsonl') })).records.length, 0)
})

test('a line that was cut short is reported, wherever the cut is', async t => {
  const file = join(folderOf(t), 'log.jsonl')
  await new Tracker(options(file)).push(step(0))
  const whole = readFileSync(file)
  let reported = 0
  const read = (bytes: Buffer) => {
    writeFileSync(file, bytes)
    return readTrackLog(file, { onCut: () => reported++ })
  }
  t.is((await read(whole)).length, 1)
  t.is(reported, 0)
  const cuts = ['{"st', '{"step":1,"gap":', '{"step":1,"name":"é"'].map(text => Buffer.from(text))
  // within the two bytes of a letter, and a record whose line end is missing
  for (const cut of [...cuts, cuts[2]?.subarray(0, -2) as Buffer, whole.subarray(0, -1)]) {
    reported = 0
    t.is((await read(Buffer.concat([whole, cut]))).length, 1)
    t.is(reported, 1)
  }
  const { code, stderr } = await modalityGap(['track', file])
  t.is(code, 0)
  t.regex(stderr, /log\.jsonl ends within a line, which an interruption cut short/)
  await t.throwsAsync(readTrackLog(file, { onCut: true } as never), { code: 'BAD_OPTION' })
  writeFileSync(file, Buffer.concat([whole, Buffer.from([0x7b, 0xe9, 0x0a])]))
  await t.throwsAsync(readTrackLog(file), { code: 'BAD_FORMAT', message: /line 2 is not UTF-8/ })
})

test('a byte order mark and blank lines are not records', async t => {
  const file = join(folderOf(t), 'log.jsonl')
  await new Tracker(options(file)).push(step(0))
  const records = await readTrackLog(file)
  const text = readFileSync(file, 'utf8')
  for (const changed of [`\uFEFF${text}`, `${text}\n`, `${text}\r\n \n`, text.replaceAll('\n', '\r\n')]) {
    writeFileSync(file, changed)
    t.deepEqual(await readTrackLog(file), records)
  }
})

if (process.platform !== 'win32') {
  test('a log does not follow a link', async t => {
    const folder = folderOf(t)
    const [file, link] = [join(folder, 'precious'), join(folder, 'log.jsonl')]
    writeFileSync(file, '')
    symlinkSync(file, link)
    await t.throwsAsync(new Tracker(options(link)).push(step(0)), { code: 'WRITE_FAILED' })
    t.is(readFileSync(file, 'utf8'), '')
  })
}
