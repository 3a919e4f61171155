import { ModalityGapError } from './errors.ts'

/** Tells why a file could not be opened or read. */
export function unreadable(path: string, cause: unknown): never {
  const { code, message } = cause as NodeJS.ErrnoException
  const kind = code === 'ENOENT' ? 'NOT_FOUND' : 'UNREADABLE'
  throw new ModalityGapError(kind, `${path}: ${message}`, { file: path, cause })
}
