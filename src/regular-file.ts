import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { ModalityGapError } from './errors.ts'
import { isRemote } from './remote.ts'
import type { RegularFile } from './remote-file.ts'
import { unreadable } from './unreadable.ts'

/** A pipe without a writer would hold up the opening itself; Windows has no such flag and no such pipes. */
const { O_RDONLY, O_NONBLOCK = 0 } = constants

/** Bytes of a text at most that is read as a whole: V8 holds none that is longer. */
const MAX_TEXT = 500e6

/** Bytes that a compressed file of so many bytes may grow to. */
export const mostUnpacked = (bytes: number): number => 200 * bytes + 64 * 2 ** 20

/**
 * Opens a regular file, or an object by its address: a pipe or a device may have no end, and one that is named in a file of others may
 * be any.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`; `UNREADABLE` also for what is not a regular file
 */
export async function openRegular(path: string): Promise<RegularFile> {
  if (isRemote(path)) {
    // help and files of the system do without the native code
    const { openObject } = await import('./remote-file.ts')
    return await openObject(path)
  }
  const file = await open(path, O_RDONLY | O_NONBLOCK).catch(cause => unreadable(path, cause))
  const isFile = await file.stat().then(
    stats => stats.isFile(),
    () => false,
  )
  if (!isFile) {
    await file.close()
    throw new ModalityGapError('UNREADABLE', `${path} is not a regular file`, { file: path })
  }
  return file
}

/**
 * All bytes of a regular file.
 *
 * @param most bytes that it may have
 * @throws {@link ModalityGapError} as {@link openRegular}; `BAD_FORMAT` for a longer file
 */
export async function readRegular(path: string, most = MAX_TEXT): Promise<Buffer> {
  const file = await openRegular(path)
  try {
    const { size } = await file.stat()
    if (size > most) {
      const message = `${path} has ${size} bytes, more than the ${most} that are read`
      throw new ModalityGapError('BAD_FORMAT', message, { file: path })
    }
    return await file.readFile()
  } catch (cause) {
    throw cause instanceof ModalityGapError ? cause : unreadable(path, cause)
  } finally {
    await file.close()
  }
}
