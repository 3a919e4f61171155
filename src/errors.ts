import { withoutSecrets } from './secrets.ts'

/**
 * What went wrong, stable across versions:
 *
 * | code | meaning |
 * | --- | --- |
 * | `NOT_FOUND` | a path does not exist, or what an earlier stage should have left there |
 * | `UNREADABLE` | a file exists but the system does not let it be read |
 * | `BAD_FORMAT` | a file is not what its name says: wrong magic, truncated, nonsense in the header |
 * | `UNSUPPORTED` | a data type or compression that is not read or written, more than can be held, or an address of a store where only a path will do |
 * | `EMPTY` | no rows, no file of rows in a folder, no usable record, no question with a right answer |
 * | `BAD_SELECTOR` | `#name` picks a column, tensor or key that is not there |
 * | `WIDTH_MISMATCH` | rows that must share a width do not |
 * | `BAD_ROW` | a row is not finite, has length zero or a wrong width |
 * | `BAD_SHAPE` | an array does not hold whole rows, or `out` has another length |
 * | `BAD_OPTION` | an option has a value that makes no sense, or an output stands where something is already |
 * | `OVERFLOW` | a component is beyond the range of the output's storage type |
 * | `NOT_PAIRED` | two sides that should be paired differ in rows, or rows and their ids in number |
 * | `TOO_FEW_ROWS` | fewer rows than the statistics need |
 * | `NOT_CONVERGED` | the centroid step did not settle within its bound |
 * | `NUMERIC` | an eigenvalue problem could not be solved, or a loss or what a model computes is not finite |
 * | `BAD_ALIGNER` | bytes that are not an aligner file |
 * | `BAD_FRAME` | bytes that are not the file of a reference frame |
 * | `BAD_STATE` | bytes that are not a tracker's state |
 * | `NEWER_VERSION` | an aligner, frame or state file written by a newer version of this package |
 * | `BAD_IMAGE` | an image cannot be decoded |
 * | `BAD_SAMPLE` | a record of training or test data that cannot be used: roles, images and answers do not fit together |
 * | `BAD_MODEL` | a file or folder of an encoder, language model, projector or training is damaged, of an unknown kind, or does not fit |
 * | `BAD_RECEIPT` | a receipt of an earlier run does not belong to its output, or results of a distributed pass are not whole |
 * | `TASKS_PENDING` | tasks of a distributed job have been listed and are to be run |
 * | `ENGINE_FAILED` | what was to run the tasks of a distributed job could not |
 * | `WRITE_FAILED` | output could not be written: disk full, no permission |
 * | `CANCELLED` | the signal was aborted; `name` is `'AbortError'`, `cause` the signal's reason |
 * | `MISSING_PACKAGE` | an optional package that this needs is not installed |
 * | `NATIVE_UNAVAILABLE` | the native code could not be loaded on this machine |
 * | `PANIC` | a defect of this package, caught at the border |
 */
export type ErrorCode =
  | 'NOT_FOUND'
  | 'UNREADABLE'
  | 'BAD_FORMAT'
  | 'UNSUPPORTED'
  | 'EMPTY'
  | 'BAD_SELECTOR'
  | 'WIDTH_MISMATCH'
  | 'BAD_ROW'
  | 'BAD_SHAPE'
  | 'BAD_OPTION'
  | 'OVERFLOW'
  | 'NOT_PAIRED'
  | 'TOO_FEW_ROWS'
  | 'NOT_CONVERGED'
  | 'NUMERIC'
  | 'BAD_ALIGNER'
  | 'BAD_FRAME'
  | 'NEWER_VERSION'
  | 'BAD_STATE'
  | 'BAD_IMAGE'
  | 'BAD_SAMPLE'
  | 'BAD_MODEL'
  | 'BAD_RECEIPT'
  | 'TASKS_PENDING'
  | 'ENGINE_FAILED'
  | 'WRITE_FAILED'
  | 'CANCELLED'
  | 'MISSING_PACKAGE'
  | 'NATIVE_UNAVAILABLE'
  | 'PANIC'

/** Where an error arose, as far as it is known. */
export interface ErrorPlace {
  /** The file that holds the offending rows, or that could not be read or written. */
  file?: string
  /** Index of the row in that file, from 0; in rows that came from memory, in the whole array. */
  row?: number
  /** Index of the column in that row, from 0. */
  column?: number
  /** Name of the sample or question that cannot be used. */
  sample?: string
}

/** Every error that this package raises on purpose; decide by `code`, show `message`. */
export class ModalityGapError extends Error {
  /** What went wrong, stable across versions. */
  readonly code: ErrorCode
  /** The file concerned, when there is one. */
  readonly file?: string
  /** Index of the row concerned, from 0, when there is one. */
  readonly row?: number
  /** Index of the column concerned, from 0, when there is one. */
  readonly column?: number
  /** Name of the sample or question concerned, when there is one. */
  readonly sample?: string

  /**
   * @param code what went wrong
   * @param message one sentence for people
   * @param place file, row, column and sample, as far as known; `cause` as in `Error`
   */
  constructor(code: ErrorCode, message: string, place: ErrorPlace & { cause?: unknown } = {}) {
    super(withoutSecrets(message), place.cause === undefined ? undefined : { cause: place.cause })
    this.name = code === 'CANCELLED' ? 'AbortError' : 'ModalityGapError'
    this.code = code
    this.file = place.file === undefined ? undefined : withoutSecrets(place.file)
    this.row = place.row
    this.column = place.column
    this.sample = place.sample
  }
}

/** Whether an error says that a call was stopped. */
export function isCancelled(error: unknown): error is ModalityGapError {
  return error instanceof ModalityGapError && error.code === 'CANCELLED'
}

/**
 * What native calls return: a value, or an error with its place in it.
 *
 * @internal
 */
export type Outcome<T> = { ok: T } | { error: { code: string; message: string } & ErrorPlace }

/**
 * The value of an outcome.
 *
 * @throws {@link ModalityGapError} when the outcome is an error
 * @internal
 */
export function unwrap<T>(outcome: Outcome<T>): T {
  if ('error' in outcome) {
    const { code, message, ...place } = outcome.error
    throw new ModalityGapError(code as ErrorCode, message, place)
  }
  return outcome.ok
}
