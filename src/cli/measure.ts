import type { Command } from 'commander'
import type { GapReport } from '../reports.ts'
import { addBadRowOption, addCommonOptions, type CommonOptions } from './options.ts'
import { count, figure, table } from './print.ts'
import { perform } from './session.ts'

interface Options extends CommonOptions {
  image: string[]
  text: string[]
  paired?: boolean
  aligner?: string
}

export function addMeasure(program: Command): void {
  const command = program
    .command('measure')
    .description('measure the gap between image and text rows')
    .requiredOption('--image <src...>', 'image rows')
    .requiredOption('--text <src...>', 'text rows')
    .option('--paired', 'row i of one side belongs to row i of the other')
    .option('--aligner <file>', 'move the text rows with this aligner first')
  addCommonOptions(addBadRowOption(command)).action((options: Options) =>
    perform({ json: options.json }, async run => {
      const { Aligner } = await import('../align.ts')
      const { openEmbeddings } = await import('../embeddings.ts')
      const { measureGap } = await import('../measure.ts')
      const { onBadRow, paired, threads } = options
      const aligner = options.aligner === undefined ? undefined : await Aligner.load(options.aligner)
      const image = await openEmbeddings(options.image, { role: 'image', onBadRow })
      const text = await openEmbeddings(options.text, { role: 'text', onBadRow })
      const report = await measureGap({ image, text, paired, aligner, threads }, run)
      return { report, text: gapText(report) }
    }),
  )
}

function gapText({ dim, rows, dropped, norms, gap, trace, scale, phantomDrift }: GapReport): string {
  const verdict =
    gap.interval && gap.interval[0] > 0
      ? 'the gap is real: its interval lies above zero'
      : 'the gap is within the noise'
  const sides = table([
    ['', 'rows', 'left out', 'shortest', 'longest', 'trace'],
    ...(['image', 'text'] as const).map(side => [
      side,
      count(rows[side]),
      count(dropped[side]),
      figure(norms[side].min),
      figure(norms[side].max),
      figure(trace[side]),
    ]),
  ])
  const distances = table([
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
  return `${dim} columns; ${verdict}\n\n${sides}\n\n${distances}`
}
