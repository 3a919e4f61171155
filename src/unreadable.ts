import { ModalityGapError } from './errors.ts'

/** Tells why a file could not be opened or read; what is said already stays. */
export function unreadable(path: string, cause: unknown): never {
  if (cause instanceof ModalityGapError) {
    throw cause
  }
  const { code, message } = cause as NodeJS.ErrnoException
  const kind = code === 'ENOENT' ? 'NOT_FOUND' : 'UNREADABLE'
  throw new ModalityGapError(kind, `${path}: ${message}`, { file: path, cause })
}
