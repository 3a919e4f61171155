import { mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ModalityGapError, unwrap } from './errors.ts'
import { native } from './native.ts'
import type { OverwriteOptions } from './options.ts'
import { isRemote } from './remote.ts'

/** A file on its way. */
export interface Draft {
  /** Appends a text or bytes. */
  append(content: string | Uint8Array): Promise<void>
}

/**
 * Writes a file as a whole or not at all: beside its place, flushed to the disk, then renamed; an object is sent when it is complete.
 * Its folder is made. What a process that was killed has left of it goes.
 *
 * @param content all of it, or what writes it piece by piece
 * @param overwrite whether it may take the place of an older file
 * @throws {@link ModalityGapError} `WRITE_FAILED` with the file; `BAD_OPTION` where something stands; what `content` throws on purpose
 */
export async function writeWhole(
  path: string,
  content: string | Uint8Array | ((file: Draft) => Promise<void>),
  { overwrite = true }: OverwriteOptions = {},
): Promise<void> {
  try {
    if (!isRemote(path)) {
      await mkdir(dirname(path), { recursive: true })
    }
    const draft = native.NativeDraft.begin(path)
    const file: Draft = {
      async append(content) {
        unwrap(await draft.write(typeof content === 'string' ? Buffer.from(content) : content))
      },
    }
    try {
      await (typeof content === 'function' ? content(file) : file.append(content))
      unwrap(await draft.commit(overwrite))
    } finally {
      draft.release()
    }
  } catch (cause) {
    if (cause instanceof ModalityGapError) {
      throw cause
    }
    const { message } = cause as Error
    throw new ModalityGapError('WRITE_FAILED', `${path} could not be written: ${message}`, { file: path, cause })
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
