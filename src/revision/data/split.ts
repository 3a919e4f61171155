import { ModalityGapError } from '../../errors.ts'

const MASK = (1n << 64n) - 1n

/** SplitMix64, as `mix` of the Rust side: neighbouring inputs get unrelated values. */
export function mix(value: bigint): bigint {
  let z = (value + 0x9e3779b97f4a7c15n) & MASK
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK
  return z ^ (z >> 31n)
}

/** Sets the choice of a sample apart from that of a split with the same seed, as on the Rust side. */
const SAMPLE_SALT = 0x53616d706c65n

/** A uniform number in [0, 1) for every index, by the same hash of seed and index as held-out rows of a fit. */
export function draws(seed: number): (index: number) => number {
  const key = mix(BigInt(seed))
  return index => Number(mix(BigInt(index) ^ key) >> 11n) * 2 ** -53
}

/** The same for samples. */
function sampleDraws(seed: number): (index: number) => number {
  const key = mix(mix(BigInt(seed) ^ SAMPLE_SALT))
  return index => Number(mix(BigInt(index) ^ key) >> 11n) * 2 ** -53
}

/** What is taken of the records, and what is held out of them. */
export interface SplitOptions {
  /** Held out: a share below 1, or a number of records from 1 on. @defaultValue `0` */
  valSize?: number
  /** Records at most, before any are held out; fewer of one seed are among more of it. @defaultValue all */
  maxSamples?: number
  /** @defaultValue `0` */
  seed?: number
}

/** Indices of records, each side in ascending order. */
export interface Split {
  /** To train on. */
  train: Uint32Array
  /** Held out. */
  validation: Uint32Array
}

/**
 * Chooses records by a hash of the seed and their index, so that the choice follows from both alone. A share is held out
 * record by record, as rows are held out of a fit; a number of records is taken in the order of their hashes.
 *
 * @param indices the records' indices, ascending
 * @throws {@link ModalityGapError} `BAD_OPTION`; `TOO_FEW_ROWS` when nothing is left to train on
 */
export function splitRecords(indices: Uint32Array, options: SplitOptions = {}): Split {
  const { valSize = 0, maxSamples, seed = 0 } = options
  if (!(valSize >= 0) || (valSize > 1 && !Number.isSafeInteger(valSize))) {
    throw new ModalityGapError('BAD_OPTION', `valSize is a share below 1 or a number of records, not ${valSize}`)
  }
  if (maxSamples !== undefined && !(Number.isSafeInteger(maxSamples) && maxSamples > 0)) {
    throw new ModalityGapError('BAD_OPTION', `maxSamples is a number of records, not ${maxSamples}`)
  }
  const taken = maxSamples === undefined ? indices : lowest(indices, maxSamples, sampleDraws(seed))
  const draw = draws(seed)
  const validation = valSize < 1 ? taken.filter(index => draw(index) < valSize) : lowest(taken, valSize, draw)
  const train = without(taken, validation)
  if (train.length === 0) {
    const message = `of ${indices.length} records none is left to train on; lower valSize (${valSize})`
    throw new ModalityGapError('TOO_FEW_ROWS', message)
  }
  return { train, validation }
}

/** What is left of ascending indices without some of them, ascending too. */
function without(all: Uint32Array, some: Uint32Array): Uint32Array {
  let next = 0
  return all.filter(index => {
    const out = some[next] === index
    next += out ? 1 : 0
    return !out
  })
}

/** The `count` indices of lowest draws, ascending; equal draws go by index. */
function lowest(indices: Uint32Array, count: number, draw: (index: number) => number): Uint32Array {
  if (count >= indices.length) {
    return indices
  }
  const values = Float64Array.from(indices, draw)
  const limit = values.slice().sort()[count - 1] as number
  let ties = count - values.reduce((below, value) => below + (value < limit ? 1 : 0), 0)
  return indices.filter((_, i) => {
    const value = values[i] as number
    return value < limit || (value === limit && ties-- > 0)
  })
}
