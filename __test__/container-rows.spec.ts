/**
 * Tensors of PyTorch, tar archives, plain bytes and states of tokens through the package and its command line. The files are those of
 * crates/shards/tests/fixtures/make_torch.py, whose values NumPy has written beside them.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { convert, inspect, ModalityGapError, openEmbeddings } from '../src/index.ts'
import { idsIn } from '../src/revision/data/id-files.ts'

const files = fileURLToPath(new URL('../crates/shards/tests/fixtures/torch/', import.meta.url))
const at = (name: string) => join(files, name)
const folder = mkdtempSync(join(tmpdir(), 'modality-gap-containers-'))
const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))

/** The numbers of an npy of f32. */
async function numbers(path: string, options = {}): Promise<Buffer> {
  const out = join(mkdtempSync(join(folder, 'rows-')), 'rows.npy')
  await convert(await openEmbeddings(path, options), out, { dtype: 'f32' })
  return readFileSync(out)
}

const expected = async (name: string) => await numbers(at(`expected-${name}.npy`))

test('every container gives the values that NumPy has', async t => {
  const cases: [string, object, string][] = [
    ['f32.pt', {}, 'x'],
    ['transposed.pt', {}, 'x'],
    ['list.pt', {}, 'x'],
    ['dict.pt#text', {}, 'y'],
    ['dict.pt', { role: 'image' }, 'x'],
    ['rows.tar', {}, 'x'],
    ['rows-pt.tar', {}, 'x'],
    ['fields.tar#text', {}, 'y'],
    ['rows.bin', { dim: 5, dtype: 'f32' }, 'x'],
    ['rows.bin#5:f32', {}, 'x'],
    ['rows.dat', { dim: 5, dtype: 'f16' }, 'f16'],
    ['states.npy', { pool: 'mean' }, 'mean'],
    ['states.pt', { pool: 'first' }, 'first'],
    ['states-nested.parquet', { pool: 'last' }, 'last'],
  ]
  for (const [name, options, wanted] of cases) {
    t.deepEqual(await numbers(at(name), options), await expected(wanted), name)
  }
})

test('ids come from beside the tensors, or are the keys', async t => {
  const all = async (name: string) => {
    const found: string[] = []
    for await (const id of idsIn(at(name), undefined, ['ids', 'image_id'])) found.push(id)
    return found
  }
  const named = Array.from({ length: 13 }, (_, i) => `img ${i}`)
  t.deepEqual(await all('ids.pt'), named)
  t.deepEqual(await all('by-id.pt'), named)
  t.deepEqual(
    await all('whole-ids.pt'),
    Array.from({ length: 13 }, (_, i) => `${i - 2}`),
  )
  t.deepEqual(
    await all('rows.tar'),
    Array.from({ length: 13 }, (_, i) => `${i}`.padStart(6, '0')),
  )
})

test('options that a file does not need are refused, and those that it needs are named', async t => {
  const refused = async (name: string, options: object, code: string, said: RegExp) => {
    const error = await t.throwsAsync(openEmbeddings(at(name), options), { instanceOf: ModalityGapError }, name)
    t.is((error as ModalityGapError).code, code as never, name)
    t.regex(error.message, said, name)
  }
  await refused('rows.bin', {}, 'UNSUPPORTED', /--dim 768 --in-dtype f32/)
  await refused('rows.bin', { dim: 5 }, 'UNSUPPORTED', /--dim 768 --in-dtype f32/)
  await refused('f32.pt', { dim: 5, dtype: 'f32' }, 'BAD_OPTION', /says columns and storage type itself/)
  await refused('states.npy', {}, 'BAD_SELECTOR', /--pool mean/)
  await refused('module.pt', {}, 'BAD_FORMAT', /never loaded/)
  await t.throwsAsync(openEmbeddings(new Float32Array(4), { dim: 2, pool: 'mean' }), { message: /pool is for files/ })
})

test('a bad member or tensor is a bad row by the policy', async t => {
  for (const [name, good] of [
    ['bad.tar', 2],
    ['bad-list.pt', 3],
  ] as const) {
    await t.throwsAsync(convert(await openEmbeddings(at(name)), join(folder, `${name}.npy`)), { message: /row 1/ })
    const rows = await openEmbeddings(at(name), { onBadRow: 'drop' })
    t.is((await convert(rows, join(folder, `${name}-good.npy`))).rows, good, name)
  }
})

test('the command line has the same options', async t => {
  const run = (...args: string[]) =>
    JSON.parse(execFileSync(process.execPath, [cli, ...args, '--json'], { encoding: 'utf8' }))
  t.is(run('inspect', at('rows.bin'), '--dim', '5', '--in-dtype', 'f32').rows, 13)
  t.is(run('inspect', at('states.npy'), '--pool', 'mean').dim, 5)
  const out = join(folder, 'pooled.parquet')
  run('convert', '--in', at('states-tensor.parquet'), '--pool', 'mean', '--out', out)
  t.deepEqual(await numbers(out), await expected('mean'))
  const { status, stderr } = spawnSync(process.execPath, [cli, 'inspect', at('rows.bin')], { encoding: 'utf8' })
  t.is(status, 1)
  t.regex(stderr, /--dim 768 --in-dtype f32/)
})

test('a split is chosen beside every other option', async t => {
  const sets = mkdtempSync(join(folder, 'splits-'))
  copyFileSync(at('states.npy'), join(sets, 'train.npy'))
  copyFileSync(at('states-f16.npy'), join(sets, 'val.npy'))
  t.deepEqual(await numbers(sets, { split: 'train', pool: 'mean' }), await expected('mean'))
  const options = ['--split', 'validation', '--pool', 'first', '--json']
  const report = JSON.parse(execFileSync(process.execPath, [cli, 'inspect', sets, ...options], { encoding: 'utf8' }))
  t.deepEqual([report.rows, report.dim, report.shards.length], [13, 5, 1])
  await t.throwsAsync(openEmbeddings(sets, { split: 'train' }), { message: /--pool/ })
  const plain = mkdtempSync(join(folder, 'plain-'))
  copyFileSync(at('rows.dat'), join(plain, 'train.bin'))
  copyFileSync(at('rows.bin'), join(plain, 'test.bin'))
  t.deepEqual(await numbers(plain, { split: 'test', dim: 5, dtype: 'f32' }), await expected('x'))
  await t.throwsAsync(openEmbeddings(at('dict.pt'), { split: 'train' }), { message: /says nothing of splits/ })
})

test('a container of another kind is named, with the line that converts it', async t => {
  const cases: [string, string | Uint8Array, RegExp][] = [
    ['a.duckdb', Buffer.from('01234567DUCK@\0\0\0'), /DuckDB database; .*copy/],
    ['a.sqlite', 'SQLite format 3\0', /SQLite database; .*parquet/],
    ['a.h5', '\x89HDF\r\n', /HDF5 file; .*h5py/],
    ['a.mat', 'MATLAB 5.0 MAT-file, Platform', /MATLAB file; .*scipy/],
    ['a.orc', 'ORC', /ORC file; .*pyarrow/],
    ['a.avro', Buffer.from('Obj\x01'), /Avro file; .*polars/],
    ['a.feather', 'FEA1', /Feather version 1; .*write_feather/],
    ['a.xlsx', Buffer.from('PK\x03\x04'), /Office document|xlsx/],
    ['a.rds', Buffer.from([0x1f, 0x8b, 8, 0]), /file of R; .*arrow/],
    ['a.tfrecord', Buffer.alloc(16), /TensorFlow records/],
    ['a.index', 'IxF2', /FAISS index; .*reconstruct_n/],
    ['a.usearch', Buffer.alloc(16), /USearch index/],
    ['a.hnsw', Buffer.alloc(16), /hnswlib index/],
  ]
  for (const [name, content, said] of cases) {
    const path = join(folder, name)
    writeFileSync(path, content)
    await t.throwsAsync(openEmbeddings(path), { message: said }, name)
  }
  const table = join(folder, 'db', 'items.lance')
  mkdirSync(table, { recursive: true })
  await t.throwsAsync(openEmbeddings(table), { message: /Lance data set; .*parquet/ })
  await t.throwsAsync(openEmbeddings(join(folder, 'db')), { message: /Lance data set/ })
})

test('plain bytes in a folder count where nothing else is there', async t => {
  const alone = mkdtempSync(join(folder, 'alone-'))
  copyFileSync(at('rows.bin'), join(alone, 'a.bin'))
  copyFileSync(at('rows.bin'), join(alone, 'b.bin'))
  t.is((await inspect(await openEmbeddings(alone, { dim: 5, dtype: 'f32' }))).rows, 26)
  copyFileSync(at('expected-x.npy'), join(alone, 'x.npy'))
  t.is((await inspect(await openEmbeddings(alone))).rows, 13)
})
