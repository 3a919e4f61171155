import { join } from 'node:path'
import test from 'ava'
import { openEmbeddings } from '../src/embeddings.ts'
import { inspect } from '../src/inspect.ts'
import { writeNpy } from './helpers/npy.ts'
import { folderOf, SAMPLE } from './helpers/place.ts'

test('what stands in a folder', async t => {
  const report = await inspect(await openEmbeddings(SAMPLE, { role: 'image' }))
  t.like(report, { rows: 2101, dim: 192, dtype: 'f16', format: 'npy', layout: 'clip-retrieval', unit: true })
  t.deepEqual(report.badRows, { count: 0, first: [] })
  t.like(report.shards[0], { path: join(SAMPLE, 'img_emb', 'img_emb_0.npy'), rows: 2101 })
})

test('bad rows are findings, named in order', async t => {
  const folder = folderOf(t)
  const path = writeNpy(join(folder, 'bad.npy'), Float32Array.of(1, 0, 0, 0, Number.NaN, 1, 0, 2), [4, 2])
  const report = await inspect(await openEmbeddings(path))
  t.like(report, { rows: 4, dim: 2, dtype: 'f32', format: 'npy', unit: false })
  t.is(report.badRows.count, 2)
  t.like(report.badRows.first[0], { file: path, row: 1, reason: 'length is zero, so the row has no direction' })
  t.like(report.badRows.first[1], { file: path, row: 2, reason: 'component in column 0 is not finite' })
  t.deepEqual(report.norms, { min: 1, max: 2, mean: 1.5 })
  const listed = await inspect(await openEmbeddings(path), { badRows: 1 })
  t.is(listed.badRows.count, 2)
  t.is(listed.badRows.first.length, 1)
})

test('rows of which none can be used have no lengths', async t => {
  const report = await inspect(await openEmbeddings(new Float32Array(6), { dim: 3 }))
  t.is(report.norms, null)
  t.is(report.unit, false)
  t.is(report.badRows.count, 2)
})
