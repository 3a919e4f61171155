import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { cancelled } from './abort.ts'
import { type ErrorCode, ModalityGapError } from './errors.ts'
import { packageFolder } from './place.ts'

/** The event with which a program says what it could not do, and its code where that is not `ENGINE_FAILED`. */
export interface Failed {
  event: 'failed'
  message: string
  code?: ErrorCode
}

/** The error of a program that failed. */
export function engineError({ code = 'ENGINE_FAILED', message }: Failed): ModalityGapError {
  return new ModalityGapError(code, `spark: ${message}`)
}

/** Characters of what the program has complained of that a message quotes. */
const QUOTED = 2000

/**
 * A Python program of the folder `spark`, with which lines of JSON are exchanged; its events have a key `event`. It ends when its stdin
 * does, and so with this process, which waits for it only where an event is awaited.
 */
export class PythonProgram<Event extends { event: string }> {
  readonly #child: ChildProcessWithoutNullStreams
  /** Events that nobody has awaited yet. */
  readonly #events: (Event | Failed)[] = []
  #listener: (() => void) | undefined
  #complaint = ''
  alive = true

  private constructor(child: ChildProcessWithoutNullStreams, script: string) {
    this.#child = child
    child.stderr.on('data', chunk => {
      this.#complaint = (this.#complaint + chunk).slice(-QUOTED)
    })
    createInterface({ input: child.stdout }).on('line', line => {
      // Spark may print lines of its own
      if (line.startsWith('{"event"')) {
        this.#heard(JSON.parse(line))
      }
    })
    // a write to a process that has ended is reported by its end
    child.stdin.on('error', () => {})
    child.on('close', code => {
      this.alive = false
      this.#heard({ event: 'failed', message: `${script} ended with ${code}\n${this.#complaint}` })
    })
  }

  /**
   * Starts a program with its first line of stdin.
   *
   * @throws {@link ModalityGapError} `MISSING_PACKAGE` where there is no such Python
   */
  static async start<Event extends { event: string }>(
    python: string,
    script: string,
    first: object,
  ): Promise<PythonProgram<Event>> {
    const file = fileURLToPath(new URL(`spark/${script}`, packageFolder))
    // the package's folder is left as it is
    const child = spawn(python, ['-B', file], { stdio: 'pipe' })
    try {
      await once(child, 'spawn')
    } catch (cause) {
      const message = `spark: ${python} could not be started; install Python 3, or name it (option python, --spark-python)`
      throw new ModalityGapError('MISSING_PACKAGE', message, { cause })
    }
    const program = new PythonProgram<Event>(child, script)
    program.send(first)
    return program
  }

  /** Calls `found` when a pattern appears in what the program writes to stderr, once. */
  onceSaid(pattern: RegExp, found: () => void): void {
    const look = () => {
      if (pattern.test(this.#complaint)) {
        this.#child.stderr.off('data', look)
        found()
      }
    }
    this.#child.stderr.on('data', look)
  }

  send(message: object): void {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`)
  }

  /** The next event; this process waits for it. */
  async next(): Promise<Event | Failed> {
    this.#keep(true)
    try {
      while (this.#events.length === 0) {
        await new Promise<void>(resolve => {
          this.#listener = resolve
        })
      }
      return this.#events.shift() as Event | Failed
    } finally {
      this.#keep(false)
    }
  }

  /**
   * The first event, by which the program says that it has started; an aborted signal ends it.
   *
   * @throws {@link ModalityGapError} what it says that it lacks, or `CANCELLED`
   */
  async started(signal: AbortSignal | undefined): Promise<Event> {
    const stop = () => {
      // what the program has started may end later, and keeps its output open until then
      this.#child.once('exit', () => this.#heard({ event: 'failed', message: 'it was stopped' }))
      this.#child.kill()
    }
    signal?.addEventListener('abort', stop, { once: true })
    if (signal?.aborted) {
      stop()
    }
    const event = await this.next()
    signal?.removeEventListener('abort', stop)
    if (signal?.aborted) {
      throw cancelled(signal.reason)
    }
    if (event.event === 'failed') {
      throw engineError(event as Failed)
    }
    return event as Event
  }

  /** Lets the program end, and waits for that. */
  async close(): Promise<void> {
    if (this.alive) {
      const closed = once(this.#child, 'close')
      this.#keep(true)
      this.#child.stdin.end()
      await closed
    }
  }

  #heard(event: Event | Failed): void {
    this.#events.push(event)
    this.#listener?.()
  }

  #keep(waiting: boolean): void {
    const { stdin, stdout, stderr } = this.#child
    for (const held of [this.#child, stdin, stdout, stderr] as { ref?(): void; unref?(): void }[]) {
      waiting ? held.ref?.() : held.unref?.()
    }
  }
}
