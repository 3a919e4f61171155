import type { Command } from 'commander'
import {
  addCommonOptions,
  addEngineOptions,
  addOutputOptions,
  addReadingOptions,
  type EngineChoice,
  engineOf,
  outputOptionsOf,
  readingOf,
  type WritingOptions,
} from './options.ts'
import { count, notCarried, written } from './print.ts'
import { perform, resumeCommand } from './session.ts'

interface Options extends WritingOptions, EngineChoice {
  in: string[]
}

export function addConvert(program: Command): void {
  const command = program
    .command('convert')
    .description('write embeddings unchanged in another format or storage type')
    .requiredOption('--in <src...>', 'embeddings to convert')
    .requiredOption('--out <path>', 'folder, or file when there is one shard')
  addOutputOptions(addReadingOptions(command))
  command.option('--resume', 'with --on: keep the finished shards of an interrupted run')
  addEngineOptions(addCommonOptions(command)).action((options: Options) =>
    perform({ json: options.json, resumeWith: options.on && resumeCommand() }, async run => {
      const { openEmbeddings } = await import('../embeddings.ts')
      const { convert } = await import('../convert.ts')
      const rows = await openEmbeddings(options.in, readingOf(options), { signal: run.signal })
      const report = await convert(rows, options.out, {
        ...outputOptionsOf(options),
        on: await engineOf(options),
        ...run,
      })
      const lost = report.dropped > 0 ? `, ${count(report.dropped)} bad rows left out` : ''
      const what = `${count(report.rows)} embeddings of ${report.dim} dimensions${lost}`
      return { report, text: `${what}${notCarried(report.notCarried)}${written(report.outputs)}` }
    }),
  )
}
