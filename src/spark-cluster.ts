import type { RunOptions } from './abort.ts'
import { type Checks, checkOptions, localInput, whole } from './checks.ts'
import { ModalityGapError } from './errors.ts'
import { runChecks } from './option-checks.ts'
import { engineError, type Failed, PythonProgram } from './python-program.ts'

/** How large a cluster on this machine is. */
export interface SparkClusterOptions {
  /** Workers, each of which runs one executor of a job. @defaultValue `2` */
  workers?: number
  /** Cores of each worker, which are tasks at once. @defaultValue `1` */
  cores?: number
  /** Memory of each worker in MiB; a job's executors take `spark.executor.memory` of it, 1024 unless it is set. @defaultValue `1024` */
  memory?: number
  /** Python 3 with pyspark 4, as a command. @defaultValue `'python3'` */
  python?: string
}

/** A cluster of Spark on this machine: a process for its master, one for each worker, and those of the jobs. */
export interface SparkCluster extends AsyncDisposable {
  /** Its URL, for `master` of `spark` and for `--on`. */
  readonly master: string
  /** Address of the page that shows its workers and jobs. */
  readonly page: string
  /** Rejects when a process of the cluster has ended by itself, and resolves when the cluster was closed. */
  readonly ended: Promise<void>
  /** Ends all of its processes and deletes what they have written; the end of this process does so, too. */
  close(): Promise<void>
}

const clusterChecks: Checks<SparkClusterOptions> = {
  workers: whole(1),
  cores: whole(1),
  memory: whole(512),
  python: localInput,
}

type Event = { event: 'started'; master: string; page: string }

/**
 * Starts a throw-away cluster of Apache Spark on this machine, a master and workers that listen on loopback only, to try out how a job
 * runs on one; not on Windows, where Spark has no scripts for it. Every user of this machine can send jobs to it.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION`; `MISSING_PACKAGE` where Python, pyspark or Java is missing; `ENGINE_FAILED` when the
 * cluster could not start; `CANCELLED`
 */
export async function sparkCluster(
  options: SparkClusterOptions = {},
  run: Pick<RunOptions, 'signal'> = {},
): Promise<SparkCluster> {
  checkOptions(options, 'sparkCluster', clusterChecks)
  checkOptions(run, 'sparkCluster', { signal: runChecks.signal })
  if (process.platform === 'win32') {
    throw new ModalityGapError('ENGINE_FAILED', 'sparkCluster: Spark has no scripts that start a cluster on Windows')
  }
  const { workers = 2, cores = 1, memory = 1024, python = 'python3' } = options
  const program = await PythonProgram.start<Event>(python, 'cluster.py', { workers, cores, memory })
  const { master, page } = await program.started(run.signal)
  let closing = false
  const ended = program.next().then(last => {
    if (!closing) {
      throw engineError(last as Failed)
    }
  })
  // a caller may not look at it
  ended.catch(() => {})
  const close = async () => {
    closing = true
    await program.close()
  }
  return { master, page, ended, close, [Symbol.asyncDispose]: close }
}
