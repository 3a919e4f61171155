import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { entriesOf, isZip, withEntry } from '../scripts/campaign/containers.mjs'
import { KINDS } from '../scripts/campaign/kinds/index.mjs'
import type { ModalityGapError } from '../src/errors.ts'
import { folderOf } from './helpers/place.ts'

/** A value that is NaN as f64, and whose end is NaN as f32, f16 and bf16. */
const NAN = Buffer.from([0, 0, 0, 0, 0, 0, 0xf8, 0x7f])
/** Likewise infinite. */
const INFINITE: Record<string, Buffer> = {
  F64: Buffer.from([0, 0, 0, 0, 0, 0, 0xf0, 0x7f]),
  F32: Buffer.from([0, 0, 0x80, 0x7f]),
  F16: Buffer.from([0, 0x7c]),
  BF16: Buffer.from([0x80, 0x7f]),
}

interface Poisoned {
  what: string
  bytes: Buffer
}

/** What the header of a file of safetensors says of a tensor. */
interface Stored {
  dtype: string
  data_offsets: [number, number]
}

/** The tensors of a safetensors file, and where their values start. */
function headerOf(bytes: Buffer): { start: number; header: Record<string, Stored> } {
  const start = 8 + Number(bytes.readBigUInt64LE(0))
  const { __metadata__, ...header } = JSON.parse(bytes.toString('utf8', 8, start)) as Record<string, Stored>
  return { start, header }
}

/** A file of safetensors with a bad last value in each of its tensors, in turn NaN and infinite. */
function* tensors(bytes: Buffer): Generator<Poisoned> {
  const { start, header } = headerOf(bytes)
  for (const [i, [name, { dtype, data_offsets }]] of Object.entries(header).entries()) {
    const infinite = INFINITE[dtype]
    if (infinite === undefined || data_offsets[0] === data_offsets[1]) continue
    yield {
      what: `${name} ${dtype}`,
      bytes: poisoned(bytes, start + data_offsets[1], i % 2 ? infinite : NAN.subarray(-infinite.length)),
    }
  }
}

/** A PyTorch file with a bad last value in each of its storages. */
function* storages(bytes: Buffer): Generator<Poisoned> {
  for (const { name, data } of entriesOf(bytes)) {
    if (/\/data\/\d+$/.test(name)) {
      yield {
        what: name,
        bytes: withEntry(bytes, name, poisoned(data, data.length, NAN.subarray(-Math.min(8, data.length)))),
      }
    }
  }
}

/** A GGUF file whose last tensor ends in values that are NaN, or in blocks whose scales are. */
function* blocks(bytes: Buffer): Generator<Poisoned> {
  const last = 256
  yield { what: 'last tensor', bytes: poisoned(bytes, bytes.length, Buffer.alloc(last, NAN.subarray(-2))) }
}

function poisoned(bytes: Buffer, end: number, value: Buffer): Buffer {
  const out = Buffer.from(bytes)
  value.copy(out, end - value.length)
  return out
}

function changes(bytes: Buffer): Generator<Poisoned> {
  if (isZip(bytes)) return storages(bytes)
  return bytes.toString('latin1', 0, 4) === 'GGUF' ? blocks(bytes) : tensors(bytes)
}

/** Kinds of files with weights or states, and which of their files hold some. */
const HOLDERS: Record<string, RegExp> = {
  'encoder-clip': /model\.safetensors$/,
  'encoder-sentence': /model\.safetensors$/,
  'encoder-torch': /\.bin$/,
  'encoder-open-clip': /\.bin$/,
  'encoder-parts': /\.safetensors$/,
  'encoder-own': /^m$/,
  'model-weights': /./,
  'model-parts': /\.safetensors$/,
  'model-gguf': /./,
  adapters: /\.(safetensors|bin)$/,
  projectors: /./,
  aligners: /./,
  frames: /./,
  trackers: /^state$/,
  'pass-states': /./,
}

/** What is read, or the error with which files are refused. */
async function outcome(read: () => unknown): Promise<{ found?: string; error?: ModalityGapError }> {
  try {
    return { found: inspect(await read(), { depth: 9, maxArrayLength: null }) }
  } catch (error) {
    return { error: error as ModalityGapError }
  }
}

function kindOf(id: string) {
  const kind = KINDS.find(each => each.id === id)
  if (kind === undefined) throw new Error(`unknown kind ${id}`)
  return kind
}

async function refusesEach(t: ExecutionContext, id: string, files: RegExp) {
  const kind = kindOf(id)
  const [good, place] = [folderOf(t), folderOf(t)]
  await kind.make(place)
  cpSync(place, good, { recursive: true })
  const targets = [...new Set(kind.targets)].filter(file => files.test(file))
  t.true(targets.length > 0)
  for (const file of targets) {
    const bytes = readFileSync(join(good, file))
    const before = await outcome(() => kind.read(place, file))
    t.is(before.error, undefined, file)
    let count = 0
    for (const { what, bytes: changed } of changes(bytes)) {
      writeFileSync(join(place, file), changed)
      const { found, error } = await outcome(() => kind.read(place, file))
      // what is not used is not looked at
      if (error === undefined && found === before.found) continue
      t.is(error?.name, 'ModalityGapError', `${file} ${what}: ${error}`)
      t.regex(error?.code ?? '', /^BAD_(MODEL|FORMAT|ALIGNER|FRAME|STATE|RECEIPT)$/, `${file} ${what}`)
      t.regex(error?.message ?? '', /finite|NaN|not a number|out of range|damaged/, `${file} ${what}`)
      count++
    }
    writeFileSync(join(place, file), bytes)
    t.true(count > 0, file)
  }
}

for (const [id, files] of Object.entries(HOLDERS)) {
  test(`values that are not finite are refused in files of ${id}`, async t => await refusesEach(t, id, files))
}

/** F32 values of a safetensors file, or the last `size` bytes of another one, as large as they can be: their sums are not finite. */
function huge(bytes: Buffer, size = bytes.length - headerOf(bytes).start): Buffer {
  const out = Buffer.from(bytes)
  for (let at = out.length - size; at + 4 <= out.length; at += 4) out.writeFloatLE(3e38, at)
  return out
}

/** Bytes of the values of a safetensors file, each tensor at a place of its own as in GGUF. */
function aligned(bytes: Buffer): number {
  const sizes = Object.values(headerOf(bytes).header).map(
    ({ data_offsets: [from, to] }) => Math.ceil((to - from) / 32) * 32,
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

for (const [id, targets] of Object.entries({
  'encoder-own': /^m$/,
  projectors: /mmproj\.gguf$|\.safetensors$/,
})) {
  test(`what sums of huge values come to is refused for files of ${id}`, async t => {
    const kind = kindOf(id)
    const place = folderOf(t)
    await kind.make(place)
    const files = kind.targets.filter(file => targets.test(file))
    t.true(files.length > 0)
    for (const file of files) {
      const bytes = readFileSync(join(place, file))
      const size = file.endsWith('.gguf')
        ? aligned(readFileSync(join(place, 'learned/mm_projector.safetensors')))
        : undefined
      writeFileSync(join(place, file), huge(bytes, size))
      const { error } = await outcome(() => kind.read(place, file))
      t.is(error?.name, 'ModalityGapError', `${file}: ${error}`)
      t.regex(error?.code ?? '', /^(NUMERIC|BAD_ROW|BAD_FORMAT)$/, `${file}: ${error}`)
      t.regex(error?.message ?? '', /not finite/, file)
    }
  })
}
