import type { Command } from 'commander'
import {
  addBadRowOption,
  addCommonOptions,
  addFitOptions,
  addOutputOptions,
  type FittingOptions,
  fitOptionsOf,
  outputOptionsOf,
  type WritingOptions,
} from './options.ts'
import { perform, resumeCommand } from './session.ts'
import { addSideOptions, openSides, type SideOptions, sidesOf } from './sides.ts'

export function addAlign(program: Command): void {
  const command = program
    .command('align')
    .description('fit on both sides and write the moved rows')
    .requiredOption('--out <dir>', 'folder for the moved rows and the aligner')
  addSideOptions(command)
  addFitOptions(command)
  addOutputOptions(addBadRowOption(command))
  command.option('--resume', 'keep the finished shards of an interrupted run, after checking them')
  addCommonOptions(command).action((options: SideOptions & FittingOptions & WritingOptions) =>
    perform({ json: options.json, resumeWith: resumeCommand() }, async run => {
      const { Aligner } = await import('../align.ts')
      const { fitTable } = await import('./fit-table.ts')
      const sides = sidesOf(options)
      const names = { targetName: sides.target.name, sourceName: sides.source.name }
      const opened = await openSides(sides, options.onBadRow)
      const aligner = await Aligner.alignTo(
        { ...opened, ...names, out: options.out, ...fitOptionsOf(options), ...outputOptionsOf(options) },
        run,
      )
      return { report: aligner.report, text: fitTable(aligner) }
    }),
  )
}
