/**
 * What measurements say of populations whose truth is known: how often a verdict is wrong, whether intervals cover, and how
 * far estimates lie from the truth on average.
 */
import { population, repeated } from './populations.mjs'

/** ρ of the residuals of pairs and of captions with their image. */
const RHO = 0.7

/** Kinds of samples: what is measured of `n` images of a population. */
export const KINDS = {
  independent: (of, seed, n) => ({ rows: of.samples(seed, n), options: {} }),
  unequal: (of, seed, n) => ({ rows: of.samples(seed, n, 4 * n), options: {} }),
  pairs: (of, seed, n) => ({ rows: of.pairs(seed, n, RHO), options: { paired: true } }),
  'pairs, gap alone': (of, seed, n) => ({ rows: of.pairs(seed, n, RHO), options: { paired: true, parts: [] } }),
  'five captions': (of, seed, n) => ({ rows: of.captions(seed, n, 5, RHO), options: { captionsPerImage: 5 } }),
  'five captions, images repeated, no ids': (of, seed, n) => {
    const { image, text } = of.captions(seed, n, 5, RHO)
    return { rows: { image: repeated(image, of.dim, 5), text }, options: { paired: true } }
  },
  'one caption for a fifth of the pairs': (of, seed, n) => {
    const { image, text } = of.pairs(seed, n, RHO)
    for (let row = 1; row < n / 5; row++) text.copyWithin(row * of.dim, 0, of.dim)
    return { rows: { image, text }, options: { paired: true } }
  },
  'every row twice': (of, seed, n) => {
    const { image, text } = of.samples(seed, n)
    return { rows: { image: repeated(image, of.dim, 2), text: repeated(text, of.dim, 2) }, options: {} }
  },
  'held out from a fit': (of, seed, n) => ({ rows: of.samples(seed, 2 * n), options: {}, fit: { holdout: 0.5 } }),
  'pairs held out from a fit': (of, seed, n) => ({
    rows: of.pairs(seed, 2 * n, RHO),
    options: { paired: true },
    fit: { holdout: 0.5 },
  }),
  'another file than the fit': (of, seed, n) => ({
    rows: of.samples(seed, n),
    options: {},
    fit: { others: of.samples(seed + 500_000, n) },
  }),
  'another file of pairs than the fit': (of, seed, n) => ({
    rows: of.pairs(seed, n, RHO),
    options: { paired: true },
    fit: { others: of.pairs(seed + 500_000, n, RHO) },
  }),
}

/** The gap of one sample, measured by the package. */
export async function gapOf({ Aligner, measureGap, openEmbeddings }, of, kind, seed, n) {
  const { rows, options, fit } = KINDS[kind](of, seed, n)
  const open = values => openEmbeddings(values, { dim: of.dim })
  const [image, text] = [await open(rows.image), await open(rows.text)]
  const measured = { parts: ['causes'], threads: 1, ...options }
  if (!fit) {
    return (await measureGap({ image, text, ...measured })).gap
  }
  if (fit.holdout) {
    const split = { holdout: fit.holdout, seed: 1, paired: options.paired }
    const aligner = await Aligner.fit({ target: image, source: text, ...split, threads: 1, verify: false })
    return (await measureGap({ image, text, aligner, ...measured, ...split })).gap
  }
  const sides = { target: await open(fit.others.image), source: await open(fit.others.text) }
  const aligner = await Aligner.fit({ ...sides, paired: options.paired, threads: 1, verify: false })
  return (await measureGap({ image, text, aligner, ...measured })).gap
}

/** Rates over `trials` samples. */
export async function rates(api, { shape, kind, n, trials, seed = 0 }) {
  const of = population(shape)
  // a fit closes the gap of the population, but for what the sphere leaves
  const truth = /fit/.test(kind) ? 0 : of.gapSquared()
  const counts = { real: 0, covered: 0, agreeing: 0, tested: 0, intervals: 0, unbiased: 0, squares: 0, floors: 0 }
  for (let trial = 0; trial < trials; trial++) {
    const gap = await gapOf(api, of, kind, seed + 1000 * trial + n, n)
    counts.real += gap.verdict === 'real' ? 1 : 0
    counts.tested += gap.verdict === 'not-tested' ? 0 : 1
    counts.intervals += gap.interval ? 1 : 0
    counts.covered += gap.interval && gap.interval[0] <= truth && truth <= gap.interval[1] ? 1 : 0
    counts.agreeing += gap.interval && gap.interval[0] > 0 === (gap.verdict === 'real') ? 1 : 0
    counts.unbiased += gap.unbiasedSquared - truth
    counts.squares += gap.centroid ** 2 - truth
    counts.floors += gap.floor ** 2
  }
  return {
    /** Share of samples whose gap is called real: the size where there is none, the power where there is one. */
    real: counts.tested > 0 ? counts.real / counts.tested : null,
    /** Share of the intervals that hold the truth. */
    coverage: counts.intervals > 0 ? counts.covered / counts.intervals : null,
    /** Share of the intervals that lie above zero where the gap is called real, and nowhere else. */
    agreement: counts.intervals > 0 ? counts.agreeing / counts.intervals : null,
    /** Mean error of the unbiased square, in squared noise floors. */
    bias: counts.unbiased / counts.floors,
    /** Root mean square of what the noise adds, over the floor: one where the floor is right. */
    noise: Math.sqrt(Math.max(0, counts.squares / counts.floors)),
  }
}
