import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { cancelled, type RunOptions } from './abort.ts'
import { type Check, type Checks, checkOptions, needed, path, recordOf, text, whole, wrong } from './checks.ts'
import { type Engine, type PassTask, stoppable } from './distributed.ts'
import { ModalityGapError, unwrap } from './errors.ts'
import type { Failure, PendingPass, TaskReceipt } from './native.ts'
import { packageFolder } from './place.ts'
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
  python: path,
  worker: path,
  installed: path,
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
      session ??= Session.start(options)
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
  | { event: 'failed'; message: string }

/** Characters of what the driver has complained of that a message quotes. */
const QUOTED = 2000

/** The Python process that holds the session. */
class Session {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #started = performance.now()
  #listener: ((event: Event) => void) | undefined
  #complaint = ''
  alive = true

  private constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child
    child.stderr.on('data', chunk => {
      this.#complaint = (this.#complaint + chunk).slice(-QUOTED)
    })
    createInterface({ input: child.stdout }).on('line', line => {
      // Spark may print lines of its own
      if (line.startsWith('{"event"')) {
        this.#listener?.(JSON.parse(line))
      }
    })
    // a write to a process that has ended is reported by its end
    child.stdin.on('error', () => {})
    child.on('close', code => {
      this.alive = false
      this.#listener?.({ event: 'failed', message: `the Spark driver ended with ${code}\n${this.#complaint}` })
    })
  }

  static async start({ master, conf = {}, python = 'python3', worker, installed, threads = 1 }: SparkOptions) {
    const program = installed ?? worker ?? (await workerExecutable())
    const driver = fileURLToPath(new URL('spark/driver.py', packageFolder))
    const child = spawn(python, [driver], { stdio: 'pipe' })
    try {
      await once(child, 'spawn')
    } catch (cause) {
      throw new ModalityGapError('MISSING_PACKAGE', `spark: ${python} could not be started`, { cause })
    }
    const session = new Session(child)
    session.#send({ master, conf, program, ship: installed === undefined, threads })
    const first = await session.#next()
    if (first.event === 'started') {
      return session
    }
    const message = first.event === 'failed' ? first.message : 'the Spark driver did not start'
    const code = message.includes("No module named 'pyspark'") ? 'MISSING_PACKAGE' : 'ENGINE_FAILED'
    throw new ModalityGapError(code, `spark: ${message}`)
  }

  /** Runs the tasks of a pass; the session is kept whatever comes. */
  async run(tasks: readonly PassTask[], pass: PendingPass, { signal, onProgress }: RunOptions): Promise<TaskReceipt[]> {
    if (signal?.aborted) {
      throw cancelled(signal.reason)
    }
    const stop = () => this.#send({ cancel: true })
    signal?.addEventListener('abort', stop, { once: true })
    const told = ({ done }: { done: number }) => {
      const rows = pass.rows - Math.round(pass.missing * (1 - done / tasks.length))
      const seconds = (performance.now() - this.#started) / 1000
      onProgress?.({ stage: pass.stage, rows, total: pass.rows, seconds })
    }
    try {
      this.#send({ tasks: tasks.map(task => JSON.stringify(task)) })
      const end = await this.#next(told)
      if (signal?.aborted) {
        throw cancelled(signal.reason)
      }
      switch (end.event) {
        case 'done':
          told({ done: tasks.length })
          return end.results
        case 'failure':
          return unwrap({ error: end.failure })
        default:
          throw new ModalityGapError('ENGINE_FAILED', `spark: ${'message' in end ? end.message : end.event}`)
      }
    } finally {
      signal?.removeEventListener('abort', stop)
    }
  }

  async close(): Promise<void> {
    if (this.alive) {
      const closed = once(this.#child, 'close')
      this.#keep(true)
      this.#child.stdin.end()
      await closed
    }
  }

  #send(message: object): void {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`)
  }

  /** The next event that ends something; this process waits for it, and for nothing else of the session. */
  #next(onProgress?: (event: { event: 'progress'; done: number }) => void): Promise<Event> {
    this.#keep(true)
    return new Promise<Event>((resolve, reject) => {
      this.#listener = event => {
        if (event.event !== 'progress') {
          resolve(event)
          return
        }
        try {
          onProgress?.(event)
        } catch (thrown) {
          this.#send({ cancel: true })
          onProgress = undefined
          reject(thrown)
        }
      }
    }).finally(() => {
      this.#listener = undefined
      this.#keep(false)
    })
  }

  #keep(waiting: boolean): void {
    const { stdin, stdout, stderr } = this.#child
    for (const held of [this.#child, stdin, stdout, stderr] as { ref?(): void; unref?(): void }[]) {
      waiting ? held.ref?.() : held.unref?.()
    }
  }
}
