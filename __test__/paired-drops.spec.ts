import { join } from 'node:path'
import test from 'ava'
import { Aligner } from '../src/align.ts'
import { convert } from '../src/convert.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import { measureGap } from '../src/measure.ts'
import { readNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'

const [ROWS, DIM] = [30, 8]

/** Rows with one of them bad. */
function spoilt(rows: Float32Array, row: number, value: number): Float32Array {
  const copy = rows.slice()
  copy.fill(value, row * DIM, (row + 1) * DIM)
  return copy
}

const without = (rows: Float32Array, ...bad: number[]) => rows.filter((_, i) => !bad.includes(Math.floor(i / DIM)))

const unit = (rows: Float32Array) =>
  Array.from(rows, (v, i) => {
    const row = rows.subarray(i - (i % DIM), i - (i % DIM) + DIM)
    return v / Math.hypot(...row)
  })

const image = someRows(ROWS, DIM, 1)
const text = someRows(ROWS, DIM, 2)
// image 5 has no length, text 3 is not finite
const opened = (options: object) =>
  Promise.all([
    openEmbeddings(spoilt(image, 5, 0), { dim: DIM, ...options }),
    openEmbeddings(spoilt(text, 3, Number.NaN), { dim: DIM, ...options }),
  ])

test('where both sides are written, a pair with a bad row is left out on both', async t => {
  const [target, source] = await opened({ onBadRow: 'drop' })
  const out = join(folderOf(t), 'out')
  const { report } = await Aligner.alignTo({ target, source, method: 'centering', paired: true, out } as never)
  t.like(report, { rows: { image: 28, text: 28 }, dropped: { image: 2, text: 2 } })
  for (const [name, rows] of [
    ['image', image],
    ['text', text],
  ] as const) {
    const kept = unit(without(rows, 3, 5))
    const mean = Array.from(
      { length: DIM },
      (_, j) => kept.filter((_, i) => i % DIM === j).reduce((a, b) => a + b) / 28,
    )
    const found = [...readNpy(join(out, name, 'rows.npy')).values]
    t.is(found.length, 28 * DIM, name)
    // f32 rows of length at most 2
    t.true(
      found.every((v, i) => Math.abs(v - ((kept[i] as number) - (mean[i % DIM] as number))) < 1e-6),
      name,
    )
  }
})

test('where texts alone are written, a good text whose image is bad is written and counts nowhere', async t => {
  const [target, source] = await opened({ onBadRow: 'drop' })
  const out = join(folderOf(t), 'out.npy')
  const options = { method: 'procrustes', paired: true } as const
  const { report } = await Aligner.alignTo({ target, source, ...options, out })
  t.like(report, { rows: { image: 28, text: 28 } })
  const clean = await Aligner.fit({
    target: await openEmbeddings(without(image, 3, 5), { dim: DIM }),
    source: await openEmbeddings(without(text, 3, 5), { dim: DIM }),
    ...options,
  })
  const expected = clean.transform(without(text, 3))
  const found = readNpy(out).values
  t.is(found.length, 29 * DIM)
  t.true(
    expected.every((v, i) => Math.abs(v - (found[i] as number)) < 1e-6),
    'the map is that of the whole pairs',
  )
})

test('a bad row of a pair stops an alignment by its name where nothing is dropped', async t => {
  const [target, source] = await opened({})
  const out = join(folderOf(t), 'out.npy')
  await t.throwsAsync(Aligner.alignTo({ target, source, method: 'procrustes', paired: true, out }), {
    code: 'BAD_ROW',
    message: /row 5/,
  })
})

/** Rows of rank 5 in 8 columns, by construction: three eigenvalues are rounding of whatever type they are stored in. */
test('the floor of condition numbers is that of every shard, whichever comes first', async t => {
  const folder = folderOf(t)
  const [basis, weights] = [someRows(5, DIM, 3), someRows(200, 5, 4)]
  const low = Float32Array.from({ length: 200 * DIM }, (_, at) => {
    const [i, j] = [Math.floor(at / DIM), at % DIM]
    return [0, 1, 2, 3, 4].reduce((sum, k) => sum + (weights[i * 5 + k] as number) * (basis[k * DIM + j] as number), 0)
  })
  const rows = await openEmbeddings(low, { dim: DIM })
  const [half, whole] = [join(folder, 'half.npy'), join(folder, 'whole.npy')]
  await convert(rows, half, { dtype: 'f16' })
  await convert(rows, whole)
  const other = await openEmbeddings(someRows(400, DIM, 5), { dim: DIM })
  const kappas: number[] = []
  for (const paths of [
    [half, whole],
    [whole, half],
  ]) {
    const { spectrum } = await measureGap({ image: await openEmbeddings(paths), text: other })
    t.is(spectrum?.image.belowFloor, 3, paths[0])
    kappas.push(spectrum?.image.kappaBiased as number)
  }
  const exact = (await measureGap({ image: rows, text: other })).spectrum?.image.kappaBiased as number
  // f16 moves an eigenvalue by about a thousandth
  t.true(
    kappas.every(kappa => Math.abs(kappa / exact - 1) < 2e-3),
    `${kappas} beside ${exact}`,
  )
})
