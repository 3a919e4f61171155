import type { Command } from 'commander'
import {
  addCommonOptions,
  addEngineOptions,
  addFitOptions,
  addOverwriteOption,
  addReadingOptions,
  type CommonOptions,
  type EngineChoice,
  engineOf,
  type FittingOptions,
  fitOptionsOf,
  readingOf,
} from './options.ts'
import { perform, resumeCommand } from './session.ts'
import { addSideOptions, openSides, type SideOptions, sidesOf } from './sides.ts'

interface Options extends CommonOptions, SideOptions, FittingOptions, EngineChoice {
  out: string
  work?: string
  resume?: boolean
  overwrite?: boolean
}

export function addFit(program: Command): void {
  const command = program
    .command('fit')
    .description('fit on both sides and save the aligner')
    .requiredOption('--out <file>', 'the aligner file to write, safetensors')
  addSideOptions(command)
  addFitOptions(addOverwriteOption(addReadingOptions(command)))
  command
    .option('--work <dir>', 'folder for the states of finished passes, so that an interrupted fit can be resumed')
    .option('--resume', 'take up the states in --work, after checking them')
  addEngineOptions(addCommonOptions(command)).action((options: Options) =>
    perform({ json: options.json, resumeWith: options.work && resumeCommand() }, async run => {
      const { Aligner } = await import('../align.ts')
      const { claimFiles } = await import('../claim.ts')
      const { fitTable } = await import('./fit-table.ts')
      const sides = sidesOf(options)
      const names = { targetName: sides.target.name, sourceName: sides.source.name }
      const { threads, work, resume } = options
      const opened = await openSides(sides, readingOf(options), run.signal)
      // an interruption may have come when the aligner was written
      const before = resume ? await Aligner.load(options.out, { signal: run.signal }).catch(() => undefined) : undefined
      const overwrite = options.overwrite || before !== undefined
      const read = [options.imageIds, options.textIds]
      await claimFiles([options.out], { overwrite, signal: run.signal }, [opened.target, opened.source, ...read])
      const aligner = await Aligner.fit(
        {
          ...opened,
          ...names,
          ...fitOptionsOf(options),
          captionsPerImage: options.captionsPerImage,
          threads,
          work,
          resume,
          on: await engineOf(options),
        },
        run,
      )
      const same = before !== undefined && Buffer.compare(before.toBytes(), aligner.toBytes()) === 0
      if (!same) {
        await aligner.save(options.out, { overwrite: options.overwrite, signal: run.signal })
      }
      const report = { ...aligner.report, outputs: [options.out] }
      return { report, text: fitTable(aligner, { outputs: report.outputs }) }
    }),
  )
}
