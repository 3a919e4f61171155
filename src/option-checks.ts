import type { RunOptions } from './abort.ts'
import {
  type Checks,
  callback,
  checkOptions,
  flag,
  listOf,
  number,
  oneOf,
  output,
  path,
  signal,
  text,
  whole,
} from './checks.ts'
import type { GroupOptions } from './group-options.ts'
import type { MeasureOptions } from './measure-options.ts'
import { METHOD_NAMES } from './methods.ts'
import type {
  Centroid,
  Dtype,
  FitOptions,
  Format,
  Method,
  OnBadRow,
  OutputOptions,
  OverwriteOptions,
  Pool,
  ResumableOutputOptions,
  Role,
  Step,
  ThreadOptions,
} from './options.ts'
import type { MeasurePart } from './results.ts'

// records rather than lists, so that a name that is missing here does not compile
export const METHODS = names<Method>(METHOD_NAMES)
export const STEPS = names<Step>({ anchor: true, trace: true, centroid: true })
export const CENTROIDS = names<Centroid>({ iterate: true, solve: true })
export const DTYPES = names<Dtype>({ f16: true, bf16: true, f32: true, f64: true })
export const FORMATS = names<Format>({
  npy: true,
  npz: true,
  parquet: true,
  arrow: true,
  safetensors: true,
  pickle: true,
  jsonl: true,
  fvecs: true,
})
export const POOLS = names<Pool>({ mean: true, first: true, last: true })
export const ON_BAD_ROW = names<OnBadRow>({ error: true, drop: true })
export const ROLES = names<Role>({ image: true, text: true, other: true })
const PARTS = names<MeasurePart>({
  causes: true,
  neighbours: true,
  retrieval: true,
  similarity: true,
  preservation: true,
})

/** The names of a union. */
export function names<T extends string>(all: Record<T, true>): readonly T[] {
  return Object.keys(all) as T[]
}

export const runChecks: Checks<RunOptions> = { signal, onProgress: callback }

/** More threads than this are a mistake, and would keep the whole machine from its work. */
const MOST_THREADS = 1024

/** How many threads a job may have; 0 is one per core. */
export const threads = whole(0, MOST_THREADS)

export const threadChecks: Checks<ThreadOptions> = { threads }

export const fitChecks: Checks<FitOptions> = {
  method: oneOf(METHODS),
  steps: listOf(oneOf(STEPS), `a list of steps (${STEPS.join(', ')})`),
  centroid: oneOf(CENTROIDS),
  centroidIterations: whole(),
  tolerance: number(),
  compat: oneOf(['official']),
  renormalize: flag,
  noise: number(),
  noiseSeed: whole(),
  ridge: number(),
  centered: flag,
  energy: number(),
  rank: whole(),
  frame: path,
  paired: flag,
  holdout: number(),
  seed: whole(),
  subset: number(),
  subsetSeed: whole(),
  targetName: text,
  sourceName: text,
  encoder: text,
}

export const overwriteChecks: Checks<OverwriteOptions> = { overwrite: flag }

export const outputChecks: Checks<OutputOptions> = {
  ...threadChecks,
  dtype: oneOf(DTYPES),
  format: oneOf(FORMATS),
  sync: flag,
  ...overwriteChecks,
}

export const resumableChecks: Checks<ResumableOutputOptions> = { ...outputChecks, resume: flag }

export const groupChecks: Checks<GroupOptions> = { paired: flag, captionsPerImage: whole(1) }

export const measureChecks: Checks<MeasureOptions> = {
  ...groupChecks,
  alphaRanks: whole(),
  lambda: number(),
  energy: number(),
  rank: whole(),
  parts: listOf(oneOf(PARTS), `a list of parts (${PARTS.join(', ')})`),
  holdout: number(),
  seed: whole(),
  exact: flag,
  frame: path,
  saveFrame: output,
  ...overwriteChecks,
  figures: flag,
}

/**
 * Checks both arguments of a call `of(input, run)`; a key in the wrong one is refused with where it belongs.
 *
 * @param aliases names under which people know a key of `input`
 * @throws {@link ModalityGapError} `BAD_OPTION`
 */
export function checkCall<T extends object, R extends object = RunOptions>(
  of: string,
  [input, checks]: readonly [input: unknown, checks: Checks<T>],
  [run, ofRun]: readonly [run: unknown, checks: Checks<R>],
  aliases: Readonly<Record<string, string>> = {},
): void {
  const [first, second] = [Object.keys(checks), Object.keys(ofRun)]
  const hint = `it belongs to the second argument, ${of}({ … }, { ${second.join(', ')} })`
  checkOptions(input, of, checks, { other: { keys: second, hint }, aliases })
  const back = `it belongs to the first argument, beside ${first.slice(0, 3).join(', ')}`
  checkOptions(run, `the second argument of ${of}`, ofRun, { other: { keys: first, hint: back } })
}
