import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
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

/** A file of safetensors with a bad last value in each of its tensors, in turn NaN and infinite. */
function* tensors(bytes: Buffer): Generator<Poisoned> {
  const start = 8 + Number(bytes.readBigUInt64LE(0))
  const { __metadata__, ...header } = JSON.parse(bytes.toString('utf8', 8, start)) as Record<string, Stored>
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

/** A GGUF file with a bad value in its last tensor: at its end, or in the scale of its last block. */
function* blocks(bytes: Buffer, file: string): Generator<Poisoned> {
  const block = { 'wide-q8_0.gguf': 34, 'wide-q4_1.gguf': 20 }[file]
  const end = block === undefined ? bytes.length : bytes.length - block + 2
  yield { what: 'last tensor', bytes: poisoned(bytes, end, NAN.subarray(block === undefined ? -4 : -2)) }
}

function poisoned(bytes: Buffer, end: number, value: Buffer): Buffer {
  const out = Buffer.from(bytes)
  value.copy(out, end - value.length)
  return out
}

function changes(bytes: Buffer, file: string): Generator<Poisoned> {
  if (isZip(bytes)) return storages(bytes)
  return bytes.toString('latin1', 0, 4) === 'GGUF' ? blocks(bytes, file) : tensors(bytes)
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

/** The error with which changed files are refused. */
async function refusal(read: () => unknown): Promise<ModalityGapError | undefined> {
  try {
    await read()
    return undefined
  } catch (error) {
    return error as ModalityGapError
  }
}

async function refusesEach(t: ExecutionContext, id: string, files: RegExp) {
  const kind = KINDS.find(each => each.id === id)
  if (kind === undefined) throw new Error(`there is no kind ${id}`)
  const [good, place] = [folderOf(t), folderOf(t)]
  await kind.make(place)
  cpSync(place, good, { recursive: true })
  const targets = [...new Set(kind.targets)].filter(file => files.test(file))
  t.true(targets.length > 0)
  let count = 0
  for (const file of targets) {
    const bytes = readFileSync(join(good, file))
    for (const { what, bytes: changed } of changes(bytes, file)) {
      writeFileSync(join(place, file), changed)
      const error = await refusal(() => kind.read(place, file))
      t.is(error?.name, 'ModalityGapError', `${file} ${what}: ${error}`)
      t.regex(error?.code ?? '', /^BAD_(MODEL|FORMAT|ALIGNER|FRAME|STATE)$/, `${file} ${what}`)
      t.regex(error?.message ?? '', /finite|NaN|damaged/, `${file} ${what}`)
      count++
    }
    writeFileSync(join(place, file), bytes)
  }
  t.true(count >= targets.length)
}

for (const [id, files] of Object.entries(HOLDERS)) {
  test(`values that are not finite are refused in files of ${id}`, async t => await refusesEach(t, id, files))
}
