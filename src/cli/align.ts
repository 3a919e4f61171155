import type { Command } from 'commander'
import type { FitReport } from '../results.ts'
import { addHtmlOptions, type HtmlOptions, htmlWriter, needsFigures } from './html.ts'
import {
  addCommonOptions,
  addEngineOptions,
  addFitOptions,
  addOutputOptions,
  addReadingOptions,
  type EngineChoice,
  engineOf,
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
  addEngineOptions(addCommonOptions(command)).action(
    (options: SideOptions & FittingOptions & WritingOptions & HtmlOptions & EngineChoice) =>
      perform({ json: options.json, resumeWith: resumeCommand() }, async run => {
        const { Aligner } = await import('../align.ts')
        const { fitTable } = await import('./fit-table.ts')
        const sides = sidesOf(options)
        const names = { targetName: sides.target.name, sourceName: sides.source.name }
        const opened = await openSides(sides, readingOf(options), run.signal)
        const write = await htmlWriter(
          options,
          [opened.target, opened.source, options.imageIds, options.textIds],
          run.signal,
        )
        const aligner = await Aligner.alignTo(
          {
            ...opened,
            ...names,
            out: options.out,
            ...fitOptionsOf(options),
            captionsPerImage: options.captionsPerImage,
            ...outputOptionsOf(options),
            on: await engineOf(options),
          },
          run,
        )
        const report = aligner.report as FitReport
        if (!needsFigures(options)) {
          return { report, text: fitTable(aligner) }
        }
        // the page shows what the moved rows are like, which the alignment itself does not look at
        const { measureGap } = await import('../measure.ts')
        const { joinedFindings } = await import('../diagnosis.ts')
        const { threads, paired, captionsPerImage, seed } = options
        const both = { image: opened.target, text: opened.source }
        const asked = { ...both, aligner, paired, captionsPerImage, seed, threads, figures: true }
        const measured = await measureGap(asked, run)
        // one list for the terminal, the JSON and the page
        const diagnosis = joinedFindings(measured.diagnosis, report.diagnosis)
        const files = await write({ ...measured, diagnosis }, { subtitle: `aligned to ${options.out}` })
        return { report: { ...report, diagnosis }, text: `${fitTable(aligner, { diagnosis })}${written(files)}` }
      }),
  )
}
