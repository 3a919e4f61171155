import test from 'ava'
import { Aligner, type FitInput } from '../src/align.ts'
import { type Embeddings, openEmbeddings } from '../src/embeddings.ts'
import { measureGap } from '../src/measure.ts'
import { COUNTED, type Golden, goldenOf, near, SMOOTH, smallRows } from './helpers/golden.ts'
import { fixture } from './helpers/npy.ts'
import { COCO_CLIP } from './helpers/place.ts'
import { distance, largestDifference, meanOf } from './helpers/rows.ts'

type Fit = Omit<FitInput, 'target' | 'source'>

const golden = goldenOf('explain.json')
const clip = goldenOf('clip_explain.json')
const text = smallRows('text')
const image = smallRows('image')
const { dim } = text

/**
 * Rows of a strategy, componentwise: the symmetric roots of BCA and Bures divide by eigenvalues down to 5e-3 of the largest
 * and carry 1e-15 of it, hence 1e-12 at worst; the others are sums and one division.
 */
const ROWS = 1e-11

/** Golden name → options of the fit. */
const FITS: Record<string, Fit> = {
  none: { method: 'none' },
  centering: { method: 'centering' },
  'mean-shift': { method: 'mean-shift' },
  bca: { method: 'bca' },
  'bca-printed': { method: 'bca', centered: false },
  procrustes: { method: 'procrustes', paired: true },
  bures: { method: 'bures' },
  'aniso-init': { method: 'aniso-init' },
  realign: { method: 'realign' },
  anchor: { method: 'realign', steps: ['anchor'] },
  'anchor-trace': { method: 'realign', steps: ['anchor', 'trace'] },
  'realign-10': { method: 'realign', centroidIterations: 10 },
  'realign-solve': { method: 'realign', centroid: 'solve' },
}

const sides = async () => ({
  target: await openEmbeddings(fixture('explain_image.npy')),
  source: await openEmbeddings(fixture('explain_text.npy')),
})

for (const [name, fit] of Object.entries(FITS)) {
  test(`${name}: the moved rows are the golden ones`, async t => {
    const aligner = await Aligner.fit({ ...(await sides()), ...fit })
    const moved = aligner.transform(text.values.slice())
    const expected: Golden = golden.strategies[name]
    t.true(largestDifference(moved.subarray(0, 5 * dim), expected.rows.flat()) <= ROWS, 'rows')
    t.true(largestDifference(meanOf(moved, dim), expected.mean) <= ROWS, 'mean')
    // the same in another process
    const again = Aligner.fromBytes(aligner.toBytes()).transform(text.values.slice())
    t.is(largestDifference(again, moved), 0)
  })

  test(`${name}: gap, retention, mixing, preservation and retrieval are the golden ones`, async t => {
    const { target, source } = await sides()
    const aligner = await Aligner.fit({ target, source, ...fit })
    const report = await measureGap({ image: target, text: source, paired: true, exact: true, aligner })
    compare(t, report, name, golden.strategies[name], 0)
  })
}

for (const [name, rows] of Object.entries(golden.unseen.rows as Record<string, number[][]>)) {
  test(`${name}: rows the fit has not seen move as the definition says`, async t => {
    const seen = text.values.subarray(0, golden.unseen.sourceRows * dim)
    const target = await openEmbeddings(image.values, { dim })
    const source = await openEmbeddings(seen, { dim })
    const aligner = await Aligner.fit({ target, source, ...FITS[name] })
    const moved = aligner.transform(text.values.slice(-5 * dim))
    t.true(largestDifference(moved, rows.flat()) <= ROWS)
  })
}

test('c3 without noise is the mean shift', async t => {
  const c3 = await Aligner.fit({ ...(await sides()), method: 'c3', noise: 0 })
  const moved = c3.transform(text.values.slice())
  t.true(largestDifference(moved.subarray(0, 5 * dim), golden.strategies['mean-shift'].rows.flat()) <= ROWS)
})

test('the noise of c3 is normal, white, of the stated size and keyed by its seed', async t => {
  const noisy = async (noiseSeed: number, noise?: number) => {
    const aligner = await Aligner.fit({ ...(await sides()), method: 'c3', renormalize: false, noise, noiseSeed })
    return aligner.transform(text.values.slice())
  }
  const still = await noisy(1, 0)
  const moved = await noisy(1)
  const noise = moved.map((value, i) => value - (still[i] as number))
  t.deepEqual(await noisy(1), moved)
  t.not(largestDifference(await noisy(2), moved), 0)
  const n = noise.length
  const moment = (power: number) => noise.reduce((sum, value) => sum + value ** power, 0) / n
  const variance = moment(2)
  // 12,800 normal numbers; six standard errors of mean, variance, skewness and excess kurtosis
  t.true(Math.abs(moment(1)) <= 6 * Math.sqrt(0.016 / n), `mean ${moment(1)}`)
  t.true(Math.abs(variance / 0.016 - 1) <= 6 * Math.sqrt(2 / n), `variance ${variance}`)
  t.true(Math.abs(moment(3) / variance ** 1.5) <= 6 * Math.sqrt(6 / n), 'skewness')
  t.true(Math.abs(moment(4) / variance ** 2 - 3) <= 6 * Math.sqrt(24 / n), 'kurtosis')
  for (const lag of [1, dim]) {
    const product = noise.slice(lag).reduce((sum, value, i) => sum + value * (noise[i] as number), 0)
    t.true(Math.abs(product / (n * variance)) <= 6 / Math.sqrt(n), `correlation at distance ${lag}`)
  }
})

test('procrustes finds an orthogonal map when there is one, a reflection too', async t => {
  const { rows, mirrored } = mirroredRows()
  const target = await openEmbeddings(rows, { dim })
  const source = await openEmbeddings(mirrored, { dim })
  const aligner = await Aligner.fit({ target, source, method: 'procrustes', paired: true })
  t.true(largestDifference(aligner.transform(mirrored), rows) <= ROWS)
})

test('bures and centred bca give the target its covariance before the sphere', async t => {
  const target = await openEmbeddings(image.values, { dim })
  const source = await openEmbeddings(text.values, { dim })
  // a ridge of 1e-12 is what remains of the difference
  const bures = await Aligner.fit({ target, source, method: 'bures', ridge: 1e-12, renormalize: false })
  const moved = bures.transform(text.values.slice())
  const report = await measureGap({
    image: await openEmbeddings(unitRows(image.values), { dim, normalize: false }),
    text: await openEmbeddings(moved, { dim, normalize: false }),
    parts: ['causes'],
  })
  const { shapeBiased: shape = Number.NaN } = report.covariance ?? {}
  t.true(shape <= 1e-8, `shape ${shape}`)
  t.true(distance(meanOf(moved, dim), meanOf(unitRows(image.values), dim)) <= 1e-12)
})

for (const [name, fit] of Object.entries(FITS)) {
  test(`${name} on 500 CLIP pairs`, async t => {
    const target: Embeddings = await openEmbeddings(COCO_CLIP, { role: 'image' })
    const source = await openEmbeddings(COCO_CLIP, { role: 'text' })
    const aligner = await Aligner.fit({ target, source, ...fit })
    const report = await measureGap({ image: target, text: source, paired: true, exact: true, aligner })
    // some neighbourhoods are cut within 1e-7 of a tie, and fits of n < d rows keep fewer digits: three neighbours may swap
    compare(t, report, name, clip.strategies[name], 3 / 5000)
  })
}

test('ReAlign keeps neighbours and lowers R@1 on CLIP features', t => {
  const { none, centering, realign } = clip.strategies
  t.is(realign.retention.toFixed(3), '0.907')
  const r1 = [none, centering, realign].map(numbers => numbers.retrieval.textToImage.r1)
  t.deepEqual(r1, [0.506, 0.5, 0.316])
})

/** The report of moved rows against the golden numbers; `swaps` is the share of neighbours that a near tie may change. */
function compare(t: Parameters<typeof near>[0], report: Golden, name: string, expected: Golden, swaps: number): void {
  const counted = { relative: 0, absolute: COUNTED.absolute + swaps }
  const smooth = swaps === 0 ? SMOOTH : { relative: 1e-7, absolute: 1e-9 }
  // a gap of nothing is rounding
  near(t, report.gap.after, expected.gap, { ...smooth, absolute: Math.max(smooth.absolute, 1e-13) }, 'gap')
  // what moves nothing learned nothing of these rows
  const learned = name !== 'none'
  t.is(report.inSample, learned ? true : undefined)
  t.is(report.gap.interval === null, learned, 'a fit has no interval on its own rows')
  const { all, shares, image: mixedImage, text: mixedText } = expected.mixing
  near(t, report.neighbours, { retention: expected.retention, mixing: { all, shares } }, counted, 'neighbours')
  const directional = swaps === 0 ? SMOOTH : { relative: 0.01, absolute: 0.01 }
  near(t, report.neighbours.mixing, { image: mixedImage, text: mixedText }, directional, 'directional mixing')
  const { omega, phi, psi } = expected.preservation
  near(t, report.preservation, { omega }, counted, 'preservation')
  near(t, report.preservation, { phi, psi }, smooth, 'preservation')
  // one query is 1/500
  near(
    t,
    report.retrieval,
    expected.retrieval,
    swaps === 0 ? COUNTED : { relative: 0, absolute: 1 / 500 + 1e-12 },
    'retrieval',
  )
}

function unitRows(rows: Float64Array): Float64Array {
  const unit = rows.slice()
  for (let first = 0; first < unit.length; first += dim) {
    const row = unit.subarray(first, first + dim)
    const length = Math.hypot(...row)
    row.forEach((value, j) => {
      row[j] = value / length
    })
  }
  return unit
}

/** Unit rows and the same rows after a permutation of the columns and one reflection: an orthogonal map of determinant ±1. */
function mirroredRows() {
  const rows = unitRows(image.values)
  const axis = unitRows(text.values).subarray(0, dim)
  const mirrored = rows.slice()
  for (let first = 0; first < rows.length; first += dim) {
    const row = rows.subarray(first, first + dim)
    const along = row.reduce((sum, value, j) => sum + value * (axis[j] as number), 0)
    row.forEach((value, j) => {
      mirrored[first + ((j * 5) % dim)] = value - 2 * along * (axis[j] as number)
    })
  }
  return { rows, mirrored }
}
