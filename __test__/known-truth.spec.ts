import test from 'ava'
import { population, repeated } from '../scripts/statistics/populations.mjs'
import { gapOf, KINDS, rates } from '../scripts/statistics/trials.mjs'
import { Aligner } from '../src/align.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import { measureGap } from '../src/measure.ts'

const api = { Aligner, measureGap, openEmbeddings }
const TRIALS = 150
const SHAPE = { dim: 12, alpha: 1 }

/** Rates are judged on what a share of 150 may do by chance: four standard deviations. */
const chance = (share: number) => 4 * Math.sqrt((share * (1 - share)) / TRIALS)

test('without a gap one is found in five of a hundred samples, whatever the rows share', async t => {
  for (const kind of Object.keys(KINDS)) {
    const found = await rates(api, { shape: SHAPE, kind, n: 40, trials: TRIALS })
    const { real, coverage, agreement, bias, noise } = found
    if (real === null) {
      t.is(kind, 'pairs, gap alone', 'every other kind has covariances')
    } else {
      t.true(real <= 0.05 + chance(0.05), `${kind}: size ${real}`)
    }
    if (coverage === null) {
      t.regex(kind, /gap alone|one caption/, 'few groups make most of the noise there')
    } else {
      t.true(coverage >= 0.95 - chance(0.95), `${kind}: coverage ${coverage}`)
      t.is(agreement, 1, kind)
    }
    // ‖m̂‖² varies by its own size or less, so its mean by a tenth
    t.true(Math.abs(bias) < 0.4, `${kind}: bias ${bias}`)
    t.true(Math.abs(noise - 1) < 0.2, `${kind}: noise ${noise}`)
  }
})

test('a gap is found, and intervals cover it', async t => {
  const shape = { ...SHAPE, lean: 0.15 }
  for (const kind of ['independent', 'pairs', 'five captions']) {
    const { real, coverage, agreement } = await rates(api, { shape, kind, n: 60, trials: TRIALS })
    t.is(agreement, 1, kind)
    t.true((real ?? 0) > 0.8, `${kind}: power ${real}`)
    t.true((coverage ?? 0) >= 0.95 - chance(0.95), `${kind}: coverage ${coverage}`)
  }
})

test('a gap is found though one caption makes most of the noise, and it is said which rows were left out', async t => {
  const kind = 'one caption for a fifth of the pairs'
  const of = population({ ...SHAPE, lean: 0.15 })
  const { real, coverage } = await rates(api, { shape: { ...SHAPE, lean: 0.15 }, kind, n: 60, trials: TRIALS })
  t.true((real ?? 0) > 0.8, `power ${real}`)
  t.is(coverage, null)
  const gap = await gapOf(api, of, kind, 1, 60)
  t.like(gap, { verdict: 'real', leftOut: { image: 12, text: 12 } })
  t.is(gap.interval, undefined)
  t.is((await gapOf(api, of, 'pairs', 1, 60)).leftOut, undefined)
})

test('strangers have nothing in common, though rows are fewer than columns', async t => {
  const of = population({ dim: 96, alpha: 0 })
  const sums = { cka: 0, biased: 0, ratio: 0, r2: 0 }
  for (let seed = 0; seed < 12; seed++) {
    const { image, text } = of.samples(seed, 60)
    const sides = {
      image: await openEmbeddings(image, { dim: 96 }),
      text: await openEmbeddings(text, { dim: 96 }),
    }
    const report = await measureGap({ ...sides, paired: true, parts: ['causes', 'similarity'] })
    sums.cka += (report.similarity?.cka ?? 0) / 12
    sums.biased += (report.similarity?.ckaBiased ?? 0) / 12
    sums.ratio += (report.spectrum?.image.participationRatio ?? 0) / 12
    sums.r2 += (report.decomposition?.coupling?.strangers?.r2 ?? 0) / 12
    t.is(report.decomposition?.coupling?.r2Adjusted, null, 'too few pairs for the frame')
  }
  // plug-in CKA of strangers is about d/(n+d); the unbiased one averages out
  t.true(Math.abs(sums.cka) < 0.1 && sums.biased > 0.4, JSON.stringify(sums))
  t.true(Math.abs(sums.ratio / 95 - 1) < 0.25, JSON.stringify(sums))
  t.true(sums.r2 > 0.8, JSON.stringify(sums))
})

test('what turns with its frame is extrapolated to that of the population, or left alone', async t => {
  const of = population({ ...SHAPE, lean: 0.15 })
  const open = (rows: Float32Array) => openEmbeddings(rows, { dim: SHAPE.dim })
  const measured = async (n: number, seed: number) => {
    const { image, text } = of.pairs(seed, n, 0.7)
    const sides = { image: await open(image), text: await open(text) }
    return measureGap({ ...sides, paired: true, rank: 4, parts: ['causes'] })
  }
  const truth = (await measured(20_000, 1)).residual?.coverageBiased as number
  const [found, biased] = [[] as number[], [] as number[]]
  for (let trial = 0; trial < 30; trial++) {
    const { residual, decomposition } = await measured(60 * SHAPE.dim, 100 + trial)
    if (typeof residual?.coverage === 'number') {
      found.push(residual.coverage)
      t.true((decomposition?.cobShare ?? 0) > 0.97)
    } else {
      biased.push(decomposition?.rowsNeeded ?? 0)
    }
  }
  const mean = found.reduce((sum, value) => sum + value, 0) / found.length
  const deviation = Math.sqrt(found.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (found.length - 1))
  // two percent, and four standard errors of the mean
  const allowed = 0.02 * truth + (4 * deviation) / Math.sqrt(found.length)
  t.true(Math.abs(mean - truth) < allowed, `${mean} ${truth} ${allowed}`)
  t.true(found.length >= 20, `${found.length}`)
  // where it is null, the number of rows that would do is larger
  t.true(biased.every(needed => needed > 60 * SHAPE.dim))
  const few = await measured(3 * SHAPE.dim, 7)
  t.like(few.decomposition, { cobShare: null, vmf: null, rowsNeeded: 20 * SHAPE.dim })
  t.is(few.residual?.coverage, null)
})

test('what changes from halves of the rows to all of them is that of the population, or null with the rows that would do', async t => {
  const [law, steep, flat] = [1, 2, 0].map(alpha => population({ dim: 12, alpha, lean: 0.15 }))
  const open = (rows: Float32Array) => openEmbeddings(rows, { dim: 12 })
  type Rows = { image: Float32Array; text: Float32Array }
  const measured = async ({ image, text }: Rows) =>
    measureGap({ image: await open(image), text: await open(text), paired: true })
  const unlike = (n: number, seed: number) => ({
    image: law?.samples(seed, n).image as Float32Array,
    text: steep?.samples(seed + 1000, n).text as Float32Array,
  })
  const large = await measured(unlike(40_000, 1))
  const found: Record<string, number[]> = { effectiveRank: [], frechet: [], cosine: [] }
  for (let trial = 0; trial < 30; trial++) {
    const { spectrum, covariance, gap, similarity } = await measured(unlike(480, 100 + trial))
    found.effectiveRank?.push(spectrum?.image.effectiveRank as number)
    found.frechet?.push(covariance?.frechet as number)
    found.cosine?.push(gap.cosine as number)
    // strangers have no divergence, and 480 rows are too few for the condition number of 12 directions
    t.is(similarity?.js['paired/cross'], null)
    t.true((similarity?.jsNeeds?.['paired/cross'] ?? 0) > 480)
    t.is(spectrum?.image.kappa, null)
    t.true((spectrum?.image.needs?.kappa ?? 0) >= 1200)
    t.true((spectrum?.image.kappaBiased ?? 0) > 0)
  }
  const truths: Record<string, number> = {
    effectiveRank: large.spectrum?.image.effectiveRankBiased ?? 0,
    frechet: large.covariance?.frechetBiased ?? 0,
    cosine: large.gap.cosineBiased ?? 0,
  }
  for (const [name, values] of Object.entries(found)) {
    const truth = truths[name] as number
    t.true(values.every(Number.isFinite), `${name}: ${values}`)
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1)
    const allowed = 0.02 * Math.abs(truth) + 4 * Math.sqrt(variance / values.length)
    t.true(Math.abs(mean - truth) < allowed, `${name}: ${mean}, ${truth} ± ${allowed}`)
  }
  // the slope of even directions is noise at any number of rows, and few rows know nothing
  const even = await measured(flat?.samples(3, 2_000) as Rows)
  t.is(even.spectrum?.image.alpha, null)
  t.true((even.spectrum?.image.alphaBiased ?? 0) > 0)
  const few = await measured(law?.samples(4, 20) as Rows)
  t.like(few.gap, { cosine: null })
  t.true((few.gap.cosineNeeds ?? 0) > 20)
  t.like(few.covariance, { shape: null, frechet: null, logSpectraCorrelation: null, logSpectraDeviation: null })
  t.is(few.covariance?.needs?.frechet === undefined, false)
  t.like(few.spectrum?.image, { alpha: null, effectiveRank: null, kappa: null, kappaEff: null })
})

test('condition numbers in and outside of the frame, of all directions and of those with most of the variance', async t => {
  const of = population({ dim: 12, alpha: 8 })
  const decomposed = async (rows: number, seed: number) => {
    const { image, text } = of.samples(seed, rows)
    const open = (values: Float32Array) => openEmbeddings(values, { dim: 12 })
    const sides = { image: await open(image), text: await open(text) }
    return (await measureGap({ ...sides, paired: true, parts: ['causes'], rank: 2 })).decomposition
  }
  const truth = await decomposed(60_000, 1)
  const found = await decomposed(8_000, 2)
  t.true((truth?.kappaVBiased ?? 0) > 4 * (truth?.kappaEffVBiased ?? Number.NaN), 'they differ here')
  for (const name of ['kappaU', 'kappaV', 'kappaEffU', 'kappaEffV'] as const) {
    const right = truth?.[`${name}Biased`] ?? Number.NaN
    t.true(Math.abs((found?.[name] ?? Number.NaN) / right - 1) < 0.1, `${name}: ${found?.[name]}, ${right}`)
  }
})

test('of a handful of rows nothing is concluded, in whichever halves they are', async t => {
  const of = population(SHAPE)
  for (const n of [2, 3, 4]) {
    for (let seed = 0; seed < 6; seed++) {
      const { image, text } = of.samples(seed, n)
      const open = (rows: Float32Array) => openEmbeddings(rows, { dim: SHAPE.dim })
      const report = await measureGap({ image: await open(image), text: await open(text), parts: ['similarity'] })
      t.is(report.gap.verdict, 'not-tested')
      t.deepEqual(report.similarity?.uniformity, { image: null, text: null })
      t.is(report.similarity?.js['cross/imageImage'], null)
    }
  }
})

test('repeated rows change nothing but their number', async t => {
  const of = population(SHAPE)
  const { image, text } = of.samples(5, 80)
  const open = (rows: Float32Array) => openEmbeddings(rows, { dim: SHAPE.dim })
  const once = await measureGap({ image: await open(image), text: await open(text), parts: ['causes'] })
  const often = await measureGap({
    image: await open(repeated(image, SHAPE.dim, 3)),
    text: await open(repeated(text, SHAPE.dim, 3)),
    parts: ['causes'],
  })
  t.true(Math.abs(often.gap.unbiasedSquared - once.gap.unbiasedSquared) < 1e-12)
  t.is(often.gap.verdict, once.gap.verdict)
  t.is(often.groups?.image, 80)
  const alone = await gapOf(api, of, 'pairs, gap alone', 3, 50)
  const whole = await gapOf(api, of, 'pairs', 3, 50)
  t.true(Math.abs(alone.floor - whole.floor) < 1e-12, 'the parts asked for change no formula')
})
