import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { convert } from '../src/convert.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import { inspect } from '../src/inspect.ts'
import { writeNpy } from './helpers/npy.ts'
import { folderOf, SAMPLE } from './helpers/place.ts'

const ROWS = Float32Array.of(3, 4, 0, 1, 0, 0, 0, 0, 2)

test('an array of rows with its width', async t => {
  const rows = await openEmbeddings(ROWS, { dim: 3, label: 'mine' })
  t.like(rows, { rows: 3, dim: 3, dtype: 'f32', format: 'memory', layout: 'memory', label: 'mine' })
  t.deepEqual((await inspect(rows)).norms, { min: 1, max: 5, mean: 8 / 3 })
})

test('every storage type in memory', async t => {
  t.is((await openEmbeddings(Float64Array.from(ROWS), { dim: 3 })).dtype, 'f64')
  t.is((await openEmbeddings(Uint16Array.of(0x3c00), { dim: 1 })).dtype, 'f16')
  t.is((await openEmbeddings(Uint16Array.of(0x3f80), { dim: 1, dtype: 'bf16' })).dtype, 'bf16')
  const one = { min: 1, max: 1, mean: 1 }
  t.deepEqual((await inspect(await openEmbeddings(Uint16Array.of(0x3c00), { dim: 1 }))).norms, one)
  t.deepEqual((await inspect(await openEmbeddings(Uint16Array.of(0x3f80), { dim: 1, dtype: 'bf16' }))).norms, one)
})

test('tensors of one row and of many', async t => {
  t.like(await openEmbeddings({ dims: [3, 3], data: ROWS }), { rows: 3, dim: 3 })
  t.like(await openEmbeddings({ dims: [9], data: ROWS }), { rows: 1, dim: 9 })
})

test('plain bytes, wherever a pooled buffer starts', async t => {
  const bytes = Buffer.from(ROWS.buffer)
  for (const shift of [0, 1, 2, 3, 4]) {
    const pooled = Buffer.alloc(bytes.length + shift).subarray(shift)
    pooled.set(bytes)
    const rows = await openEmbeddings(pooled, { dim: 3 })
    t.like(rows, { rows: 3, dtype: 'f32' })
    t.is((await inspect(rows)).norms?.max, 5)
  }
  const doubles = await openEmbeddings(Float64Array.from(ROWS).buffer, { dim: 3, dtype: 'f64' })
  t.like(doubles, { rows: 3, dtype: 'f64' })
})

test('Arrow IPC bytes, with the column named or alone', async t => {
  const folder = folderOf(t)
  const { outputs } = await convert(await openEmbeddings(ROWS, { dim: 3 }), folder, { format: 'arrow' })
  const bytes = readFileSync(outputs[0] as string)
  for (const column of [undefined, 'embedding']) {
    t.like(await openEmbeddings(bytes, { column }), { rows: 3, dim: 3, dtype: 'f32' })
  }
  t.like(await t.throwsAsync(openEmbeddings(bytes, { column: 'caption' })), { code: 'BAD_SELECTOR' })
})

test('rows are copied, so a later change does not reach them', async t => {
  const mine = Float32Array.from(ROWS)
  const rows = await openEmbeddings(mine, { dim: 3 })
  mine.fill(Number.NaN)
  t.is((await inspect(rows)).badRows.count, 0)
})

test('files, lists, folders in natural order, and a role of the clip-retrieval layout', async t => {
  const folder = folderOf(t)
  for (const [name, count] of [
    ['rows_10', 1],
    ['rows_9', 2],
  ] as const) {
    writeNpy(join(folder, `${name}.npy`), ROWS.subarray(0, 3 * count), [count, 3])
  }
  const all = await openEmbeddings(folder)
  t.like(all, { rows: 3, dim: 3, format: 'npy', layout: 'files' })
  t.deepEqual(
    all.shards.map(shard => shard.rows),
    [2, 1],
  )
  t.is((await openEmbeddings([join(folder, 'rows_9.npy')])).rows, 2)
  t.is((await openEmbeddings(join(folder, '*.npy'))).rows, 3)
  const text = await openEmbeddings(SAMPLE, { role: 'text' })
  t.like(text, { rows: 2101, dim: 192, dtype: 'f16', layout: 'clip-retrieval' })
})

test('what is not there, not readable or not rows is an error with its file', async t => {
  const folder = folderOf(t)
  mkdirSync(join(folder, 'empty'))
  const opened = (path: string) => openEmbeddings(join(folder, path))
  t.like(await t.throwsAsync(opened('none.npy')), { code: 'NOT_FOUND', file: join(folder, 'none.npy') })
  t.like(await t.throwsAsync(opened('empty')), { code: 'EMPTY' })
  writeNpy(join(folder, 'object.npy'), ROWS, [3, 3], "{'descr': '|O', 'fortran_order': False, 'shape': (3, 3), }")
  t.like(await t.throwsAsync(opened('object.npy')), { file: join(folder, 'object.npy') })
  writeNpy(join(folder, 'wide.npy'), ROWS, [1, 9])
  writeNpy(join(folder, 'narrow.npy'), ROWS, [3, 3])
  const both = [join(folder, 'wide.npy'), join(folder, 'narrow.npy')]
  t.like(await t.throwsAsync(openEmbeddings(both)), { code: 'WIDTH_MISMATCH', file: both[1] })
})

test('arrays that are not whole rows, or not rows at all', async t => {
  await t.throwsAsync(openEmbeddings(ROWS), { code: 'BAD_SHAPE', message: /needs the option dim/ })
  for (const dim of [0, -1, 1.5, 4, Number.NaN]) {
    t.like(await t.throwsAsync(openEmbeddings(ROWS, { dim })), { code: 'BAD_SHAPE' })
  }
  t.like(await t.throwsAsync(openEmbeddings(new Float32Array(0), { dim: 3 })), { code: 'EMPTY' })
  t.like(await t.throwsAsync(openEmbeddings(new Uint8Array(7), { dim: 1 })), { code: 'BAD_SHAPE' })
  t.like(await t.throwsAsync(openEmbeddings(new Uint8Array(8))), { code: 'BAD_FORMAT' })
  t.like(await t.throwsAsync(openEmbeddings(7 as never, { dim: 1 })), { code: 'UNSUPPORTED' })
  t.like(await t.throwsAsync(openEmbeddings({ dims: [2, 2], data: ROWS })), { code: 'BAD_SHAPE' })
  t.like(await t.throwsAsync(openEmbeddings(new Uint8Array(8), { dim: 1, dtype: 'f8' as never })), {
    code: 'BAD_OPTION',
  })
  t.like(await t.throwsAsync(openEmbeddings(SAMPLE, { onBadRow: 'ignore' as never })), { code: 'BAD_OPTION' })
})
