import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { Aligner, type FitInput } from '../src/align.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import { measureGap } from '../src/measure.ts'
import { type Golden, goldenOf, near, plugIn, SMOOTH } from './helpers/golden.ts'
import { fixture, readNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { distance, largestDifference, meanOf } from './helpers/rows.ts'

// 1,500 pairs in shards of 1,100, 13 and 387 rows: blocks of 512, 1,024 knots and shards end within them
const golden = goldenOf('blocks.json')
const [IMAGES, TEXTS] = [fixture('blocks/image'), fixture('blocks/text')]

/** As in the small set: eigenvalues carry 1e-15 of the largest, and condition numbers stay below 1e3. */
const ROWS = 1e-11

const sides = async () => ({ target: await openEmbeddings(IMAGES), source: await openEmbeddings(TEXTS) })

/** Two of 15,000 neighbours may lie within rounding of a tie. */
const NEIGHBOURS = { relative: 0, absolute: 2 / 15_000 + 1e-12 }
/** One of 1,500 queries. */
const QUERIES = { relative: 0, absolute: 1 / 1_500 + 1e-12 }

const FITS: Record<string, Omit<FitInput, 'target' | 'source'>> = {
  none: { method: 'none' },
  realign: {},
  'realign-10': { centroidIterations: 10 },
  bures: { method: 'bures' },
  bca: { method: 'bca' },
  procrustes: { method: 'procrustes', paired: true },
  'aniso-init': { method: 'aniso-init' },
  c3: { method: 'c3', noise: golden.noise.sigma, noiseSeed: golden.noise.seed },
}

for (const [name, fit] of Object.entries(FITS)) {
  test(`${name}: written rows are the golden ones on both sides of every block, knot and shard`, async t => {
    const out = folderOf(t)
    const aligner = await Aligner.alignTo({ ...(await sides()), ...fit, out, dtype: 'f64', sync: false })
    const files = readdirSync(out).filter(file => file.endsWith('.npy'))
    const shards = files.sort().map(file => readNpy(join(out, file)))
    t.deepEqual(
      shards.map(({ shape }) => shape),
      [
        [1100, 16],
        [13, 16],
        [387, 16],
      ],
    )
    const rows = Float64Array.from(shards.flatMap(({ values }) => [...values]))
    const expected: Golden = golden.strategies[name]
    for (const [i, place] of golden.places.entries()) {
      const row = rows.subarray(place * 16, (place + 1) * 16)
      t.true(largestDifference(row, expected.rows[i]) <= ROWS, `row ${place}`)
    }
    t.true(largestDifference(meanOf(rows, 16), expected.mean) <= ROWS, 'mean')
    near(t, aligner.report?.gap.after, expected.gap, { ...SMOOTH, absolute: ROWS }, 'gap')
  })

  test(`${name}: what it keeps and what it finds are the golden numbers`, async t => {
    const { target, source } = await sides()
    const aligner = await Aligner.fit({ target, source, ...fit })
    const parts = ['neighbours', 'preservation', 'retrieval'] as const
    const report = await measureGap({ image: target, text: source, paired: true, exact: true, aligner, parts })
    const { retention, preservation, retrieval }: Golden = golden.strategies[name]
    near(t, report.neighbours, { retention }, NEIGHBOURS, 'neighbours')
    near(t, report.preservation, { omega: preservation.omega }, NEIGHBOURS, 'preservation')
    const { phi, psi } = preservation
    near(t, report.preservation, { phi, psi }, SMOOTH, 'preservation')
    near(t, report.retrieval, retrieval, QUERIES, 'retrieval')
  })
}

test('a measurement across blocks and shards gives the golden numbers', async t => {
  const { target: image, source: text } = await sides()
  const report = await measureGap({ image, text, paired: true, exact: true })
  const { raw } = golden
  const { intervalUnbiased: _, ...gap } = raw.gap
  near(t, report.gap, plugIn(gap), SMOOTH, 'gap')
  for (const part of ['trace', 'phantomDrift', 'frame'] as const) {
    near(t, report[part], raw[part], SMOOTH, part)
  }
  for (const side of ['image', 'text'] as const) {
    near(t, report.spectrum?.[side], plugIn(raw.spectrum[side]), SMOOTH, side)
  }
  const { meanSquaredDistance: _mean, vmf: _vmf, ...parts } = raw.decomposition
  near(t, report.decomposition, plugIn(parts), SMOOTH, 'decomposition')
  const { energy: _energy, ...residual } = raw.residual
  near(t, report.residual, plugIn(residual), SMOOTH, 'residual')
  const { overlap: _overlap, ...covariance } = raw.covariance
  near(t, report.covariance, plugIn(covariance), SMOOTH, 'covariance')
  const { hubness, mixing } = raw.neighbours
  near(t, report.neighbours?.mixing, { all: mixing.all, shares: mixing.shares }, NEIGHBOURS, 'mixing')
  const { image: ofImages, text: ofTexts } = mixing
  const swapped = { relative: 1e-3, absolute: 1e-3 }
  near(t, report.neighbours?.mixing, { image: ofImages, text: ofTexts }, swapped, 'directional mixing')
  near(t, report.neighbours?.hubness, hubness, swapped, 'hubness')
  const { js, alignment, uniformity, cka } = raw.similarity
  // a cosine at the edge of a bin is one of 10^6
  near(t, report.similarity?.jsBiased, js, { relative: 1e-5, absolute: 1e-6 }, 'divergences')
  near(t, report.similarity, { alignment, uniformity, cka }, SMOOTH, 'similarity')
  near(t, report.retrieval, raw.retrieval, QUERIES, 'retrieval')
})

test('without pairs the floor across shards is that of two samples', async t => {
  const { target: image, source: text } = await sides()
  const { gap } = await measureGap({ image, text, paired: false, parts: ['causes'] })
  const { intervalUnbiased: _, ...unpaired } = golden.raw.gapUnpaired
  near(t, gap, plugIn(unpaired), SMOOTH, 'gap')
})

test('the rows held out are those of the hash of their index in the whole source, whatever the shards', async t => {
  const { held, places } = golden
  const { holdout, seed } = held
  const out = folderOf(t)
  const aligner = await Aligner.alignTo({ ...(await sides()), holdout, seed, out, dtype: 'f64', sync: false })
  const { source, target, gap } = aligner.info
  t.deepEqual([source.rows, target.rows], [held.rows, held.rows])
  near(t, { before: gap.before, after: gap.after }, held.fit, SMOOTH, 'gap of the fit')
  near(t, { before: gap.held?.before, after: gap.held?.after }, held.held, SMOOTH, 'gap of the rows held out')
  const rows = [0, 1, 2].flatMap(i => [...readNpy(join(out, `rows_${i}.npy`)).values])
  for (const [i, place] of places.entries()) {
    t.true(distance(rows.slice(place * 16, (place + 1) * 16), held.moved[i]) <= ROWS, `row ${place}`)
  }
})
