import { createHash } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { placeAt } from '../places.ts'
import { openRegular } from '../regular-file.ts'
import type { RegularFile } from '../remote-file.ts'
import { unreadable } from '../unreadable.ts'

/** Up to this many bytes a file is hashed as a whole. */
const WHOLE = 256 * 2 ** 20
/** Of a longer one so many blocks of so many bytes, spread evenly from its first to its last. */
const [BLOCKS, BLOCK] = [1024, 64 * 1024]
const CHUNK = 2 ** 20

/**
 * A name that changes with what files hold, whatever their times: of sizes and bytes, of files above 256 MiB a sample of 64 MiB.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`
 */
export async function contentsOf(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const path of paths) {
    const { size } = await placeAt(path)
    hash.update(`${size} `)
    const file = await openRegular(path)
    try {
      for await (const bytes of piecesOf(file, size)) {
        hash.update(bytes)
      }
    } catch (cause) {
      unreadable(path, cause)
    } finally {
      await file.close()
    }
  }
  return hash.digest('hex').slice(0, 32)
}

/** Endings of what a folder of a model, of adapters or of a tokenizer is read from. */
const OF_MODEL = /\.(?:json|safetensors|bin|jinja|gguf|model)$/

/**
 * The files of a model, a projector or adapters: the file itself, or those of its folder, in the order of their names.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`
 */
export async function filesOfModel(path: string): Promise<string[]> {
  if (!(await placeAt(path)).folder) {
    return [path]
  }
  const entries = await readdir(path, { withFileTypes: true }).catch(cause => unreadable(path, cause))
  const names = entries.filter(entry => !entry.isDirectory() && OF_MODEL.test(entry.name)).map(({ name }) => name)
  return names.sort().map(name => join(path, name))
}

async function* piecesOf(file: RegularFile, size: number): AsyncGenerator<Uint8Array> {
  const whole = size <= WHOLE
  const length = whole ? CHUNK : BLOCK
  const count = whole ? Math.ceil(size / CHUNK) : BLOCKS
  const buffer = Buffer.alloc(length)
  for (let i = 0; i < count; i++) {
    const at = whole ? i * CHUNK : Math.floor((i * (size - BLOCK)) / (BLOCKS - 1))
    const { bytesRead } = await file.read(buffer, 0, length, at)
    yield buffer.subarray(0, bytesRead)
  }
}
