/**
 * Writes docs/statistics-before-after.md: what the package said of populations whose truth is known before its statistics were
 * revised, and what it says now of populations of the same kind.
 *
 *   node scripts/statistics/part-a.mjs
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as api from '../../dist/index.js'
import { population, repeated, stored } from './populations.mjs'

const { Aligner, measureGap, openEmbeddings, analyzeCaptions, analyzeDomains, analyzeSampleSize, compareStrategies } =
  api
const PAGE = new URL('../../docs/statistics-before-after.md', import.meta.url)
const RHO = 0.7
const lines = []
const line = (what, truth, before, now) => {
  lines.push(`| ${what} | ${truth} | ${before} | ${now} |`)
  process.stderr.write(`${lines.at(-1)}\n`)
}
const shown = value =>
  value === null || value === undefined || Number.isNaN(value) ? 'null' : String(Number(value.toPrecision(3)))
const list = values => values.map(shown).join(' / ')
const percent = value => `${Math.round(100 * value)} %`
const mean = values => values.reduce((sum, value) => sum + value, 0) / values.length
const open = (rows, dim, dtype) => openEmbeddings(rows, { dim, dtype })
const sides = async ({ image, text }, dim) => ({ image: await open(image, dim), text: await open(text, dim) })
const measured = async (rows, dim, options = {}) =>
  measureGap({ ...(await sides(rows, dim)), parts: ['causes'], ...options })

async function times(count, work) {
  const found = []
  for (let seed = 0; seed < count; seed++) found.push(await work(seed))
  return found
}

const law = (dim, alpha = 1, lean = 0) => population({ dim, alpha, lean })

/** Share called real, coverage, and rms of the gap over the floor. */
function judged(gaps, truth = 0) {
  const real = mean(gaps.map(({ verdict }) => (verdict === 'real' ? 1 : 0)))
  const covered = mean(gaps.map(({ interval }) => (interval && interval[0] <= truth && truth <= interval[1] ? 1 : 0)))
  const noise = Math.sqrt(mean(gaps.map(({ centroid }) => centroid ** 2)) / mean(gaps.map(({ floor }) => floor ** 2)))
  return { real, covered, noise }
}

async function captions() {
  const of = law(64)
  const sizes = [
    [50, 100],
    [200, 100],
    [1000, 100],
  ]
  const ids = []
  const equal = []
  for (const [n, count] of sizes) {
    ids.push(
      judged(
        await times(count, async s => (await measured(of.captions(s, n, 5, RHO), 64, { captionsPerImage: 5 })).gap),
      ),
    )
    const twice = seed => {
      const { image, text } = of.captions(seed, n, 5, RHO)
      return { image: repeated(image, 64, 5), text }
    }
    equal.push(judged(await times(count, async s => (await measured(twice(s), 64, { paired: true })).gap)))
  }
  const each = (all, key, as) => all.map(one => as(one[key])).join(' / ')
  line(
    '1 five captions an image, 50/200/1,000 images: "the gap is real"',
    'no gap: 5 %',
    '99 / 97 / 100 %',
    `${each(ids, 'real', percent)} by ids, ${each(equal, 'real', percent)} by equal rows`,
  )
  line('1 coverage', '95 %', '2 / 4 / 8 %', each(ids, 'covered', percent))
  line('1 rms gap / floor', '1', '1.77 / 1.71 / 1.82', each(ids, 'noise', shown))
  const some = law(64, 1, 0.086)
  const truth = some.gapSquared()
  const gaps = []
  for (const [n, count] of sizes) {
    gaps.push(
      judged(
        await times(count, async s => (await measured(some.captions(s, n, 5, RHO), 64, { captionsPerImage: 5 })).gap),
        truth,
      ),
    )
  }
  line(
    `1 coverage beside a gap of ${shown(Math.sqrt(truth))} (before: .30)`,
    '95 %',
    '53 / 74 / 79 %',
    each(gaps, 'covered', percent),
  )
  for (const [copies, before] of [
    [2, '47 %'],
    [5, '100 %'],
  ]) {
    const found = judged(
      await times(300, async seed => {
        const { image, text } = of.samples(seed, 200)
        return (await measured({ image: repeated(image, 64, copies), text: repeated(text, 64, copies) }, 64)).gap
      }),
    )
    line(`1 every row ${copies} times: "real"`, '5 %', before, percent(found.real))
  }
  const { retrieval } = await measured(of.captions(1, 1000, 5, 0.9), 64, { captionsPerImage: 5, parts: ['retrieval'] })
  line(
    '1b five captions, R@1 text to image / image to text (other populations)',
    'any caption of the image counts',
    '.178 / .197 for .891 / .983',
    `${shown(retrieval.textToImage.r1)} / ${shown(retrieval.imageToText.r1)}`,
  )
  const copies = []
  for (const n of [50, 200, 1000]) {
    const each_ = await times(n > 500 ? 8 : 24, async seed => {
      const { image, text } = of.samples(seed, n)
      const rows = { image: repeated(image, 64, 5), text: repeated(text, 64, 5) }
      return (await measured(rows, 64, { parts: ['similarity'] })).similarity.separability
    })
    copies.push(mean(each_))
  }
  line(
    '1d separability of one distribution, rows five times, 50/200/1,000 different',
    '.5',
    '.741 / .642 / .568',
    list(copies),
  )
}

async function few() {
  const before = {
    50: '1.000, .40, .67, 12,659, 19.7',
    200: '1.000, .15, .18, 1,448, 28.1',
    500: '.76, .063, .032, 127, 31.6',
    2000: '.135, .016, .004, 14.6, 33.5',
  }
  for (const [n, old] of Object.entries(before)) {
    const {
      decomposition: of,
      similarity,
      spectrum,
      residual,
    } = await measured(law(512).samples(3, Number(n)), 512, {
      paired: true,
      parts: ['causes', 'similarity'],
    })
    line(
      `4 strangers, 512 columns, ${n} rows: R², CKA, COB share, vMF, participation ratio`,
      '0, 0, no gap, ≈ 7, 33.9',
      old,
      `${shown(of.coupling.r2Adjusted)} (strangers have ${shown(of.coupling.strangers?.r2)}), ${shown(similarity.cka)}, ${shown(of.cobShare)}, ${shown(of.vmf)}, ${shown(spectrum.image.participationRatio)}; coverage ${shown(residual.coverage)}`,
    )
  }
}

async function outside() {
  const { decomposition: of } = await measured(law(512, 1, 0.15).samples(8, 60), 512)
  line(
    '4b share of the squared gap in the frame, 512 columns, 60 rows',
    '0 %',
    '40.2 % for 99.96 %',
    of.cobShare === null ? `not said, ${of.rowsNeeded} rows would do` : percent(1 - of.cobShare),
  )
}

async function corpora() {
  const of = law(128)
  const rows = seed => of.samples(seed, 2000).text
  const image = await open(of.samples(9, 2000).image, 128)
  const few_ = await open(rows(1).subarray(0, 300 * 128), 128)
  const many = await open(rows(2), 128)
  const report = await analyzeCaptions({
    image,
    corpora: [
      { name: 'few', text: few_ },
      { name: 'many', text: many },
    ],
  })
  const alone = (await measured({ image: rows(3), text: rows(2) }, 128)).spectrum.text.effectiveRank
  line(
    '4c effective rank of two corpora of one population, 300 and 2,000 rows (before: 500 and 5,000 of 512 columns)',
    'equal',
    '99.7 / 126.5',
    `${list(report.corpora.map(each => each.effectiveRank))}, both of about ${report.spectrumRows} rows (of all 2,000: ${shown(alone)})`,
  )
}

async function pairsAlone() {
  const of = law(64)
  const found = await times(100, async s => (await measured(of.pairs(s, 50, RHO), 64, { paired: true, parts: [] })).gap)
  line(
    '5 pairs without covariances: unbiased squared gap, floor over rms gap',
    '0, 1',
    '−.0174, 1.8',
    `${shown(mean(found.map(g => g.unbiasedSquared)))}, ${shown(1 / judged(found).noise)}`,
  )
  const apart = judged(await times(300, async s => (await measured(of.samples(s, 200), 64)).gap))
  line('5b one distribution: "above its noise floor", now "real"', '5 %', '43 %', percent(apart.real))
}

async function aligned() {
  const of = law(64)
  const made = async (rows, options) =>
    Aligner.fit({ target: await open(rows.image, 64), source: await open(rows.text, 64), verify: false, ...options })
  const elsewhere = async (draw, paired) =>
    judged(
      await times(100, async seed => {
        const aligner = await made(draw(seed + 1000), { paired })
        return (await measured(draw(seed), 64, { aligner, paired })).gap
      }),
    )
  const apart = await elsewhere(seed => of.samples(seed, 300), false)
  const pairs = await elsewhere(seed => of.pairs(seed, 300, RHO), true)
  line(
    '6 another file through an aligner: rms gap / floor, "real"',
    '1, 5 %',
    'unpaired 1.40–1.47, 42–65 %; pairs 1.9–2.1, 100 %',
    `unpaired ${shown(apart.noise)}, ${percent(apart.real)}; pairs ${shown(pairs.noise)}, ${percent(pairs.real)}`,
  )
  const matrices = await times(12, async seed => {
    const domain = async (name, s) => ({ name, ...(await sides(of.samples(s, 500), 64)) })
    return analyzeDomains({ domains: [await domain('a', seed), await domain('b', seed + 500)] })
  })
  const over = (i, j) =>
    Math.sqrt(mean(matrices.map(({ gap }) => gap[i][j] ** 2)) / mean(matrices.map(({ floor }) => floor[i][j] ** 2)))
  line(
    '6b two domains of one distribution: rms gap / floor on and off the diagonal',
    '1, 1',
    '.94, 1.08; 1.49, 1.44',
    `${list([over(0, 0), over(1, 1)])}; ${list([over(0, 1), over(1, 0)])}`,
  )
  const rows = await sides(of.pairs(5, 2000, RHO), 64)
  const split = { holdout: 0.2, seed: 1, paired: true }
  const aligner = await Aligner.fit({ target: rows.image, source: rows.text, ...split })
  const report = await measureGap({ ...rows, aligner, ...split, parts: ['causes'] })
  line(
    '6c held-out pairs: the floor that fit prints, and measure',
    'one number',
    '.0569, .0379',
    `${shown(aligner.info.gap.held.floor)}, ${shown(report.gap.floor)}`,
  )
  const both = await times(60, async seed => {
    const held = await sides(of.pairs(seed, 1000, RHO), 64)
    const most = { holdout: 0.8, seed: 1, paired: true }
    const aligner = await Aligner.fit({ target: held.image, source: held.text, ...most, verify: false })
    const { gap } = await measureGap({ ...held, aligner, ...most, parts: ['causes'] })
    return gap.verdict === 'real' && gap.centroid <= gap.floor ? 1 : 0
  })
  line('6d four fifths held out: below the floor and "real" at once', '0 %', '100 %', percent(mean(both)))
  const inside = await measured(of.pairs(7, 250, RHO), 64, {
    parts: ['causes', 'similarity'],
    aligner: await made(of.pairs(7, 250, RHO), {}),
  })
  line('9 separability of the rows of the fit', 'null', '.359 / .421', shown(inside.similarity.separability))
  const larger = of.pairs(7, 1000, RHO)
  const part = { image: larger.image.slice(0, 250 * 64), text: larger.text.slice(0, 250 * 64) }
  const verdicts = [
    await measured(larger, 64, { aligner: await made(part, {}) }),
    await measured(part, 64, { aligner: await made(larger, {}) }),
  ]
  line(
    '6 superset, subset of the rows of the fit',
    'in-sample',
    'not recognised',
    verdicts.map(({ gap }) => gap.verdict).join(' / '),
  )
}

async function strategies() {
  const of = law(64, 1, 0.15)
  const made = await times(12, async seed =>
    compareStrategies({
      ...(await sides(of.pairs(seed, 250, RHO), 64)),
      paired: true,
      parts: ['retrieval', 'causes', 'preservation'],
    }),
  )
  const named = made.map(({ recommended }) => recommended.substitution?.method ?? 'none said')
  const counts = [...new Set(named)].map(name => `${name} ${named.filter(other => other === name).length}`)
  const equals = made.filter(({ recommended }) => (recommended.substitution?.equals ?? []).length > 0).length
  line(
    '7b 250 pairs: recommended for substitution; equals named',
    'equals',
    'anchor-trace 13, realign-10 5, … of 24; never',
    `${counts.join(', ')} of 12; equals named in ${equals}`,
  )
  const closing = made.filter(({ recommended, strategies: found }) => {
    const { method, why } = recommended.substitution ?? {}
    return method && !why.startsWith('none closes') && found[method].gap.interval[0] > 0
  })
  line(
    '7 substitution: "closes the gap to its noise" beside an interval above zero',
    'never',
    '4 of 4, 12 of 12 of procrustes',
    `${closing.length} of ${made.length}`,
  )
  const better = made.filter(({ recommended }) => recommended.search && recommended.search.method !== 'none').length
  line(
    '7c search: a strategy preferred to raw rows (before: twelve equal methods in simulation)',
    '≤ 5 %',
    'raw ruled out 4–39 %',
    `${better} of 12`,
  )
  const none = made.map(({ strategies }) => strategies.none.gap.floor)
  const right = made.map(({ strategies }) => Math.sqrt(strategies.none.residual.trace / strategies.none.rows.image))
  line('16 floor of `none` in compare, over its own noise', '1', '1.4', shown(mean(none) / mean(right)))
  const closed = law(64)
  const sizes = await times(6, async seed =>
    analyzeSampleSize({
      target: await open(closed.samples(seed, 1000).image, 64),
      source: await open(closed.samples(seed, 1000).text, 64),
      wanted: 0.05,
      trials: 2,
    }),
  )
  const said = sizes.map(({ rowsFor }) => (rowsFor.rows === null ? rowsFor.verdict : rowsFor.rows))
  line(
    '8 rows until the gap of the population is .05, from 1,000 rows',
    '≈ 417 (1.04/.05²)',
    '"no number of rows reaches 0.05" in 3 of 3',
    said.join(', '),
  )
}

async function storage() {
  const of = population({ dim: 128, alpha: 1, directions: 10 })
  const found = []
  for (const n of [256, 1280, 12_800]) {
    const { image, text } = of.samples(2, n)
    const of16 = async rows => open(stored(rows, 'f16'), 128, 'f16')
    const { spectrum } = await measureGap({ image: await of16(image), text: await of16(text), parts: ['causes'] })
    found.push(spectrum.image)
  }
  line(
    '10 f16, ten directions: κ and rank, 256/1,280/12,800 rows',
    '≈ 68 (before), ≈ 17 here; 11',
    '3.3e8; 128',
    `${list(found.map(s => s.kappa))}; ${list(found.map(s => s.rank))}`,
  )
}

async function checks() {
  const folder = await mkdtemp(join(tmpdir(), 'before-after-'))
  const drifted = async (fitted, draw, options = {}) =>
    percent(
      mean(
        await times(60, async seed => {
          const rows = fitted(seed + 1000)
          const made = await Aligner.fit({
            target: await open(rows.image, 64),
            source: await open(rows.text, 64),
            ...options,
          })
          const { fits } = await made.transformTo(await open(draw(seed), 64), join(folder, 'out'))
          await rm(join(folder, 'out'), { recursive: true, force: true })
          return fits.verdict === 'drifted' ? 1 : 0
        }),
      ),
    )
  const of = law(64)
  const captioned = seed => of.captions(seed, 200, 5, RHO)
  line(
    '1c five captions an image, no shift: "drifted"',
    '1 %',
    '65–70 %',
    `${await drifted(captioned, seed => captioned(seed).text, { captionsPerImage: 5 })} (ids at the fit)`,
  )
  line(
    '11 mean moved by about .05, 1,000 rows: "drifted"',
    'power',
    '0 %',
    await drifted(
      seed => law(64, 1, -0.025).samples(seed, 1000),
      seed => law(64, 1, 0.025).samples(seed, 1000).text,
    ),
  )
  line(
    '11 another covariance, the same mean and trace',
    'power',
    '0 %',
    await drifted(
      seed => law(64, 0.5).samples(seed, 1000),
      seed => law(64, 3).samples(seed, 1000).text,
    ),
  )
  await rm(folder, { recursive: true, force: true })
}

async function shapes() {
  const one = await measured(
    { image: law(128, 0.5).samples(1, 2000).image, text: law(128, 3).samples(2, 2000).text },
    128,
  )
  line(
    '12 spectra k^−.5 and k^−3: correlation of logs, sd of the log ratio',
    'far apart',
    '1.000, –',
    `${shown(one.covariance.logSpectraCorrelation)}, ${shown(one.covariance.logSpectraDeviation)} (halves of one side ${shown(one.covariance.halves.logSpectraDeviation)})`,
  )
  for (const [n, old] of Object.entries({ 200: '.340, .53, .52', 2000: '.042, .18, .88' })) {
    const { covariance: of } = await measured(law(512).samples(4, Number(n)), 512)
    const at = of.overlap.q.indexOf(32)
    line(
      `13 one distribution, 512 columns, ${n} rows: Fréchet, shape, overlap of 32`,
      '0, 0, 1',
      old,
      `${shown(of.frechet)} (halves ${shown(of.halves.frechet)}), ${shown(of.shape)} (plug-in ${shown(of.shapeBiased)}), ${shown(of.overlap.o[at])} (halves ${shown(of.halves.overlap[at])})`,
    )
  }
  const js = []
  for (const n of [50, 200, 1000]) {
    const { similarity } = await measured(law(64).samples(6, n), 64, { paired: true, parts: ['similarity'] })
    js.push(`${shown(similarity.js['paired/cross'])} (strangers ${shown(similarity.jsChance['paired/cross'])})`)
  }
  line('14 Jensen–Shannon of pairs that are strangers, 50/200/1,000', '0', '.173 / .049 / .011', js.join(' / '))
  const flat = await times(60, async s => (await measured(law(128, 0).samples(s, 50), 128)).gap)
  const width =
    mean(flat.map(({ interval }) => (interval[1] - interval[0]) / 2)) /
    (1.96 * Math.sqrt(mean(flat.map(g => g.unbiasedSquared ** 2))))
  line('15 no gap, flat, n = .4 d: half width of the interval over 1.96 sd of the estimate', '1', '2.3', shown(width))
}

for (const part of [captions, few, outside, corpora, pairsAlone, aligned, strategies, storage, checks, shapes]) {
  await part()
}
const page = `# Statistics: before and after

Written by \`node scripts/statistics/part-a.mjs\`. Numbers under *before* were taken in November 2026, when each of these was found to be
unsound; those under *now* are of populations of the same kind (\`scripts/statistics/populations.mjs\`: unit rows, means of length .55, spectra
k^−a), sampled anew, with a = 1 and 64 columns unless said. Line numbers are those of the review. Lines 2, 17 and 18 have no numbers: \`measure\` prints its
diagnosis, comparisons of arms over seeds stand as they were, and chance levels stand beside what they belong to. Line 3, claims of
the tracker, is tested in \`__test__/findings.spec.ts\`.

| what | truth | before | now |
| --- | --- | --- | --- |
${lines.join('\n')}
`
await writeFile(PAGE, page)
