import { type FileHandle, mkdir, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ModalityGapError } from '../errors.ts'
import { refuseLinks } from '../no-links.ts'
import { record, restartEvent, scalarEvent, textEvent, versionEvent } from './tensorboard-events.ts'

/** How a folder of events is written. */
export interface EventOptions {
  /** Step that a run continues after: TensorBoard then forgets the values that an interrupted run wrote of later ones. */
  resumedFrom?: number
  /** Milliseconds since 1970. @defaultValue `Date.now` */
  now?: () => number
}

/**
 * Writes scalars and texts for TensorBoard. Every opening begins a file of its own whose name comes after those that are
 * there; a file that an interruption cut short is left as it is, and TensorBoard reads it up to the cut.
 */
export class EventWriter {
  /** The file. */
  readonly path: string
  readonly #file: FileHandle
  readonly #now: () => number
  #last: Promise<unknown> = Promise.resolve()

  private constructor(path: string, file: FileHandle, now: () => number) {
    this.path = path
    this.#file = file
    this.#now = now
  }

  /**
   * Begins a file in a folder, which is made.
   *
   * @throws {@link ModalityGapError} `WRITE_FAILED`
   */
  static async open(folder: string, { resumedFrom, now = Date.now }: EventOptions = {}): Promise<EventWriter> {
    try {
      await refuseLinks([folder])
      await mkdir(folder, { recursive: true })
      const began = now()
      const path = join(folder, await nextName(folder, began))
      const writer = new EventWriter(path, await open(path, 'wx'), now)
      await writer.#append(versionEvent, began)
      if (resumedFrom !== undefined) {
        await writer.#append(time => restartEvent(time, resumedFrom + 1))
      }
      return writer
    } catch (cause) {
      throw cause instanceof ModalityGapError ? cause : failed(folder, cause)
    }
  }

  /**
   * Writes values of a step, and waits until the disk holds them.
   *
   * @param values by tag, such as `train/loss`
   * @throws {@link ModalityGapError} `WRITE_FAILED`
   */
  async scalars(step: number, values: Readonly<Record<string, number>>): Promise<void> {
    await this.#append(time => scalarEvent(time, step, Object.entries(values)))
  }

  /**
   * Writes a text of a step, which TensorBoard shows as Markdown, and waits until the disk holds it.
   *
   * @throws {@link ModalityGapError} `WRITE_FAILED`
   */
  async text(step: number, tag: string, text: string): Promise<void> {
    await this.#append(time => textEvent(time, step, tag, text))
  }

  /** Lets go of the file. */
  async close(): Promise<void> {
    await this.#last
    await this.#file.close()
  }

  /** Appends a record as a whole, after those before it. */
  async #append(event: (time: number) => Buffer, time = this.#now()): Promise<void> {
    const bytes = record(event(time / 1000))
    const written = this.#last.then(async () => {
      await this.#file.appendFile(bytes)
      await this.#file.sync()
    })
    // a failure is reported to whoever wrote, not to whoever writes next
    this.#last = written.catch(() => undefined)
    await written.catch(cause => {
      throw failed(this.path, cause)
    })
  }
}

function failed(file: string, cause: unknown): ModalityGapError {
  return new ModalityGapError('WRITE_FAILED', `${file} could not be written: ${(cause as Error).message}`, {
    file,
    cause,
  })
}

const NAME = /^events\.out\.tfevents\.(\d{10})\./

/** TensorBoard reads files in the order of their names, which begin with a second each. */
async function nextName(folder: string, now: number): Promise<string> {
  const seconds = (await readdir(folder)).map(name => Number(NAME.exec(name)?.[1] ?? 0))
  const next = Math.max(Math.floor(now / 1000), ...seconds.map(each => each + 1))
  return `events.out.tfevents.${String(next).padStart(10, '0')}.modality-gap`
}
