import test, { type ExecutionContext } from 'ava'
import { bestForSearch, bestForSubstitution, type CompareReport, type StrategyReport } from '../src/compare.ts'
import { foundFirst, holm, type Outcomes, pairedDifference } from '../src/paired-retrieval.ts'
import type { StrategyName } from '../src/strategies.ts'

const count = 100

const near = (t: ExecutionContext, found: number, expected: number, tolerance: number) =>
  t.true(Math.abs(found - expected) <= tolerance, `${found}, not ${expected}`)

/** Outcomes of queries in groups of their own, the same both ways. */
function outcomes(found: (i: number) => boolean, n = count): Outcomes {
  const side = { keys: Array.from({ length: n }, (_, i) => i), found: Array.from({ length: n }, (_, i) => +found(i)) }
  return { textToImage: side, imageToText: side }
}

/** Of a hundred queries the first `share` find their partner. */
const first = (share: number) => outcomes(i => i < share)

/** A report with the numbers that a recommendation looks at. */
function report({ gap = {}, omega = 1, frechet, r1 }: Record<string, unknown> & { omega?: number }): StrategyReport {
  const retrieval = r1 === undefined ? undefined : { textToImage: { r1 } }
  const covariance = frechet === undefined ? undefined : { frechetBiased: frechet }
  const base = { centroid: 0.1, floor: 0.05, interval: [0.1, 0.2] }
  return { gap: { ...base, ...(gap as object) }, preservation: { omega }, covariance, retrieval } as never
}

type Strategies = CompareReport['strategies']

test('a paired difference has the error of its groups, and half a step of continuity', t => {
  // of four groups two change one way: 1/8 each, about a mean of 1/16; p by scipy.stats.norm.sf
  const keys = [0, 1, 2, 3]
  const image = { keys, found: [1, 0, 1, 0] }
  const [one, other] = [
    [1, 1, 1, 0],
    [0, 1, 0, 0],
  ].map(found => ({ textToImage: { keys, found }, imageToText: image }))
  const found = pairedDifference(one as Outcomes, other as Outcomes)
  near(t, found.difference, 0.25, 1e-15)
  near(t, found.error, 0.14433756729740643, 1e-15)
  near(t, found.p, 0.19323811538561636, 1e-7)
})

test('queries of one group count together, and both ways by their own number', t => {
  // sixty texts of twenty images; groups, error with ddof 1 and p by NumPy and SciPy
  const texts = (below: number) => ({
    keys: Array.from({ length: 60 }, (_, i) => Math.floor(i / 3)),
    found: Array.from({ length: 60 }, (_, i) => +((i * 7) % 10 < below)),
  })
  const images = (times: number, below: number) => ({
    keys: Array.from({ length: 20 }, (_, i) => i),
    found: Array.from({ length: 20 }, (_, i) => +((i * times) % 10 < below)),
  })
  const one = { textToImage: texts(7), imageToText: images(3, 6) }
  const other = { textToImage: texts(4), imageToText: images(7, 5) }
  const found = pairedDifference(one, other)
  near(t, found.difference, 0.2, 1e-15)
  near(t, found.error, 0.11316809419557994, 1e-15)
  near(t, found.p, 0.061007346496931514, 1e-7)
  near(t, pairedDifference(other, one).p, 0.9766048193609177, 1e-7)
  near(t, foundFirst(one), (0.7 + 0.6) / 2, 1e-15)
  t.is(pairedDifference(one, one).p, 1, 'equal strategies differ by nothing')
})

test('of several tests the smallest must reject at its share of the size, as Holm has it', t => {
  t.deepEqual(holm([0.01, 0.04, 0.03]), [true, false, false])
  t.deepEqual(holm([0.016, 0.024, 0.05]), [true, true, true])
  t.deepEqual(holm([0.017, 0.001, 0.002]), [true, true, true])
  t.deepEqual(holm([0.018, 0.019, 0.02]), [false, false, false])
  t.deepEqual(holm([]), [])
})

test('for search the raw rows stay unless a strategy is better beyond the noise', t => {
  const strategies = { none: report({ r1: 0.5 }), realign: report({ r1: 0.53, omega: 0.9 }) } as Strategies
  const found = (realign: number) =>
    bestForSearch(
      strategies,
      new Map<StrategyName, Outcomes>([
        ['none', first(50)],
        ['realign', first(realign)],
      ]),
    )
  // three more of a hundred, all one way: 3/100 with an error of 0.017, less half a step, is p = 0.07; four are 0.03
  t.like(found(53), { method: 'none', equals: ['realign'] })
  t.like(found(54), { method: 'realign', equals: [] })
  t.regex(found(54)?.why ?? '', /finds most partners first: R@1 0\.540/)
  // fewer, beyond the noise: no equal
  t.like(found(40), { method: 'none', equals: [] })
})

test('of strategies that find as many, the one that changes the text least', t => {
  const strategies = {
    none: report({}),
    realign: report({ omega: 0.8 }),
    'mean-shift': report({ omega: 0.95 }),
    bca: report({ omega: 0.99 }),
  } as Strategies
  const all = new Map<StrategyName, Outcomes>([
    ['none', first(30)],
    ['realign', first(61)],
    ['mean-shift', first(60)],
    ['bca', first(45)],
  ])
  t.like(bestForSearch(strategies, all), { method: 'mean-shift', equals: ['realign'] })
})

test('a strategy that lowers R@1 beyond the noise is named', t => {
  const strategies = { none: report({ r1: 0.5 }), realign: report({ r1: 0.3 }) } as Strategies
  const all = new Map<StrategyName, Outcomes>([
    ['none', first(50)],
    ['realign', first(30)],
  ])
  t.regex(bestForSearch(strategies, all)?.why ?? '', /ReAlign lowers text to image R@1 from 0\.500 to 0\.300/)
})

test('for substitution a closed gap comes before a small one, then the neighbours kept', t => {
  const strategies = {
    none: report({ gap: { interval: [-1, 1] }, omega: 1 }),
    // the smallest gap, and yet beyond the noise
    'mean-shift': report({ gap: { centroid: 0.01, interval: [1e-5, 1e-3] }, omega: 0.99 }),
    realign: report({ gap: { centroid: 0.04, interval: [-1e-3, 1e-3] }, omega: 0.9 }),
    bca: report({ gap: { centroid: 0.03, interval: [-1e-3, 1e-3] }, omega: 0.5 }),
  } as Strategies
  t.like(bestForSubstitution(strategies), { method: 'realign', equals: [] })
  t.regex(
    bestForSubstitution(strategies)?.why ?? '',
    /cannot be distinguished from noise.*keeps 0\.900 of the neighbours/,
  )
})

test('within a percent of the neighbours kept the nearer distribution decides', t => {
  const closed = { interval: [-1e-3, 1e-3] }
  const strategies = {
    realign: report({ gap: closed, omega: 0.9, frechet: 0.3 }),
    bures: report({ gap: closed, omega: 0.892, frechet: 0.1 }),
    bca: report({ gap: closed, omega: 0.88, frechet: 0.01 }),
  } as Strategies
  t.like(bestForSubstitution(strategies), { method: 'bures', equals: ['realign'] })
})

test('where no gap is closed the smallest is named, with its floor', t => {
  const strategies = {
    'mean-shift': report({ gap: { centroid: 0.15, floor: 0.05, interval: [0.01, 0.02] }, omega: 1 }),
    realign: report({ gap: { centroid: 0.075, floor: 0.05, interval: [0.001, 0.02] }, omega: 0.5 }),
  } as Strategies
  t.like(bestForSubstitution(strategies), { method: 'realign', equals: [] })
  t.regex(bestForSubstitution(strategies)?.why ?? '', /none closes the gap.*0\.0750 \(floor 0\.0500\)/)
})

test('without an interval the floor decides', t => {
  const gap = (centroid: number) => ({ centroid, floor: 0.05, interval: null })
  const strategies = {
    realign: report({ gap: gap(0.075), omega: 0.99 }),
    bca: report({ gap: gap(0.049), omega: 0.5 }),
  } as Strategies
  t.like(bestForSubstitution(strategies), { method: 'bca' })
})

test('what finds fewer partners beyond the noise is not equal to the raw rows', t => {
  const all = new Map<StrategyName, Outcomes>([
    ['none', first(0.5 * count)],
    ['realign', first(0.2 * count)],
    ['mean-shift', first(0.5 * count - 1)],
  ])
  const found = bestForSearch({ none: report({ r1: 0.5 }) } as Strategies, all)
  t.like(found, { method: 'none', equals: ['mean-shift'] })
  t.regex(found?.why ?? '', /mean-shift is equal within it/)
})
