import type { Command } from 'commander'
import { count, table } from './print.ts'
import { FAILURE, perform } from './session.ts'
import { jsonLines } from './task.ts'

interface Options {
  results?: string
  json?: boolean
}

export function addCollect(program: Command): void {
  program
    .command('collect')
    .description('check that every shard of a distributed pass has one result that holds')
    .argument('<manifest>', 'the manifest that its tasks name')
    .option('--results <file>', 'what the tasks have printed, one receipt a line, - for stdin')
    .option('--json', 'print one JSON document on stdout')
    .action((manifest: string, options: Options) =>
      perform({ json: options.json }, async run => {
        const { collect } = await import('../collect.ts')
        const results = options.results === undefined ? undefined : await jsonLines(options.results, run.signal)
        const report = await collect(manifest, { ...run, results: results as never })
        if (!report.whole) {
          process.exitCode = FAILURE
        }
        const { stage, shards, done, rows, refused } = report
        const facts = `${stage}: ${count(done)} of ${count(shards)} shards done, ${count(rows)} embeddings in all`
        const rest = refused.map(({ shard, file, reason }) => [`${shard} ${file}`, reason])
        return { report, text: refused.length > 0 ? `${facts}\n\n${table(rest)}` : facts }
      }),
    )
}
