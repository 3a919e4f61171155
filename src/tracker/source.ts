import { setTimeout as sleep } from 'node:timers/promises'
import { ModalityGapError } from '../errors.ts'
import type { TrackedName } from '../native.ts'
import { namesIn, placeAt, within } from '../places.ts'
import { withoutMark } from '../plain-text.ts'
import type { Tensor } from '../rows.ts'
import type { TrackStep } from './tracker.ts'

/** Names of a step's rows, in files and streams, under both habits of spelling. */
const NAMES: Record<string, TrackedName> = {
  image: 'image',
  text: 'text',
  grad_image: 'gradImage',
  grad_text: 'gradText',
  batch_image: 'batchImage',
  batch_text: 'batchText',
  gradImage: 'gradImage',
  gradText: 'gradText',
  batchImage: 'batchImage',
  batchText: 'batchText',
}

/** Folders of steps that are looked at again this often, in milliseconds. */
const LOOK_EVERY = 500
/** A folder that is filled in place is taken when nothing in it has changed for so long, in milliseconds. */
const SETTLED = 2000

/** Which steps are wanted. */
export interface StepRange {
  /** Only later steps. */
  after?: number
  /** The last step wanted; following ends there. */
  until?: number
}

/**
 * Steps below a folder, `step_000800/{image,text,grad_image,grad_text,batch_image,batch_text}.npy` (or another format of
 * rows), in the order of their numbers.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`; `EMPTY` for a folder without a step or a step without rows
 */
export async function* stepsIn(root: string, { after, until }: StepRange = {}): AsyncGenerator<TrackStep> {
  const all = await foldersIn(root)
  if (all.length === 0) {
    throw new ModalityGapError('EMPTY', `${root}: no folder named step_N in it`, { file: root })
  }
  for (const { step, path } of all) {
    if (step > (after ?? -1) && step <= (until ?? Number.POSITIVE_INFINITY)) {
      yield stepOf(step, path, await namesIn(path))
    }
  }
}

/**
 * The same for a folder that a trainer is still filling: steps are taken when they have settled, until `until` or the
 * signal. A step folder that is renamed into place is whole at once; others wait until they rest.
 */
export async function* followSteps(
  root: string,
  { after = -1, until = Number.POSITIVE_INFINITY }: StepRange = {},
  signal?: AbortSignal,
): AsyncGenerator<TrackStep> {
  let last = after
  while (last < until && !signal?.aborted) {
    const waiting = (await foldersIn(root).catch(absent)).filter(({ step }) => step > last && step <= until)
    for (const [i, { step, path }] of waiting.entries()) {
      const files = await namesIn(path)
      // a later step says that this one is done
      if (!(i < waiting.length - 1 || (await hasSettled(path, files)))) {
        break
      }
      last = step
      yield stepOf(step, path, files)
    }
    await sleep(LOOK_EVERY, undefined, { signal }).catch(() => {})
  }
}

/** The step of this number below a folder, if it is there with its rows. */
export async function stepNumbered(root: string, number: number): Promise<TrackStep | undefined> {
  const path = (await foldersIn(root).catch(absent)).find(({ step }) => step === number)?.path
  const files = path === undefined ? [] : await namesIn(path)
  const named = files.map(stem)
  return path !== undefined && named.includes('image') && named.includes('text')
    ? stepOf(number, path, files)
    : undefined
}

/**
 * Steps from lines of JSON, `{"step": 800, "image": …, "text": …, "grad_image": …}`, where rows are a path or
 * `{"base64": …, "dims": [n, d], "dtype": "f32" | "f16" | "f64"}` in little-endian order.
 *
 * @throws {@link ModalityGapError} `BAD_FORMAT` with the line as row
 */
export async function* stepsFrom(
  lines: AsyncIterable<string>,
  { after = -1, until = Number.POSITIVE_INFINITY }: StepRange = {},
): AsyncGenerator<TrackStep> {
  let row = 0
  for await (const line of lines) {
    const text = row === 0 ? withoutMark(line) : line
    const step = text.trim() === '' ? undefined : stepOfLine(text, row)
    if (step && step.step > until) {
      return
    }
    if (step && step.step > after) {
      yield step
    }
    row += 1
  }
}

async function foldersIn(root: string): Promise<{ step: number; path: string }[]> {
  const names = await namesIn(root)
  return names
    .flatMap(name => {
      const step = /^step[_-]?(\d+)$/.exec(name)?.[1]
      return step === undefined ? [] : [{ step: Number(step), path: within(root, name) }]
    })
    .sort((a, b) => a.step - b.step)
}

/** A folder that is not there yet is an empty one. */
function absent(error: unknown): [] {
  if (error instanceof ModalityGapError && error.code === 'NOT_FOUND') {
    return []
  }
  throw error
}

async function hasSettled(path: string, files: readonly string[]): Promise<boolean> {
  const times = await Promise.all(
    [path, ...files.map(file => within(path, file))].map(async at => (await placeAt(at)).modified),
  )
  const named = files.map(stem)
  return named.includes('image') && named.includes('text') && Date.now() - Math.max(...times) >= SETTLED
}

function stem(file: string): string {
  return file.replace(/\.\w+$/, '')
}

function stepOf(step: number, path: string, files: readonly string[]): TrackStep {
  const rows: Partial<Record<TrackedName, string>> = {}
  for (const file of files) {
    const name = NAMES[stem(file)]
    if (name) {
      rows[name] = within(path, file)
    }
  }
  const { image, text } = rows
  if (image === undefined || text === undefined) {
    const missing = image === undefined ? 'image' : 'text'
    throw new ModalityGapError('EMPTY', `${path}: no file named ${missing}`, { file: path })
  }
  return { step, ...rows, image, text }
}

function stepOfLine(line: string, row: number): TrackStep {
  const bad = (why: string): never => {
    throw new ModalityGapError('BAD_FORMAT', `line ${row + 1} of the stream: ${why}`, { row })
  }
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    return bad((error as Error).message)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return bad('it is not an object')
  }
  const { step, ...fields } = value as Record<string, unknown>
  if (typeof step !== 'number') {
    return bad('it has no number "step"')
  }
  const rows: Partial<Record<TrackedName, string | Tensor>> = {}
  for (const [key, field] of Object.entries(fields)) {
    const name = NAMES[key] ?? bad(`"${key}" is none of ${Object.keys(NAMES).slice(0, 6).join(', ')}`)
    rows[name] = rowsOf(field) ?? bad(`"${key}" is neither a path nor {"base64", "dims"} of as many values`)
  }
  const { image, text } = rows
  return image === undefined || text === undefined ? bad('it needs "image" and "text"') : { step, ...rows, image, text }
}

function rowsOf(field: unknown): string | Tensor | undefined {
  if (typeof field === 'string') {
    return field
  }
  const { base64, dims, dtype = 'f32' } = (field ?? {}) as { base64?: unknown; dims?: unknown; dtype?: unknown }
  if (typeof base64 !== 'string' || !Array.isArray(dims) || !dims.every(Number.isSafeInteger)) {
    return undefined
  }
  // a copy, because a pooled buffer need not be aligned
  const { buffer } = Uint8Array.from(Buffer.from(base64, 'base64'))
  const arrays = { f32: Float32Array, f16: Uint16Array, f64: Float64Array }
  const array = arrays[dtype as keyof typeof arrays]
  const count = dims.reduce((a: number, b: number) => a * b, 1)
  return array && buffer.byteLength === count * array.BYTES_PER_ELEMENT ? { dims, data: new array(buffer) } : undefined
}
