import type { Command } from 'commander'
import type { InspectReport } from '../results.ts'
import {
  addCommonOptions,
  addShapeOptions,
  addSplitOption,
  addWorkOptions,
  type CommonOptions,
  engineOf,
  readingOf,
  type WorkChoice,
} from './options.ts'
import { count, figure, table } from './print.ts'
import { perform, resumeCommand } from './session.ts'

export function addInspect(program: Command): void {
  const command = program
    .command('inspect')
    .description('show number, dimension, storage type and lengths of embeddings, and bad rows')
    .argument('<src...>', 'what to look at')
  addShapeOptions(addSplitOption(command))
  addWorkOptions(addCommonOptions(command)).action((sources: string[], options: CommonOptions & WorkChoice) =>
    perform({ json: options.json, resumeWith: options.work && resumeCommand() }, async run => {
      const { openEmbeddings } = await import('../embeddings.ts')
      const { inspect } = await import('../inspect.ts')
      const { threads, work, resume } = options
      const rows = await openEmbeddings(sources, readingOf(options), { signal: run.signal })
      const report = await inspect(rows, { threads, work, resume, on: await engineOf(options), ...run })
      return { report, text: inspectText(report) }
    }),
  )
}

function inspectText({ rows, dim, dtype, format, layout, shards, norms, unit, badRows }: InspectReport): string {
  const facts = table([
    ['embeddings', count(rows)],
    ['dimensions', count(dim)],
    ['storage', `${stored(dtype, shards)} in ${format}${layout === 'clip-retrieval' ? ', clip-retrieval layout' : ''}`],
    ['files', count(shards.length)],
    ['lengths', norms ? `${figure(norms.min)} to ${figure(norms.max)}, mean ${figure(norms.mean)}` : '–'],
    ['unit length', unit ? 'yes' : 'no (they are scaled as they are read)'],
    ['bad rows', count(badRows.count)],
  ])
  const listed = badRows.first.map(({ file, row, reason }) => `\n  ${file ? `${file}, ` : ''}row ${row}: ${reason}`)
  return facts + listed.join('')
}

/** The storage types of all files that have rows. */
function stored(dtype: string, shards: InspectReport['shards']): string {
  const types = new Set(shards.filter(({ rows }) => rows > 0).map(shard => shard.dtype))
  return [...types].join(' and ') || dtype
}
