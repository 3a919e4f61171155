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
    const { real, coverage, bias, noise } = await rates(api, { shape: SHAPE, kind, n: 40, trials: TRIALS })
    if (real === null || coverage === null) {
      t.is(kind, 'pairs, gap alone', 'every other kind has covariances')
    } else {
      t.true(real <= 0.05 + chance(0.05), `${kind}: size ${real}`)
      t.true(coverage >= 0.95 - chance(0.95), `${kind}: coverage ${coverage}`)
    }
    // ‖m̂‖² varies by its own size or less, so its mean by a tenth
    t.true(Math.abs(bias) < 0.4, `${kind}: bias ${bias}`)
    t.true(Math.abs(noise - 1) < 0.2, `${kind}: noise ${noise}`)
  }
})

test('a gap is found, and intervals cover it', async t => {
  const shape = { ...SHAPE, lean: 0.15 }
  for (const kind of ['independent', 'pairs', 'five captions']) {
    const { real, coverage } = await rates(api, { shape, kind, n: 60, trials: TRIALS })
    t.true((real ?? 0) > 0.8, `${kind}: power ${real}`)
    t.true((coverage ?? 0) >= 0.95 - chance(0.95), `${kind}: coverage ${coverage}`)
  }
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
