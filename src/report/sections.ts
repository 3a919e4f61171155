import type { Chart } from './chart.ts'
import { captionsChart } from './charts/captions.ts'
import { cosinesChart, spoken } from './charts/cosines.ts'
import { gapChart, strategyGapChart } from './charts/gap.ts'
import { matrixChart } from './charts/matrix.ts'
import { decompositionChart, retrievalChart } from './charts/parts.ts'
import { pipelineChart } from './charts/pipeline.ts'
import { projectionChart } from './charts/projection.ts'
import { sampleSizeChart } from './charts/sample-size.ts'
import { energyChart, overlapChart, spectraChart } from './charts/spectra.ts'
import { strategiesChart } from './charts/strategies.ts'
import type { MeasureData } from './data.ts'
import { figure, isNumber } from './format.ts'
import type { Results } from './results.ts'
import type { RowLabels } from './row-labels.ts'
import type { Facts, Section } from './section.ts'
import { trackSections } from './track/sections.ts'

/** All parts that the results fill, in reading order. */
export function sectionsOf(results: Results, labels?: RowLabels): Section[] {
  const parts = [
    ...results.measured.flatMap(one => measureSections(one, labels)),
    ...results.compared.map(one => section('strategies', 'Strategies', [strategiesChart(one), strategyGapChart(one)])),
    ...results.sampleSizes.map(one => section('rows', 'Sample size', [sampleSizeChart(one)])),
    ...results.domains.map(one => section('transfer', 'Domains', [matrixChart(one, 'domains')])),
    ...results.modalities.map(one => section('pairs', 'Modalities', [matrixChart(one, 'modalities')])),
    ...results.captions.map(one => section('corpora', 'Captions', [captionsChart(one)])),
    ...results.runs.flatMap(trackSections),
  ]
  return distinct(
    parts.filter(({ charts, facts, queries }) => charts.length + facts.length + (queries?.length ?? 0) > 0),
  )
}

function measureSections(one: MeasureData, labels?: RowLabels): Section[] {
  return [
    section(
      'size',
      'The gap',
      [gapChart(one), pipelineChart(one, labels), projectionChart(one, labels)],
      [distances(one)],
    ),
    section('causes', 'What it is made of', [decompositionChart(one)], [residuals(one)]),
    section(
      'shape',
      'Shape of both sides',
      [spectraChart(one), energyChart(one), overlapChart(one)],
      [spectra(one), covariances(one)],
    ),
    section('similarity', 'Similarity', [cosinesChart(one)], [similarity(one), divergences(one)]),
    { ...section('neighbours', 'Neighbours', [], [mixing(one)]), queries: one.figures?.neighbours },
    section('search', 'Search', [retrievalChart(one)]),
  ]
}

function section(id: string, title: string, charts: (Chart | undefined)[], facts: (Facts | undefined)[] = []): Section {
  return {
    id,
    title,
    charts: charts.filter(chart => chart !== undefined),
    facts: facts.filter(fact => fact !== undefined),
  }
}

/** Two results of one kind have sections and charts of one name; the later ones are numbered. */
function distinct(sections: Section[]): Section[] {
  const [parts, charts] = [new Map<string, number>(), new Map<string, number>()]
  const numbered = (seen: Map<string, number>, id: string) => {
    const times = (seen.get(id) ?? 0) + 1
    seen.set(id, times)
    return times === 1 ? id : `${id}-${times}`
  }
  return sections.map(part => {
    const id = numbered(parts, part.id)
    const title = id === part.id ? part.title : `${part.title} (${parts.get(part.id)})`
    return { ...part, id, title, charts: part.charts.map(chart => ({ ...chart, id: numbered(charts, chart.id) })) }
  })
}

function facts(
  caption: string,
  head: readonly string[],
  rows: readonly (readonly [string, ...(number | null | undefined)[]])[],
): Facts | undefined {
  const filled = rows.filter(([, ...values]) => values.some(isNumber))
  return filled.length === 0
    ? undefined
    : {
        caption,
        head,
        rows: filled.map(([name, ...values]) => [name, ...head.slice(1).map((_, i) => values[i] ?? null)]),
      }
}

function distances({ gap, scale, trace }: MeasureData): Facts | undefined {
  return facts(
    'Distances',
    ['measure', 'value'],
    [
      ['centroid gap', gap.centroid],
      ['cosine of the means', gap.cosine],
      ['of these two means', gap.cosineBiased],
      ['unbiased squared gap', gap.unbiasedSquared],
      ['its 95 % interval, from', gap.interval?.[0]],
      ['its 95 % interval, to', gap.interval?.[1]],
      ['mean distance of pairs', gap.pairedDistance],
      ['relative modality gap (RMG)', gap.rmg],
      ...Object.entries(trace ?? {}).map(([side, value]): [string, number] => [`trace, ${side}`, value]),
      ['scale, image to text', scale],
    ],
  )
}

function residuals({ decomposition: parts, residual, frame }: MeasureData): Facts | undefined {
  return facts(
    'In U and in V',
    ['measure', 'value'],
    [
      ['dimension of the frame U', frame?.rank],
      ['share of the energy in U', frame?.energy],
      ['share of the squared gap in V', parts?.cobShare],
      ['of a random direction', parts?.chance?.cobShare],
      ['κ of the differences in U', parts?.kappaU],
      ['of these differences', parts?.kappaUBiased],
      ['of isotropic pairs', parts?.chance?.kappaU],
      ['κ in V', parts?.kappaV],
      ['of these differences, in V', parts?.kappaVBiased],
      ['of isotropic pairs, in V', parts?.chance?.kappaV],
      ['effective κ in U', parts?.kappaEffU],
      ['effective κ of these differences in U', parts?.kappaEffUBiased],
      ['effective κ in V', parts?.kappaEffV],
      ['effective κ of these differences in V', parts?.kappaEffVBiased],
      ['angle of COB to the leading direction in V, degrees', parts?.angleCobV1],
      ['of a random direction, the median', parts?.chance?.angleCobV1.p50],
      ['coupling of V to U, ‖L‖₂', parts?.coupling?.norm],
      ['of strangers, ‖L‖₂', parts?.coupling?.strangers?.norm],
      ['coupling of V to U, R²', parts?.coupling?.r2],
      ['of strangers, R²', parts?.coupling?.strangers?.r2],
      ['R² beyond strangers', parts?.coupling?.r2Adjusted],
      ['vMF concentration in V', parts?.vmf],
      ['of even directions', parts?.chance?.vmf],
      ['trace of the differences', residual?.trace],
      ['their anisotropy', residual?.anisotropy],
      ['their share of the squared distance', residual?.ratio],
      ['their share in U', residual?.coverage],
      ['their effective dimension', residual?.effectiveDimension],
    ],
  )
}

function spectra({ spectrum }: MeasureData): Facts | undefined {
  const both = (name: string, of: (side: NonNullable<typeof spectrum>['image']) => number | null | undefined) =>
    [name, spectrum && of(spectrum.image), spectrum && of(spectrum.text)] as [string, number?, number?]
  return facts(
    'Spectra',
    ['measure', 'image', 'text'],
    [
      both('power law α', side => side.alpha),
      both('power law α of these rows', side => side.alphaBiased),
      both('effective rank', side => side.effectiveRank),
      both('effective rank of these rows', side => side.effectiveRankBiased),
      both('participation ratio', side => side.participationRatio),
      both('rank', side => side.rank),
      both('condition number', side => side.kappa),
      both('condition number of these rows', side => side.kappaBiased),
      both('of isotropic rows', side => side.chance?.kappa),
      both('effective condition number', side => side.kappaEff),
      both('effective condition number of these rows', side => side.kappaEffBiased),
    ],
  )
}

function covariances({ covariance: of }: MeasureData): Facts | undefined {
  return facts(
    'Covariances compared',
    ['measure', 'value'],
    [
      ['relative difference ‖Σx−Σz‖/‖Σx‖', of?.shape],
      ['from plug-in covariances', of?.shapeBiased],
      ['of two halves of the images', of?.halves?.shapeBiased],
      ['correlation of the log spectra', of?.logSpectraCorrelation],
      ['of the spectra of these rows', of?.logSpectraCorrelationBiased],
      ['sd of the log ratio of the spectra', of?.logSpectraDeviation],
      ['of the spectra of these rows, sd', of?.logSpectraDeviationBiased],
      ['of two halves of the images, sd', of?.halves?.logSpectraDeviation],
      ['Fréchet distance, squared', of?.frechet],
      ['of these rows, squared', of?.frechetBiased],
      ['of two halves of the images, squared', of?.halves?.frechet],
    ],
  )
}

function similarity({ similarity: of, preservation: kept }: MeasureData): Facts | undefined {
  return facts(
    'Similarity',
    ['measure', 'value'],
    [
      ['alignment of the pairs E‖x−z‖²', of?.alignment],
      ['uniformity, image', of?.uniformity?.image],
      ['uniformity, text', of?.uniformity?.text],
      ['linear CKA', of?.cka],
      ['separability (accuracy of a probe)', of?.separability],
      ['mean product with the original Φ', kept?.phi],
      ['correlation of cosines before and after Ψ', kept?.psi],
      ['neighbours kept Ω', kept?.omega],
    ],
  )
}

function divergences({ similarity: of }: MeasureData): Facts | undefined {
  const strangers = of?.jsChance?.['paired/cross']
  const pairs = Object.keys(of?.js ?? {})
  const rows = [
    ...pairs.map((pair): [string, ...(number | null | undefined)[]] => [
      spoken(pair),
      of?.js?.[pair],
      of?.jsBiased?.[pair],
    ]),
    ...(strangers === undefined ? [] : [['as many strangers as pairs', null, strangers] as [string, null, number]]),
  ]
  const head = ['densities', 'value', 'of these rows']
  return facts('Jensen–Shannon divergence of the cosines (0 equal, 0.693 apart)', head, rows)
}

function mixing({ neighbours: of }: MeasureData): Facts | undefined {
  const k = of?.mixing ? ` (k = ${figure(of.mixing.k)})` : ''
  return facts(
    'Mixing',
    ['measure', 'value'],
    [
      [`neighbours kept (k = ${figure(of?.k)})`, of?.retention],
      [`neighbours of the other modality${k}`, of?.mixing?.all],
      ['the same, of images', of?.mixing?.shares?.image],
      ['the same, of texts', of?.mixing?.shares?.text],
      ['directional mixing of images (1 is mixed)', of?.mixing?.image],
      ['directional mixing of texts', of?.mixing?.text],
      ['rows with a double, share of images', of?.duplicates?.image],
      ['rows with a double, share of texts', of?.duplicates?.text],
      ['hubness, image', of?.hubness?.image],
      ['hubness, text', of?.hubness?.text],
      ['hubness, text to image', of?.hubness?.textToImage],
    ],
  )
}
