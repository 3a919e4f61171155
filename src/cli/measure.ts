import { type Command, InvalidArgumentError } from 'commander'
import type { Causes, GapReport, MeasurePart } from '../results.ts'
import { diagnosisText, gapSentences, groupsSentence } from '../sentences.ts'
import { addHtmlOptions, type HtmlOptions, htmlWriter, needsFigures } from './html.ts'
import {
  addCommonOptions,
  addGroupOptions,
  addReadingOptions,
  addWorkOptions,
  atLeast,
  type CommonOptions,
  engineOf,
  type GroupingOptions,
  positive,
  readingOf,
  share,
  type WorkChoice,
} from './options.ts'
import { count, figure, percent, table, written } from './print.ts'
import { perform, resumeCommand } from './session.ts'

interface Options extends CommonOptions, HtmlOptions, GroupingOptions, WorkChoice {
  image: string[]
  text: string[]
  paired?: boolean
  aligner?: string
  energy?: number
  rank?: number
  frame?: string
  saveFrame?: string
  parts?: MeasurePart[]
  holdout?: number
  exact?: boolean
  seed?: number
}

const PARTS: readonly MeasurePart[] = ['causes', 'neighbours', 'retrieval', 'similarity', 'preservation']

export function addMeasure(program: Command): void {
  const command = program
    .command('measure')
    .description('measure the gap between image and text embeddings')
    .requiredOption('--image <src...>', 'image embeddings')
    .requiredOption('--text <src...>', 'text embeddings')
    .option('--paired', 'embeddings are pairs: those of one id, where ids are known, otherwise the i-th with the i-th')
    .option('--aligner <file>', 'move the text embeddings with this aligner first')
    .option('--energy <share>', 'share of the energy in the frame (default: 0.99)', positive)
    .option('--rank <r>', 'dimension of the frame, instead of a share', atLeast(1))
    .option('--frame <file>', 'take the gap apart in the frame of this file')
    .option('--save-frame <file>', 'keep the frame of these embeddings in a file')
    .option('--parts <list>', `what to measure beside the gap, of ${PARTS.join(',')} (default: all)`, parts)
    .option('--holdout <share>', 'measure only embeddings that a fit with this holdout and seed did not see', share)
    .option('--exact', 'let every row ask for its neighbours, however many there are')
    .option('--seed <n>', 'seed of what is sampled (default: 0)', atLeast(0))
  addReadingOptions(addGroupOptions(addHtmlOptions(command)))
  addWorkOptions(addCommonOptions(command)).action((options: Options) =>
    perform({ json: options.json, resumeWith: options.work && resumeCommand() }, async run => {
      const { Aligner } = await import('../align.ts')
      const { openEmbeddings } = await import('../embeddings.ts')
      const { claimFiles } = await import('../claim.ts')
      const { measureGap } = await import('../measure.ts')
      const [reading, opening] = [readingOf(options), { signal: run.signal }]
      const { threads, paired, energy, rank, parts, holdout, exact, seed, captionsPerImage, work, resume } = options
      const aligner = options.aligner === undefined ? undefined : await Aligner.load(options.aligner, opening)
      const image = await openEmbeddings(options.image, { role: 'image', ids: options.imageIds, ...reading }, opening)
      const text = await openEmbeddings(options.text, { role: 'text', ids: options.textIds, ...reading }, opening)
      const read = [options.aligner, options.frame, options.imageIds, options.textIds]
      await claimFiles([options.saveFrame], { ...options, ...opening }, [image, text, ...read])
      const write = await htmlWriter(options, [image, text, ...read], run.signal)
      const frames = { energy, rank, frame: options.frame, saveFrame: options.saveFrame }
      const what = {
        paired,
        captionsPerImage,
        parts,
        holdout,
        exact,
        seed,
        threads,
        work,
        resume,
        on: await engineOf(options),
        overwrite: options.overwrite,
        ...frames,
        figures: needsFigures(options) || undefined,
      }
      const report = await measureGap({ image, text, aligner, ...what }, run)
      const subtitle = `${options.image.join(', ')} and ${options.text.join(', ')}`
      const files = await write(report, { subtitle })
      return { report, text: `${gapText(report)}${written(files)}` }
    }),
  )
}

function gapText(report: GapReport): string {
  const { groups, rows, diagnosis } = report
  const [first, ...others] = gapSentences(report)
  const words = [
    `${report.dim} dimensions; ${first}`,
    ...others,
    ...(groups ? [groupsSentence(groups, rows)] : []),
  ].join('\n')
  const tables = [sidesTable(report), distances(report), causes(report), relations(report), diagnosisText(diagnosis)]
  return [words, ...tables.filter(text => text !== '')].join('\n\n')
}

function sidesTable({ rows, dropped, norms, trace, spectrum }: GapReport): string {
  const names = ['image', 'text'] as const
  return table([
    ['', 'embeddings', 'left out', 'shortest', 'longest', 'trace', 'power law', 'effective rank'],
    ...names.map(side => [
      side,
      count(rows[side]),
      count(dropped[side]),
      figure(norms[side].min),
      figure(norms[side].max),
      figure(trace[side]),
      known(spectrum?.[side].alpha, spectrum?.[side].alphaBiased),
      known(spectrum?.[side].effectiveRank, spectrum?.[side].effectiveRankBiased),
    ]),
  ])
}

function distances({ gap, scale, phantomDrift }: GapReport): string {
  return table([
    ...(gap.before === undefined ? [] : [['centroid gap before', figure(gap.before)]]),
    ['centroid gap', figure(gap.centroid)],
    ['  noise floor', figure(gap.floor)],
    ['cosine of the means', known(gap.cosine, gap.cosineBiased)],
    ['unbiased squared gap', figure(gap.unbiasedSquared)],
    ...(gap.interval ? [['  95 % interval', gap.interval.map(figure).join(' to ')]] : []),
    ...(gap.pairedDistance === undefined ? [] : [['mean distance of pairs', figure(gap.pairedDistance)]]),
    ...(gap.rmg === undefined ? [] : [['relative modality gap', figure(gap.rmg)]]),
    ['scale, image to text', figure(scale)],
    ...(phantomDrift ? [['phantom drift', figure(phantomDrift.measured)]] : []),
  ])
}

/** A number beside what chance gives of it. */
function beside(name: string, value: number | null | undefined, chance: number | null | undefined): string[] {
  return [`${name}, and by chance`, `${figure(value)}, ${figure(chance)}`]
}

/** A number of the population, or, where it is not known, that of these embeddings, said to be that. */
function known(value: number | null | undefined, biased: number | null | undefined): string {
  return isNumber(value) || !isNumber(biased) ? figure(value) : `– (${figure(biased)} of these)`
}

/** A condition number beside that of isotropic rows: the factor by which that of these may be off that of the population. */
function conditioned(name: string, value: string, isotropic: number | null | undefined): string[] {
  return [`condition number ${name}, and of as many isotropic ones`, `${value}, ${figure(isotropic)}`]
}

/** The rows that would tell the numbers that are null. */
function needs(of: Readonly<Record<string, number>> | undefined, names: Readonly<Record<string, string>>): string[][] {
  return Object.entries(of ?? {}).flatMap(([key, rows]) => {
    const name = names[key]
    return name === undefined ? [] : [[`  embeddings a side that would tell the ${name}`, count(rows)]]
  })
}

function causes({ frame, decomposition: parts, covariance, residual, spectrum }: Partial<Causes>): string {
  if (!frame || !parts || !covariance) {
    return ''
  }
  const { chance, coupling } = parts
  const shareOf = (value: number | null | undefined) => (isNumber(value) ? percent(value) : '–')
  return table([
    ['dimension of the frame U', count(frame.rank)],
    ['  share of the energy', percent(frame.energy)],
    ['gap in U, principal bias', figure(parts.pmb)],
    ['gap in V, orthogonal bias', figure(parts.cob)],
    ['  its share of the squared gap, and by chance', `${shareOf(parts.cobShare)}, ${shareOf(chance?.cobShare)}`],
    ...(parts.rowsNeeded === undefined ? [] : [['  rows a side that would tell', count(parts.rowsNeeded)]]),
    ...(parts.angleCobV1 === undefined
      ? []
      : [beside('  its angle to the leading residual in V, degrees', parts.angleCobV1, chance?.angleCobV1.p50)]),
    ...(parts.traceU === undefined ? [] : [['spread of the differences in U', figure(parts.traceU)]]),
    ...(parts.traceV === undefined ? [] : [['spread of the differences in V', figure(parts.traceV)]]),
    ...(parts.kappaU === undefined
      ? []
      : [conditioned('of the differences in U', known(parts.kappaU, parts.kappaUBiased), chance?.kappaU)]),
    ...(parts.kappaV === undefined
      ? []
      : [conditioned('of the differences in V', known(parts.kappaV, parts.kappaVBiased), chance?.kappaV)]),
    ...(parts.vmf === undefined ? [] : [beside('concentration of the directions in V', parts.vmf, chance?.vmf)]),
    ...(coupling?.strangers
      ? [
          [
            'residuals in V that follow those in U, R², and of strangers',
            `${figure(coupling.r2)}, ${figure(coupling.strangers.r2)}`,
          ],
          ['  beyond strangers', figure(coupling.r2Adjusted)],
          ...(coupling.pairsNeeded === undefined ? [] : [['  pairs that would tell', count(coupling.pairsNeeded)]]),
        ]
      : []),
    ...(residual ? [['share of the differences in U', shareOf(residual.coverage)]] : []),
    ...(residual ? [['effective dimension of the differences', figure(residual.effectiveDimension)]] : []),
    ...(spectrum ? conditions('images', spectrum.image) : []),
    ...(spectrum ? conditions('texts', spectrum.text) : []),
    ['difference of the covariances', figure(covariance.shape)],
    [
      'Fréchet distance, and of two halves of the images',
      `${known(covariance.frechet, covariance.frechetBiased)}, ${figure(covariance.halves?.frechet)}`,
    ],
    ...needs(covariance.needs, { frechet: 'Fréchet distance' }),
  ])
}

/** The condition number of a side, and the embeddings that would tell what its spectrum does not. */
function conditions(name: string, side: Causes['spectrum']['image']): string[][] {
  return [
    conditioned(`of the ${name}`, known(side.kappa, side.kappaBiased), side.chance?.kappa),
    ...needs(side.needs, { effectiveRank: 'effective rank', alpha: 'power law' }),
  ]
}

function isNumber(value: number | null | undefined): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function relations({ neighbours, retrieval, similarity, preservation, rows: sizes }: GapReport): string {
  const rows: string[][] = []
  if (neighbours) {
    const { mixing, hubness } = neighbours
    rows.push(
      [
        `other modality among ${mixing.k} neighbours, and by chance`,
        `${percent(mixing.all)}, ${percent(mixing.chance)}`,
      ],
      beside('hubness of the images', hubness.image, hubness.chance?.image),
      beside('hubness of the texts', hubness.text, hubness.chance?.text),
    )
  }
  if (retrieval) {
    const { textToImage, imageToText, chance } = retrieval
    const first = (found: { r1: number }, random: { r1: number }) => `${percent(found.r1)}, ${percent(random.r1)}`
    rows.push(
      ['text finds its image first, and by chance', first(textToImage, chance.textToImage)],
      ['image finds its text first, and by chance', first(imageToText, chance.imageToText)],
      [
        `images among the ${retrieval.mixed.k} nearest of a text, and by chance`,
        `${percent(retrieval.mixed.imageShare)}, ${percent(sizes.image / (sizes.image + sizes.text - 1))}`,
      ],
    )
  }
  if (similarity) {
    const { separability, cka, js, jsBiased, jsChance } = similarity
    rows.push([
      'distinguished by a plane, on unseen embeddings, and by chance',
      `${isNumber(separability) ? percent(separability) : '–'}, ${percent(1 / 2)}`,
    ])
    if (cka !== undefined) {
      rows.push(beside('linear CKA', cka, 0))
    }
    if (js['paired/cross'] !== undefined) {
      const value = known(js['paired/cross'], jsBiased?.['paired/cross'])
      const chance = figure(jsChance?.['paired/cross'])
      rows.push(['divergence of cosines of pairs and strangers, and by chance', `${value}, ${chance}`])
    }
  }
  if (preservation) {
    rows.push(
      ['cosine of a text with itself before', figure(preservation.phi)],
      ['correlation of pairwise cosines before and after', figure(preservation.psi)],
      ['neighbours kept, of ten', percent(preservation.omega ?? Number.NaN)],
    )
  }
  return table(rows)
}

function parts(text: string): MeasurePart[] {
  const names = text.split(',').filter(name => name !== '')
  const unknown = names.find(name => !PARTS.includes(name as MeasurePart))
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`unknown part \`${unknown}\`; expected ${PARTS.join(', ')}`)
  }
  return names as MeasurePart[]
}
