import type { Command } from 'commander'
import type { Causes } from '../causes.ts'
import type { GapReport } from '../reports.ts'
import { addHtmlOptions, type HtmlOptions, htmlWriter } from './html.ts'
import { addBadRowOption, addCommonOptions, atLeast, type CommonOptions, positive } from './options.ts'
import { count, figure, percent, table, written } from './print.ts'
import { perform } from './session.ts'

interface Options extends CommonOptions, HtmlOptions {
  image: string[]
  text: string[]
  paired?: boolean
  aligner?: string
  energy?: number
  rank?: number
  seed?: number
}

export function addMeasure(program: Command): void {
  const command = program
    .command('measure')
    .description('measure the gap between image and text rows')
    .requiredOption('--image <src...>', 'image rows')
    .requiredOption('--text <src...>', 'text rows')
    .option('--paired', 'row i of one side belongs to row i of the other')
    .option('--aligner <file>', 'move the text rows with this aligner first')
    .option('--energy <share>', 'share of the energy in the frame (default: 0.99)', positive)
    .option('--rank <r>', 'dimension of the frame, instead of a share', atLeast(1))
    .option('--seed <n>', 'seed of what is sampled (default: 0)', atLeast(0))
  addCommonOptions(addBadRowOption(addHtmlOptions(command))).action((options: Options) =>
    perform({ json: options.json }, async run => {
      const { Aligner } = await import('../align.ts')
      const { openEmbeddings } = await import('../embeddings.ts')
      const { measureGap } = await import('../measure.ts')
      const { onBadRow, paired, threads, energy, rank, seed } = options
      const write = await htmlWriter(options)
      const aligner = options.aligner === undefined ? undefined : await Aligner.load(options.aligner)
      const image = await openEmbeddings(options.image, { role: 'image', onBadRow })
      const text = await openEmbeddings(options.text, { role: 'text', onBadRow })
      const report = await measureGap({ image, text, paired, aligner, threads, energy, rank, seed }, run)
      const subtitle = `${options.image.join(', ')} and ${options.text.join(', ')}`
      const files = await write(report, { subtitle })
      return { report, text: `${gapText(report)}${written(files)}` }
    }),
  )
}

function gapText(report: GapReport): string {
  const { interval } = report.gap
  const verdict = interval[0] > 0 ? 'the gap is real: its interval lies above zero' : 'the gap is within the noise'
  return `${report.dim} columns; ${verdict}

${sidesTable(report)}

${distances(report)}

${causes(report)}`
}

function sidesTable({ rows, dropped, norms, trace, spectrum }: GapReport): string {
  const names = ['image', 'text'] as const
  return table([
    ['', 'rows', 'left out', 'shortest', 'longest', 'trace', 'power law', 'effective rank'],
    ...names.map(side => [
      side,
      count(rows[side]),
      count(dropped[side]),
      figure(norms[side].min),
      figure(norms[side].max),
      figure(trace[side]),
      figure(spectrum[side].alpha),
      figure(spectrum[side].effectiveRank),
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
    ['  95 % interval', gap.interval.map(figure).join(' to ')],
    ...(gap.pairedDistance === undefined ? [] : [['mean distance of pairs', figure(gap.pairedDistance)]]),
    ...(gap.rmg === undefined ? [] : [['relative modality gap', figure(gap.rmg)]]),
    ['scale, image to text', figure(scale)],
    ...(phantomDrift ? [['phantom drift', figure(phantomDrift.measured)]] : []),
  ])
}

function causes({ frame, decomposition: parts, covariance, residual }: Causes): string {
  return table([
    ['dimension of the frame U', count(frame.rank)],
    ['  share of the energy', percent(frame.energy)],
    ['gap in U, principal bias', figure(parts.pmb)],
    ['gap in V, orthogonal bias', figure(parts.cob)],
    ...(parts.traceU === undefined ? [] : [['spread of the differences in U', figure(parts.traceU)]]),
    ...(parts.traceV === undefined ? [] : [['spread of the differences in V', figure(parts.traceV)]]),
    ...(residual ? [['effective dimension of the differences', figure(residual.effectiveDimension)]] : []),
    ['difference of the covariances', figure(covariance.shape)],
  ])
}
