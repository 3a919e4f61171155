import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { convert } from '../src/convert.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import type { Format } from '../src/options.ts'
import { readNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'

const ROWS = Float32Array.of(3, 4, 0, 1, 0, 0, 0, 0.5, 2)
const FORMATS: Format[] = ['npy', 'npz', 'parquet', 'arrow', 'safetensors', 'pickle']

for (const format of FORMATS) {
  test(`rows come back from ${format} as they were`, async t => {
    const folder = folderOf(t)
    const rows = await openEmbeddings(ROWS, { dim: 3 })
    const there = await convert(rows, join(folder, 'there'), { format })
    t.like(there, { rows: 3, dim: 3, dropped: 0 })
    const again = await openEmbeddings(there.outputs)
    t.like(again, { rows: 3, dim: 3, format })
    await convert(again, join(folder, 'back.npy'), { format: 'npy', dtype: 'f32' })
    t.deepEqual(readdirSync(folder).sort(), ['back.npy', 'there'], 'nothing but the outputs')
    t.deepEqual(Float32Array.from(readNpy(join(folder, 'back.npy')).values), ROWS)
  })
}

test('another storage type keeps what it can hold', async t => {
  const folder = folderOf(t)
  const rows = await openEmbeddings(ROWS, { dim: 3 })
  for (const dtype of ['f16', 'f64'] as const) {
    const path = join(folder, `${dtype}.npy`)
    await convert(rows, path, { dtype })
    t.is((await openEmbeddings(path)).dtype, dtype)
    t.deepEqual(Float32Array.from(readNpy(path).values), ROWS)
  }
})

test('a value beyond the storage type is an error with its row, and leaves nothing', async t => {
  const out = join(folderOf(t), 'out.npy')
  const rows = await openEmbeddings(Float32Array.of(1, 1e6), { dim: 1 })
  t.like(await t.throwsAsync(convert(rows, out, { dtype: 'f16' })), { code: 'OVERFLOW', row: 1 })
  t.false(existsSync(out))
})
