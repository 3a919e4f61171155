import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { followedToken } from './abort.ts'
import { isCancelled, unwrap } from './errors.ts'
import { native } from './native.ts'
import { isRemote } from './remote.ts'
import { unreadable } from './unreadable.ts'

/** What stands at a path or an address. */
export interface FoundPlace {
  /** Whether it is a folder; one of objects is what their names have in common. */
  folder: boolean
  /** Bytes of a file. */
  size: number
  /** Time of the last change, in milliseconds; 0 for a folder of objects. */
  modified: number
  /** What a store calls this content. */
  tag?: string
}

/**
 * What stands at a path or an address; nothing where nothing does.
 *
 * @throws {@link ModalityGapError} `UNREADABLE`
 */
export async function findPlace(path: string): Promise<FoundPlace | undefined> {
  if (isRemote(path)) {
    return unwrap(await native.findPlace(path, followedToken())) ?? undefined
  }
  const found = await stat(path).catch(cause => (cause.code === 'ENOENT' ? undefined : unreadable(path, cause)))
  return found && { folder: found.isDirectory(), size: found.size, modified: found.mtimeMs }
}

/**
 * What stands at a path or an address.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`
 */
export async function placeAt(path: string): Promise<FoundPlace> {
  const cause = { code: 'ENOENT', message: 'no such file or folder' }
  return (await findPlace(path)) ?? unreadable(path, cause)
}

/**
 * Whether something stands at a path or an address that can be looked at.
 *
 * @throws {@link ModalityGapError} `CANCELLED`
 */
export async function isThere(path: string): Promise<boolean> {
  const found = await findPlace(path).catch(error => (isCancelled(error) ? Promise.reject(error) : undefined))
  return found !== undefined
}

/** What a file does not keep that is written anew or appended to. */
export function stampOf({ size = 0, modified, tag }: Partial<FoundPlace> = {}): string {
  return `${size} ${modified} ${tag}`
}

/**
 * Names in a folder, in no order.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`
 */
export async function namesIn(folder: string): Promise<string[]> {
  return isRemote(folder)
    ? unwrap(await native.namesInFolder(folder, followedToken()))
    : await readdir(folder).catch(cause => unreadable(folder, cause))
}

/** A name in a folder. */
export function within(folder: string, name: string): string {
  return isRemote(folder) ? `${folder}${folder.endsWith('/') ? '' : '/'}${name}` : join(folder, name)
}
