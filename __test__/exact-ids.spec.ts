import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { openEmbeddings } from '../src/embeddings.ts'
import { parseExact } from '../src/exact-json.ts'
import { readBenchmark } from '../src/revision/benchmarks/read.ts'
import { embeddingRows } from '../src/revision/data/embedding-rows.ts'
import { idsIn } from '../src/revision/data/id-files.ts'
import { TrainingSet } from '../src/revision/data/training-set.ts'
import { folderOf } from './helpers/place.ts'

const ROWS = join(import.meta.dirname, '..', 'crates', 'shards', 'tests', 'fixtures', 'rows')
/** The column int64 of ids-*.parquet, by PyArrow. */
const INT64 = [
  '9007199254740991',
  '9007199254740992',
  '9007199254740993',
  '-9223372036854775808',
  '9223372036854775807',
]
const CODECS = ['snappy', 'zstd', 'gzip', 'lz4', 'brotli', 'none']

async function list(ids: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = []
  for await (const id of ids) {
    found.push(id)
  }
  return found
}

test('whole numbers beyond 2^53 come as their digits, all else as JSON.parse has it', t => {
  const value = {
    ids: [2 ** 53 - 1, -7, 0],
    float: 0.1234567890123456,
    large: 1e300,
    text: 'an "escaped" \\ 9007199254740993 id',
    nested: { deep: [true, null, '12345678901234567'] },
  }
  t.deepEqual(parseExact(JSON.stringify(value)), value)
  t.deepEqual(
    parseExact('[9007199254740993, -9223372036854775808,{"a":18446744073709551615 }, "\\\\", 9007199254740993]'),
    ['9007199254740993', '-9223372036854775808', { a: '18446744073709551615' }, '\\', '9007199254740993'],
  )
  // json.dumps({'NaN': math.nan, …}) of Python
  t.deepEqual(parseExact('{"NaN": NaN, "i": [Infinity, -Infinity], "text": "\\"NaN"}'), {
    NaN: null,
    i: [null, null],
    text: '"NaN',
  })
  t.throws(() => parseExact('[NaNa]'), { instanceOf: SyntaxError })
  t.throws(() => parseExact('[9007199254740993,'), { instanceOf: SyntaxError })
  t.throws(() => parseExact('09007199254740993'), { instanceOf: SyntaxError })
})

for (const codec of CODECS) {
  test(`ids and rows of one parquet file are read alike, compressed by ${codec}`, async t => {
    const path = join(ROWS, `ids-${codec}.parquet`)
    t.deepEqual(await list(idsIn(path, 'int64')), INT64)
    const rows = await embeddingRows(await openEmbeddings(path), { column: 'int64' })
    t.deepEqual(
      INT64.map(id => rows.rowOf(id, 0)),
      [0, 1, 2, 3, 4],
    )
  })
}

test('a record finds the row of its own id, not of a neighbour, number or text', async t => {
  const lookup = await embeddingRows(await openEmbeddings(join(ROWS, 'ids-zstd.parquet')), { column: 'int64' })
  const conversations = [
    { from: 'human', value: '<image>' },
    { from: 'gpt', value: 'a fox' },
  ]
  const record = (id: string) => JSON.stringify({ conversations }).replace('{', `{"id":${id},"image":${id},`)
  const data = join(folderOf(t), 'records.json')
  writeFileSync(data, `[${INT64.flatMap(id => [record(id), record(`"${id}"`)]).join(',\n')}]`)
  const set = await TrainingSet.open({ data, lookup })
  const found = await Promise.all(INT64.flatMap((_, i) => [set.train.at(2 * i), set.train.at(2 * i + 1)]))
  t.deepEqual(
    found.map(({ rows }) => rows[0]),
    [0, 0, 1, 1, 2, 2, 3, 3, 4, 4],
  )
  await set.close()
  writeFileSync(data, `[${record('9007199254740999')}]`)
  await t.throwsAsync(() => TrainingSet.open({ data, lookup }), { code: 'BAD_SAMPLE', message: /9007199254740999/ })
})

test('ids of JSON, CSV and text are exact, whatever surrounds them', async t => {
  const folder = folderOf(t)
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const mark = '\ufeff'
  for (const path of [
    write('ids.jsonl', `${mark}${INT64.map(id => `{"id": ${id}}`).join('\r\n')}\r\n\r\n`),
    write('ids.json', `${mark}[${INT64.map(id => `{"id":${id}}`).join(',')}]\n`),
    write('ids.csv', `${mark}caption,id\r\n${INT64.map(id => `"a, b",${id}`).join('\r\n')}\r\n\r\n`),
    write('ids.tsv', `id\tcaption\n${INT64.map(id => `${id}\tx`).join('\n')}\n`),
    write('ids.txt', `${mark}${INT64.join('\r\n')}\r\n\r\n\r\n`),
    write('ids', INT64.join('\n')),
  ]) {
    t.deepEqual(await list(idsIn(path)), INT64, path)
  }
  t.deepEqual(await list(idsIn(write('gap.txt', 'a\n\nb\n\n'))), ['a', '', 'b'])
  const rounded = write('rounded.json', '[{"id": 1e300}]')
  await t.throwsAsync(() => list(idsIn(rounded)), { code: 'BAD_FORMAT', message: /neither text nor whole number/ })
})

test('files of another kind are named as what they are', async t => {
  const folder = folderOf(t)
  const cases: [string, string | Uint8Array, RegExp][] = [
    ['ids.txt', Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0xff, 0xfe), /gzip-compressed data; unpack/],
    ['ids.jsonl', Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0xff, 0xfe), /gzip-compressed data; unpack/],
    ['coco.json', '{"info": {}, "images": [{"id": 1}], "annotations": [{"id": 1}]}', /COCO/],
    ['table.json', 'id,caption\n1,a\n', /separated by commas/],
    ['base.json', Buffer.from('SQLite format 3\0 '), /SQLite/],
    ['page.json', '<!DOCTYPE html><html>', /HTML/],
  ]
  for (const [name, content, message] of cases) {
    const path = join(folder, name)
    writeFileSync(path, content)
    await t.throwsAsync(() => list(idsIn(path)), { code: 'UNSUPPORTED', message }, name)
  }
  const spread = join(folder, 'spread.json')
  writeFileSync(spread, '{\n  "id": 1\n}\n')
  await t.throwsAsync(() => list(idsIn(spread)), { code: 'BAD_FORMAT', message: /elements of one array/ })
})

test('a benchmark keeps the digits of its questions and images', async t => {
  const folder = folderOf(t)
  const path = join(folder, 'questions.jsonl')
  writeFileSync(path, '{"question_id": 9007199254740993, "image": 9007199254740995, "text": "what?"}\n')
  t.like((await readBenchmark(path))[0], { id: '9007199254740993', image: '9007199254740995' })
})

test('a folder of save_to_disk brings the ids of its files', async t => {
  const rows = await embeddingRows(await openEmbeddings(join(ROWS, 'hf')))
  t.deepEqual([rows.rows, rows.rowOf('5', 0)], [6, 5])
})

test('metadata beside clip-retrieval shards give ids by number, not by place', async t => {
  const folder = folderOf(t)
  for (const name of ['img_emb', 'metadata']) {
    mkdirSync(join(folder, name), { recursive: true })
  }
  for (const k of [0, 2]) {
    copyFileSync(join(ROWS, 'polars.parquet'), join(folder, 'img_emb', `img_emb_${k}.parquet`))
  }
  for (const k of [0, 1, 2]) {
    writeFileSync(
      join(folder, 'metadata', `metadata_${k}.jsonl`),
      [0, 1, 2, 3, 4].map(i => `{"id":"${k}-${i}"}`).join('\n'),
    )
  }
  const rows = await embeddingRows(await openEmbeddings(folder, { role: 'image' }))
  t.deepEqual([rows.rowOf('2-0', 0), rows.rowOf('1-0', 0)], [5, undefined])
})

/** NumPy's own ids (`make_npy_ids.py`). */
test('ids in npy files are those that NumPy prints', async t => {
  const at = (name: string) => join(import.meta.dirname, 'fixtures', 'npy-ids', `${name}.npy`)
  const read = (path: string) => list(idsIn(path))
  const { ids, refused } = JSON.parse(readFileSync(at('x').replace('x.npy', 'expected.json'), 'utf8'))
  for (const [name, expected] of Object.entries(ids)) {
    t.deepEqual(await read(at(name)), expected, name)
  }
  for (const name of refused) {
    await t.throwsAsync(read(at(name)), { code: 'UNSUPPORTED' }, name)
  }
  const cut = join(folderOf(t), 'cut.npy')
  const whole = readFileSync(at('i8'))
  for (const length of [whole.length - 1, 60, 9, 0]) {
    writeFileSync(cut, whole.subarray(0, length))
    await t.throwsAsync(read(cut), { code: 'BAD_FORMAT' }, `${length} bytes`)
  }
  writeFileSync(cut, Buffer.concat([whole, whole.subarray(0, 1)]))
  await t.throwsAsync(read(cut), { code: 'BAD_FORMAT' }, 'a byte too many')
  await t.throwsAsync(read(join(folderOf(t), 'none.npy')), { code: 'NOT_FOUND' })
})

test('a letter of several bytes may stand anywhere in a file of ids', async t => {
  const folder = folderOf(t)
  // pieces of a stream are 64 KiB: one of these letters lies across each of their ends
  for (const shift of [0, 1, 2, 3]) {
    const ids = [`${'x'.repeat(shift)}`, ...Array.from({ length: 60_000 }, (_, i) => `\u{1f98a}é${i}`)]
    const path = join(folder, `${shift}.txt`)
    writeFileSync(path, `${ids.join('\n')}\n`)
    const found: string[] = []
    for await (const id of idsIn(path)) found.push(id)
    t.deepEqual(found, ids)
  }
})
