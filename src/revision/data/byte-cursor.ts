import { type FileHandle, open } from 'node:fs/promises'
import { ModalityGapError } from '../../errors.ts'
import { unreadable } from '../../unreadable.ts'

/** Bytes that are read at once. */
const CHUNK = 2 ** 20

/** Walks through a file: takes a few bytes, skips many. */
export class ByteCursor {
  readonly #path: string
  readonly #file: FileHandle
  readonly #size: number
  #buffer: Buffer = Buffer.alloc(0)
  #next = 0
  /** Offset in the file of the byte after the buffer. */
  #end = 0

  private constructor(path: string, file: FileHandle, size: number) {
    this.#path = path
    this.#file = file
    this.#size = size
  }

  /** @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE` */
  static async open(path: string): Promise<ByteCursor> {
    try {
      const file = await open(path, 'r')
      return new ByteCursor(path, file, (await file.stat()).size)
    } catch (cause) {
      return unreadable(path, cause)
    }
  }

  /** Offset of the next byte. */
  get at(): number {
    return this.#end - this.#buffer.length + this.#next
  }

  /** The next bytes, where they are buffered already; nothing where {@link ByteCursor.take} has to be awaited. */
  ready(count: number): Buffer | undefined {
    if (this.#next + count > this.#buffer.length) {
      return undefined
    }
    this.#next += count
    return this.#buffer.subarray(this.#next - count, this.#next)
  }

  /** The next bytes, valid until the next call. */
  async take(count: number): Promise<Buffer> {
    const { at } = this
    this.#within(at, count)
    const buffer = Buffer.allocUnsafe(Math.min(Math.max(CHUNK, count), this.#size - at))
    const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, at)
    if (bytesRead < count) {
      this.#fail('the file has become shorter while it was read')
    }
    this.#buffer = buffer.subarray(0, bytesRead)
    this.#next = count
    this.#end = at + bytesRead
    return this.#buffer.subarray(0, count)
  }

  /** Goes on behind the next bytes. */
  skip(count: number): void {
    const { at } = this
    this.#within(at, count)
    if (this.#next + count <= this.#buffer.length) {
      this.#next += count
    } else {
      this.#buffer = Buffer.alloc(0)
      this.#next = 0
      this.#end = at + count
    }
  }

  /** Lets go of the file. */
  async close(): Promise<void> {
    await this.#file.close()
  }

  #within(at: number, count: number): void {
    if (!(count <= this.#size - at)) {
      this.#fail('it ends too early, or promises more than there is')
    }
  }

  #fail(message: string): never {
    throw new ModalityGapError('BAD_FORMAT', `${this.#path}: byte ${this.at}: ${message}`, { file: this.#path })
  }
}
