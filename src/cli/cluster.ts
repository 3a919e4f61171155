import { once } from 'node:events'
import type { Command } from 'commander'
import { atLeast } from './options.ts'
import { show, showJson, tell } from './output.ts'
import { perform } from './session.ts'

interface Options {
  workers?: number
  cores?: number
  memory?: number
  sparkPython?: string
  json?: boolean
}

export function addCluster(program: Command): void {
  program
    .command('cluster')
    .description('start a throw-away Spark cluster on this machine, until interrupted, to try --on with it')
    .option('--workers <n>', 'workers (default: 2)', atLeast(1))
    .option('--cores <n>', 'cores of each worker, tasks at once (default: 1)', atLeast(1))
    .option(
      '--memory <mib>',
      'memory of each worker, of which a job takes spark.executor.memory (default: 1024)',
      atLeast(512),
    )
    .option('--spark-python <command>', 'Python 3 with pyspark 4 (default: python3)')
    .option('--json', 'print one JSON document on stdout, when the cluster is there')
    .action(({ json, workers, cores, memory, sparkPython: python }: Options) =>
      perform({ json }, async ({ signal }) => {
        const { sparkCluster } = await import('../spark-cluster.ts')
        const given = Object.entries({ workers, cores, memory, python }).filter(([, value]) => value !== undefined)
        const cluster = await sparkCluster(Object.fromEntries(given), { signal })
        try {
          const { master, page } = cluster
          json ? showJson({ master, page }) : show(`${master}\n`)
          tell(`modality-gap: ${page} shows the cluster; Ctrl-C ends it`)
          await Promise.race([cluster.ended, once(signal as AbortSignal, 'abort')])
        } finally {
          await cluster.close()
        }
      }),
    )
}
