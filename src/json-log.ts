import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { callback, checkOptions, checkPath } from './checks.ts'
import { exists } from './claim.ts'
import { ModalityGapError } from './errors.ts'
import { refuseLinks } from './no-links.ts'
import { withoutMark } from './plain-text.ts'
import { readRegular } from './regular-file.ts'
import { utf8Of } from './utf8.ts'

/** What a log holds. */
export interface LogKind<T> {
  /** A record, or nothing for JSON that is none. */
  read: (value: unknown) => T | undefined
  /** What a record is, for errors: `record of a tracker`. */
  what: string
  /** What a value lacks to be one, for errors; absent where `read` says all. */
  flaw?: (value: unknown) => string | undefined
}

/** How a line of any log begins: what an interruption cut short begins so, too. */
const BEGINS = '{"step":'

/** How a log is read. */
export interface ReadLogOptions {
  /** Called when a last line was left out, which an interruption cut short or which is being written. */
  onCut?: () => void
}

/**
 * The records of a log, for users.
 *
 * @param of the function that reads, as users write it
 * @throws {@link ModalityGapError} as {@link readJsonLog} does; `BAD_OPTION`
 */
export async function recordsOf<T>(path: string, kind: LogKind<T>, options: ReadLogOptions, of: string): Promise<T[]> {
  checkPath(path, of)
  checkOptions<ReadLogOptions>(options, `the second argument of ${of}`, { onCut: callback })
  const { records, cut } = await readJsonLog(path, kind)
  if (cut) {
    options.onCut?.()
  }
  return records
}

/** Records of a log, and the length in bytes up to the end of each. */
export interface LogLines<T> {
  /** The records. */
  records: T[]
  /** Bytes up to the end of each. */
  ends: number[]
  /** Whether an interruption cut a last line short, which is not a record. */
  cut: boolean
}

/**
 * Reads a log, one JSON record per line. A last line that an interruption cut short is left out.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`; `BAD_FORMAT` with the line as row
 */
export async function readJsonLog<T>(path: string, kind: LogKind<T>): Promise<LogLines<T>> {
  const bytes = await readRegular(path)
  // what stands after the last line's end was cut short while it was written, perhaps within a character
  const whole = bytes.lastIndexOf(10) + 1
  const lines = utf8Of(bytes.subarray(0, whole), path).split('\n').slice(0, -1)
  const cut = withoutMark(bytes.subarray(whole).toString())
  if (lines.length === 0 && !cut.startsWith(BEGINS.slice(0, cut.length))) {
    throw new ModalityGapError('BAD_FORMAT', `${path} holds no ${kind.what}, but something else`, {
      file: path,
      row: 0,
    })
  }
  const result: LogLines<T> = { records: [], ends: [], cut: cut.trim() !== '' }
  let end = 0
  lines.forEach((line, row) => {
    end += Buffer.byteLength(line) + 1
    const text = row === 0 ? withoutMark(line) : line
    if (text.trim() !== '') {
      result.records.push(recordOf(text, kind, path, row))
      result.ends.push(end)
    }
  })
  return result
}

function recordOf<T>(line: string, { read, what, flaw }: LogKind<T>, file: string, row: number): T {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    // reported below, as for JSON that is not a record
  }
  const record = holdsFinite(value) ? read(value) : undefined
  if (record === undefined) {
    const why = value === undefined ? undefined : holdsFinite(value) ? flaw?.(value) : 'it holds a number beyond all'
    const message = `${file}: line ${row + 1} is not a ${what}${why === undefined ? '' : `: ${why}`}`
    throw new ModalityGapError('BAD_FORMAT', message, { file, row })
  }
  return record
}

/** Whether no number in it is beyond all, which `1e999` is: JSON knows no infinity, its parser makes one. */
function holdsFinite(value: unknown): boolean {
  const waiting = [value]
  while (waiting.length > 0) {
    const each = waiting.pop()
    if (typeof each === 'number' && !Number.isFinite(each)) {
      return false
    }
    if (typeof each === 'object' && each !== null) {
      for (const inner of Object.values(each)) {
        waiting.push(inner)
      }
    }
  }
  return true
}

const { O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW = 0 } = constants
/** Appends, but through no link that has come meanwhile. */
const APPEND = O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW

/** A log that records are appended to, each on the disk before the call returns. */
export class JsonLog<T> {
  readonly #path: string
  /** Bytes that are kept of it; more were left by an append that failed, or by another process. */
  #end = 0
  /** Whether an append has failed, so that it may have left a part of a line. */
  #failed = false

  private constructor(path: string) {
    this.#path = path
  }

  /**
   * Opens a log, which need not be there, and cuts off what is not kept.
   *
   * @param keep how many of its records are kept; what it throws is thrown, and the log stays as it is
   * @throws {@link ModalityGapError} as {@link readJsonLog} does, also for a file that is not a log; `WRITE_FAILED`, also for a link
   */
  static async open<T>(
    path: string,
    kind: LogKind<T>,
    keep: (records: readonly T[]) => number,
  ): Promise<{ log: JsonLog<T>; records: T[] }> {
    await refuseLinks([path])
    const log = new JsonLog<T>(path)
    const { records, ends } = await readJsonLog(path, kind).catch(error => {
      if (error instanceof ModalityGapError && error.code === 'NOT_FOUND') {
        return { records: [], ends: [], cut: false } as LogLines<T>
      }
      throw error
    })
    const kept = records.slice(0, keep(records))
    log.#end = ends[kept.length - 1] ?? 0
    await log.#write(file => file.truncate(log.#end))
    return { log, records: kept }
  }

  /**
   * Appends a record and waits until the disk holds it.
   *
   * @throws {@link ModalityGapError} `WRITE_FAILED`; `BAD_OPTION` where another process writes to it, too
   */
  async append(record: T): Promise<void> {
    const line = Buffer.from(`${JSON.stringify(record)}\n`)
    await this.#write(async file => {
      const { size } = await file.stat()
      if (this.#failed) {
        this.#end = Math.min(size, this.#end)
        await file.truncate(this.#end)
      } else if (size !== this.#end) {
        throw exists(this.#path, 'somebody else has changed it since its last record', 'give each run a log of its own')
      }
      this.#failed = true
      await file.appendFile(line)
    })
    this.#failed = false
    this.#end += line.length
  }

  async #write(work: (file: FileHandle) => Promise<void>): Promise<void> {
    const file = await open(this.#path, APPEND).catch(cause => {
      throw this.#failure(cause)
    })
    try {
      await work(file)
      await file.sync()
    } catch (cause) {
      throw cause instanceof ModalityGapError ? cause : this.#failure(cause)
    } finally {
      await file.close()
    }
  }

  #failure(cause: unknown): ModalityGapError {
    const message = `${this.#path} could not be written: ${(cause as Error).message}`
    return new ModalityGapError('WRITE_FAILED', message, { file: this.#path, cause })
  }
}
