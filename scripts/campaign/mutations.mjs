// Files changed by chance: the same seed gives the same changes.
import { gunzipSync, gzipSync } from 'node:zlib'
import { mulberry32 } from '../evidence/random.mjs'
import { entriesOf, isPng, isZip, withEntry, withSums } from './containers.mjs'

/** Numbers that sizes and counts break at, as a text has them. */
const NUMBERS = [
  ...[
    '0',
    '-1',
    '1',
    '2',
    '3',
    '7',
    '255',
    '256',
    '65535',
    '65536',
    '2147483647',
    '2147483648',
    '4294967295',
    '4294967296',
  ],
  ...['1000000000', '9007199254740993', '9223372036854775807', '18446744073709551615', '18446744073709551616'],
  ...[
    '0.5',
    '-0.0',
    '1e-320',
    '1e38',
    '3.5e38',
    '1e308',
    '1e309',
    '-1e999',
    '1e1000000000',
    '123456789012345678901234567890',
  ],
  ...['NaN', 'Infinity', '0x10', '1_000', '٣'],
]
/** The same in binary fields. */
const FIELDS = [
  0n,
  1n,
  0x7fn,
  0xffn,
  0x7fffn,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  1n << 40n,
  (1n << 63n) - 1n,
  1n << 63n,
  (1n << 64n) - 1n,
]
/** Values of JSON that stand where others are expected. */
const VALUES = [
  null,
  true,
  false,
  '',
  'x',
  '\u0000',
  [],
  {},
  [[]],
  [null],
  { x: null },
  'a'.repeat(70_000),
  '1',
  '__proto__',
]

/** Numbers by chance from a seed, a kind and a number of a case. */
export class Chance {
  #next

  constructor(...parts) {
    let hash = 2166136261
    for (const letter of parts.join('\u0000')) hash = Math.imul(hash ^ letter.codePointAt(0), 16777619)
    this.#next = mulberry32(hash)
    this.#next()
  }

  /** A whole number below `count`. */
  below(count) {
    return Math.floor(this.#next() * count)
  }

  /** Whether something happens that has this probability. */
  happens(probability) {
    return this.#next() < probability
  }

  of(list) {
    return list[this.below(list.length)]
  }
}

/**
 * A file changed by chance, with what was done in a word. Files inside of zip, gzip, PNG and the header of safetensors are changed
 * inside as often as outside, for a broken checksum would hide what stands behind it.
 *
 * @param bytes the file
 * @param donors other files, of which parts may be put in
 */
export function mutated(bytes, chance, donors = []) {
  const times = chance.happens(0.7) ? 1 : 2 + chance.below(3)
  let [out, how] = [bytes, []]
  for (let i = 0; i < times; i++) {
    const [changed, what] = once(out, chance, donors)
    ;[out, how] = [changed, [...how, what]]
  }
  return { bytes: out, how: how.join(', ') }
}

function once(bytes, chance, donors) {
  if (isZip(bytes) && chance.happens(0.7)) {
    const entries = entriesOf(bytes)
    if (entries.length > 0) {
      const { name, data } = chance.of(entries)
      const [inner, how] = flat(data, chance, donors)
      return [withEntry(bytes, name, inner), `${how} in ${name}`]
    }
  }
  if (bytes[0] === 0x1f && bytes[1] === 0x8b && chance.happens(0.7)) {
    try {
      const [inner, how] = once(gunzipSync(bytes, { maxOutputLength: 1 << 26 }), chance, donors)
      return [gzipSync(inner), `${how} in gzip`]
    } catch {
      // broken by a change before
    }
  }
  if (isPng(bytes) && chance.happens(0.8)) {
    const [inner, how] = flat(bytes, chance, donors)
    return [withSums(inner), `${how} with sums`]
  }
  const header = headerOf(bytes)
  if (header !== undefined && chance.happens(0.75)) {
    const kind = chance.of(['header', 'tensor', 'tensor', 'data', 'data'])
    const start = 8 + Buffer.byteLength(header)
    if (kind === 'data') {
      const data = CHANGES[chance.of(['bits', 'byte', 'value', 'value'])](Buffer.from(bytes.subarray(start)), chance)
      return [Buffer.concat([bytes.subarray(0, start), data]), 'data']
    }
    const changed = kind === 'header' ? ofJson(header, chance) : ofTensors(header, chance)
    if (changed !== undefined) return [withHeader(bytes, changed), kind]
  }
  return flat(bytes, chance, donors)
}

function flat(bytes, chance, donors) {
  if (chance.happens(0.4)) {
    const changed = ofJson(bytes.toString('utf8'), chance)
    if (changed !== undefined) return [Buffer.from(changed), 'JSON']
  }
  const name = chance.of(Object.keys(CHANGES))
  return [CHANGES[name](Buffer.from(bytes), chance, donors) ?? bytes, name]
}

const CHANGES = {
  bits(bytes, chance) {
    for (let i = 1 + chance.below(8); bytes.length > 0 && i > 0; i--)
      bytes[placeIn(bytes, chance)] ^= 1 << chance.below(8)
    return bytes
  },
  byte(bytes, chance) {
    if (bytes.length > 0) bytes[placeIn(bytes, chance)] = chance.of([0, 0x7f, 0x80, 0xff, 0x0a, 0x22, 0x5b, 0x7b])
    return bytes
  },
  cut: (bytes, chance) => bytes.subarray(0, chance.below(bytes.length + 1)),
  'cut at the front': (bytes, chance) => bytes.subarray(chance.below(Math.min(bytes.length, 64) + 1)),
  removed(bytes, chance) {
    const [from, to] = rangeIn(bytes, chance)
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])
  },
  repeated(bytes, chance) {
    const [from, to] = rangeIn(bytes, chance)
    const part = bytes.subarray(from, to)
    return Buffer.concat([bytes.subarray(0, to), ...Array(1 + chance.below(20)).fill(part), bytes.subarray(to)])
  },
  spliced(bytes, chance, donors) {
    const donor = donors.length > 0 ? chance.of(donors) : bytes
    const [[from, to], at] = [rangeIn(donor, chance), chance.below(bytes.length + 1)]
    const behind = chance.happens(0.5) ? at : Math.min(bytes.length, at + to - from)
    return Buffer.concat([bytes.subarray(0, at), donor.subarray(from, to), bytes.subarray(behind)])
  },
  noise(bytes, chance) {
    const at = chance.below(bytes.length + 1)
    const part = Buffer.from(Array.from({ length: 1 + chance.below(64) }, () => chance.below(256)))
    return Buffer.concat([bytes.subarray(0, at), part, bytes.subarray(at)])
  },
  field(bytes, chance) {
    const size = chance.of([1, 2, 4, 8])
    if (bytes.length < size) return bytes
    const place = Math.min(bytes.length - size, placeIn(bytes, chance))
    const at = chance.happens(0.7) ? place - (place % size) : place
    const value = BigInt.asUintN(8 * size, chance.of(FIELDS))
    const raw = Buffer.alloc(8)
    chance.happens(0.8) ? raw.writeBigUInt64LE(value) : raw.writeBigUInt64BE(value << BigInt(64 - 8 * size))
    raw.copy(bytes, at, 0, size)
    return bytes
  },
  value(bytes, chance) {
    const kinds = {
      2: [0x7c00, 0xfc00, 0x7e00, 0x7bff, 0x7f80],
      4: [0x7f800000, 0xff800000, 0x7fc00000, 0x7f7fffff],
      8: [Infinity, NaN, 1.7e308],
    }
    const size = chance.of([2, 4, 4, 4, 8])
    if (bytes.length < size) return bytes
    const place = bytes.length - size - chance.below(bytes.length - size + 1)
    const [at, pattern] = [place - (place % size), chance.of(kinds[size])]
    if (size === 2) bytes.writeUInt16LE(pattern, at)
    if (size === 4) bytes.writeUInt32LE(pattern, at)
    if (size === 8) bytes.writeDoubleLE(pattern, at)
    return bytes
  },
  number(bytes, chance) {
    const text = bytes.toString('latin1')
    const found = [...text.slice(0, 200_000).matchAll(/-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/g)]
    if (found.length === 0) return bytes
    const { 0: old, index } = chance.of(found)
    return Buffer.concat([
      bytes.subarray(0, index),
      Buffer.from(chance.of(NUMBERS)),
      bytes.subarray(index + old.length),
    ])
  },
  word(bytes, chance) {
    const found = [
      ...bytes
        .toString('latin1')
        .slice(0, 200_000)
        .matchAll(/[a-z_]{3,}/gi),
    ]
    if (found.length === 0) return bytes
    const [{ 0: old, index }, { 0: other }] = [chance.of(found), chance.of(found)]
    return Buffer.concat([bytes.subarray(0, index), Buffer.from(other, 'latin1'), bytes.subarray(index + old.length)])
  },
  nested(bytes, chance) {
    const [open, close] = chance.of([
      ['[', ']'],
      ['{"a":', '}'],
      ['(', ')'],
      ['- ', ''],
      ['{{', '}}'],
    ])
    const depth = chance.of([100, 1000, 20_000])
    const at = chance.below(bytes.length + 1)
    return Buffer.concat([
      bytes.subarray(0, at),
      Buffer.from(open.repeat(depth) + close.repeat(depth)),
      bytes.subarray(at),
    ])
  },
  nothing: () => Buffer.alloc(0),
}

/** A place: in the first KB, where sizes stand, as often as in the whole file, and in the last one now and then. */
function placeIn(bytes, chance) {
  const end = Math.min(bytes.length, 1024)
  if (chance.happens(0.5)) return chance.below(end)
  return chance.happens(0.2) ? bytes.length - 1 - chance.below(end) : chance.below(bytes.length)
}

function rangeIn(bytes, chance) {
  const from = chance.below(bytes.length + 1)
  return [from, Math.min(bytes.length, from + 1 + chance.below(chance.of([4, 64, 1024])))]
}

/** The JSON header of safetensors, and what announces itself in the same way. */
function headerOf(bytes) {
  if (bytes.length < 10) return undefined
  const length = bytes.readBigUInt64LE(0)
  return length < bytes.length - 7 && bytes[8] === 0x7b ? bytes.toString('utf8', 8, 8 + Number(length)) : undefined
}

function withHeader(bytes, header) {
  const [text, length] = [Buffer.from(header), Buffer.alloc(8)]
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, bytes.subarray(8 + Number(bytes.readBigUInt64LE(0)))])
}

/** A header that fits its data and says something else of it. */
function ofTensors(header, chance) {
  let entries
  try {
    entries = JSON.parse(header)
  } catch {
    return undefined
  }
  const names = Object.keys(entries).filter(
    name => Array.isArray(entries[name]?.shape) && Array.isArray(entries[name].data_offsets),
  )
  if (names.length === 0) return undefined
  const [name, other] = [chance.of(names), chance.of(names)]
  const tensor = entries[name]
  const kind = chance.below(7)
  if (kind === 0) tensor.shape.reverse()
  else if (kind === 1) tensor.shape = [tensor.shape.reduce((a, b) => a * b, 1)]
  else if (kind === 2) tensor.shape.splice(chance.below(tensor.shape.length + 1), 0, 1)
  else if (kind === 3) [entries[name], entries[other]] = [entries[other], tensor]
  else if (kind === 4) {
    delete entries[name]
    entries[`${name}${chance.of(['.', '0', '_scale', '.base_layer'])}`] = tensor
  } else if (kind === 5) tensor.dtype = chance.of(SAME_SIZE.find(types => types.includes(tensor.dtype)) ?? ['F32'])
  else {
    // one value fewer, and the next tensor takes what is left
    tensor.shape[0] = Math.max(0, tensor.shape[0] - 1)
  }
  return JSON.stringify(entries)
}

const SAME_SIZE = [
  ['F32', 'I32', 'U32'],
  ['F16', 'BF16', 'I16', 'U16'],
  ['F64', 'I64', 'U64'],
]

/** JSON with one value changed; nothing for a text that is none. Of JSON lines one is changed. */
function ofJson(text, chance) {
  if (text.length > 2_000_000) return undefined
  if (!/^[\s\ufeff]*[[{]/.test(text)) return undefined
  try {
    return changedJson(JSON.parse(text), chance)
  } catch {
    const lines = text.split('\n')
    const at = chance.below(lines.length)
    try {
      lines[at] = changedJson(JSON.parse(lines[at]), chance)
      return lines.join('\n')
    } catch {
      return undefined
    }
  }
}

/** A text that takes the place of a value and is written as it stands. */
const MARK = '\u0001raw:'

function changedJson(value, chance) {
  const places = []
  collect(value, undefined, undefined, places)
  const { parent, key } = chance.of(places)
  if (parent === undefined) return JSON.stringify(chance.of(VALUES))
  const old = parent[key]
  const other = chance.of(places)
  const kind = chance.below(8)
  if (kind === 0) Array.isArray(parent) ? parent.splice(key, 1) : delete parent[key]
  else if (kind === 1) parent[key] = chance.of(VALUES)
  else if (kind === 2) parent[key] = `${MARK}${'['.repeat(3000)}${']'.repeat(3000)}`
  else if (kind === 3 && other.parent !== undefined) parent[key] = structuredClone(other.parent[other.key])
  else if (kind === 4 && !Array.isArray(parent)) {
    delete parent[key]
    parent[`${key}${chance.of(['', '_', 's', '\u001b[2J'])}x`] = old
  } else if (kind === 5 && typeof old === 'string') parent[key] = ofText(old, chance)
  else if (kind === 6 && Array.isArray(old)) parent[key] = Array(chance.of([0, 1, 1000])).fill(old[0] ?? null)
  else if (typeof old === 'number' && chance.happens(0.5))
    parent[key] = chance.of([old + 1, old - 1, 2 * old, Math.floor(old / 2), -old, 3, 1000 * old])
  else parent[key] = `${MARK}${chance.of(NUMBERS)}`
  return written(value)
}

function ofText(text, chance) {
  const inner = /^\s*[[{]/.test(text) ? ofJson(text, chance) : undefined
  return (
    inner ??
    flat(Buffer.from(text.length > 0 ? text : 'a'), chance, [])
      .at(0)
      .toString('utf8')
  )
}

function written(value) {
  return JSON.stringify(value).replaceAll(/"\\u0001raw:([^"]*)"/g, '$1')
}

function collect(value, parent, key, places) {
  if (places.length > 50_000) return
  places.push({ parent, key })
  if (typeof value === 'object' && value !== null) {
    for (const each of Object.keys(value))
      collect(value[each], value, Array.isArray(value) ? Number(each) : each, places)
  }
}
