import { ModalityGapError } from '../../errors.ts'
import { parseExact } from '../../exact-json.ts'
import { openRegular } from '../../regular-file.ts'
import type { RegularFile } from '../../remote-file.ts'
import { unreadable } from '../../unreadable.ts'
import { ArrayFramer, type Framer, LineFramer, MAX_RECORD_BYTES } from './json-frames.ts'
import { refuseForeign } from './native-ids.ts'

/** Bytes that are read at once. */
const CHUNK = 2 ** 20

/** A record of a JSON file as it passes by. */
export interface JsonRecord {
  /** What it holds. */
  value: Record<string, unknown>
  /** Its number in the file, from 0; empty lines are not counted. */
  row: number
  /** Its first byte in the file. */
  start: number
  /** Its bytes. */
  length: number
}

/**
 * Reads the records of a file one after another: the elements of a JSON array, or JSON lines, distinguished by the first
 * byte. The file is never held as a whole; a record may have {@link MAX_RECORD_BYTES}.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`; `BAD_FORMAT` with file and record
 */
export async function* jsonRecords(path: string): AsyncGenerator<JsonRecord> {
  const file = await opened(path)
  try {
    for await (const record of recordsOf(file, path)) {
      if (record.row === 0) {
        refuseCoco(record.value, path)
      }
      yield record
    }
  } finally {
    await file.close()
  }
}

/** Annotations of COCO are one object, which would pass for a record. */
function refuseCoco({ images, annotations }: Record<string, unknown>, path: string): void {
  if (Array.isArray(images) && Array.isArray(annotations)) {
    const message = `${path}: is JSON of COCO's annotations; bring its annotations into a list of {id, image, caption}`
    throw new ModalityGapError('UNSUPPORTED', message, { file: path })
  }
}

/** A record that is not a JSON object, and where it stands. */
export interface BadRecord extends Omit<JsonRecord, 'value'> {
  /** What is wrong with it. */
  error: ModalityGapError
}

/** Hears of records that are not JSON objects; absent to have the first one thrown. */
type OnBad = ((bad: BadRecord) => void) | undefined

/** The records of an opened file; `name` is what it is called in errors, and `advice` what is said of a file of another kind. */
export async function* recordsOf(
  file: RegularFile,
  path: string,
  name = path,
  onBad?: OnBad,
  advice?: string,
): AsyncGenerator<JsonRecord> {
  const begin = await firstByte(file, path)
  if (begin === undefined) {
    return
  }
  if (begin.byte !== 0x5b && begin.byte !== 0x7b) {
    await refuseForeign(path, { advice })
  }
  const framer: Framer = begin.byte === 0x5b ? new ArrayFramer() : new LineFramer()
  const held = new Window(begin.at)
  let row = 0
  for (let at = begin.at; ; ) {
    const chunk = Buffer.allocUnsafe(CHUNK)
    const { bytesRead } = await readAt(file, chunk, at, path)
    held.append(chunk.subarray(0, bytesRead))
    at += bytesRead
    const ends: [number, number][] = []
    try {
      const note = (start: number, end: number) => ends.push([start, end])
      bytesRead > 0 ? framer.write(chunk.subarray(0, bytesRead), note) : framer.end(note)
    } catch (cause) {
      yield* parsed(ends, held, { name, row, onBad })
      throw badRecord(name, row + ends.length, (cause as Error).message, cause)
    }
    row = yield* parsed(ends, held, { name, row, onBad })
    held.dropBefore(begin.at + framer.pending)
    if (held.length > MAX_RECORD_BYTES) {
      throw badRecord(name, row, `it has more than ${MAX_RECORD_BYTES} bytes`)
    }
    if (bytesRead === 0) {
      return
    }
  }
}

/** Records between some bounds; answers the number of the next. */
function* parsed(
  ends: readonly [number, number][],
  held: Window,
  { name, row: from, onBad }: { name: string; row: number; onBad: OnBad },
): Generator<JsonRecord, number> {
  let row = from
  for (const [start, end] of ends) {
    const bytes = held.slice(start, end)
    if (!isBlank(bytes)) {
      const place = { row, start: held.origin + start, length: end - start }
      try {
        yield { value: parseRecord(bytes, name, row), ...place }
      } catch (error) {
        if (onBad === undefined || !(error instanceof ModalityGapError)) {
          throw error
        }
        onBad({ error, ...place })
      }
      row++
    }
  }
  return row
}

/** The bytes from the pending record on, offsets as the framer counts them. */
class Window {
  /** Offset in the file of the framer's first byte. */
  readonly origin: number
  #bytes: Buffer = Buffer.alloc(0)
  /** Offset in the file of the first byte held. */
  #start: number

  constructor(origin: number) {
    this.origin = origin
    this.#start = origin
  }

  get length(): number {
    return this.#bytes.length
  }

  append(bytes: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes])
  }

  slice(start: number, end: number): Buffer {
    const shift = this.origin - this.#start
    return this.#bytes.subarray(start + shift, end + shift)
  }

  dropBefore(offset: number): void {
    this.#bytes = this.#bytes.subarray(offset - this.#start)
    this.#start = offset
  }
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every(byte => byte === 0x20 || byte === 0x09 || byte === 0x0d)
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** The object that some bytes of a file hold. */
export function parseRecord(bytes: Uint8Array, path: string, row: number): Record<string, unknown> {
  let value: unknown
  try {
    value = parseExact(utf8.decode(bytes))
  } catch (cause) {
    const lines = /^\s*\{\s*$/.test(Buffer.from(bytes).toString('utf8'))
      ? '; records are lines, or elements of one array'
      : ''
    throw badRecord(path, row, `it is not JSON (${(cause as Error).message})${lines}`, cause)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badRecord(path, row, 'it is not an object')
  }
  return value as Record<string, unknown>
}

/** The error of a record, with its place. */
export function badRecord(file: string, row: number, message: string, cause?: unknown): ModalityGapError {
  return new ModalityGapError('BAD_FORMAT', `${file}: record ${row}: ${message}`, { file, row, cause })
}

/** The first byte that is not white space, after a byte order mark where there is one. */
async function firstByte(file: RegularFile, path: string): Promise<{ byte: number; at: number } | undefined> {
  const buffer = Buffer.alloc(4096)
  for (let at = 0; ; ) {
    const { bytesRead } = await readAt(file, buffer, at, path)
    const skip = at === 0 && buffer.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf])) ? 3 : 0
    const found = buffer.subarray(0, bytesRead).findIndex((byte, i) => i >= skip && byte > 0x20)
    if (found !== -1) {
      return { byte: buffer[found] as number, at: at + found }
    }
    if (bytesRead === 0) {
      return undefined
    }
    at += bytesRead
  }
}

/** Reads some bytes; throws with the path. */
export async function readAt(
  file: RegularFile,
  buffer: Buffer,
  at: number,
  path: string,
): Promise<{ bytesRead: number }> {
  return await file.read(buffer, 0, buffer.length, at).catch(cause => unreadable(path, cause))
}

/** Opens a file; throws with the path. */
export async function opened(path: string): Promise<RegularFile> {
  return await openRegular(path)
}
