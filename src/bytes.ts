import { shown } from './checks.ts'
import { ModalityGapError } from './errors.ts'
import { kindOf } from './rows.ts'

/** Bytes, given as such or as their buffer; nothing for anything else. */
export function bytesOf(value: unknown): Uint8Array | undefined {
  switch (kindOf(value)) {
    case 'ArrayBuffer':
      return new Uint8Array(value as ArrayBuffer)
    case 'Uint8Array':
      return value as Uint8Array
    default:
      return undefined
  }
}

/**
 * The bytes of a file.
 *
 * @param of the function that takes them
 * @param forPaths the one that takes a path
 * @throws {@link ModalityGapError} `BAD_OPTION` for anything else
 */
export function checkedBytes(value: unknown, of: string, forPaths: string): Uint8Array {
  const bytes = bytesOf(value)
  if (bytes === undefined) {
    const hint = typeof value === 'string' ? `; for a path there is ${forPaths}` : ''
    throw new ModalityGapError('BAD_OPTION', `${of}: expected the bytes of a file, not ${shown(value)}${hint}`)
  }
  return bytes
}
