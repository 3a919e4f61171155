import test, { type ExecutionContext } from 'ava'
import { Aligner } from '../src/align.ts'
import { analyzeCaptions } from '../src/analyze/captions.ts'
import { analyzeDomains } from '../src/analyze/matrices.ts'
import { analyzeSampleSize } from '../src/analyze/sample-size.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import { measureGap } from '../src/measure.ts'
import { someRows } from './helpers/rows.ts'

const DIM = 16
const open = async (count: number, seed: number) => openEmbeddings(someRows(count, DIM, seed), { dim: DIM })

const near = (t: ExecutionContext, found: number, expected: number, what: string) =>
  t.true(Math.abs(found - expected) <= 1e-12 * Math.abs(expected) + 1e-15, `${what}: ${found}, not ${expected}`)

test('a matrix of domains has the held-out gap of each fit on its diagonal, and whole domains beside it', async t => {
  const domain = async (name: string, seed: number, count: number) => ({
    name,
    image: await open(count, seed),
    text: await open(count, seed + 1),
  })
  const domains = [await domain('a', 10, 700), await domain('b', 20, 900)]
  const [holdout, seed] = [0.3, 5]
  const report = await analyzeDomains({ domains, holdout, seed })
  for (const [i, { image, text }] of domains.entries()) {
    const aligner = await Aligner.fit({ target: image, source: text, holdout, seed })
    const { held, before } = aligner.info.gap
    near(t, report.gap[i]?.[i] as number, held?.after as number, 'diagonal')
    near(t, report.before[i] as number, before, 'before')
    const own = await measureGap({ image, text, aligner, holdout, seed, parts: [] })
    near(t, report.floor[i]?.[i] as number, own.gap.floor, 'floor of the diagonal')
    const other = domains[1 - i] as (typeof domains)[0]
    const { gap, rows } = await measureGap({ image: other.image, text: other.text, aligner, parts: [] })
    t.is(rows.text, other.text.rows)
    near(t, report.gap[i]?.[1 - i] as number, gap.centroid, 'another domain')
    near(t, report.floor[i]?.[1 - i] as number, gap.floor, 'floor of another domain')
    const tested = await measureGap({ image: other.image, text: other.text, aligner, parts: ['causes'] })
    t.is(report.verdict[i]?.[1 - i], tested.gap.verdict)
    near(t, report.unbiasedSquared[i]?.[1 - i] as number, tested.gap.unbiasedSquared, 'unbiased square')
    const held_ = await measureGap({ image, text, aligner, holdout, seed, parts: ['causes'] })
    t.is(report.verdict[i]?.[i], held_.gap.verdict)
  }
})

test('a curve has the mean and the deviation of its trials', async t => {
  const sides = { target: await open(800, 1), source: await open(800, 2) }
  const { curve } = await analyzeSampleSize({ ...sides, sizes: [100, 640], trials: 4, seed: 3 })
  const [few, all] = curve
  const trials = few?.trials ?? []
  t.is(trials.length, 4)
  const mean = trials.reduce((sum, gap) => sum + gap, 0) / 4
  near(t, few?.mean as number, mean, 'mean')
  // numpy.std(trials, ddof=1), by the differences of all pairs
  const pairs = trials.flatMap((a, i) => trials.slice(i + 1).map(b => (a - b) ** 2))
  const sd = Math.sqrt(pairs.reduce((sum, square) => sum + square, 0) / (4 * 3))
  t.true(sd > 0 && Math.abs((few?.sd as number) / sd - 1) < 1e-9, `${few?.sd}, not ${sd}`)
  t.like(all, { sd: null })
  t.is(all?.trials.length, 1, 'all rows can be chosen in one way only')
})

test('two sizes are met exactly by slope and limit, the noise of the held-out rows taken out', async t => {
  const sides = { target: await open(3000, 1), source: await open(3000, 2) }
  const wanted = 0.2
  const report = await analyzeSampleSize({ ...sides, sizes: [40, 400], trials: 5, seed: 1, wanted })
  const { noise, slope, limitSquared, limitInterval, limit } = report.model
  const square = (trials: readonly number[]) => trials.reduce((sum, gap) => sum + gap ** 2, 0) / trials.length
  const [few, more] = report.curve.map(({ n, trials }) => [1 / n, square(trials) - noise] as const)
  const [[x1, y1], [x2, y2]] = [few as readonly [number, number], more as readonly [number, number]]
  const expected = (y1 - y2) / (x1 - x2)
  t.true(expected > 0)
  t.true(Math.abs(slope / expected - 1) < 1e-9, `${slope}, not ${expected}`)
  t.true(Math.abs(limitSquared - (y2 - expected * x2)) < 1e-12)
  t.is(limit, Math.sqrt(Math.max(0, limitSquared)))
  const [low, high] = limitInterval
  near(t, (low + high) / 2, limitSquared, 'middle of the interval')
  const { rows, interval, verdict } = report.rowsFor ?? {}
  t.is(verdict, 'estimated')
  const takes = (square: number) => Math.ceil(slope / (wanted ** 2 - Math.max(0, square)))
  t.is(rows, takes(limitSquared))
  t.deepEqual(interval, [takes(low), takes(high)])
})

test('rows are estimated where the whole interval lies below what is wanted, and never where it lies above', async t => {
  const sides = { target: await open(1500, 1), source: await open(1500, 2) }
  const asked = async (wanted?: number) => analyzeSampleSize({ ...sides, sizes: [50, 400], trials: 3, seed: 1, wanted })
  const [low, high] = (await asked()).model.limitInterval
  t.true(low < high && high > 0)
  const verdict = async (square: number) => (await asked(Math.sqrt(square))).rowsFor
  t.like(await verdict(high * 1.001), { verdict: 'estimated' })
  // between the estimate and the end of its interval the rows held out do not say which it is
  t.like(await verdict(Math.max(low, 0) + 0.999 * (high - Math.max(low, 0))), { verdict: 'cannot-tell', rows: null })
  if (low > 0) {
    t.like(await verdict(low), { verdict: 'never', rows: null, interval: null })
  }
})

test('noise and interval of a limit are those of the last fit on the rows held out', async t => {
  const sides = { target: await open(1500, 1), source: await open(1500, 2) }
  const [holdout, seed] = [0.25, 2]
  const { model, curve } = await analyzeSampleSize({ ...sides, sizes: [100, 1125], trials: 2, holdout, seed })
  // 1,125 of 1,500 are all that are not held out
  t.is(curve[1]?.trials.length, 1)
  const aligner = await Aligner.fit({ ...sides, holdout, seed })
  const held = await measureGap({ image: sides.target, text: sides.source, aligner, holdout, seed, parts: ['causes'] })
  const { floor, nullDeviation } = held.gap.ofAligner ?? {}
  near(t, model.noise, (floor as number) ** 2, 'noise')
  const [low, high] = model.limitInterval
  near(t, (high - low) / 2, 1.959963984540054 * (nullDeviation as number), 'half width')
})

test('of three sizes each counts by its trials and relative to its own square', async t => {
  const sides = { target: await open(2000, 1), source: await open(2000, 2) }
  const { model, curve } = await analyzeSampleSize({ ...sides, sizes: [40, 200, 1600], trials: 4, seed: 6 })
  // at the minimum of Σ w (y − limit² − slope·x)² both sums of weighted residuals vanish
  let [zeroth, first, size] = [0, 0, 0]
  for (const { n, trials } of curve) {
    const square = trials.reduce((sum, gap) => sum + gap ** 2, 0) / trials.length
    const weight = trials.length / square ** 2
    const rest = square - model.noise - model.limitSquared - model.slope / n
    zeroth += weight * rest
    first += (weight * rest) / n
    size += weight * Math.abs(rest)
  }
  t.true(size > 0 && model.slope > 0)
  t.true(Math.abs(zeroth) < 1e-9 * size && Math.abs(first) < 1e-9 * size, `${zeroth} ${first} ${size}`)
})

test('a caption of 75 pieces fits into CLIP with its start and end, one of 76 does not', async t => {
  const image = await open(20, 1)
  const caption = (pieces: number) => Array.from({ length: pieces }, () => 'fox').join(' ')
  const [corpus] = (
    await analyzeCaptions({
      image,
      corpora: [{ name: 'both', text: await open(4, 2), captions: [75, 76, 74, 77].map(caption) }],
    })
  ).corpora
  t.is(corpus?.captions?.overLimit, 0.5)
  t.is(corpus?.captions?.words, (74 + 75 + 76 + 77) / 4)
})
