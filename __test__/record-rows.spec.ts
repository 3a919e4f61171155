import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { ByteWriter, parquetWrite } from 'hyparquet-writer'
import { convert } from '../src/convert.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import { embeddingRows } from '../src/revision/data/embedding-rows.ts'
import { idsIn } from '../src/revision/data/id-files.ts'
import { rowsById, rowsByNumber, rowsInOrder } from '../src/revision/data/row-lookup.ts'
import { writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'

async function list(ids: AsyncIterable<string>): Promise<string[]> {
  const found: string[] = []
  for await (const id of ids) {
    found.push(id)
  }
  return found
}

function write(path: string, content: string | Uint8Array): string {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
  return path
}

function parquet(path: string, columns: Record<string, (string | bigint)[]>, rowGroupSize = 2): string {
  const writer = new ByteWriter()
  parquetWrite({
    writer,
    rowGroupSize,
    columnData: Object.entries(columns).map(([name, data]) => ({
      name,
      data,
      type: typeof data[0] === 'bigint' ? 'INT64' : 'STRING',
    })),
  })
  return write(path, new Uint8Array(writer.getBuffer()))
}

const fixture = (protocol: number) => join(import.meta.dirname, 'fixtures', `pickle-ids-${protocol}.pkl`)

for (const protocol of [2, 5]) {
  test(`ids of a pickle of protocol ${protocol} are read in the order of its rows`, async t => {
    const expected = ['0', 'coco/000001.jpg', '7', '65536', '-3', 'naïve ☃']
    const found = await list(idsIn(fixture(protocol)))
    t.deepEqual(found, [...expected, ...Array.from({ length: 1_010 }, (_, i) => `id-${i}`)])
    const rows = await embeddingRows(await openEmbeddings(fixture(protocol)))
    t.is(rows.rowOf('id-3', 0), 9)
  })
}

test('ids are read from a pickle that rows were converted or moved into', async t => {
  const path = join(folderOf(t), 'rows.pkl')
  // the first row of the fixture is zero
  await convert(await openEmbeddings(fixture(5), { normalize: false }), path)
  t.deepEqual(await list(idsIn(path)), await list(idsIn(fixture(5))))
  const plain = join(folderOf(t), 'plain.pkl')
  await convert(await openEmbeddings(new Float32Array(6).fill(1), { dim: 2 }), plain, { format: 'pickle' })
  t.deepEqual(await list(idsIn(plain)), ['0', '1', '2'])
})

test('another key of a pickle may be the id, if it is short', async t => {
  const error = await t.throwsAsync(() => list(idsIn(fixture(5), 'caption')))
  t.like(error, { code: 'BAD_FORMAT', row: 2 })
})

test('a pickle cut anywhere, or with a byte changed, is read, refused, and never hangs', async t => {
  const bytes = readFileSync(fixture(5)).subarray(0, 2_000)
  for (let length = 0; length < bytes.length; length += 13) {
    const path = write(join(folderOf(t), 'cut.pkl'), bytes.subarray(0, length))
    const error = await t.throwsAsync(() => list(idsIn(path)))
    t.is((error as { code?: string }).code, 'BAD_FORMAT')
  }
  const whole = readFileSync(fixture(2)).subarray(0, 1_200)
  for (let at = 0; at < whole.length; at += 3) {
    const changed = Buffer.from(whole)
    changed[at] = (changed[at] as number) ^ 0x55
    const path = write(join(folderOf(t), 'changed.pkl'), changed)
    const code = await list(idsIn(path)).then(
      () => undefined,
      (error: { code?: string }) => error.code,
    )
    t.true(code === undefined || code === 'BAD_FORMAT' || code === 'UNSUPPORTED', `${at}: ${code}`)
  }
})

const HOSTILE: [string, number[], string][] = [
  ['a length beyond the file', [0x80, 4, 0x5d, 0x8e, 255, 255, 255, 255, 255, 255, 255, 127], 'BAD_FORMAT'],
  ['a negative length', [0x80, 2, 0x54, 255, 255, 255, 255], 'BAD_FORMAT'],
  ['an empty stack', [0x80, 4, 0x52], 'BAD_FORMAT'],
  ['a stack without mark', [0x80, 4, 0x5d, 0x65], 'BAD_FORMAT'],
  ['no list', [0x80, 4, 0x7d, 0x2e], 'UNSUPPORTED'],
  ['an old opcode', [0x28, 0x6c, 0x70, 0x30, 0x0a], 'UNSUPPORTED'],
  ['a persistent id', [0x80, 4, 0x5d, 0x51], 'BAD_FORMAT'],
  ['an object to be built', [0x80, 4, 0x5d, 0x81], 'BAD_FORMAT'],
  ['records that are not dictionaries', [0x80, 4, 0x5d, 0x28, 0x4b, 1, 0x65, 0x2e], 'BAD_FORMAT'],
  ['an item of what is not a dictionary', [0x80, 4, 0x5d, 0x4b, 1, 0x4b, 2, 0x73], 'BAD_FORMAT'],
  ['a million marks and more', [0x80, 4, 0x5d, ...new Array<number>(1_000_100).fill(0x28)], 'BAD_FORMAT'],
]

for (const [name, bytes, code] of HOSTILE) {
  test(`a pickle with ${name} is refused`, async t => {
    const path = write(join(folderOf(t), 'hostile.pkl'), Uint8Array.from(bytes))
    t.like(await t.throwsAsync(() => list(idsIn(path))), { code, file: path })
  })
}

test('ids come from parquet, JSON lines, a JSON array and lines of text', async t => {
  const folder = folderOf(t)
  const ids = ['a', 'b', 'c', 'd', 'e']
  const objects = ids.map(id => ({ caption: 'x', image_id: id }))
  for (const path of [
    parquet(join(folder, 'ids.parquet'), { caption: ids.map(() => 'x'), image_path: ids }),
    write(join(folder, 'ids.jsonl'), objects.map(each => JSON.stringify(each)).join('\n')),
    write(join(folder, 'ids.json'), JSON.stringify(objects)),
    write(join(folder, 'ids.txt'), ids.join('\r\n')),
  ]) {
    t.deepEqual(await list(idsIn(path)), ids, path)
  }
  const numbers = parquet(join(folder, 'numbers.parquet'), { n: [7n, 2n ** 60n], s: ['x', 'y'] })
  t.deepEqual(await list(idsIn(numbers, 'n')), ['7', '1152921504606846976'])
})

test('a column of ids that is not there, or holds none, is named', async t => {
  const folder = folderOf(t)
  const table = parquet(join(folder, 'ids.parquet'), { caption: ['x'] })
  await t.throwsAsync(() => list(idsIn(table)), { code: 'BAD_SELECTOR', message: /none of id, image_id/ })
  await t.throwsAsync(() => list(idsIn(table, 'id')), { code: 'BAD_SELECTOR', message: /no column id/ })
  const lines = write(join(folder, 'ids.jsonl'), '{"id":"a"}\n{"id":null}')
  t.like(await t.throwsAsync(() => list(idsIn(lines))), { code: 'BAD_FORMAT', file: lines, row: 1 })
  const broken = write(join(folder, 'broken.parquet'), readFileSync(table).subarray(0, -6))
  await t.throwsAsync(() => list(idsIn(broken)), { code: 'BAD_FORMAT' })
  for (const name of ['none.parquet', 'none.jsonl', 'none.txt', 'none.pkl']) {
    await t.throwsAsync(() => list(idsIn(join(folder, name))), { code: 'NOT_FOUND' })
  }
})

/** A clip-retrieval folder of eleven shards: the names sort as numbers only. */
function clipFolder(t: ExecutionContext): string {
  const folder = folderOf(t)
  for (let k = 0; k < 11; k++) {
    mkdirSync(join(folder, 'img_emb'), { recursive: true })
    mkdirSync(join(folder, 'text_emb'), { recursive: true })
    for (const side of ['img', 'text']) {
      writeNpy(join(folder, `${side}_emb`, `${side}_emb_${k}.npy`), new Float32Array(6).fill(1), [3, 2])
    }
    const image_path = [0, 1, 2].map(i => `/data/${k}/${3 * k + i}.jpg`)
    parquet(join(folder, 'metadata', `metadata_${k}.parquet`), { image_path, caption: image_path })
  }
  return folder
}

test('rows of a clip-retrieval folder are found by its metadata, whole or by the stem of a path', async t => {
  const images = await openEmbeddings(clipFolder(t), { role: 'image' })
  const exact = await embeddingRows(images)
  t.is(exact.rows, 33)
  t.is(exact.rowOf('/data/10/31.jpg', 0), 31)
  t.is(exact.rowOf('31.jpg', 0), undefined)
  const stem = await embeddingRows(images, { match: 'stem' })
  t.is(stem.rowOf('other/31.png', 0), 31)
})

test('ids and rows that differ in number do not belong together', async t => {
  const folder = clipFolder(t)
  const images = await openEmbeddings(folder, { role: 'image' })
  const ids = write(join(folder, 'ids.txt'), 'a\nb')
  await t.throwsAsync(() => embeddingRows(images, { from: ids }), { code: 'NOT_PAIRED', message: /2 ids for 33 rows/ })
  const more = write(join(folder, 'more.txt'), Array.from({ length: 34 }, (_, i) => `i${i}`).join('\n'))
  await t.throwsAsync(() => embeddingRows(images, { from: more }), {
    code: 'NOT_PAIRED',
    message: /34 ids for 33 rows/,
  })
  parquet(join(folder, 'metadata', 'metadata_4.parquet'), { image_path: ['x'] })
  await t.throwsAsync(() => embeddingRows(images), { code: 'NOT_PAIRED', message: /metadata_4/ })
})

test('rows without ids need a rule by which they are found', async t => {
  const path = writeNpy(join(folderOf(t), 'rows.npy'), new Float32Array(6).fill(1), [3, 2])
  const rows = await openEmbeddings(path)
  await t.throwsAsync(() => embeddingRows(rows), { code: 'BAD_OPTION', message: /rows\.npy has no ids/ })
  t.is((await embeddingRows(rows, { from: 'order' })).rowOf('whatever', 2), 2)
  t.is((await embeddingRows(rows, { from: 'row' })).rowOf('2', 0), 2)
})

test('lookups know where their rows end', t => {
  t.is(rowsInOrder(3).rowOf('x', 3), undefined)
  for (const id of ['3', '-1', '1.5', '', 'x', '1e0', '9007199254740993']) {
    t.is(rowsByNumber(3).rowOf(id, 0), undefined, id)
  }
})

test('two rows of one id are an error that names both', async t => {
  const error = await t.throwsAsync(() => rowsById(['a', 'b', 'a'], { name: 'ids.txt' }))
  t.like(error, { code: 'BAD_FORMAT', row: 2 })
  t.regex(error?.message ?? '', /ids\.txt: rows 0 and 2 share the id "a"/)
  await t.throwsAsync(() => rowsById(['x/a.png', 'y/a.jpg'], { match: 'stem' }), { code: 'BAD_FORMAT' })
})
