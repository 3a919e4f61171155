import { readFileSync } from 'node:fs'
import test from 'ava'
import { Aligner } from '../src/align.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import { measureGap } from '../src/measure.ts'
import { near, plugIn } from './helpers/golden.ts'
import { fixture } from './helpers/npy.ts'
import { SAMPLE, statedOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'

const golden = JSON.parse(readFileSync(fixture('realign.json'), 'utf8'))
/** Sums over a few hundred rows of numbers below 1; the covariance of the interval takes more of them. */
const SUMMATION = 1e-12

const image = () => openEmbeddings(fixture('realign_image.npy'))
const text = () => openEmbeddings(fixture('realign_text.npy'))

test('gap, floor, interval and phantom drift are the golden ones', async t => {
  const report = await measureGap({ image: await image(), text: await text() })
  t.like(report, { dim: 48, rows: golden.rows, dropped: { image: 0, text: 0 } })
  const plain = plugIn(golden.gap)
  for (const name of ['centroid', 'cosineBiased', 'unbiasedSquared', 'floor'] as const) {
    t.true(Math.abs((report.gap[name] ?? 0) - plain[name]) <= SUMMATION, name)
  }
  report.gap.interval?.forEach((bound, i) => {
    t.true(Math.abs(bound - golden.gap.interval[i]) <= SUMMATION, `interval ${i}`)
  })
  for (const name of ['measured', 'toTarget', 'tangential', 'predictedTangential', 'cosine'] as const) {
    t.true(Math.abs((report.phantomDrift?.[name] ?? 0) - golden.phantomDrift[name]) <= SUMMATION, name)
  }
  t.true(Math.abs(report.scale - golden.scale) <= SUMMATION)
})

test('paired rows use the spread of their differences', async t => {
  const rows = someRows(60, 16, 5)
  const other = someRows(60, 16, 6)
  const sides = { image: await openEmbeddings(rows, { dim: 16 }), text: await openEmbeddings(other, { dim: 16 }) }
  const paired = await measureGap({ ...sides, paired: true })
  const unpaired = await measureGap(sides)
  t.is(paired.gap.centroid, unpaired.gap.centroid)
  t.not(paired.gap.floor, unpaired.gap.floor)
  const distances = Array.from({ length: 60 }, (_, i) =>
    Math.hypot(...Array.from({ length: 16 }, (_, j) => (rows[i * 16 + j] as number) - (other[i * 16 + j] as number))),
  )
  const mean = distances.reduce((a, b) => a + b, 0) / 60
  // the f32 rows are of unit length to 6e-8, and the measurement scales them
  t.true(Math.abs((paired.gap.pairedDistance ?? 0) - mean) <= 1e-6)
})

test('the gap splits into what lies in the frame and what does not', async t => {
  const sides = { image: await image(), text: await text() }
  const { gap, frame, decomposition, spectrum, residual } = await measureGap({ ...sides, rank: 5 })
  t.is(frame?.rank, 5)
  const { pmb = 0, cob = 0 } = decomposition ?? {}
  // Pythagoras, up to the rounding of a few hundred products
  t.true(Math.abs(Math.hypot(pmb, cob) - gap.centroid) <= SUMMATION)
  t.is(spectrum?.image.rank, 48)
  t.is(residual, undefined, 'needs pairs')
  t.like(await t.throwsAsync(measureGap({ ...sides, rank: 5, energy: 0.5 })), { code: 'BAD_OPTION' })
})

test('an aligner closes the gap that is measured through it', async t => {
  const sides = { image: await image(), text: await text() }
  const aligner = await Aligner.fit({ target: sides.image, source: sides.text, centroidIterations: 10 })
  const { gap } = await measureGap({ ...sides, aligner })
  t.true(Math.abs((gap.before ?? 0) - golden.gap.centroid) <= SUMMATION)
  t.true(Math.abs((gap.after ?? 1) - golden.after.iterations10) <= SUMMATION)
})

for (const apart of [0, 1e-6, 1e-3]) {
  test(`pairs are measured whose rows differ by ${apart} of their length, as of one file in two types`, async t => {
    const [rows, dim] = [600, 8]
    const stored = someRows(rows, dim, 3)
    const other = someRows(rows, dim, 4)
    const sides = { image: stored, text: stored.map((value, i) => value + apart * (other[i] as number)) }
    const { gap, residual, decomposition, similarity } = await measureGap({
      image: await openEmbeddings(sides.image, { dim }),
      text: await openEmbeddings(sides.text, { dim }),
      paired: true,
      parts: ['causes', 'similarity'],
    })
    const unit = (values: Float32Array, row: number) => {
      const part = [...values.subarray(row * dim, (row + 1) * dim)]
      return part.map(value => value / Math.hypot(...part))
    }
    const differences = Array.from({ length: rows }, (_, row) => {
      const partner = unit(sides.text, row)
      return unit(sides.image, row).map((value, j) => value - (partner[j] as number))
    })
    const mean = (of: (row: number[]) => number) => differences.reduce((sum, row) => sum + of(row), 0) / rows
    const means = Array.from({ length: dim }, (_, j) => mean(row => row[j] as number))
    const trace = mean(row => row.reduce((sum, value, j) => sum + (value - (means[j] as number)) ** 2, 0))
    // of differences the last bits of unit rows are left out, 1e-16 each
    near(t, residual?.trace, trace, { relative: 1e-9, absolute: 1e-30 }, 'trace')
    near(t, gap.centroid, Math.hypot(...means), { relative: 1e-9, absolute: 1e-15 }, 'gap')
    t.is(gap.verdict === 'real', apart > 0)
    // halves that judge each other have rows
    t.is(typeof decomposition?.needs === 'object' && residual?.coverage !== null, apart > 0)
    t.true((similarity?.cka ?? 0) > 0.99)
  })
}

test('sides that cannot be compared are refused', async t => {
  const narrow = await openEmbeddings(new Float32Array(8).fill(1), { dim: 4 })
  t.like(await t.throwsAsync(measureGap({ image: narrow, text: await text() })), { code: 'WIDTH_MISMATCH' })
  const unequal = { image: await image(), text: await text(), paired: true }
  t.like(await t.throwsAsync(measureGap(unequal)), { code: 'NOT_PAIRED' })
  const one = await openEmbeddings(new Float32Array(4).fill(1), { dim: 4 })
  t.like(await t.throwsAsync(measureGap({ image: one, text: narrow })), { code: 'TOO_FEW_ROWS' })
})

test('the sample has the gap that its README states', async t => {
  const sides = {
    image: await openEmbeddings(SAMPLE, { role: 'image' }),
    text: await openEmbeddings(SAMPLE, { role: 'text' }),
  }
  const report = await measureGap({ ...sides, paired: true })
  t.is(report.gap.centroid.toFixed(4), statedOf('centroid gap'))
  t.is(report.gap.floor.toFixed(4), statedOf('its noise floor'))
  const lengths = [report.trace.image, report.trace.text].map(trace => Math.sqrt(1 - trace).toFixed(2))
  t.is(lengths.join(', '), statedOf('lengths of the means, image and text'))
})
