import { stat } from 'node:fs/promises'
import { cancelled, type RunOptions } from './abort.ts'
import { type Check, type Checks, checkOptions, localInput, needed, recordOf, text, whole, wrong } from './checks.ts'
import { type Engine, type PassTask, stoppable } from './distributed.ts'
import { ModalityGapError, unwrap } from './errors.ts'
import type { Failure, PendingPass, TaskReceipt } from './native.ts'
import { engineError, type Failed, PythonProgram } from './python-program.ts'
import { workerExecutable } from './worker-executable.ts'

/** A Spark cluster and how tasks run there. */
export interface SparkOptions {
  /** `spark://host:7077`, `local-cluster[2,1,1024]`, `k8s://…`, `yarn`, `local[4,4]`; `sc://host:15002` for Spark Connect. */
  master: string
  /** Settings of the session, such as `{ 'spark.executor.memory': '4g' }`. */
  conf?: Readonly<Record<string, string>>
  /** Python 3 with pyspark 4, as a command. @defaultValue `'python3'` */
  python?: string
  /**
   * The executable `modality-gap-worker` for the machines of the cluster, which is sent to them.
   *
   * @defaultValue that of this package's version for this machine's processor, from its npm package
   */
  worker?: string
  /** Where the executable is on every machine of the cluster, so that none is sent. */
  installed?: string
  /** Threads of a task; `spark.task.cpus` should be the same. @defaultValue `1` */
  threads?: number
}

/** A Spark session that runs shard tasks; it starts with its first pass. */
export interface SparkEngine extends Engine, AsyncDisposable {
  /** Ends the session; the end of this process does so, too. */
  close(): Promise<void>
}

/** Whether a text names a Spark cluster. */
export function isSparkMaster(text: string): boolean {
  return /^(?:(?:spark|sc|k8s):\/\/.+|yarn|local(?:-cluster)?(?:\[.*\])?)$/.test(text)
}

const master: Check = (value, name) => {
  text(value, name)
  if (!isSparkMaster(value as string)) {
    const expected = 'the URL of a cluster: spark://…, sc://…, k8s://…, yarn, local-cluster[…] or local[…]'
    throw wrong(value, name, expected)
  }
}

const sparkChecks: Checks<SparkOptions> = {
  master: needed(master),
  conf: recordOf(text, 'settings by their names'),
  python: localInput,
  worker: localInput,
  installed: localInput,
  threads: whole(1),
}

/**
 * Runs the shards of a job on Apache Spark 4, for `on` of fits, alignments, transformations and conversions. What is read and
 * written has to be at the same paths or addresses on every machine. Spark tries tasks again whose machine or storage failed; bad data
 * ends the job at once.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION`; a job on it `MISSING_PACKAGE` where Python, pyspark or the executable is missing,
 * `ENGINE_FAILED` when the cluster could not do its part
 */
export function spark(options: SparkOptions): SparkEngine {
  checkOptions(options, 'spark', sparkChecks)
  let session: Promise<Session> | undefined
  const engine: SparkEngine = {
    async runTasks(tasks, pass, run) {
      session ??= Session.start(options, run.signal)
      try {
        return await (await session).run(stoppable(tasks), pass, run)
      } catch (error) {
        if (
          !(await session.then(
            ({ alive }) => alive,
            () => false,
          ))
        ) {
          session = undefined
        }
        throw error
      }
    },
    async close() {
      const ending = session
      session = undefined
      await (await ending?.catch(() => undefined))?.close()
    },
    async [Symbol.asyncDispose]() {
      await engine.close()
    },
  }
  return engine
}

type Event =
  | { event: 'started'; version: string }
  | { event: 'progress'; done: number }
  | { event: 'done'; results: TaskReceipt[] }
  | { event: 'failure'; failure: Failure }

/** The Python process that holds the session. */
class Session {
  readonly #driver: PythonProgram<Event>
  readonly #started = performance.now()

  private constructor(driver: PythonProgram<Event>) {
    this.#driver = driver
  }

  static async start(options: SparkOptions, signal: AbortSignal | undefined): Promise<Session> {
    const { master, conf = {}, python = 'python3', worker, installed, threads = 1 } = options
    if (worker !== undefined && !(await stat(worker).catch(() => undefined))?.isFile()) {
      const message = `${worker} is not a file; name the executable modality-gap-worker (worker, --worker)`
      throw new ModalityGapError('NOT_FOUND', message, { file: worker })
    }
    const program = installed ?? worker ?? (await workerExecutable())
    const first = { master, conf, program, ship: installed === undefined, threads }
    const driver = await PythonProgram.start<Event>(python, 'driver.py', first)
    driver.onceSaid(/has not accepted any resources/, () => process.emitWarning(WAITING, 'SparkWarning'))
    await driver.started(signal)
    return new Session(driver)
  }

  get alive(): boolean {
    return this.#driver.alive
  }

  /** Runs the tasks of a pass; the session is kept whatever comes. */
  async run(tasks: readonly PassTask[], pass: PendingPass, { signal, onProgress }: RunOptions): Promise<TaskReceipt[]> {
    if (signal?.aborted) {
      throw cancelled(signal.reason)
    }
    const stop = () => this.#driver.send({ cancel: true })
    signal?.addEventListener('abort', stop, { once: true })
    const report = (done: number) => {
      const rows = pass.rows - Math.round(pass.missing * (1 - done / tasks.length))
      const seconds = (performance.now() - this.#started) / 1000
      onProgress?.({ stage: pass.stage, rows, total: pass.rows, seconds })
    }
    try {
      this.#driver.send({ tasks: tasks.map(task => JSON.stringify(task)) })
      const end = await this.#end(report)
      if (signal?.aborted) {
        throw cancelled(signal.reason)
      }
      switch (end.event) {
        case 'done':
          report(tasks.length)
          return end.results
        case 'failure':
          return unwrap({ error: end.failure })
        default:
          throw engineError(end as Failed)
      }
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  }

  /**
   * The event with which a pass ends.
   *
   * @throws what `onProgress` has thrown, when the pass has been stopped
   */
  async #end(onProgress: (done: number) => void): Promise<Event | Failed> {
    let thrown: { error: unknown } | undefined
    for (;;) {
      const event = await this.#driver.next()
      if (event.event !== 'progress') {
        if (thrown) {
          throw thrown.error
        }
        return event
      }
      try {
        thrown ?? onProgress(event.done)
      } catch (error) {
        thrown = { error }
        this.#driver.send({ cancel: true })
      }
    }
  }

  async close(): Promise<void> {
    await this.#driver.close()
  }
}

/** What holds up a job that Spark has no place for. */
const WAITING =
  'no machine of the cluster has taken a task so far: it has no free cores, or less memory than the job asks for (spark.executor.memory, spark.executor.cores)'
