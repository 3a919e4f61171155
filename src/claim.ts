import { lstat } from 'node:fs/promises'
import { followedToken, following, type RunOptions } from './abort.ts'
import { Embeddings, sourceOf } from './embeddings.ts'
import { ModalityGapError, unwrap } from './errors.ts'
import { native } from './native.ts'
import type { OverwriteOptions } from './options.ts'
import { isThere } from './places.ts'
import { isRemote } from './remote.ts'

/**
 * Refuses files that would replace something, unless they may, and those that would stand among the rows that are read.
 *
 * @param sources rows and files that are read
 * @throws {@link ModalityGapError} `BAD_OPTION` where something or a source stands; `WRITE_FAILED` for a folder or device; `CANCELLED`
 */
export async function claimFiles(
  files: readonly (string | undefined)[],
  { overwrite = false, signal }: OverwriteOptions & Pick<RunOptions, 'signal'>,
  sources: readonly (Embeddings | string | undefined)[] = [],
): Promise<void> {
  const asked = files.filter(file => file !== undefined)
  const rows = sources.filter(each => each instanceof Embeddings)
  const read = sources.filter(each => typeof each === 'string')
  const handles = rows.map(sourceOf)
  await following(signal, asked, async () => {
    unwrap(await native.claimFiles(asked, overwrite, handles, read, followedToken()))
  })
}

/**
 * Refuses files and folders that are there, unless they may be replaced.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION`, `CANCELLED`
 */
export async function claimPlaces(paths: readonly string[], { overwrite = false }: OverwriteOptions): Promise<void> {
  for (const path of overwrite ? [] : paths) {
    if (isRemote(path) ? await isThere(path) : await lstat(path).catch(() => undefined)) {
      throw exists(path)
    }
  }
}

/** Something stands where an output is to go. */
export function exists(
  file: string,
  what = 'it exists already',
  advice = 'choose another output, or replace it (overwrite: true, --overwrite)',
): ModalityGapError {
  const message = `${file}: ${what}; ${advice}`
  return new ModalityGapError('BAD_OPTION', message, { file })
}
