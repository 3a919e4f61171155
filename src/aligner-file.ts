import { type AlignerHeader, bad, readHeader } from './aligner-header.ts'
import { checkedInfo } from './aligner-info.ts'
import type { AlignerInfo, StageInfo } from './results.ts'

/** Order statistics of a radius at most. */
const KNOTS = 1024

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

/** Tensors of the hashes of the fit's rows, and how many each has at most. */
const SKETCHES = ['target_rows', 'source_rows']
const MOST_HASHES = 1024

/**
 * Reads the safetensors bytes of an aligner; every part of it is checked before it is used.
 *
 * @throws {@link ModalityGapError} `BAD_ALIGNER`, `NEWER_VERSION`
 */
export function readAlignerFile(bytes: Uint8Array): AlignerFile {
  const header = readHeader(bytes)
  const info = checkedInfo(header.info)
  if (info.movesTarget !== header.has('target_shift')) {
    throw bad('tensor "target_shift" and "movesTarget" disagree')
  }
  // these are not needed to move rows, but a file without them is damaged
  for (const name of ['source_mean', 'target_mean', ...(info.movesTarget ? ['target_shift'] : [])]) {
    header.tensor(name, [info.dim])
  }
  for (const name of SKETCHES.filter(name => header.has(name))) {
    header.checkHashes(name, MOST_HASHES)
  }
  const stages = info.stages !== undefined && info.stages.length > 0 ? stagesOf(info, header) : rowStages(info, header)
  return { info, stages }
}

/** Scale and shift, then the sphere, then each offset and the sphere again. */
function rowStages(info: AlignerInfo, header: AlignerHeader): Stage[] {
  if (info.iterations === 0 && header.has('offsets')) {
    throw bad('it has offsets where none are announced')
  }
  const { dim, iterations } = info
  const sphere: Stage[] = info.renormalize ? [{ kind: 'sphere' }] : []
  const shift: Stage[] = header.has('shift') ? [{ kind: 'add', vector: header.tensor('shift', [dim]) }] : []
  const offsets = iterations === 0 ? new Float64Array(0) : header.tensor('offsets', [iterations, dim])
  const centroid = Array.from({ length: iterations }, (_, k): Stage[] => [
    { kind: 'add', vector: offsets.subarray(k * dim, (k + 1) * dim) },
    ...sphere,
  ])
  return [{ kind: 'scale', factor: info.scale }, ...shift, ...sphere, ...centroid.flat()]
}

function stagesOf({ dim, stages = [] }: AlignerInfo, header: AlignerHeader): Stage[] {
  return stages.map((stage, at) => stageOf(stage, `stages.${at}`, dim, header))
}

function stageOf(stage: StageInfo, name: string, dim: number, header: AlignerHeader): Stage {
  switch (stage.kind) {
    case 'scale':
    case 'noise':
      return stage
    case 'add':
      return { kind: 'add', vector: header.tensor(name, [dim]) }
    case 'sphere':
      return { kind: 'sphere' }
    case 'linear':
      return { kind: 'linear', matrix: header.tensor(name, [dim, dim]) }
    case 'polar':
      return polarOf(stage, name, dim, header)
  }
}

function polarOf(
  stage: { pairs: number; knots: [number, number] },
  name: string,
  dim: number,
  header: AlignerHeader,
): Stage {
  const { pairs, knots } = stage
  if (2 * pairs > dim || knots.some(count => count > KNOTS || (count === 0 && pairs > 0))) {
    throw bad(`the sizes of ${name} do not fit the rows`)
  }
  const part = (which: string, shape: number[]) =>
    shape.includes(0) ? new Float64Array(0) : header.tensor(`${name}.${which}`, shape)
  const source = part('source', [pairs, knots[0]])
  const target = part('target', [pairs, knots[1]])
  if (!ascending(source, knots[0]) || !ascending(target, knots[1])) {
    throw bad(`the radii of ${name} do not ascend from zero`)
  }
  return {
    kind: 'polar',
    pairs,
    basis: part('basis', [dim, dim]),
    source,
    target,
    means: part('means', [dim - 2 * pairs]),
    ratios: part('ratios', [dim - 2 * pairs]),
  }
}

/** Whether every row of a table, each of so many knots, begins at zero or above and never falls. */
function ascending(table: Float64Array, knots: number): boolean {
  return table.every((value, i) => value >= (i % knots === 0 ? 0 : (table[i - 1] as number)))
}
