import { ModalityGapError } from './errors.ts'

/** Levels of objects and lists that options may have; the native side takes a few more. */
const DEEPEST = 100

/**
 * Refuses options that JSON has no form for, by the name of the key: numbers that are not finite, functions, symbols, and nesting
 * without end.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION`
 */
export function checkPlain(options: object): void {
  const open: { value: unknown; path: readonly string[] }[] = [{ value: options, path: [] }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, path } = next
    if (typeof value === 'number' && !Number.isFinite(value)) {
      throw new ModalityGapError('BAD_OPTION', `${path.join('.')} has to be a finite number, not ${value}`)
    }
    if (typeof value === 'function' || typeof value === 'symbol') {
      throw new ModalityGapError('BAD_OPTION', `${path.join('.')} has to be plain data, not a ${typeof value}`)
    }
    if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) {
      if (path.length > DEEPEST) {
        throw new ModalityGapError('BAD_OPTION', `${path[0]} is nested more than ${DEEPEST} levels deep`)
      }
      open.push(...Object.entries(value).map(([key, inner]) => ({ value: inner, path: [...path, key] })))
    }
  }
}
