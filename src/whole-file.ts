import { randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ModalityGapError } from './errors.ts'

/**
 * Writes a file as a whole or not at all: beside its place, flushed to the disk, then renamed. Its folder is made.
 *
 * @throws {@link ModalityGapError} `WRITE_FAILED` with the file
 */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const folder = dirname(path)
  const draft = join(folder, `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`)
  try {
    await mkdir(folder, { recursive: true })
    await flushed(await open(draft, 'wx'), file => file.writeFile(content))
    await rename(draft, path)
    await flushFolder(folder)
  } catch (cause) {
    await rm(draft, { force: true }).catch(() => undefined)
    const { message } = cause as Error
    throw new ModalityGapError('WRITE_FAILED', `${path} could not be written: ${message}`, { file: path, cause })
  }
}

/** Writes through an opened file, waits until the disk holds it, and closes it. */
export async function flushed(file: FileHandle, write: (file: FileHandle) => Promise<void>): Promise<void> {
  try {
    await write(file)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Waits until the disk holds the names in a folder. */
export async function flushFolder(folder: string): Promise<void> {
  // Windows does not open folders
  const opened = await open(folder, 'r').catch(() => undefined)
  try {
    await opened?.sync().catch(() => undefined)
  } finally {
    await opened?.close()
  }
}
