import { ModalityGapError } from './errors.ts'

/** Files beyond this are not aligners. */
const MAX_BYTES = 2 ** 30
/** Headers beyond this are none of ours. */
const MAX_HEADER = 2 ** 24
/** Deepest nesting of JSON. */
const MAX_DEPTH = 32
/** Size that no number of a map has; squares and products of larger ones could overflow. */
const LARGEST = 1e15
const KEY = 'modality-gap'

interface TensorEntry {
  dtype: string
  shape: number[]
  data_offsets: [number, number]
}

/** An opened file: its tensors lie end to end over the data. */
export interface AlignerHeader {
  /** What the metadata tells. */
  info: Record<string, unknown>
  /** Whether there is a tensor of that name. */
  has(name: string): boolean
  /** The values of a tensor of that shape. */
  tensor(name: string, shape: readonly number[]): Float64Array
  /** Refuses a tensor that is not an ascending list of at most so many hashes. */
  checkHashes(name: string, most: number): void
}

/**
 * What bytes have to be before an aligner is read from them: one rule, which `aligner_header.rs` follows word for word. The header
 * is read as plain JSON, in which the last of two equal keys counts and `1e2` is a whole number.
 *
 * @throws {@link ModalityGapError} `BAD_ALIGNER`
 */
export function readHeader(bytes: Uint8Array): AlignerHeader {
  if (bytes.length > MAX_BYTES) {
    throw bad(`${bytes.length} bytes are too many`)
  }
  if (bytes.length < 8) {
    throw bad('it is too short for a header')
  }
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
  if (length > bytes.length - 8 || length > MAX_HEADER) {
    throw bad('its header is longer than the file')
  }
  const data = bytes.subarray(8 + length)
  const { __metadata__: metadata, ...described } = parsed(bytes.subarray(8, 8 + length), 'its header')
  const text = isObject(metadata) && Object.hasOwn(metadata, KEY) ? metadata[KEY] : undefined
  if (typeof text !== 'string') {
    throw bad(`it has no "${KEY}" metadata`)
  }
  const info = parsed(new TextEncoder().encode(text), 'its metadata')
  const entries = new Map(Object.entries(described).map(([name, entry]) => [name, entryOf(name, entry)]))
  checkCoverage(entries, data.length)
  return {
    info,
    has: name => entries.has(name),
    tensor: (name, shape) => readTensor(name, entries.get(name), shape, data),
    checkHashes(name, most) {
      const entry = entries.get(name)
      const words = wordsOf(name, entry, 'U64', entry?.shape.slice(0, 1) ?? [], data)
      const hashAt = (i: number) => words.getBigUint64(8 * i, true)
      const count = words.byteLength / 8
      if (count > most || Array.from({ length: count - 1 }, (_, i) => i).some(i => hashAt(i) >= hashAt(i + 1))) {
        throw bad(`tensor "${name}" is not an ascending list of hashes`)
      }
    },
  }
}

/** Whether a value may stand in a map. */
export function usable(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= LARGEST
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function bad(why: string, cause?: unknown): ModalityGapError {
  return new ModalityGapError('BAD_ALIGNER', `not an aligner file: ${why}`, { cause })
}

function parsed(utf8: Uint8Array, what: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(utf8))
  } catch (cause) {
    throw bad(`${what} is not JSON`, cause)
  }
  checkJson(value, what, 1)
  if (!isObject(value)) {
    throw bad(`${what} is not a JSON object`)
  }
  return value
}

/** Refuses what this parser takes and others do not: numbers without end, halves of characters; and deep nesting. */
function checkJson(value: unknown, what: string, depth: number): void {
  if (depth > MAX_DEPTH) {
    throw bad(`its JSON is nested deeper than ${MAX_DEPTH}`)
  }
  const odd = typeof value === 'number' ? !Number.isFinite(value) : typeof value === 'string' && HALVES.test(value)
  if (odd) {
    throw bad(`${what} is not JSON`)
  }
  if (typeof value === 'object' && value !== null) {
    for (const [key, each] of Object.entries(value)) {
      checkJson(key, what, depth)
      checkJson(each, what, depth + 1)
    }
  }
}

/** A surrogate without its other half. */
const HALVES = /[\ud800-\udfff]/u

function entryOf(name: string, value: unknown): TensorEntry {
  const { dtype, shape, data_offsets: offsets } = Object(value) as Partial<Record<keyof TensorEntry, unknown>>
  if (typeof dtype !== 'string' || !isCounts(shape) || !isCounts(offsets) || offsets.length !== 2) {
    throw bad(`tensor "${name}" is not described`)
  }
  return { dtype, shape, data_offsets: offsets as [number, number] }
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(isCount)
}

/** Tensors have to lie end to end over the whole data, as the format demands: no overlap, no hidden bytes. */
function checkCoverage(entries: ReadonlyMap<string, TensorEntry>, length: number): void {
  const ranges = [...entries.values()].map(entry => entry.data_offsets)
  ranges.sort((a, b) => a[0] - b[0] || a[1] - b[1])
  let end = 0
  for (const [from, to] of ranges) {
    if (from !== end || to < from) {
      throw bad('its tensors do not lie end to end')
    }
    end = to
  }
  if (end !== length) {
    throw bad(`its tensors take ${end} bytes, the file holds ${length}`)
  }
}

function readTensor(
  name: string,
  entry: TensorEntry | undefined,
  shape: readonly number[],
  data: Uint8Array,
): Float64Array {
  const words = wordsOf(name, entry, 'F64', shape, data)
  const values = Float64Array.from({ length: words.byteLength / 8 }, (_, i) => words.getFloat64(i * 8, true))
  const odd = values.find(value => !usable(value))
  if (odd !== undefined) {
    const what = Number.isFinite(odd) ? `beyond ${LARGEST}` : 'that is not finite'
    throw bad(`tensor "${name}" has a value ${what}`)
  }
  return values
}

/** The words of eight bytes of a tensor of that type and shape. */
function wordsOf(
  name: string,
  entry: TensorEntry | undefined,
  dtype: string,
  shape: readonly number[],
  data: Uint8Array,
): DataView {
  if (entry === undefined) {
    throw bad(`tensor "${name}" is missing`)
  }
  const [from, to] = entry.data_offsets
  const count = shape.reduce((a, b) => a * b, 1)
  const fits = entry.dtype === dtype && entry.shape.join() === shape.join() && to - from === count * 8
  if (!fits) {
    throw bad(`tensor "${name}" is ${entry.dtype} [${entry.shape}], not ${dtype} [${shape}]`)
  }
  return new DataView(data.buffer, data.byteOffset + from, to - from)
}
