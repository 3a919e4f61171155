import { ModalityGapError } from './errors.ts'

/** Schemes of addresses, as `SCHEMES` of `crates/stores` has them. */
const SCHEMES = ['s3', 'gs', 'az', 'https', 'http', 'hf']

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
