import { lstat } from 'node:fs/promises'
import { ModalityGapError } from './errors.ts'

/**
 * Refuses to write where a link stands: a folder that was received may hold links to files and folders of its reader's.
 *
 * @throws {@link ModalityGapError} `WRITE_FAILED` with the link
 */
export async function refuseLinks(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const found = await lstat(path).catch(() => undefined)
    if (found?.isSymbolicLink()) {
      const message = `${path} is a link, and nothing is written through links: remove it, or choose another output`
      throw new ModalityGapError('WRITE_FAILED', message, { file: path })
    }
  }
}
