import test from 'ava'
import { epochOrder } from '../src/revision/data/order.ts'
import { draws, mix, splitRecords } from '../src/revision/data/split.ts'

const indices = (n: number) => Uint32Array.from({ length: n }, (_, i) => i)

test('the hash is SplitMix64 with its published first values', t => {
  const step = 0x9e3779b97f4a7c15n
  // of the reference generator with state 0 (Vigna)
  t.deepEqual([0n, step, 2n * step].map(mix), [0xe220a8397b1dcdafn, 0x6e789e6aa1b965f4n, 0x06c45d188009454fn])
})

test('a share is held out by a hash of seed and index, whatever else there is', t => {
  const { train, validation } = splitRecords(indices(20_000), { valSize: 0.2, seed: 7 })
  // binomial: five standard deviations
  t.true(Math.abs(validation.length - 4_000) <= 5 * Math.sqrt(20_000 * 0.2 * 0.8))
  t.is(train.length + validation.length, 20_000)
  t.deepEqual(
    splitRecords(indices(10_000), { valSize: 0.2, seed: 7 }).validation,
    validation.filter(i => i < 10_000),
  )
  const draw = draws(7)
  t.true(validation.every(i => draw(i) < 0.2) && train.every(i => draw(i) >= 0.2))
})

test('a number of records is held out exactly, ascending, and apart from the rest', t => {
  const { train, validation } = splitRecords(indices(1_000), { valSize: 100, seed: 3 })
  t.is(validation.length, 100)
  t.deepEqual(
    [...train, ...validation].sort((a, b) => a - b),
    [...indices(1_000)],
  )
  for (const side of [train, validation]) {
    t.deepEqual(
      [...side],
      [...side].sort((a, b) => a - b),
    )
  }
  t.notDeepEqual(splitRecords(indices(1_000), { valSize: 100, seed: 4 }).validation, validation)
})

test('fewer samples of one seed are among more of it', t => {
  const taken = (maxSamples: number) => new Set(splitRecords(indices(5_000), { maxSamples, seed: 1 }).train)
  const [few, many] = [taken(500), taken(1_000)]
  t.is(few.size, 500)
  t.is(many.size, 1_000)
  t.true([...few].every(index => many.has(index)))
})

test('a sample does not follow from the split of the same seed', t => {
  const { train } = splitRecords(indices(100_000), { valSize: 0.5, maxSamples: 20_000, seed: 1 })
  // hypergeometric, close to binomial: five standard deviations of 20,000 at one half
  t.true(Math.abs(train.length - 10_000) <= 354, `${train.length}`)
})

test('indices need not be all of them', t => {
  const some = Uint32Array.of(3, 9, 20, 31)
  t.deepEqual(splitRecords(some, { maxSamples: 10 }).train, some)
  t.is(splitRecords(some, { valSize: 1 }).validation.length, 1)
})

test('sizes that make no sense are refused', t => {
  for (const options of [
    { valSize: -1 },
    { valSize: 1.5 },
    { valSize: Number.NaN },
    { maxSamples: 0 },
    { maxSamples: 0.5 },
  ]) {
    t.throws(() => splitRecords(indices(10), options), { code: 'BAD_OPTION' })
  }
  t.throws(() => splitRecords(indices(10), { valSize: 10 }), { code: 'TOO_FEW_ROWS' })
})

test('an epoch visits every record once, in an order of its own', t => {
  for (const n of [1, 2, 3, 4, 5, 17, 1_000, 4_096, 4_097]) {
    const order = epochOrder(n, 5, 0)
    const seen = Array.from({ length: n }, (_, position) => order(position))
    t.deepEqual(
      [...seen].sort((a, b) => a - b),
      [...indices(n)],
    )
    if (n > 10) {
      t.notDeepEqual(seen, [...indices(n)])
      t.deepEqual(
        seen,
        Array.from({ length: n }, (_, position) => epochOrder(n, 5, 0)(position)),
      )
      for (const [seed, epoch] of [
        [5, 1],
        [6, 0],
        [5 + 2 ** 40, 0],
      ] as const) {
        const other = epochOrder(n, seed, epoch)
        t.notDeepEqual(
          seen,
          Array.from({ length: n }, (_, position) => other(position)),
        )
      }
    }
  }
})

test('every record comes first equally often', t => {
  const [n, seeds] = [10, 5_000]
  const counts = new Array<number>(n).fill(0)
  for (let seed = 0; seed < seeds; seed++) {
    const first = epochOrder(n, seed, 0)(0)
    counts[first] = (counts[first] ?? 0) + 1
  }
  const chi2 = counts.reduce((sum, count) => sum + (count - seeds / n) ** 2 / (seeds / n), 0)
  // 99.99 % quantile of χ² with 9 degrees of freedom
  t.true(chi2 < 33.7, `${chi2}`)
})

test('neighbours do not stay together', t => {
  const order = epochOrder(10_000, 2, 3)
  const close = Array.from({ length: 9_999 }, (_, i) => Math.abs(order(i) - order(i + 1)) === 1).filter(Boolean).length
  // two in expectation; a Poisson variable of mean 2 exceeds 12 once in a million
  t.true(close <= 12, `${close}`)
})

test('two billion records need no list', t => {
  const n = 2 ** 31 - 1
  const order = epochOrder(n, 1, 1)
  const seen = new Set([0, 1, 2, n - 1].map(order))
  t.is(seen.size, 4)
  t.true([...seen].every(record => record >= 0 && record < n))
})
