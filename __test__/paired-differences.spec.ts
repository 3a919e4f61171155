import test from 'ava'
import { differenceOf, spreadOf, studentT } from '../src/revision/paired-differences.ts'

/** scipy.stats.t.ppf(0.975, df) of SciPy 1.17.1, whose own error is some 1e-11. */
const QUANTILES = {
  3: 3.1824463052837078,
  4: 2.7764451051977934,
  5: 2.5705818356363146,
  7: 2.364624251592784,
  10: 2.228138851986274,
  30: 2.0422724563012378,
  120: 1.9799304050824402,
}

test('quantiles of Student’s t have their closed forms and the values of SciPy', t => {
  const near = (a: number, b: number, tolerance: number) => t.true(Math.abs(a - b) <= tolerance * b, `${a} ${b}`)
  // one and two degrees of freedom: the tangent, and a root
  near(studentT(1), Math.tan(0.475 * Math.PI), 1e-13)
  near(studentT(2), 0.95 * Math.sqrt(2 / (4 * 0.975 * 0.025)), 1e-13)
  for (const [df, quantile] of Object.entries(QUANTILES)) {
    near(studentT(Number(df)), quantile, 1e-10)
  }
})

test('an interval is that of SciPy', t => {
  // scipy.stats.t.interval(0.95, 4, mean, sem) and std(ddof=1)
  const spread = spreadOf([2.2, 2.15, 2.08, 2.74, 1.98])
  t.is(spread?.n, 5)
  t.true(Math.abs((spread?.mean ?? 0) - 2.23) < 1e-15)
  t.true(Math.abs((spread?.sd ?? 0) - 0.2968164415931167) < 1e-14)
  const [low, high] = spread?.interval ?? [0, 0]
  t.true(Math.abs(low - 1.8614537103988766) < 1e-10 && Math.abs(high - 2.5985462896011233) < 1e-10)
})

test('equal numbers have no spread at all', t => {
  t.like(spreadOf([0.1, 0.1, 0.1]), { mean: 0.1, sd: 0, interval: [0.1, 0.1] })
})

test('one number has no spread, and none is nothing', t => {
  t.deepEqual(spreadOf([3]), { n: 1, mean: 3 })
  t.is(spreadOf([]), undefined)
  t.is(differenceOf([], true), undefined)
})

test('nothing is better whose interval holds zero; else the sign and the metric decide', t => {
  const apart = [3, 3.1, 2.9].map(value => [value, 1] as const)
  t.is(differenceOf(apart, true)?.better, 'this')
  t.is(differenceOf(apart, false)?.better, 'reference')
  const near = [1.1, 0.9, 1.4].map(value => [value, 1] as const)
  t.is(differenceOf(near, true)?.better, null)
  t.is(differenceOf([[3, 1]], true)?.better, null, 'one pair says nothing')
  const same = [1, 2].map(value => [value, value] as const)
  t.like(differenceOf(same, true), { mean: 0, interval: [0, 0], better: null })
})
