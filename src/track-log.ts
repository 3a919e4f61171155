import { type FileHandle, open, readFile, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { ModalityGapError } from './errors.ts'
import type { TrackRecord } from './track-record.ts'
import { unreadable } from './unreadable.ts'

/** How often a log that is followed is looked at, in milliseconds. */
const LOOK_EVERY = 500

/** The records of a log, and the length in bytes up to the end of each. */
interface Parsed {
  records: TrackRecord[]
  ends: number[]
}

/**
 * Reads a tracker's log, one JSON record per line. A last line that an interruption cut short is left out.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`; `BAD_FORMAT` with the line as row
 */
export async function readTrackLog(path: string): Promise<TrackRecord[]> {
  return (await parsed(path)).records
}

/** A log that records are appended to, each on the disk before the call returns. */
export class TrackLog {
  readonly #path: string

  private constructor(path: string) {
    this.#path = path
  }

  /**
   * Opens a log for a run that has recorded steps up to `last`, or none. Records after `last` are cut off: they were
   * written by a run whose state was not saved, and will be written again.
   *
   * @throws {@link ModalityGapError} `BAD_OPTION` when a new run would append to the log of another one
   */
  static async open(path: string, last: number | undefined): Promise<{ log: TrackLog; records: TrackRecord[] }> {
    const log = new TrackLog(path)
    const { records, ends } = await parsed(path).catch(error => {
      if (error instanceof ModalityGapError && error.code === 'NOT_FOUND') {
        return { records: [], ends: [] } as Parsed
      }
      throw error
    })
    if (last === undefined && records.length > 0) {
      const message = `${path} is the log of another run; load its state to go on with it, or choose another file`
      throw new ModalityGapError('BAD_OPTION', message, { file: path })
    }
    const kept = records.filter(({ step }) => last !== undefined && step <= last)
    await log.#write(file => file.truncate(ends[kept.length - 1] ?? 0))
    return { log, records: kept }
  }

  /**
   * Appends a record and waits until the disk holds it.
   *
   * @throws {@link ModalityGapError} `WRITE_FAILED`
   */
  async append(record: TrackRecord): Promise<void> {
    await this.#write(file => file.appendFile(`${JSON.stringify(record)}\n`))
  }

  async #write(work: (file: FileHandle) => Promise<void>): Promise<void> {
    const file = await open(this.#path, 'a').catch(cause => this.#fail(cause))
    try {
      await work(file)
      await file.sync()
    } catch (cause) {
      this.#fail(cause)
    } finally {
      await file.close()
    }
  }

  #fail(cause: unknown): never {
    const message = `${this.#path} could not be written: ${(cause as Error).message}`
    throw new ModalityGapError('WRITE_FAILED', message, { file: this.#path, cause })
  }
}

async function parsed(path: string): Promise<Parsed> {
  const text = await readFile(path, 'utf8').catch(cause => unreadable(path, cause))
  const lines = text.split('\n')
  // what stands after the last line's end was cut short while it was written
  lines.pop()
  const result: Parsed = { records: [], ends: [] }
  let end = 0
  lines.forEach((line, row) => {
    end += Buffer.byteLength(line) + 1
    result.records.push(recordOf(line, path, row))
    result.ends.push(end)
  })
  return result
}

function recordOf(line: string, path: string, row: number): TrackRecord {
  try {
    const value = JSON.parse(line) as TrackRecord | null
    if (typeof value?.step === 'number' && typeof value.gap?.centroid === 'number') {
      return value
    }
  } catch {
    // told below, as for JSON that is no record
  }
  throw new ModalityGapError('BAD_FORMAT', `${path}: line ${row + 1} is no record of a tracker`, { file: path, row })
}

/** Calls `onRecords` with all records of a log that another process appends to, now and whenever there are more. */
export async function followTrackLog(
  path: string,
  onRecords: (records: readonly TrackRecord[]) => void,
  signal: AbortSignal,
): Promise<readonly TrackRecord[]> {
  let records: readonly TrackRecord[] = []
  let length = -1
  while (!signal.aborted) {
    const { size } = await stat(path).catch(() => ({ size: 0 }))
    if (size !== length) {
      length = size
      records = size > 0 ? await readTrackLog(path) : []
      onRecords(records)
    }
    await sleep(LOOK_EVERY, undefined, { signal }).catch(() => {})
  }
  return records
}
