import type { RegularFile } from '../../remote-file.ts'
import { type BadRecord, badRecord, type JsonRecord, opened, parseRecord, readAt, recordsOf } from './json-records.ts'
import { RecordPlaces } from './record-places.ts'

/** What records are read from, for files of another kind. */
const RECORDS = "records are read from JSON and JSON lines, both also in gzip, from parquet and from COCO's captions"

/** Files that are open at a time; a training may have more than a process may open. */
const MAX_OPEN = 64

/** Records that are read at a time; each holds its file open. */
const MAX_READING = 32

/** Lets so many through at a time; the others wait for their turn. */
class Turns {
  #free = MAX_READING
  readonly #waiting: (() => void)[] = []

  async take(): Promise<void> {
    if (this.#free === 0) {
      await new Promise<void>(resolve => this.#waiting.push(resolve))
      return
    }
    this.#free--
  }

  give(): void {
    const next = this.#waiting.shift()
    if (next === undefined) {
      this.#free++
    } else {
      next()
    }
  }
}

/** A JSON file whose records are read by position, in any order. */
export class JsonFile {
  /** The files that are open, the one read last at the end. */
  static readonly #open = new Set<JsonFile>()
  static readonly #turns = new Turns()
  /** Its path, or that of what it is a copy of. */
  readonly path: string
  /** Where it is read. */
  readonly #read: string
  /** What tells its content from a later one. */
  readonly #stamp: string
  readonly #places: RecordPlaces
  #file: Promise<RegularFile> | undefined
  #reading = 0

  private constructor(read: string, path: string, stamp: string, places: RecordPlaces) {
    this.#read = read
    this.path = path
    this.#stamp = stamp
    this.#places = places
  }

  /**
   * Reads a file once and remembers where its records stand: 12 bytes for each.
   *
   * @param onRecord called with every record; may refuse one by throwing
   * @param options what the file is called in errors, and who hears of records that are not JSON objects, which keep their numbers
   * @throws {@link ModalityGapError} as `jsonRecords` does
   */
  static async open(
    path: string,
    onRecord: (record: JsonRecord) => void = () => undefined,
    { name = path, onBad }: { name?: string; onBad?: (bad: BadRecord) => void } = {},
  ): Promise<JsonFile> {
    const places = new RecordPlaces()
    const file = await opened(path)
    const passed =
      onBad &&
      ((bad: BadRecord) => {
        onBad(bad)
        places.push(bad.start, bad.length)
      })
    try {
      const stamp = await stampOf(file)
      for await (const record of recordsOf(file, path, name, passed, RECORDS)) {
        onRecord(record)
        places.push(record.start, record.length)
      }
      return new JsonFile(path, name, stamp, places)
    } finally {
      await file.close()
    }
  }

  /** Records in it. */
  get length(): number {
    return this.#places.length
  }

  /**
   * The record with a number.
   *
   * @throws {@link ModalityGapError} `BAD_FORMAT` when the file has changed since it was opened, `UNREADABLE`
   */
  async read(row: number): Promise<Record<string, unknown>> {
    const { start, length } = this.#places.at(row)
    const buffer = Buffer.allocUnsafe(length)
    await JsonFile.#turns.take()
    this.#reading++
    try {
      const file = await this.#opened()
      const { bytesRead } = await readAt(file, buffer, start, this.path)
      if (bytesRead < length || (await stampOf(file)) !== this.#stamp) {
        throw badRecord(this.path, row, 'the file has changed since it was opened')
      }
    } finally {
      this.#reading--
      JsonFile.#turns.give()
    }
    return parseRecord(buffer, this.path, row)
  }

  /** Its handle, after which the one read longest ago may have to go. */
  async #opened(): Promise<RegularFile> {
    this.#file ??= opened(this.#read).catch(error => {
      this.#file = undefined
      throw error
    })
    JsonFile.#open.delete(this)
    JsonFile.#open.add(this)
    for (const other of JsonFile.#open) {
      if (JsonFile.#open.size > MAX_OPEN && other.#reading === 0) {
        await other.close()
      }
    }
    return await this.#file
  }

  /** Closes the file; a later read opens it again. */
  async close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    JsonFile.#open.delete(this)
    await (await file)?.close()
  }
}

async function stampOf(file: RegularFile): Promise<string> {
  const { size, mtimeMs, tag = '' } = await file.stat()
  return `${size} ${mtimeMs} ${tag}`
}
