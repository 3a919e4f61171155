import type { Command } from 'commander'
import { diagnosisText } from '../sentences.ts'
import { addHtmlOptions, type HtmlOptions, htmlWriter, needsFigures } from './html.ts'
import {
  addCommonOptions,
  addFitOptions,
  addOutputOptions,
  addReadingOptions,
  type FittingOptions,
  fitOptionsOf,
  outputOptionsOf,
  readingOf,
  type WritingOptions,
} from './options.ts'
import { written } from './print.ts'
import { perform, resumeCommand } from './session.ts'
import { addSideOptions, openSides, type SideOptions, sidesOf } from './sides.ts'

export function addAlign(program: Command): void {
  const command = program
    .command('align')
    .description('fit on both sides and write the moved embeddings')
    .requiredOption('--out <dir>', 'folder for the moved embeddings and the aligner')
  addSideOptions(command)
  addFitOptions(command)
  addOutputOptions(addReadingOptions(addHtmlOptions(command)))
  command.option('--resume', 'keep the finished shards of an interrupted run, after checking them')
  addCommonOptions(command).action((options: SideOptions & FittingOptions & WritingOptions & HtmlOptions) =>
    perform({ json: options.json, resumeWith: resumeCommand() }, async run => {
      const { Aligner } = await import('../align.ts')
      const { fitTable } = await import('./fit-table.ts')
      const sides = sidesOf(options)
      const names = { targetName: sides.target.name, sourceName: sides.source.name }
      const opened = await openSides(sides, readingOf(options))
      const write = await htmlWriter(options, [opened.target, opened.source, options.imageIds, options.textIds])
      const aligner = await Aligner.alignTo(
        {
          ...opened,
          ...names,
          out: options.out,
          ...fitOptionsOf(options),
          captionsPerImage: options.captionsPerImage,
          ...outputOptionsOf(options),
        },
        run,
      )
      const files: string[] = []
      let diagnosis = ''
      if (needsFigures(options)) {
        // the report shows what the moved rows are like, which the alignment itself does not look at
        const { measureGap } = await import('../measure.ts')
        const { threads, paired, seed } = options
        const sides = { image: opened.target, text: opened.source }
        const measured = await measureGap({ ...sides, aligner, paired, seed, threads, figures: true }, run)
        diagnosis = diagnosisText(measured.diagnosis)
        files.push(...(await write(measured, { subtitle: `aligned to ${options.out}` })))
      }
      return {
        report: aligner.report,
        text: `${fitTable(aligner)}${diagnosis === '' ? '' : `\n\n${diagnosis}\n`}${written(files)}`,
      }
    }),
  )
}
