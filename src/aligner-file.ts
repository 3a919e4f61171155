import { ModalityGapError } from './errors.ts'
import type { AlignerInfo } from './reports.ts'

/** The newest version of the aligner file that this code reads. */
const VERSION = 2
const KEY = 'modality-gap'

/** One step of the map, with its numbers; matrices are row-major. */
export type Stage =
  | { kind: 'scale'; factor: number }
  | { kind: 'add'; vector: Float64Array }
  | { kind: 'sphere' }
  | { kind: 'linear'; matrix: Float64Array }
  | { kind: 'noise'; sigma: number; seed: number }
  | PolarStage

/** Radii of coordinate pairs and scales of the single coordinates after them, in the basis whose vectors are its rows. */
export interface PolarStage {
  kind: 'polar'
  pairs: number
  basis: Float64Array
  source: Float64Array
  target: Float64Array
  means: Float64Array
  ratios: Float64Array
}

/** What moves a unit row: these stages, in order. */
export interface AlignerFile {
  info: AlignerInfo
  stages: Stage[]
}

interface TensorEntry {
  dtype: string
  shape: number[]
  data_offsets: [number, number]
}

/**
 * Reads the safetensors bytes of an aligner; every length and offset is checked before it is used.
 *
 * @throws {@link ModalityGapError} `BAD_ALIGNER`, `NEWER_VERSION`
 */
export function readAlignerFile(bytes: Uint8Array): AlignerFile {
  const { header, data } = splitHeader(bytes)
  const info = readInfo(header)
  const { __metadata__: _, ...entries } = header
  checkCoverage(entries, data.length)
  const vector = (name: string) => readTensor(name, entries[name], [info.dim], data)
  // the statistics of the fit are not needed to move rows, but a file without them is damaged
  vector('source_mean')
  vector('target_mean')
  const read: Reader = (name, shape) => readTensor(name, entries[name], shape, data)
  const stages = info.stages ? stagesOf(info, read) : rowStages(info, entries, read)
  return { info, stages }
}

type Reader = (name: string, shape: number[]) => Float64Array

/** Scale and shift, then the sphere, then each offset and the sphere again. */
function rowStages(info: AlignerInfo, entries: Record<string, TensorEntry>, read: Reader): Stage[] {
  if (info.iterations === 0 && entries.offsets !== undefined) {
    throw bad('it has offsets where none are announced')
  }
  const { dim, iterations } = info
  const sphere: Stage[] = info.renormalize ? [{ kind: 'sphere' }] : []
  const shift: Stage[] = entries.shift === undefined ? [] : [{ kind: 'add', vector: read('shift', [dim]) }]
  const offsets = iterations === 0 ? new Float64Array(0) : read('offsets', [iterations, dim])
  const centroid = Array.from({ length: iterations }, (_, k): Stage[] => [
    { kind: 'add', vector: offsets.subarray(k * dim, (k + 1) * dim) },
    ...sphere,
  ])
  return [{ kind: 'scale', factor: info.scale }, ...shift, ...sphere, ...centroid.flat()]
}

function stagesOf(info: AlignerInfo, read: Reader): Stage[] {
  const { dim, stages } = info
  if (!Array.isArray(stages) || !stages.every(isObject)) {
    throw bad('its stages are no list')
  }
  return stages.map((stage, at): Stage => {
    const name = `stages.${at}`
    switch (stage.kind) {
      case 'scale':
        return { kind: 'scale', factor: finite(stage.factor, name) }
      case 'add':
        return { kind: 'add', vector: read(name, [dim]) }
      case 'sphere':
        return { kind: 'sphere' }
      case 'linear':
        return { kind: 'linear', matrix: read(name, [dim, dim]) }
      case 'noise':
        if (!isCounts([stage.seed])) {
          throw bad(`the seed of ${name} is not a count`)
        }
        return { kind: 'noise', sigma: finite(stage.sigma, name), seed: stage.seed }
      case 'polar':
        return polarOf(stage, name, dim, read)
      default:
        throw bad(`${name} is of no known kind`)
    }
  })
}

function polarOf(stage: { pairs: number; knots: [number, number] }, name: string, dim: number, read: Reader): Stage {
  const { pairs, knots } = stage
  const counts = isCounts([pairs]) && isCounts(knots) && knots.length === 2
  if (!counts || 2 * pairs > dim || (pairs > 0 && knots.includes(0))) {
    throw bad(`the sizes of ${name} do not fit the rows`)
  }
  const part = (which: string, shape: number[]) =>
    shape.includes(0) ? new Float64Array(0) : read(`${name}.${which}`, shape)
  return {
    kind: 'polar',
    pairs,
    basis: part('basis', [dim, dim]),
    source: part('source', [pairs, knots[0]]),
    target: part('target', [pairs, knots[1]]),
    means: part('means', [dim - 2 * pairs]),
    ratios: part('ratios', [dim - 2 * pairs]),
  }
}

function finite(value: unknown, name: string): number {
  if (!Number.isFinite(value)) {
    throw bad(`a number of ${name} is not finite`)
  }
  return value as number
}

function splitHeader(bytes: Uint8Array): { header: Record<string, unknown>; data: Uint8Array } {
  if (bytes.length < 8) {
    throw bad('it is too short for a header')
  }
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
  if (length > bytes.length - 8) {
    throw bad('its header is longer than the file')
  }
  return { header: parseObject(bytes.subarray(8, 8 + length)), data: bytes.subarray(8 + length) }
}

function parseObject(utf8: Uint8Array): Record<string, unknown> {
  let header: unknown
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(utf8))
  } catch (cause) {
    throw bad('its header is not JSON', cause)
  }
  if (!isObject(header)) {
    throw bad('its header is not a JSON object')
  }
  return header
}

function readInfo(header: Record<string, unknown>): AlignerInfo {
  const metadata = header.__metadata__
  const text = isObject(metadata) ? metadata[KEY] : undefined
  if (typeof text !== 'string') {
    throw bad(`it has no "${KEY}" metadata`)
  }
  const info = parseObject(new TextEncoder().encode(text)) as Partial<AlignerInfo>
  if (!Number.isSafeInteger(info.version) || (info.version as number) < 1) {
    throw bad('it names no version')
  }
  if ((info.version as number) > VERSION) {
    throw new ModalityGapError(
      'NEWER_VERSION',
      `the aligner has version ${info.version}, this package reads up to ${VERSION}: update modality-gap`,
    )
  }
  const countable = Number.isSafeInteger(info.dim) && Number.isSafeInteger(info.iterations)
  if (!countable || (info.dim as number) < 1 || (info.iterations as number) < 0) {
    throw bad('its width or its number of offsets is not a count')
  }
  if (!Number.isFinite(info.scale) || (info.scale as number) <= 0 || typeof info.renormalize !== 'boolean') {
    throw bad('its scale is not a positive number, or it does not say whether rows end on the sphere')
  }
  return info as AlignerInfo
}

/** Tensors have to lie end to end over the whole data, as the format demands: no overlap, no hidden bytes. */
function checkCoverage(
  entries: Record<string, unknown>,
  length: number,
): asserts entries is Record<string, TensorEntry> {
  const ranges = Object.entries(entries).map(([name, entry]) => {
    if (!isEntry(entry)) {
      throw bad(`tensor "${name}" is not described`)
    }
    return entry.data_offsets
  })
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

function readTensor(name: string, entry: TensorEntry | undefined, shape: number[], data: Uint8Array): Float64Array {
  if (entry === undefined) {
    throw bad(`tensor "${name}" is missing`)
  }
  const [from, to] = entry.data_offsets
  const count = shape.reduce((a, b) => a * b, 1)
  const fits = entry.dtype === 'F64' && entry.shape.join() === shape.join() && to - from === count * 8
  if (!fits) {
    throw bad(`tensor "${name}" is ${entry.dtype} [${entry.shape}], not F64 [${shape}]`)
  }
  const view = new DataView(data.buffer, data.byteOffset + from, to - from)
  const values = Float64Array.from({ length: count }, (_, i) => view.getFloat64(i * 8, true))
  if (!values.every(Number.isFinite)) {
    throw bad(`tensor "${name}" has a value that is not finite`)
  }
  return values
}

function isEntry(value: unknown): value is TensorEntry {
  if (!isObject(value)) {
    return false
  }
  const { dtype, shape, data_offsets: offsets } = value
  return typeof dtype === 'string' && isCounts(shape) && isCounts(offsets) && offsets.length === 2
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(count => Number.isSafeInteger(count) && count >= 0)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function bad(why: string, cause?: unknown): ModalityGapError {
  return new ModalityGapError('BAD_ALIGNER', `not an aligner file: ${why}`, { cause })
}
