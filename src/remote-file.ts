import { Readable } from 'node:stream'
import { followedToken } from './abort.ts'
import { unwrap } from './errors.ts'
import { type NativeObject, native } from './native.ts'

/** Bytes of an object that are read at once. */
const PIECE = 2 ** 20

/** An opened file or object; a `FileHandle` is one. */
export interface RegularFile {
  /** Its length, the time of its last change, and what a store calls its content. */
  stat(): Promise<{ size: number; mtimeMs: number; tag?: string }>
  /** Fills a buffer from a position; fewer bytes at the end. */
  read<B extends Uint8Array>(
    buffer: B,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ bytesRead: number; buffer: B }>
  /** All of it. */
  readFile(): Promise<Buffer>
  /** Its bytes in pieces; the end or the destruction of the stream closes it. */
  createReadStream(): Readable
  /** Lets go of it. */
  close(): Promise<void>
}

/**
 * Opens an object by its address.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`
 */
export async function openObject(path: string): Promise<RegularFile> {
  return new RemoteFile(unwrap(await native.NativeObject.open(path, followedToken())))
}

/** An object of a store; all its bytes are of the content that it had when it was opened. */
class RemoteFile implements RegularFile {
  readonly #object: NativeObject

  constructor(object: NativeObject) {
    this.#object = object
  }

  async stat(): Promise<{ size: number; mtimeMs: number; tag?: string }> {
    const { size, modified, tag } = this.#object.info()
    return { size, mtimeMs: modified, tag }
  }

  async read<B extends Uint8Array>(
    buffer: B,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ bytesRead: number; buffer: B }> {
    // it may be shorter than one of the same name that was open before
    const left = Math.max(0, this.#object.info().size - position)
    const bytes =
      left === 0
        ? new Uint8Array(0)
        : unwrap(await this.#object.read(position, Math.min(length, left), followedToken()))
    buffer.set(bytes, offset)
    return { bytesRead: bytes.length, buffer }
  }

  async readFile(): Promise<Buffer> {
    return unwrap(await this.#object.read(0, this.#object.info().size, followedToken()))
  }

  createReadStream(): Readable {
    return Readable.from(this.#pieces())
  }

  async close(): Promise<void> {
    this.#object.release()
  }

  async *#pieces(): AsyncGenerator<Buffer> {
    try {
      const { size } = this.#object.info()
      for (let at = 0; at < size; at += PIECE) {
        yield unwrap(await this.#object.read(at, PIECE, followedToken()))
      }
    } finally {
      this.#object.release()
    }
  }
}
