import { bad, isCount, isObject, usable } from './aligner-header.ts'
import { ModalityGapError } from './errors.ts'
import { METHOD_NAMES } from './methods.ts'
import type { Centroid, Method, Step } from './options.ts'
import type { AlignerInfo } from './results.ts'

/** The newest version of the aligner file that this code reads. */
const VERSION = 2
/** Rows beyond this are not embeddings. */
const MAX_DIM = 2 ** 20
/** Stages of a file at most. */
const MAX_STAGES = 64
/** The largest number of 32 bits. */
const MAX_U32 = 2 ** 32 - 1

type Is = (value: unknown) => boolean

const isText: Is = value => typeof value === 'string'
const isFlag: Is = value => typeof value === 'boolean'
const isNumber: Is = value => typeof value === 'number'
const isSmall: Is = value => isCount(value) && value <= MAX_U32
const orNothing =
  (is: Is): Is =>
  value =>
    value === undefined || value === null || is(value)
/** A part that has a default, so it may be absent, but is not null. */
const orAbsent =
  (is: Is): Is =>
  value =>
    value === undefined || is(value)
const oneOf =
  <T extends string>(names: Record<T, true>): Is =>
  value =>
    typeof value === 'string' && Object.hasOwn(names, value)

const isMethod = oneOf<Method>(METHOD_NAMES)
const isStep = oneOf<Step>({ anchor: true, trace: true, centroid: true })

const OPTIONS: Readonly<Record<string, Is>> = {
  method: orAbsent(isMethod),
  steps: orNothing(value => Array.isArray(value) && value.every(isStep)),
  centroid: orAbsent(oneOf<Centroid>({ iterate: true, solve: true })),
  centroidIterations: orNothing(isSmall),
  tolerance: orNothing(isNumber),
  compat: orNothing(oneOf({ official: true })),
  renormalize: orNothing(isFlag),
  noise: orNothing(isNumber),
  noiseSeed: orNothing(isCount),
  ridge: orNothing(isNumber),
  centered: orNothing(isFlag),
  energy: orNothing(isNumber),
  rank: orNothing(isCount),
  targetName: orNothing(isText),
  sourceName: orNothing(isText),
  encoder: orNothing(isText),
}
const SIDE = { name: isText, rows: isCount, trace: isNumber }
const isSide: Is = value => isObject(value) && fits(value, SIDE)
const isGap: Is = value =>
  isObject(value) &&
  fits(value, { before: isNumber, after: orNothing(isNumber), floor: isNumber, held: orNothing(isGap) })

const INFO: Readonly<Record<string, Is>> = {
  package: isText,
  options: value =>
    isObject(value) && Object.keys(value).every(key => Object.hasOwn(OPTIONS, key)) && fits(value, OPTIONS),
  dim: value => isCount(value) && value >= 1 && value <= MAX_DIM,
  source: isSide,
  target: isSide,
  scale: value => usable(value) && value > 0,
  renormalize: isFlag,
  iterations: isCount,
  stages: orAbsent(value => Array.isArray(value) && value.length <= MAX_STAGES && value.every(isStage)),
  gap: isGap,
  movesTarget: isFlag,
}

/** What is said of some parts. */
const FLAWS: Readonly<Record<string, string>> = {
  dim: 'its width is not a count',
  iterations: 'its number of offsets is not a count',
  scale: 'its scale is not a positive number',
  renormalize: 'it does not say whether rows end on the sphere',
}

const PLAIN = { kind: isText }
const STAGES: Readonly<Record<string, Readonly<Record<string, Is>>>> = {
  scale: { kind: isText, factor: usable },
  add: PLAIN,
  sphere: PLAIN,
  linear: PLAIN,
  noise: { kind: isText, sigma: value => usable(value) && value >= 0, seed: isCount },
  polar: {
    kind: isText,
    pairs: isCount,
    knots: value => Array.isArray(value) && value.length === 2 && value.every(isCount),
  },
}

function isStage(value: unknown): boolean {
  const parts =
    isObject(value) && typeof value.kind === 'string' && Object.hasOwn(STAGES, value.kind) && STAGES[value.kind]
  return (
    parts !== false &&
    parts !== undefined &&
    Object.keys(value as object).length === Object.keys(parts).length &&
    fits(value as object, parts)
  )
}

function fits(value: object, parts: Readonly<Record<string, Is>>): boolean {
  return flawOf(value, parts) === undefined
}

/** The first part that is not what it should be. */
function flawOf(value: object, parts: Readonly<Record<string, Is>>): string | undefined {
  return Object.keys(parts).find(name => {
    const part = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined
    return !(parts[name] as Is)(part)
  })
}

/**
 * The metadata of an aligner, every part of it checked as the native reader does.
 *
 * @throws {@link ModalityGapError} `BAD_ALIGNER`, `NEWER_VERSION`
 */
export function checkedInfo(info: Record<string, unknown>): AlignerInfo {
  const { version } = info
  if (!isCount(version) || version < 1) {
    throw bad('it names no version')
  }
  if (version > VERSION) {
    throw new ModalityGapError(
      'NEWER_VERSION',
      `the aligner has version ${version}, this package reads up to ${VERSION}: update modality-gap`,
    )
  }
  const flaw = flawOf(info, INFO)
  if (flaw !== undefined) {
    throw bad(FLAWS[flaw] ?? `its "${flaw}" is missing or of another kind`)
  }
  return info as unknown as AlignerInfo
}
