/** Statistics beside the gap on populations whose truth is known: their mean over samples beside the truth. */
import { population, repeated, stored } from './populations.mjs'

/** Columns; ranks of the frame where one is used. */
const DIM = 32
const RANK = 8
const RHO = 0.7

const FLAT = { dim: DIM, alpha: 0 }
const LAW = { dim: DIM, alpha: 1 }
const STEEP = { dim: DIM, alpha: 2 }
const GAP = { dim: DIM, alpha: 1, lean: 0.15 }
/** Ten directions that vary; rows in 16 bits add noise in all others. */
const NARROW = { dim: DIM, alpha: 1, directions: 10 }

/** Covariance of rows, divisor n, and their mean. */
function moments(rows, dim) {
  const n = rows.length / dim
  const mean = new Float64Array(dim)
  rows.forEach((value, i) => {
    mean[i % dim] += value / n
  })
  return { n, mean }
}

/** tr ΣabΣabᵀ and tr Σaa of two sets of rows whose row i belong together, divisor n. */
function squares(a, b, dim) {
  const [{ n, mean: ma }, { mean: mb }] = [moments(a, dim), moments(b, dim)]
  const sigma = new Float64Array(dim * dim)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < dim; j++) {
      const x = (a[i * dim + j] - ma[j]) / n
      for (let k = 0; k < dim; k++) sigma[j * dim + k] += x * (b[i * dim + k] - mb[k])
    }
  }
  const trace = Array.from({ length: dim }, (_, j) => sigma[j * dim + j]).reduce((x, y) => x + y, 0)
  return { square: sigma.reduce((sum, v) => sum + v * v, 0), trace, sigma }
}

const difference = ({ image, text }) => image.map((value, i) => value - text[i])
/** Rows of each of the samples that truths come from, and their seeds: one sample leaves a percent open. */
const LARGE = 60_000
const SEEDS = [77, 78, 79, 80, 81, 82, 83, 84]

/** Mean over large samples of tr ΣabΣabᵀ, tr Σaa and the covariance of what `rows` takes of each. */
function large(draw, rows = sample => [sample.image, sample.image]) {
  const all = SEEDS.map(seed => squares(...rows(draw(seed)), DIM))
  const mean = values => values.reduce((sum, value) => sum + value, 0) / values.length
  const sigma = all[0].sigma.map((_, i) => mean(all.map(each => each.sigma[i])))
  return { square: mean(all.map(each => each.square)), trace: mean(all.map(each => each.trace)), sigma }
}

/** Truths, from eight samples of 60,000 rows. */
const truths = {
  participation: shape => {
    const { square, trace } = large(seed => population(shape).samples(seed, LARGE, 1))
    return trace ** 2 / square
  },
  cka: shape => {
    const draw = seed => population(shape).pairs(seed, LARGE, RHO)
    const [xy, x, y] = [
      large(draw, ({ image, text }) => [image, text]),
      large(draw),
      large(draw, ({ text }) => [text, text]),
    ]
    return xy.square / Math.sqrt(x.square * y.square)
  },
  effective: shape => {
    const rows = sample => {
      const r = difference(sample)
      return [r, r]
    }
    const { square, trace } = large(seed => population(shape).pairs(seed, LARGE, RHO), rows)
    return trace ** 2 / square
  },
  shape: (one, other) => {
    const [x, z] = [one, other].map(shape => large(seed => population(shape).samples(seed, LARGE, 1)))
    return Math.sqrt(x.sigma.reduce((sum, v, i) => sum + (v - z.sigma[i]) ** 2, 0) / x.square)
  },
}

async function measuredOf({ measureGap, openEmbeddings }, { image, text }, options) {
  const open = rows => openEmbeddings(rows, { dim: DIM, dtype: options.dtype })
  const { dtype: _, ...asked } = options
  return await measureGap({ image: await open(image), text: await open(text), threads: 1, ...asked })
}

/** The square of a number; null of one that is not known. */
const squared = value => (value === null ? null : value ** 2)

const strangers = (shape, seed, n) => population(shape).samples(seed, n)
const pairs = (shape, seed, n) => population(shape).pairs(seed, n, RHO)
const paired = { paired: true, parts: ['causes'] }

/** In a large sample, with the frame of these rows: the bias that this has falls with d/n. */
async function atLarge(api, pick) {
  return pick(await measuredOf(api, pairs(GAP, 82, 40_000), { ...paired, rank: RANK }))
}

/** In 200,000 rows, whose bias is below a thousandth but for κ of even directions. */
async function inPopulation(api, sides, options, pick) {
  return pick(await measuredOf(api, sides, options))
}

const FEW_PARTS = { parts: ['causes'] }
/** Rows of the samples that truths of spectra come from. */
const MANY = 200_000

/** Numbers of a spectrum, beside those of the rows. */
const SPECTRA = [
  ['even directions', FLAT],
  ['a = 1', LAW],
  ['a = 2', STEEP],
  ['ten directions', NARROW],
].flatMap(([of, shape]) =>
  [
    ['effective rank', 'effectiveRank'],
    ['power law', 'alpha'],
    ['κ', 'kappa'],
    ['κ of 99.9 %', 'kappaEff'],
  ].map(([name, key]) => ({
    name: `${name}, ${of}`,
    draw: (seed, n) => strangers(shape, seed, n),
    options: FEW_PARTS,
    of: r => r.spectrum.image[key],
    plain: r => r.spectrum.image[`${key}Biased`],
    truth: api => inPopulation(api, strangers(shape, 83, MANY), FEW_PARTS, r => r.spectrum.image[`${key}Biased`]),
  })),
)

/** Samples whose means have a cosine, and what is said of them. */
const COSINES = [
  ['independent', (seed, n) => strangers(GAP, seed, n), {}],
  ['pairs', (seed, n) => pairs(GAP, seed, n), { paired: true }],
  ['five captions', (seed, n) => population(GAP).captions(seed, n, 5, RHO), { captionsPerImage: 5 }],
].map(([name, draw, options]) => ({
  name: `cosine of the means, ${name}`,
  draw,
  options: { parts: [], ...options },
  of: r => r.gap.cosine,
  plain: r => r.gap.cosineBiased,
  truth: api => inPopulation(api, strangers(GAP, 83, MANY), { parts: [] }, r => r.gap.cosineBiased),
}))

/** Divergences of the cosines of pairs. */
const DIVERGENCES = ['paired/cross', 'paired/imageImage', 'cross/imageImage'].map(key => ({
  name: `Jensen–Shannon ${key} of pairs`,
  draw: (seed, n) => pairs(GAP, seed, n),
  options: { paired: true, parts: ['similarity'] },
  of: r => r.similarity.js[key],
  plain: r => r.similarity.jsBiased[key],
  // all pairs of 5,000 rows, without what halves of the pairs show
  truth: async api => {
    const found = []
    for (const seed of SEEDS) {
      const { similarity } = await measuredOf(api, pairs(GAP, seed, 5_000), { paired: true, parts: ['similarity'] })
      found.push(similarity.js[key] ?? similarity.jsBiased[key])
    }
    return found.reduce((sum, value) => sum + value, 0) / found.length
  },
}))

/** Covariances compared: what is drawn of either side. */
const COMPARED = [
  ['a = 1 and 2', (seed, n) => ({ image: strangers(LAW, seed, n).image, text: strangers(STEEP, seed + 7, n).text })],
  ['one covariance and a gap', (seed, n) => strangers(GAP, seed, n)],
].flatMap(([of, draw]) =>
  [
    ['Fréchet distance', r => r.covariance.frechet, r => r.covariance.frechetBiased],
    ['overlap of 2', r => r.covariance.overlap.o[1], r => r.covariance.overlap.oBiased[1]],
    ['overlap of 8', r => r.covariance.overlap.o[3], r => r.covariance.overlap.oBiased[3]],
    [
      'deviation of the log spectra',
      r => r.covariance.logSpectraDeviation,
      r => r.covariance.logSpectraDeviationBiased,
    ],
    [
      'correlation of the log spectra',
      r => r.covariance.logSpectraCorrelation,
      r => r.covariance.logSpectraCorrelationBiased,
    ],
  ].map(([name, own, plain]) => ({
    name: `${name}, ${of}`,
    draw,
    options: FEW_PARTS,
    of: own,
    plain,
    truth: api => inPopulation(api, draw(83, MANY), FEW_PARTS, plain),
  })),
)

/**
 * What is estimated: `draw` and `options` of a measurement, `of` the report; `truth`, once; `plain`, the plug-in value that stands
 * beside it, or what chance gives; `over`, rows by whose number it is divided.
 */
const ESTIMATES = [
  {
    name: 'CKA of strangers',
    draw: (seed, n) => strangers(LAW, seed, n),
    options: { paired: true, parts: ['similarity'] },
    of: r => r.similarity.cka,
    plain: r => r.similarity.ckaBiased,
    truth: () => 0,
  },
  {
    name: 'CKA of pairs',
    draw: (seed, n) => pairs(LAW, seed, n),
    options: { paired: true, parts: ['similarity'] },
    of: r => r.similarity.cka,
    plain: r => r.similarity.ckaBiased,
    truth: () => truths.cka(LAW),
  },
  ...[FLAT, LAW].map(shape => ({
    name: `participation ratio, a = ${shape.alpha}`,
    draw: (seed, n) => strangers(shape, seed, n),
    options: { parts: ['causes'] },
    of: r => r.spectrum.image.participationRatio,
    plain: r => r.spectrum.image.participationRatioBiased,
    truth: () => truths.participation(shape),
  })),
  {
    name: 'participation ratio of five captions an image',
    draw: (seed, n) => population(LAW).captions(seed, n, 5, RHO),
    options: { captionsPerImage: 5, parts: ['causes'] },
    of: r => r.spectrum.text.participationRatio,
    plain: r => r.spectrum.text.participationRatioBiased,
    truth: () => truths.participation(LAW),
  },
  {
    name: 'participation ratio, every row twice',
    draw: (seed, n) => {
      const { image, text } = strangers(LAW, seed, n)
      return { image: repeated(image, DIM, 2), text }
    },
    options: { parts: ['causes'] },
    of: r => r.spectrum.image.participationRatio,
    plain: r => r.spectrum.image.participationRatioBiased,
    truth: () => truths.participation(LAW),
  },
  {
    name: 'effective dimension of pairs',
    draw: (seed, n) => pairs(LAW, seed, n),
    options: paired,
    of: r => r.residual.effectiveDimension,
    plain: r => r.residual.effectiveDimensionBiased,
    truth: () => truths.effective(LAW),
  },
  {
    name: 'covariance shape, one distribution',
    draw: (seed, n) => strangers(LAW, seed, n),
    options: { parts: ['causes'] },
    of: r => squared(r.covariance.shape),
    plain: r => r.covariance.shapeBiased ** 2,
    truth: () => 0,
    note: 'squared; cut at zero',
  },
  {
    name: 'covariance shape, a = 1 and 2',
    draw: (seed, n) => ({ image: strangers(LAW, seed, n).image, text: strangers(STEEP, seed + 7, n).text }),
    options: { parts: ['causes'] },
    of: r => r.covariance.shape,
    plain: r => r.covariance.shapeBiased,
    truth: () => truths.shape(LAW, STEEP),
  },
  {
    name: 'covariance shape of pairs, one distribution',
    draw: (seed, n) => pairs(LAW, seed, n),
    options: paired,
    of: r => squared(r.covariance.shape),
    plain: r => r.covariance.shapeBiased ** 2,
    truth: () => 0,
    note: 'squared; cut at zero',
  },
  {
    name: 'R² of strangers',
    draw: (seed, n) => strangers(LAW, seed, n),
    options: { ...paired, rank: RANK },
    of: r => r.decomposition.coupling.r2Adjusted,
    plain: r => r.decomposition.coupling.r2,
    truth: () => 0,
  },
  {
    name: 'COB share',
    draw: (seed, n) => pairs(GAP, seed, n),
    options: { ...paired, rank: RANK },
    of: r => r.decomposition.cobShare,
    plain: r => r.decomposition.cob ** 2 / r.decomposition.gap ** 2,
    truth: api => atLarge(api, r => r.decomposition.cob ** 2 / r.decomposition.gap ** 2),
  },
  {
    name: 'coverage',
    draw: (seed, n) => pairs(GAP, seed, n),
    options: { ...paired, rank: RANK },
    of: r => r.residual.coverage,
    plain: r => r.residual.coverageBiased,
    truth: api => atLarge(api, r => r.residual.coverageBiased),
  },
  {
    name: 'vMF concentration',
    draw: (seed, n) => pairs(GAP, seed, n),
    options: { ...paired, rank: RANK },
    of: r => r.decomposition.vmf,
    plain: r => r.decomposition.chance.vmf,
    truth: api => atLarge(api, r => r.decomposition.vmf),
    note: 'beside it even directions',
  },
  {
    name: 'separability, one distribution',
    draw: (seed, n) => strangers(LAW, seed, n),
    options: { parts: ['similarity'] },
    of: r => r.similarity.separability,
    plain: () => 0.5,
    truth: () => 0.5,
  },
  {
    name: 'separability, every row three times',
    draw: (seed, n) => {
      const { image, text } = strangers(LAW, seed, n)
      return { image: repeated(image, DIM, 3), text: repeated(text, DIM, 3) }
    },
    options: { parts: ['similarity'] },
    of: r => r.similarity.separability,
    plain: () => 0.5,
    truth: () => 0.5,
  },
  {
    name: 'Jensen–Shannon of pairs that are strangers',
    draw: (seed, n) => strangers(LAW, seed, n),
    options: { paired: true, parts: ['similarity'] },
    of: r => r.similarity.js['paired/cross'],
    plain: r => r.similarity.jsBiased['paired/cross'],
    truth: () => 0,
  },
  ...DIVERGENCES,
  ...COSINES,
  {
    name: 'Fréchet distance, one distribution',
    draw: (seed, n) => strangers(LAW, seed, n),
    options: FEW_PARTS,
    of: r => r.covariance.frechet,
    plain: r => r.covariance.frechetBiased,
    truth: () => 0,
  },
  ...COMPARED,
  {
    name: 'mixing, one distribution',
    draw: (seed, n) => strangers(LAW, seed, n),
    options: { parts: ['neighbours'] },
    of: r => r.neighbours.mixing.all / r.neighbours.mixing.chance,
    plain: () => 1,
    truth: () => 1,
  },
  ...SPECTRA,
  {
    name: 'κ of the differences of pairs in U',
    draw: (seed, n) => pairs(LAW, seed, n),
    options: { ...paired, rank: RANK },
    of: r => r.decomposition.kappaU,
    plain: r => r.decomposition.kappaUBiased,
    truth: api => inPopulation(api, pairs(LAW, 83, MANY), { ...paired, rank: RANK }, r => r.decomposition.kappaUBiased),
  },
  ...['f16', 'bf16', 'f32 of f16'].flatMap(kind => {
    const dtype = kind === 'bf16' ? 'bf16' : 'f16'
    const widened = kind.startsWith('f32')
    const draw = (seed, n) => {
      const { image, text } = strangers(NARROW, seed, n)
      const of = rows => (widened ? widen(stored(rows, dtype)) : stored(rows, dtype))
      return { image: of(image), text: of(text) }
    }
    const options = { parts: ['causes'], ...(widened ? {} : { dtype }) }
    return [
      {
        name: `rank of ten directions in ${kind}`,
        draw,
        options,
        of: r => r.spectrum.image.rank,
        plain: () => null,
        truth: () => 11,
        note: 'ten, and one that the sphere adds',
      },
      {
        name: `κ of ten directions in ${kind}, over that of the same rows in f32`,
        draw,
        options,
        over: (seed, n) => strangers(NARROW, seed, n),
        of: r => r.spectrum.image.kappaBiased,
        plain: () => null,
        truth: () => 1,
      },
    ]
  }),
]

/** f16 bits as f32. */
function widen(bits) {
  return Float32Array.from(bits, value => {
    const [sign, exponent, fraction] = [value & 0x8000 ? -1 : 1, (value >> 10) & 31, value & 1023]
    return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25))
  })
}

/** Mean, its standard error, and the truth of every estimate at each of `sizes` rows. */
export async function estimates(api, sizes, trials, each) {
  for (const { name, draw, options, of, over, plain, truth, note = '' } of ESTIMATES) {
    const known = await truth(api)
    for (const n of sizes) {
      const found = []
      const beside = []
      for (let trial = 0; trial < trials(n); trial++) {
        const seed = 10_000 * trial + n
        const report = await measuredOf(api, draw(seed, n), options)
        const value = of(report)
        found.push(over ? value / of(await measuredOf(api, over(seed, n), { parts: options.parts })) : value)
        beside.push(plain(report))
      }
      const values = found.filter(Number.isFinite)
      const mean = values.reduce((sum, v) => sum + v, 0) / values.length
      const sd = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / Math.max(1, values.length - 1))
      const others = beside.filter(Number.isFinite)
      each({
        name,
        note,
        n,
        truth: known,
        mean: values.length > 0 ? mean : null,
        error: sd / Math.sqrt(values.length),
        nulls: 1 - values.length / found.length,
        plain: others.length > 0 ? others.reduce((sum, v) => sum + v, 0) / others.length : null,
      })
    }
  }
}
