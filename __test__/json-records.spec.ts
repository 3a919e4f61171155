import { appendFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { JsonFile } from '../src/revision/data/json-file.ts'
import { MAX_RECORD_BYTES } from '../src/revision/data/json-frames.ts'
import { jsonRecords } from '../src/revision/data/json-records.ts'
import { RecordPlaces } from '../src/revision/data/record-places.ts'
import { folderOf } from './helpers/place.ts'

/** Braces, quotes and backslashes inside texts, characters of one to four bytes, nested values. */
const RECORDS = Array.from({ length: 300 }, (_, i) => ({
  id: i,
  caption: `é ☃ 🦊 "quoted" \\ {[ ]} ${'x'.repeat((i * 7919) % 9000)}`,
  nested: [{ deep: ['}', { a: null, b: [1.5e-3, true] }] }],
}))

const LAYOUTS = {
  'array on one line': JSON.stringify(RECORDS),
  'indented array': `\n${JSON.stringify(RECORDS, null, 2)}\r\n`,
  'array after a byte order mark': `\uFEFF${JSON.stringify(RECORDS)}`,
  lines: RECORDS.map(record => JSON.stringify(record)).join('\n'),
  'lines with blank ones and carriage returns': `${RECORDS.map(record => JSON.stringify(record)).join('\r\n\r\n')}\r\n`,
}

function fileOf(t: ExecutionContext, content: string | Uint8Array): string {
  const path = join(folderOf(t), 'records.json')
  writeFileSync(path, content)
  return path
}

async function all(path: string): Promise<unknown[]> {
  const values: unknown[] = []
  for await (const { value, row } of jsonRecords(path)) {
    values[row] = value
  }
  return values
}

for (const [name, content] of Object.entries(LAYOUTS)) {
  test(`${name}: one after another and by position every record is what was written`, async t => {
    const path = fileOf(t, content)
    t.deepEqual(await all(path), RECORDS)
    const file = await JsonFile.open(path)
    t.is(file.length, RECORDS.length)
    for (const row of [299, 0, 151, 1]) {
      t.deepEqual(await file.read(row), RECORDS[row] as object)
    }
    await file.close()
  })
}

test('a file without records has none', async t => {
  for (const content of ['', ' \n\t', '[]', ' [ ] \n', '\uFEFF']) {
    t.deepEqual(await all(fileOf(t, content)), [], JSON.stringify(content))
  }
})

test('what is not a sequence of records is refused with the record', async t => {
  const cases: [string, number][] = [
    ['[{"a":1}, {"a":', 1],
    ['[{"a":1}', 1],
    ['[{"a":1},]', 1],
    ['[{"a":1} {"a":2}]', 1],
    ['[{"a":1},,{"a":2}]', 1],
    ['[{"a":1}] [', 1],
    ['[{"a":1}]x', 1],
    ['[,]', 0],
    ['[1, 2]', 0],
    ['["text"]', 0],
    ['[[1]]', 0],
    ['[{"a":1}, {"a" 2}]', 1],
    ['[{"a":1}, {a:2}]', 1],
    ['[{"a":1}, {"a":2]}]', 1],
    ['{"a":1}\n{"a":\n', 1],
    ['{"a":1}\n[2]\n', 1],
    ['{"a":1}\nnull', 1],
    ['{\n"a": 1\n}', 0],
    ['hello', 0],
  ]
  for (const [content, row] of cases) {
    const path = fileOf(t, content)
    const error = await t.throwsAsync(() => all(path), undefined, content)
    t.like(error, { code: 'BAD_FORMAT', file: path, row }, content)
  }
})

test('bytes that are not UTF-8 are refused, not replaced', async t => {
  for (const begin of ['', '[']) {
    const path = fileOf(t, Buffer.concat([Buffer.from(`${begin}{"a":"`), Buffer.from([0xff]), Buffer.from('"}')]))
    await t.throwsAsync(() => all(path), { code: 'BAD_FORMAT' })
  }
})

test('a record beyond the limit is refused before it is held as a whole', async t => {
  for (const begin of ['', '[']) {
    const path = fileOf(t, `${begin}{"a":"`)
    const block = 'x'.repeat(2 ** 22)
    // as docs and messages promise
    t.is(MAX_RECORD_BYTES, 64 * 2 ** 20)
    for (let written = 0; written <= MAX_RECORD_BYTES + 2 ** 22; written += block.length) {
      appendFileSync(path, block)
    }
    const error = await t.throwsAsync(() => all(path))
    t.like(error, { code: 'BAD_FORMAT', row: 0 })
    t.regex(error?.message ?? '', /more than/)
  }
})

test('a file that has become shorter is refused', async t => {
  const path = fileOf(t, LAYOUTS.lines)
  const file = await JsonFile.open(path)
  truncateSync(path, 1000)
  await t.throwsAsync(() => file.read(200), { code: 'BAD_FORMAT' })
  await file.close()
})

test('a file that was written anew is refused, also where it is as long or longer', async t => {
  for (const [before, after] of [
    ['{"id": 1}\n{"id": 2}\n', '{"id": 3}\n{"id": 4}\n'],
    ['{"id": 1}\n', '{"id": 1}\n{"id": 2}\n'],
  ] as const) {
    const path = join(folderOf(t), 'records.jsonl')
    writeFileSync(path, before)
    // its time is not that of the later writing
    utimesSync(path, 1, 1)
    const file = await JsonFile.open(path)
    t.deepEqual(await file.read(0), { id: 1 })
    await file.close()
    writeFileSync(path, after)
    await t.throwsAsync(() => file.read(0), { code: 'BAD_FORMAT', message: /has changed since it was opened/ })
    await file.close()
  }
})

test('a missing file and a folder are distinguished', async t => {
  const folder = folderOf(t)
  await t.throwsAsync(() => all(join(folder, 'none.json')), { code: 'NOT_FOUND' })
  await t.throwsAsync(() => all(folder), { code: 'UNREADABLE' })
})

test('places are kept beyond a page and beyond four gigabytes', t => {
  const places = new RecordPlaces()
  const start = (i: number) => i * 2 ** 20 + 5
  for (let i = 0; i < 140_000; i++) {
    places.push(start(i), i)
  }
  t.is(places.length, 140_000)
  for (const i of [0, 65_535, 65_536, 139_999]) {
    t.deepEqual(places.at(i), { start: start(i), length: i })
  }
  t.throws(() => places.at(140_000), { instanceOf: RangeError })
})
