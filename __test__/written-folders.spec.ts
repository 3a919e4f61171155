/** What jobs write is read again as it was, and no two of them write to one place. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import test, { type ExecutionContext } from 'ava'
import { Aligner, type AlignInput } from '../src/align.ts'
import { convert } from '../src/convert.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import { readNpy, writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'

const DIM = 4

/** Folders `part=0`, `part=1` …, each with a file of one name, whose rows begin with their number in all. */
function parts(folder: string, count: number): string {
  for (let part = 0; part < count; part++) {
    const at = join(folder, 'parts', `part=${part}`)
    mkdirSync(at, { recursive: true })
    const rows = Float32Array.from({ length: 2 * DIM }, (_, i) => (i % DIM === 0 ? 2 * part + i / DIM : 1))
    writeNpy(join(at, 'data_0.npy'), rows, [2, DIM])
  }
  return join(folder, 'parts', '**', '*.npy')
}

/** First components of all rows of a place. */
async function order(folder: string, place: string | string[]): Promise<number[]> {
  const out = join(folder, 'shards')
  await convert(await openEmbeddings(place), out)
  const { shards } = await openEmbeddings(out)
  return shards.flatMap(({ path }) => Array.from(readNpy(path ?? '').values).filter((_, i) => i % DIM === 0))
}

test('files of one name from several folders are written so that they are read in their order', async t => {
  const folder = folderOf(t)
  const found = await order(folder, parts(folder, 12))
  t.deepEqual(
    found,
    Array.from({ length: 24 }, (_, i) => i),
  )
  t.deepEqual(readdirSync(join(folder, 'shards')).sort()[1], '01-data_0-2.npy')
})

test('files are written in the order in which they were named', async t => {
  const folder = folderOf(t)
  parts(folder, 3)
  const named = [2, 0, 1].map(part => join(folder, 'parts', `part=${part}`, 'data_0.npy'))
  t.deepEqual(await order(folder, named), [4, 5, 0, 1, 2, 3])
})

test('files that are in order keep their names', async t => {
  const folder = folderOf(t)
  const rows = join(folder, 'rows')
  mkdirSync(rows)
  for (const name of ['a.npy', 'a-2.npy', 'a_10.npy']) writeNpy(join(rows, name), someRows(2, DIM, 1), [2, DIM])
  const out = join(folder, 'out')
  await convert(await openEmbeddings(rows), out)
  t.deepEqual(readdirSync(out).sort(), ['a-2.npy', 'a.npy', 'a_10.npy'])
})

const ENDED = /another job writes there|exists already/

/** The one that wrote, of several jobs on one output that were begun at once. */
async function only<T>(t: ExecutionContext, jobs: readonly Promise<T>[]): Promise<number> {
  const ended = await Promise.allSettled(jobs)
  const written = ended.flatMap((job, i) => (job.status === 'fulfilled' ? [i] : []))
  t.is(written.length, 1)
  for (const job of ended) {
    if (job.status === 'rejected') {
      t.regex(job.reason.message, ENDED)
      t.is(job.reason.code, 'BAD_OPTION')
    }
  }
  return written[0] as number
}

test('of several jobs on one folder one writes, and the others change nothing', async t => {
  const folder = folderOf(t)
  const target = await openEmbeddings(someRows(300, DIM, 1), { dim: DIM })
  const file = writeNpy(join(folder, 'text.npy'), someRows(300, DIM, 2), [300, DIM])
  const source = await openEmbeddings(file)
  const kinds = [{ steps: ['anchor'] }, {}, { method: 'centering' }, { centroidIterations: 3 }] as const
  for (let round = 0; round < 5; round++) {
    const out = join(folder, `out-${round}`)
    const first = await only(
      t,
      kinds.map(options => Aligner.alignTo({ target, source, out, ...options })),
    )
    const options = (await Aligner.load(join(out, 'aligner.safetensors'))).info.options
    const expected = (await Aligner.fit({ target, source, ...kinds[first] })).info.options
    t.deepEqual(options, expected)
    t.false(existsSync(join(out, '_run', 'lock')))
  }
})

test('of two alignments with one aligner beside their files one writes', async t => {
  const folder = folderOf(t)
  const target = await openEmbeddings(someRows(300, DIM, 1), { dim: DIM })
  const source = await openEmbeddings(someRows(300, DIM, 2), { dim: DIM })
  const jobs = ['a.npy', 'a.parquet'].map(name => Aligner.alignTo({ target, source, out: join(folder, name) }))
  await only(t, jobs)
  t.is(readdirSync(folder).length, 2)
})

test('of several jobs on one file one writes', async t => {
  const folder = folderOf(t)
  const rows = await openEmbeddings(someRows(300, DIM, 2), { dim: DIM })
  const out = join(folder, 'deep', 'rows.npy')
  const types = ['f16', 'f32', 'f64'] as const
  const first = await only(
    t,
    types.map(dtype => convert(rows, out, { dtype })),
  )
  t.is<string | undefined, string | undefined>((await openEmbeddings(out)).dtype, types[first])
  t.deepEqual(readdirSync(join(folder, 'deep')), ['rows.npy'])
})

test('a name that contradicts what is written is refused before anything is', async t => {
  const folder = folderOf(t)
  const rows = await openEmbeddings(someRows(3, DIM, 2), { dim: DIM })
  const contradiction = convert(rows, join(folder, 'a.npy'), { format: 'parquet' })
  t.like(await t.throwsAsync(contradiction, { message: /name of a file of npy.*give it the ending \.parquet/ }), {
    code: 'BAD_OPTION',
  })
  const several = await openEmbeddings(parts(folder, 3))
  const one = convert(several, join(folder, 'a.parquet'))
  t.like(await t.throwsAsync(one, { message: /name of one file, and several are written/ }), { code: 'BAD_OPTION' })
  t.deepEqual(readdirSync(folder), ['parts'])
})

test('columns that are chosen beside a larger set with a hole are written', async t => {
  const folder = folderOf(t)
  const path = join(folder, 'rows.csv')
  writeFileSync(path, 'x0,x1,e0,e1,e3\n1,2,3,4,5\n')
  t.like(await t.throwsAsync(openEmbeddings(path), { message: /e2 is missing/ }), { code: 'BAD_SELECTOR' })
  const out = join(folder, 'x.npy')
  await convert(await openEmbeddings(`${path}#x`), out)
  t.deepEqual(Array.from(readNpy(out).values), [1, 2])
})

test('counted parts in another order are read in it', async t => {
  const folder = folderOf(t)
  const at = join(folder, 'parts')
  mkdirSync(at)
  for (const part of [0, 1]) {
    writeNpy(join(at, `train-0000${part}-of-00002.npy`), Float32Array.from([part, 1, 1, 1]), [1, DIM])
  }
  const named = [1, 0].map(part => join(at, `train-0000${part}-of-00002.npy`))
  t.deepEqual(await order(folder, named), [1, 0])
})

test('a link to nothing is passed over where its name is not that of rows', async t => {
  const folder = folderOf(t)
  writeNpy(join(folder, 'part_0.npy'), someRows(3, DIM, 1), [3, DIM])
  symlinkSync(join(folder, 'gone'), join(folder, 'config.json'))
  t.is((await openEmbeddings(folder)).rows, 3)
})

test('what a killed job leaves is not read as rows, and gives no right to replace', async t => {
  const folder = folderOf(t)
  const out = join(folder, 'out')
  mkdirSync(join(out, '_run'), { recursive: true })
  writeFileSync(join(out, '_run', 'lock'), 'left by a dead process')
  writeFileSync(join(out, '.a.npy.lock'), 'left by a dead process')
  writeNpy(join(out, 'rows.npy'), someRows(3, DIM, 1), [3, DIM])
  t.is((await openEmbeddings(join(out, '*'))).rows, 3)
  const { target, source } = {
    target: await openEmbeddings(someRows(40, DIM, 1), { dim: DIM }),
    source: await openEmbeddings(someRows(40, DIM, 2), { dim: DIM }),
  }
  const resumed = Aligner.alignTo({ target, source, out, resume: true })
  t.like(await t.throwsAsync(resumed, { message: /exists already/ }), { code: 'BAD_OPTION' })
})

test('what a job has written is taken up by the same job only', async t => {
  const out = join(folderOf(t), 'out')
  const target = await openEmbeddings(someRows(40, DIM, 1), { dim: DIM })
  const source = await openEmbeddings(someRows(40, DIM, 2), { dim: DIM })
  const job = { target, source, out, resume: true }
  await Aligner.alignTo(job)
  const others: Partial<AlignInput>[] = [
    { method: 'mean-shift' },
    { centroidIterations: 2 },
    { holdout: 0.25 },
    { subset: 20 },
    { paired: true },
    { targetName: 'pictures' },
    { dtype: 'f16' },
    { format: 'safetensors' },
    { source: await openEmbeddings(someRows(39, DIM, 2), { dim: DIM }) },
  ]
  for (const other of others) {
    const refused = await t.throwsAsync(Aligner.alignTo({ ...job, ...other }), undefined, JSON.stringify(other))
    t.like(refused, { code: 'BAD_OPTION' }, JSON.stringify(other))
  }
  await t.notThrowsAsync(Aligner.alignTo(job))
})

test('ids that are no numbers are refused', async t => {
  const folder = folderOf(t)
  const path = join(folder, 'rows.jsonl')
  writeFileSync(path, '{"e": [1, 2], "id": 1}\n{"e": [1, 2], "id": NaN}\n')
  t.like(await t.throwsAsync(openEmbeddings(path, { ids: 'id' })), { code: 'BAD_FORMAT', row: 1 })
})

test('a link to nothing is a missing file, not a smaller data set', async t => {
  const folder = folderOf(t)
  writeNpy(join(folder, 'part_0.npy'), someRows(3, DIM, 1), [3, DIM])
  symlinkSync(join(folder, 'gone'), join(folder, 'part_1.npy'))
  for (const place of [folder, join(folder, '*.npy')]) {
    const missing = await t.throwsAsync(openEmbeddings(place), { message: /part_1\.npy: no such file/ })
    t.like(missing, { code: 'NOT_FOUND', file: join(folder, 'part_1.npy') })
  }
})

test('a glob goes through no link to a folder above it', async t => {
  const folder = folderOf(t)
  const rows = join(folder, 'rows')
  mkdirSync(rows)
  writeNpy(join(rows, 'a.npy'), someRows(3, DIM, 1), [3, DIM])
  symlinkSync('.', join(rows, 'loop'))
  symlinkSync('rows', join(folder, 'other'))
  t.is((await openEmbeddings(join(rows, '**', '*.npy'))).rows, 3)
  t.is((await openEmbeddings(join(folder, 'other', '*.npy'))).rows, 3)
  symlinkSync('.', join(folder, 'latest'))
  t.is((await openEmbeddings(join(folder, 'latest', 'rows', '*.npy'))).rows, 3, 'a link that is named is followed')
})

test('numbers that JSON has no words for make a bad row, the first one too', async t => {
  const folder = folderOf(t)
  const path = join(folder, 'rows.jsonl')
  writeFileSync(path, '{"e": [1, NaN]}\n{"e": [1, 2]}\n{"e": [-Infinity, 2]}\n')
  t.like(await t.throwsAsync(openEmbeddings(path).then(rows => convert(rows, join(folder, 'out.npy')))), {
    code: 'BAD_ROW',
    row: 0,
  })
  const rows = await openEmbeddings(path, { onBadRow: 'drop' })
  t.is((await convert(rows, join(folder, 'kept.npy'))).rows, 1)
})

test('text that packs well is read', async t => {
  const folder = folderOf(t)
  const path = join(folder, 'rows.jsonl.gz')
  const row = (at: number) => JSON.stringify({ e: Array.from({ length: 4096 }, (_, i) => (i === at ? 1 : 0)) })
  const text = Array.from({ length: 400 }, (_, at) => `${row(at)}\n`).join('')
  const packed = gzipSync(text)
  t.true(text.length > 200 * packed.length + (1 << 20))
  writeFileSync(path, packed)
  t.is((await openEmbeddings(path)).rows, 400)
})

test('a text beside the same one packed is not read twice', async t => {
  const folder = folderOf(t)
  const text = '{"e": [1, 2]}\n'
  writeFileSync(join(folder, 'a.jsonl'), text)
  writeFileSync(join(folder, 'a.jsonl.gz'), gzipSync(text))
  const twice = openEmbeddings(folder)
  t.like(await t.throwsAsync(twice, { message: /packed and unpacked/ }), { code: 'BAD_SELECTOR' })
  t.is((await openEmbeddings(join(folder, '*.gz'))).rows, 1)
})

test('tables of a folder whose rows stand in columns of other names are not put together', async t => {
  const folder = folderOf(t)
  const fixtures = join(import.meta.dirname, '..', 'crates', 'shards', 'tests', 'fixtures')
  for (const [i, name] of ['beside/plain.parquet', 'two.parquet'].entries()) {
    copyFileSync(join(fixtures, name), join(folder, `${i}.parquet`))
  }
  const message =
    /1\.parquet: has its rows in a column called "image_embedding", and .*0\.parquet beside it in one called "embedding"/
  const mixed = openEmbeddings(folder, { role: 'image' })
  t.like(await t.throwsAsync(mixed, { message }), { code: 'BAD_SELECTOR' })
})

test('a name with # may choose what has # in its name', async t => {
  const folder = folderOf(t)
  const path = join(folder, 'rows#1.jsonl')
  writeFileSync(path, '{"a#b": [1, 2], "c": [3]}\n')
  t.is((await openEmbeddings(`${path}#a#b`)).dim, 2)
  t.is((await openEmbeddings(`${path}#c`)).dim, 1)
})
