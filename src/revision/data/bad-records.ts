import { ModalityGapError } from '../../errors.ts'

/** Bad records that are named. */
const NAMED = 20

/** What happens to records that cannot be used: all are reported in one error, or they are left out and counted. */
export type OnBadRecord = 'error' | 'drop'

/** Records that were left out. */
export interface DroppedRecords {
  /** How many. */
  count: number
  /** What is wrong with the first of them. */
  first: string[]
}

/** What is wrong with the records of a data set, as they are met. */
export class BadRecords {
  readonly #onBad: OnBadRecord
  readonly #fatal: ModalityGapError[] = []
  readonly #dropped: string[] = []
  #fatalCount = 0
  #droppedCount = 0
  #droppable = 0

  constructor(onBad: OnBadRecord) {
    this.#onBad = onBad
  }

  /** Notes a record that cannot be used. */
  bad(error: ModalityGapError): void {
    if (this.#onBad === 'error') {
      this.#droppable++
      this.fatal(error)
      return
    }
    this.#droppedCount++
    if (this.#dropped.length < NAMED) {
      this.#dropped.push(error.message)
    }
  }

  /** Notes an error that leaving bad records out does not cure. */
  fatal(error: ModalityGapError): void {
    this.#fatalCount++
    if (this.#fatal.length < NAMED) {
      this.#fatal.push(error)
    }
  }

  /** Records left out; absent where there are none. */
  get dropped(): DroppedRecords | undefined {
    return this.#droppedCount === 0 ? undefined : { count: this.#droppedCount, first: this.#dropped }
  }

  /**
   * Tells of all errors in one.
   *
   * @throws {@link ModalityGapError} the first one, with the messages of the first {@link NAMED} and how many there are
   */
  check(): void {
    const [first] = this.#fatal
    if (first === undefined) {
      return
    }
    if (this.#fatalCount === 1) {
      throw first
    }
    const more = this.#fatalCount > NAMED ? `\n  and ${this.#fatalCount - NAMED} more` : ''
    const help = this.#droppable > 0 ? '\n  records: { onBad: drop } leaves bad records out' : ''
    const lines = this.#fatal.map(({ message }) => `\n  ${message}`).join('')
    const message = `${this.#fatalCount} records cannot be used:${lines}${more}${help}`
    const { code, file, row } = first
    throw new ModalityGapError(code, message, { file, row, cause: first })
  }
}
