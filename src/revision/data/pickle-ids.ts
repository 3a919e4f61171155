import { ModalityGapError } from '../../errors.ts'
import { ByteCursor } from './byte-cursor.ts'

/** Bytes of an id at most; longer strings, such as captions, are passed over. */
const MAX_ID_BYTES = 1024
/** Things on the stack at most; Python appends a thousand records at a time. */
const MAX_STACK = 1_000_000

const MARK: unique symbol = Symbol('mark')
/** Anything that is no id: arrays, captions, tuples. */
const OTHER: unique symbol = Symbol('other')

/** A dictionary that is being filled. */
interface Entry {
  id?: string
}

/** The one list, whose elements are handed out. */
const ROOT: unique symbol = Symbol('list')

type Value = string | Entry | typeof MARK | typeof OTHER | typeof ROOT

/** Bytes of an opcode's argument; those with a length before them are in `COUNTED`. */
const FIXED = new Map([
  [0x80, 1],
  [0x95, 8],
  [0x4a, 4],
  [0x4b, 1],
  [0x4d, 2],
  [0x47, 8],
  [0x71, 1],
  [0x72, 4],
  [0x68, 1],
  [0x6a, 4],
])
/** Opcodes of strings (true) and bytes (false) with the size of the length that stands before them. */
const COUNTED = new Map<number, readonly [size: number, text: boolean]>([
  [0x8c, [1, true]],
  [0x58, [4, true]],
  [0x8d, [8, true]],
  [0x55, [1, true]],
  [0x54, [4, true]],
  [0x43, [1, false]],
  [0x42, [4, false]],
  [0x8e, [8, false]],
  [0x96, [8, false]],
  [0x8a, [1, false]],
])

/**
 * The ids in a published pickle, a list of `{id, caption | image_path, embed}`, in the order of its rows. Of the opcodes
 * only those are followed that such a list is made of; nothing is ever executed, and embeddings are passed over.
 *
 * @param key key of the id in a record
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`, `BAD_FORMAT` with the byte, `UNSUPPORTED` for an opcode
 * that does not belong into such a file
 */
export async function* pickleIds(path: string, key = 'id'): AsyncGenerator<string> {
  const cursor = await ByteCursor.open(path)
  try {
    const machine = new IdMachine(path, key)
    for (let done = false; !done; ) {
      const { op, argument } = await next(cursor, path)
      done = machine.run(op, argument, cursor.at)
      yield* machine.found()
    }
  } finally {
    await cursor.close()
  }
}

interface Operation {
  op: number
  /** The argument's bytes, where they matter. */
  argument: Buffer | undefined
}

/** The next opcode and its argument. */
async function next(cursor: ByteCursor, path: string): Promise<Operation> {
  const op = ((cursor.ready(1) ?? (await cursor.take(1))) as Buffer)[0] as number
  const fixed = FIXED.get(op)
  if (fixed !== undefined) {
    return { op, argument: cursor.ready(fixed) ?? (await cursor.take(fixed)) }
  }
  const counted = COUNTED.get(op)
  if (counted !== undefined) {
    const [size, text] = counted
    const count = unsigned(cursor.ready(size) ?? (await cursor.take(size)))
    if (text && count <= MAX_ID_BYTES) {
      return { op, argument: cursor.ready(count) ?? (await cursor.take(count)) }
    }
    cursor.skip(count)
    return { op, argument: undefined }
  }
  if (op === 0x63) {
    await lines(cursor, 2, path)
  }
  return { op, argument: undefined }
}

/** Passes over lines, which the oldest opcodes have for arguments. */
async function lines(cursor: ByteCursor, count: number, path: string): Promise<void> {
  let left = count
  for (let length = 0; left > 0; length++) {
    const [byte] = cursor.ready(1) ?? (await cursor.take(1))
    left -= byte === 0x0a ? 1 : 0
    if (length > MAX_ID_BYTES) {
      throw new ModalityGapError('BAD_FORMAT', `${path}: byte ${cursor.at}: a name without end`, { file: path })
    }
  }
}

/** A little-endian integer of 1 to 8 bytes; above 2⁵³ it is rounded, and no file is that long. */
function unsigned(bytes: Buffer): number {
  return bytes.reduce((value, byte, i) => value + byte * 2 ** (8 * i), 0)
}

/** As much of a pickle machine as ids need. */
class IdMachine {
  readonly #path: string
  readonly #key: string
  readonly #stack: Value[] = []
  /** Short strings by their number in the memo; all else that was memoised is of no interest. */
  readonly #memo = new Map<number, string>()
  #memoised = 0
  #found: string[] = []
  #rows = 0

  constructor(path: string, key: string) {
    this.#path = path
    this.#key = key
  }

  /** Ids of the records that were appended since the last call. */
  found(): string[] {
    const found = this.#found
    this.#found = []
    return found
  }

  /** Runs an opcode; true at the end of the pickle. */
  run(op: number, argument: Buffer | undefined, at: number): boolean {
    if (this.#stack.length > MAX_STACK) {
      this.#fail('BAD_FORMAT', at, 'it nests or holds more than such a file does')
    }
    if (COUNTED.has(op)) {
      const [, text] = COUNTED.get(op) as readonly [number, boolean]
      this.#push(text && argument !== undefined ? argument.toString('utf8') : OTHER)
      return false
    }
    return this.#simple(op, argument, at)
  }

  #simple(op: number, argument: Buffer | undefined, at: number): boolean {
    switch (op) {
      case 0x80: // protocol
      case 0x95: // frame
        return false
      case 0x4a: // signed integer
        return this.#push(String((argument as Buffer).readInt32LE(0)))
      case 0x4b: // integers of one byte and of two
      case 0x4d:
        return this.#push(String(unsigned(argument as Buffer)))
      case 0x47: // float, None, True, False, empty tuple
      case 0x4e:
      case 0x88:
      case 0x89:
      case 0x29:
        return this.#push(OTHER)
      case 0x28: // mark
        return this.#push(MARK)
      case 0x5d: // list
        return this.#push(this.#stack.length === 0 ? ROOT : OTHER)
      case 0x7d: // dictionary
        return this.#push({})
      case 0x71: // put, of one byte and of four
      case 0x72:
        return this.#remember(unsigned(argument as Buffer), at)
      case 0x94: // memoise
        return this.#remember(this.#memoised, at)
      case 0x68: // get, of one byte and of four
      case 0x6a:
        return this.#push(this.#memo.get(unsigned(argument as Buffer)) ?? OTHER)
      case 0x74: // tuples
        this.#untilMark(at)
        return this.#push(OTHER)
      case 0x85:
        return this.#replace(1, at)
      case 0x86: // of two; a name of two parts; a call; a state set
      case 0x93:
      case 0x52:
      case 0x62:
        return this.#replace(2, at)
      case 0x87:
        return this.#replace(3, at)
      case 0x63: // global
        return this.#push(OTHER)
      case 0x73: // set one item
        return this.#fill(this.#pair(at), at)
      case 0x75: // set items
        return this.#fill(this.#untilMark(at), at)
      case 0x61: // append one
        return this.#append([this.#pop(at)], at)
      case 0x65: // append
        return this.#append(this.#untilMark(at), at)
      case 0x2e: // stop
        return this.#stop(at)
      default:
        return this.#fail('UNSUPPORTED', at, `opcode 0x${op.toString(16)} has no place in a list of records`)
    }
  }

  #push(value: Value): false {
    this.#stack.push(value)
    return false
  }

  #pop(at: number): Value {
    const value = this.#stack.pop()
    return value === undefined || value === MARK ? this.#fail('BAD_FORMAT', at, 'it takes more than there is') : value
  }

  #pair(at: number): [Value, Value] {
    const value = this.#pop(at)
    return [this.#pop(at), value]
  }

  #untilMark(at: number): Value[] {
    const mark = this.#stack.lastIndexOf(MARK)
    if (mark === -1) {
      this.#fail('BAD_FORMAT', at, 'it takes more than there is')
    }
    return this.#stack.splice(mark).slice(1)
  }

  #replace(count: number, at: number): false {
    for (let i = 0; i < count; i++) {
      this.#pop(at)
    }
    return this.#push(OTHER)
  }

  #remember(index: number, at: number): false {
    const top = this.#stack.at(-1)
    if (top === undefined) {
      this.#fail('BAD_FORMAT', at, 'it remembers what is not there')
    }
    if (typeof top === 'string') {
      this.#memo.set(index, top)
    } else {
      this.#memo.delete(index)
    }
    this.#memoised++
    return false
  }

  #fill(items: readonly Value[], at: number): false {
    const entry = this.#stack.at(-1)
    if (typeof entry !== 'object') {
      this.#fail('BAD_FORMAT', at, 'it sets an item of what is no dictionary')
    }
    items.forEach((value, i) => {
      if (i % 2 === 1 && items[i - 1] === this.#key && typeof value === 'string') {
        entry.id = value
      }
    })
    return false
  }

  #append(items: readonly Value[], at: number): false {
    if (this.#stack.at(-1) !== ROOT) {
      return false
    }
    for (const item of items) {
      if (typeof item !== 'object' || item.id === undefined) {
        const message = `${this.#path}: record ${this.#rows} has no ${JSON.stringify(this.#key)} that is text or number`
        throw new ModalityGapError('BAD_FORMAT', `${message} (byte ${at})`, { file: this.#path, row: this.#rows })
      }
      this.#found.push(item.id)
      this.#rows++
    }
    return false
  }

  #stop(at: number): true {
    return this.#stack.length === 1 && this.#stack[0] === ROOT
      ? true
      : this.#fail('BAD_FORMAT', at, 'it is no list of records')
  }

  #fail(code: 'BAD_FORMAT' | 'UNSUPPORTED', at: number, message: string): never {
    throw new ModalityGapError(code, `${this.#path}: byte ${at}: ${message}`, { file: this.#path })
  }
}
