import { ModalityGapError } from './errors.ts'

/** Schemes of addresses, as `SCHEMES` of `crates/stores` has them. */
const SCHEMES = ['s3', 'gs', 'az', 'https', 'http', 'hf']

/** Those of servers that are read only, with where to write instead. */
const READ_ONLY = new Map([
  ['https', 'web servers are read only; write to a folder or a bucket'],
  ['http', 'web servers are read only; write to a folder or a bucket'],
  ['hf', 'the hub is read only here; write to a folder, and send that with hf upload'],
])

/** What an address begins with; a single letter is a drive of Windows. */
const SCHEME = /^([a-z][\w+.-]+):\/\//i

/** Whether a path begins as an address does, of a kind that is known or not. */
export function hasScheme(path: string): boolean {
  return SCHEME.test(path)
}

/**
 * Whether a path is the address of an object in a store, on a web server or on the hub.
 *
 * @throws {@link ModalityGapError} `UNSUPPORTED` for an address of another kind
 */
export function isRemote(path: string): boolean {
  const scheme = SCHEME.exec(path)?.[1]
  if (scheme === undefined) {
    return false
  }
  if (SCHEMES.includes(scheme)) {
    return true
  }
  const known = SCHEMES.map(each => `${each}://`).join(', ')
  const hint = SCHEMES.includes(scheme.toLowerCase())
    ? ' in small letters'
    : scheme.toLowerCase() === 'file'
      ? ', or a path without file://'
      : ''
  throw new ModalityGapError('UNSUPPORTED', `unknown scheme \`${scheme}\` of an address; expected ${known}${hint}`, {
    file: path,
  })
}

/**
 * Refuses an address that nothing can be written to, before anything is read.
 *
 * @param of what is to be written, as users name it
 * @throws {@link ModalityGapError} `UNSUPPORTED`, and as {@link isRemote} does
 */
export function refuseReadOnly(path: string, of: string): void {
  const why = isRemote(path) ? READ_ONLY.get(SCHEME.exec(path)?.[1] ?? '') : undefined
  if (why !== undefined) {
    throw new ModalityGapError('UNSUPPORTED', `${path}: ${of} cannot be written: ${why}`, { file: path })
  }
}
