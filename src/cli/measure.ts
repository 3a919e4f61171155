import { type Command, InvalidArgumentError } from 'commander'
import type { Causes } from '../causes.ts'
import type { MeasurePart } from '../metrics.ts'
import type { GapReport } from '../reports.ts'
import { diagnosisText, gapSentences, groupsSentence } from '../sentences.ts'
import { addHtmlOptions, type HtmlOptions, htmlWriter, needsFigures } from './html.ts'
import {
  addBadRowOption,
  addCommonOptions,
  addGroupOptions,
  atLeast,
  type CommonOptions,
  type GroupingOptions,
  positive,
  share,
} from './options.ts'
import { count, figure, percent, table, written } from './print.ts'
import { perform } from './session.ts'

interface Options extends CommonOptions, HtmlOptions, GroupingOptions {
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
  addCommonOptions(addBadRowOption(addGroupOptions(addHtmlOptions(command)))).action((options: Options) =>
    perform({ json: options.json }, async run => {
      const { Aligner } = await import('../align.ts')
      const { openEmbeddings } = await import('../embeddings.ts')
      const { claimFiles } = await import('../claim.ts')
      const { measureGap } = await import('../measure.ts')
      const { onBadRow, threads, paired, energy, rank, parts, holdout, exact, seed, captionsPerImage } = options
      const aligner = options.aligner === undefined ? undefined : await Aligner.load(options.aligner)
      const image = await openEmbeddings(options.image, { role: 'image', onBadRow, ids: options.imageIds })
      const text = await openEmbeddings(options.text, { role: 'text', onBadRow, ids: options.textIds })
      const read = [options.aligner, options.frame, options.imageIds, options.textIds]
      claimFiles([options.saveFrame], options, [image, text, ...read])
      const write = await htmlWriter(options, [image, text, ...read])
      const frames = { energy, rank, frame: options.frame, saveFrame: options.saveFrame }
      const what = {
        paired,
        captionsPerImage,
        parts,
        holdout,
        exact,
        seed,
        threads,
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
  const tables = [sidesTable(report), distances(report), causes(report), lying(report), diagnosisText(diagnosis)]
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
      figure(spectrum?.[side].alpha),
      figure(spectrum?.[side].effectiveRank),
    ]),
  ])
}

function distances({ gap, scale, phantomDrift }: GapReport): string {
  return table([
    ...(gap.before === undefined ? [] : [['centroid gap before', figure(gap.before)]]),
    ['centroid gap', figure(gap.centroid)],
    ['  noise floor', figure(gap.floor)],
    ['cosine of the means', figure(gap.cosine)],
    ['unbiased squared gap', figure(gap.unbiasedSquared)],
    ...(gap.interval ? [['  95 % interval', gap.interval.map(figure).join(' to ')]] : []),
    ...(gap.pairedDistance === undefined ? [] : [['mean distance of pairs', figure(gap.pairedDistance)]]),
    ...(gap.rmg === undefined ? [] : [['relative modality gap', figure(gap.rmg)]]),
    ['scale, image to text', figure(scale)],
    ...(phantomDrift ? [['phantom drift', figure(phantomDrift.measured)]] : []),
  ])
}

function causes({ frame, decomposition: parts, covariance, residual }: Partial<Causes>): string {
  if (!frame || !parts || !covariance) {
    return ''
  }
  return table([
    ['dimension of the frame U', count(frame.rank)],
    ['  share of the energy', percent(frame.energy)],
    ['gap in U, principal bias', figure(parts.pmb)],
    ['gap in V, orthogonal bias', figure(parts.cob)],
    [
      '  its share of the squared gap, and by chance',
      `${percent(parts.cob ** 2 / parts.gap ** 2)}, ${percent(parts.chance?.cobShare ?? Number.NaN)}`,
    ],
    ...(parts.traceU === undefined ? [] : [['spread of the differences in U', figure(parts.traceU)]]),
    ...(parts.traceV === undefined ? [] : [['spread of the differences in V', figure(parts.traceV)]]),
    ...(residual ? [['effective dimension of the differences', figure(residual.effectiveDimension)]] : []),
    ['difference of the covariances', figure(covariance.shape)],
    ...(parts.coupling?.strangers
      ? [
          [
            'residuals in V that follow those in U, R², and of strangers',
            `${figure(parts.coupling.r2)}, ${figure(parts.coupling.strangers.r2)}`,
          ],
        ]
      : []),
  ])
}

function lying({ neighbours, retrieval, similarity, preservation }: GapReport): string {
  const rows: string[][] = []
  if (neighbours) {
    const { k, all, chance } = neighbours.mixing
    rows.push([`other modality among ${k} neighbours, and by chance`, `${percent(all)}, ${percent(chance)}`])
  }
  if (retrieval) {
    rows.push(
      ['text finds its image first', percent(retrieval.textToImage.r1)],
      ['image finds its text first', percent(retrieval.imageToText.r1)],
      [`images among the ${retrieval.mixed.k} nearest of a text`, percent(retrieval.mixed.imageShare)],
    )
  }
  if (similarity) {
    rows.push(['told apart by a plane, on unseen embeddings', percent(similarity.separability ?? Number.NaN)])
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
    throw new InvalidArgumentError(`There is no part "${unknown}"; the parts are ${PARTS.join(', ')}.`)
  }
  return names as MeasurePart[]
}
