import { Tokenizer, TokenType } from '@streamparser/json'

/** Bytes of a record at most: what a hostile or broken file can make the reader hold. */
export const MAX_RECORD_BYTES = 64 * 2 ** 20

/**
 * Finds where records begin and end in a stream of bytes; offsets count from the first byte it was given. What it throws
 * says what is wrong; the reader adds file and record.
 */
export interface Framer {
  /** Takes the next bytes and reports every record that ends in them. */
  write(bytes: Uint8Array, onRecord: (start: number, end: number) => void): void
  /** Start of the record that has begun and not ended, or the next byte; what lies before is no longer needed. */
  readonly pending: number
  /** Tells of a record that the end of the file ends. */
  end(onRecord: (start: number, end: number) => void): void
}

/** Lines, each a record; empty ones are none. */
export class LineFramer implements Framer {
  #at = 0
  #start = 0

  get pending(): number {
    return this.#start
  }

  write(bytes: Uint8Array, onRecord: (start: number, end: number) => void): void {
    for (let from = 0; ; ) {
      const newline = bytes.indexOf(10, from)
      if (newline === -1) {
        break
      }
      onRecord(this.#start, this.#at + newline)
      from = newline + 1
      this.#start = this.#at + from
    }
    this.#at += bytes.length
  }

  end(onRecord: (start: number, end: number) => void): void {
    if (this.#at > this.#start) {
      onRecord(this.#start, this.#at)
    }
  }
}

/** Values that are neither objects nor lists. */
const SCALARS: ReadonlySet<TokenType> = new Set([
  TokenType.TRUE,
  TokenType.FALSE,
  TokenType.NULL,
  TokenType.STRING,
  TokenType.NUMBER,
])

/** Elements of one array; the text inside them is tokenised here and parsed by whoever takes them. */
export class ArrayFramer implements Framer {
  readonly #tokenizer = new Tokenizer()
  #at = 0
  #depth = 0
  #start: number | undefined
  /** Behind the bracket or comma before the next element. */
  #from = 0
  #expects: 'array' | 'element or end' | 'element' | 'comma or end' | 'nothing' = 'array'
  #onRecord: (start: number, end: number) => void = () => undefined

  constructor() {
    this.#tokenizer.onToken = ({ token, offset }) => this.#take(token, offset)
  }

  get pending(): number {
    return this.#start ?? (this.#expects.startsWith('element') ? this.#from : this.#at)
  }

  write(bytes: Uint8Array, onRecord: (start: number, end: number) => void): void {
    this.#onRecord = onRecord
    this.#tokenizer.write(bytes)
    this.#at += bytes.length
  }

  end(): void {
    if (this.#expects !== 'nothing') {
      throw new Error('the file ends before its array does')
    }
  }

  #take(token: TokenType, offset: number): void {
    if (this.#depth > 1) {
      this.#inside(token, offset)
    } else {
      this.#between(token, offset)
    }
  }

  /** A token of an element: only what opens and closes matters. */
  #inside(token: TokenType, offset: number): void {
    if (token === TokenType.LEFT_BRACE || token === TokenType.LEFT_BRACKET) {
      this.#depth++
    } else if (token === TokenType.RIGHT_BRACE || token === TokenType.RIGHT_BRACKET) {
      this.#depth--
      if (this.#depth === 1) {
        this.#onRecord(this.#start as number, offset + 1)
        this.#start = undefined
        this.#expects = 'comma or end'
      }
    }
  }

  /** Tells of an element without brackets, where one has begun. */
  #scalarEnds(offset: number): void {
    if (this.#start !== undefined) {
      this.#onRecord(this.#start, offset)
      this.#start = undefined
    }
  }

  /** A token of the array itself. */
  #between(token: TokenType, offset: number): void {
    const wants = this.#expects
    if (wants === 'array' && token === TokenType.LEFT_BRACKET) {
      this.#depth = 1
      this.#from = offset + 1
      this.#expects = 'element or end'
    } else if (wants.startsWith('element') && (token === TokenType.LEFT_BRACE || token === TokenType.LEFT_BRACKET)) {
      this.#depth = 2
      this.#start = offset
    } else if (wants.startsWith('element') && SCALARS.has(token)) {
      // no record; it ends where the comma or the bracket behind it stands
      this.#start = offset
      this.#expects = 'comma or end'
    } else if (wants === 'comma or end' && token === TokenType.COMMA) {
      this.#scalarEnds(offset)
      this.#from = offset + 1
      this.#expects = 'element'
    } else if (wants.endsWith('or end') && token === TokenType.RIGHT_BRACKET) {
      this.#scalarEnds(offset)
      this.#depth = 0
      this.#expects = 'nothing'
    } else if (wants.startsWith('element')) {
      throw new Error('an element of the array is missing')
    } else {
      throw new Error(wants === 'nothing' ? 'something follows the array' : 'a comma is missing or too many')
    }
  }
}
