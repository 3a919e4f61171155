/** What a report says, number by number: each stands under its own name. */
import test from 'ava'
import { gapChart, strategyGapChart } from '../src/report/charts/gap.ts'
import { type OverSteps, overSteps } from '../src/report/charts/over-steps.ts'
import { decompositionChart } from '../src/report/charts/parts.ts'
import { sampleSizeChart } from '../src/report/charts/sample-size.ts'
import { energyChart, overlapChart, spectraChart } from '../src/report/charts/spectra.ts'
import type { CompareData, MeasureData, SampleSizeData } from '../src/report/data.ts'
import { PALETTES } from '../src/report/palette.ts'
import { reportHtml } from '../src/report/report.ts'
import { sorted } from '../src/report/results.ts'
import { sectionsOf } from '../src/report/sections.ts'
import { result } from './helpers/report-page.ts'

/** Where the numbers of the lists come from, in the report of a measurement; two for images and texts. */
const PRINTED: Record<string, readonly (readonly [string, ...string[]])[]> = {
  Distances: [
    ['centroid gap', 'gap.centroid'],
    ['cosine of the means', 'gap.cosine'],
    ['of these two means', 'gap.cosineBiased'],
    ['unbiased squared gap', 'gap.unbiasedSquared'],
    ['its 95 % interval, from', 'gap.interval.0'],
    ['its 95 % interval, to', 'gap.interval.1'],
    ['mean distance of pairs', 'gap.pairedDistance'],
    ['relative modality gap (RMG)', 'gap.rmg'],
    ['trace, image', 'trace.image'],
    ['trace, text', 'trace.text'],
    ['scale, image to text', 'scale'],
  ],
  'In U and in V': [
    ['dimension of the frame U', 'frame.rank'],
    ['share of the energy in U', 'frame.energy'],
    ['share of the squared gap in V', 'decomposition.cobShare'],
    ['of a random direction', 'decomposition.chance.cobShare'],
    ['κ of the differences in U', 'decomposition.kappaU'],
    ['of these differences', 'decomposition.kappaUBiased'],
    ['of isotropic pairs', 'decomposition.chance.kappaU'],
    ['κ in V', 'decomposition.kappaV'],
    ['of these differences, in V', 'decomposition.kappaVBiased'],
    ['of isotropic pairs, in V', 'decomposition.chance.kappaV'],
    ['effective κ in U', 'decomposition.kappaEffU'],
    ['effective κ of these differences in U', 'decomposition.kappaEffUBiased'],
    ['effective κ in V', 'decomposition.kappaEffV'],
    ['effective κ of these differences in V', 'decomposition.kappaEffVBiased'],
    ['angle of COB to the leading direction in V, degrees', 'decomposition.angleCobV1'],
    ['of a random direction, the median', 'decomposition.chance.angleCobV1.p50'],
    ['coupling of V to U, ‖L‖₂', 'decomposition.coupling.norm'],
    ['of strangers, ‖L‖₂', 'decomposition.coupling.strangers.norm'],
    ['coupling of V to U, R²', 'decomposition.coupling.r2'],
    ['of strangers, R²', 'decomposition.coupling.strangers.r2'],
    ['R² beyond strangers', 'decomposition.coupling.r2Adjusted'],
    ['vMF concentration in V', 'decomposition.vmf'],
    ['of even directions', 'decomposition.chance.vmf'],
    ['trace of the differences', 'residual.trace'],
    ['their anisotropy', 'residual.anisotropy'],
    ['their share of the squared distance', 'residual.ratio'],
    ['their share in U', 'residual.coverage'],
    ['their effective dimension', 'residual.effectiveDimension'],
  ],
  Spectra: (
    [
      ['power law α', 'alpha'],
      ['power law α of these rows', 'alphaBiased'],
      ['effective rank', 'effectiveRank'],
      ['effective rank of these rows', 'effectiveRankBiased'],
      ['participation ratio', 'participationRatio'],
      ['rank', 'rank'],
      ['condition number', 'kappa'],
      ['condition number of these rows', 'kappaBiased'],
      ['of isotropic rows', 'chance.kappa'],
      ['effective condition number', 'kappaEff'],
      ['effective condition number of these rows', 'kappaEffBiased'],
    ] as const
  ).map(([name, key]) => [name, `spectrum.image.${key}`, `spectrum.text.${key}`] as const),
  'Covariances compared': [
    ['relative difference ‖Σx−Σz‖/‖Σx‖', 'covariance.shape'],
    ['from plug-in covariances', 'covariance.shapeBiased'],
    ['of two halves of the images', 'covariance.halves.shapeBiased'],
    ['correlation of the log spectra', 'covariance.logSpectraCorrelation'],
    ['of the spectra of these rows', 'covariance.logSpectraCorrelationBiased'],
    ['sd of the log ratio of the spectra', 'covariance.logSpectraDeviation'],
    ['of the spectra of these rows, sd', 'covariance.logSpectraDeviationBiased'],
    ['of two halves of the images, sd', 'covariance.halves.logSpectraDeviation'],
    ['Fréchet distance, squared', 'covariance.frechet'],
    ['of these rows, squared', 'covariance.frechetBiased'],
    ['of two halves of the images, squared', 'covariance.halves.frechet'],
  ],
  Similarity: [
    ['alignment of the pairs E‖x−z‖²', 'similarity.alignment'],
    ['uniformity, image', 'similarity.uniformity.image'],
    ['uniformity, text', 'similarity.uniformity.text'],
    ['linear CKA', 'similarity.cka'],
    ['separability (accuracy of a probe)', 'similarity.separability'],
    ['mean product with the original Φ', 'preservation.phi'],
    ['correlation of cosines before and after Ψ', 'preservation.psi'],
    ['neighbours kept Ω', 'preservation.omega'],
  ],
  Mixing: [
    ['neighbours kept (k = 10)', 'neighbours.retention'],
    ['neighbours of the other modality (k = 20)', 'neighbours.mixing.all'],
    ['the same, of images', 'neighbours.mixing.shares.image'],
    ['the same, of texts', 'neighbours.mixing.shares.text'],
    ['directional mixing of images (1 is mixed)', 'neighbours.mixing.image'],
    ['directional mixing of texts', 'neighbours.mixing.text'],
    ['rows with a double, share of images', 'neighbours.duplicates.image'],
    ['rows with a double, share of texts', 'neighbours.duplicates.text'],
    ['hubness, image', 'neighbours.hubness.image'],
    ['hubness, text', 'neighbours.hubness.text'],
    ['hubness, text to image', 'neighbours.hubness.textToImage'],
  ],
}

type Tree = { [key: string]: Tree | number }

/** A report in which every number that is printed is another one. */
function numbered(): { data: MeasureData; numberAt: (path: string) => number } {
  const values = new Map<string, number>()
  const data: Tree = {}
  const put = (path: string, value: number) => {
    values.set(path, value)
    const keys = path.split('.')
    const last = keys.pop() as string
    let at = data
    for (const key of keys) {
      at[key] ??= {}
      at = at[key] as Tree
    }
    at[last] = value
  }
  for (const path of Object.values(PRINTED).flatMap(rows => rows.flatMap(([, ...paths]) => paths))) {
    put(path, (values.size + 1) / 128)
  }
  put('gap.floor', 0.001)
  put('dim', 16)
  Object.assign(data.residual as Tree, { energy: { k: [], share: [] } })
  put('neighbours.k', 10)
  put('neighbours.mixing.k', 20)
  return { data: data as unknown as MeasureData, numberAt: path => values.get(path) ?? Number.NaN }
}

test('every number of the lists is the one that it is called', t => {
  const { data, numberAt } = numbered()
  const found = sectionsOf(sorted(data as never)).flatMap(({ facts }) => facts)
  for (const [caption, rows] of Object.entries(PRINTED)) {
    const list = found.find(facts => facts.caption === caption)
    t.deepEqual(
      list?.rows,
      rows.map(([name, ...paths]) => [name, ...paths.map(numberAt)]),
      caption,
    )
  }
})

test('a divergence stands beside that of these rows, and beside that of strangers', t => {
  const { data } = numbered()
  const js = { 'paired/cross': 0.11, 'image/text': 0.12 }
  const jsBiased = { 'paired/cross': 0.21, 'image/text': 0.22 }
  const similarity = { js, jsBiased, jsChance: { 'paired/cross': 0.31 } }
  const found = sectionsOf(sorted({ ...data, similarity } as never)).flatMap(({ facts }) => facts)
  const rows = found.find(({ caption }) => caption.startsWith('Jensen'))?.rows
  t.deepEqual(
    rows?.map(row => row.slice(1)),
    [
      [0.11, 0.21],
      [0.12, 0.22],
      [null, 0.31],
    ],
  )
})

/** What a chart gives the drawing engine for its series, by their names. */
function seriesOf(chart: ReturnType<typeof spectraChart>): Record<string, unknown> {
  const look = { colours: PALETTES.light, width: 900, legend: 0 }
  const { series } = (chart?.option(look) ?? { series: [] }) as { series: { name?: string; data?: unknown }[] }
  return Object.fromEntries(series.map(({ name = '', data }) => [name, data]))
}

test('the bars of a gap are those of before and after, in the fit and held out', t => {
  const gap = {
    before: 0.5,
    after: 0.25,
    stored: 0.26,
    held: { before: 0.51, after: 0.27 },
    floor: 0.01,
    centroid: 0.9,
  }
  const chart = gapChart({ gap } as unknown as MeasureData)
  t.deepEqual(chart?.table.rows, [
    ['before', 0.5, 0.01],
    ['after', 0.25, 0.01],
    ['after, as stored', 0.26, 0.01],
    ['held out, before', 0.51, 0.01],
    ['held out, after', 0.27, 0.01],
  ])
  const alone = gapChart({ gap: { centroid: 0.9, floor: 0.01 } } as unknown as MeasureData)
  t.deepEqual(alone?.table.rows, [['gap', 0.9, 0.01]])
})

test('strategies stand in the order of what they leave of the gap', t => {
  const of = (centroid: number, after?: number) => ({ gap: { centroid, after, floor: 0.01 } })
  const strategies = { none: of(0.9), realign: of(0.9, 0.02), c3: of(0.9, 0.3), centering: of(0.9, 0.1) }
  const chart = strategyGapChart({ strategies } as unknown as CompareData)
  t.deepEqual(
    chart?.table.rows.map(([name]) => name),
    ['none', 'c3', 'centering', 'realign'],
  )
  t.regex(chart?.summary ?? '', /^none .*c3 .*centering .*realign/)
})

test('the table of parts has value and share under their names', t => {
  const decomposition = { pmb: 0.6, cob: 0.2, traceU: 0.5, traceV: 0.1 }
  const chart = decompositionChart({ decomposition } as unknown as MeasureData)
  t.deepEqual(chart?.table.head, ['part', 'value', 'share', 'meaning'])
  const rounded = chart?.table.rows.map(([name, value, share]) => [
    name,
    Number((value as number).toFixed(12)),
    Number((share as number).toFixed(12)),
  ])
  t.deepEqual(rounded, [
    ['PMB²', 0.36, 0.36],
    ['COB²', 0.04, 0.04],
    ['tr Σ_U', 0.5, 0.5],
    ['tr Σ_V', 0.1, 0.1],
    ['sum', 1, 1],
  ])
  const twice = decompositionChart({ decomposition: { pmb: 3, cob: 1 } } as unknown as MeasureData)
  t.deepEqual(
    twice?.table.rows.map(row => row.slice(0, 3)),
    [
      ['PMB²', 9, 0.9],
      ['COB²', 1, 0.1],
      ['sum', 10, 1],
    ],
  )
})

test('a run whose frame was frozen at step 0 has that mark', t => {
  const of = {
    id: 'x',
    title: '',
    text: '',
    value: '',
    steps: [0, 1],
    lines: [{ name: 'gap', tone: 'u', values: [1, 2] }],
  }
  const look = { colours: PALETTES.light, width: 900, legend: 0 }
  const marked = (frozenAt: number | undefined) => {
    const chart = overSteps({ ...of, frozenAt } as unknown as OverSteps)
    const { series } = (chart?.option(look) ?? { series: [] }) as { series: object[] }
    return series.map(each => 'markLine' in each)
  }
  t.deepEqual([marked(0), marked(1), marked(undefined)], [[true], [true], [false]])
})

test('the table of sizes has each number under its name', t => {
  const curve = [
    { n: 100, mean: 0.4, sd: 0.05, floor: 0.1 },
    { n: 400, mean: 0.3, sd: 0.02, floor: 0.06 },
  ]
  const chart = sampleSizeChart({ curve, model: { slope: 9, limit: 0.2 } } as unknown as SampleSizeData)
  t.deepEqual(chart?.table.head, ['rows', 'mean gap', 'sd', 'noise floor', '√(T/N)'])
  t.deepEqual(chart?.table.rows, [
    [100, 0.4, 0.05, 0.1, 0.3],
    [400, 0.3, 0.02, 0.06, 0.15],
  ])
})

test('only rows of a fit whose gap lies below the floor are said to be rows of a fit', t => {
  const said = (inSample: boolean, after: number) => {
    const gap = { before: 0.5, after, floor: 0.01 }
    return /rows of the fit/.test(gapChart({ gap, inSample } as unknown as MeasureData)?.text ?? '')
  }
  t.deepEqual([said(true, 0.001), said(true, 0.02), said(false, 0.001), said(false, 0.02)], [true, false, false, false])
})

test('cumulative energy begins at none and reaches its share at each direction', t => {
  const spectrum = { image: { eigenvalues: [4, 3, 2, 1] }, text: { eigenvalues: [5, 5] } }
  const residual = { energy: { k: [1, 4], share: [0.75, 1] } }
  const chart = energyChart({ spectrum, residual, dim: 4 } as unknown as MeasureData)
  t.deepEqual(chart?.table.rows, [
    ['image', 0.25, 0.4],
    ['image', 0.5, 0.7],
    ['image', 0.75, 0.9],
    ['image', 1, 1],
    ['text', 0.25, 0.5],
    ['text', 0.5, 1],
    ['differences of pairs', 0.25, 0.75],
    ['differences of pairs', 1, 1],
  ])
  t.deepEqual((seriesOf(chart).image as number[][])[0], [0, 0])
})

test('the line of a power law goes through a spectrum that is one, over the ranks of its fit', t => {
  // ranks outside of the fit follow no law
  const eigenvalues = Array.from({ length: 16 }, (_, i) => 2 * (i + 1) ** -1.5 * (i < 2 ? 3 : i > 8 ? 0.1 : 1))
  const side = { eigenvalues, alphaBiased: 1.5, alphaRange: [3, 9], effectiveRankBiased: 5 }
  const chart = spectraChart({ spectrum: { image: side } } as unknown as MeasureData)
  const fit = Object.entries(seriesOf(chart)).find(([name]) => name !== 'image')?.[1] as [number, number][]
  t.is(fit[0]?.[0], 3)
  t.is(fit.at(-1)?.[0], 9)
  t.deepEqual((seriesOf(chart).image as number[][])[0], [1, eigenvalues[0]])
  for (const [k, value] of fit) {
    t.true(Math.abs(value / (2 * k ** -1.5) - 1) < 1e-12, `rank ${k}`)
  }
})

test('an overlap stands beside that of random directions', t => {
  const overlap = { q: [1, 2, 8], o: [0.1, 0.2, 0.3], oBiased: [0.4, 0.5, 1] }
  const chart = overlapChart({ covariance: { overlap }, dim: 16 } as unknown as MeasureData)
  t.deepEqual(chart?.table.rows, [
    [1, 0.4, 1 / 16],
    [2, 0.5, 2 / 16],
    [8, 1, 8 / 16],
  ])
})

test('the share of the gap in the frame is what is left of that outside', async t => {
  const data = {
    ...result('aligned'),
    decomposition: { cobShare: 0.125, chance: { cobShare: 0.375, angleCobV1: { p50: 80 } } },
  }
  const html = await reportHtml(data as never)
  t.true(html.includes('87.5 % of its square lies in the frame'), 'inside')
  t.true(html.includes('a random direction would have 37.5 % outside'), 'by chance')
})

test('a list of neighbours says how many of them are of the other modality', async t => {
  const near = (row: number, modality: 'image' | 'text') => ({ row, modality, cosine: 0.5 })
  const before = [near(1, 'text'), near(2, 'text'), near(0, 'image')]
  const after = [near(0, 'image'), near(3, 'image'), near(4, 'text')]
  const data = { ...result('aligned'), figures: { neighbours: [{ query: 0, queryModality: 'text', before, after }] } }
  const html = await reportHtml(data as never)
  t.true(html.includes('before: 1 of 3 of the other modality'), 'before')
  t.true(html.includes('after: 2 of 3 of the other modality'), 'after')
})
