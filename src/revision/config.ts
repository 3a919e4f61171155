import { join } from 'node:path'
import * as v from 'valibot'
import { checkPath, recordOf } from '../checks.ts'
import { ModalityGapError } from '../errors.ts'
import { findPlace, within } from '../places.ts'
import { isRemote } from '../remote.ts'
import { writeWhole } from '../whole-file.ts'
import { armsOf } from './arms.ts'
import { type ConfigFile, readConfigFile } from './config/file.ts'
import { mergeOverrides, type Override, reaches } from './config/overlay.ts'
import { withRecipe } from './config/recipes.ts'
import { type Path, type Problem, type Resolved, resolve } from './config/resolve.ts'
import { compareSchema, schema } from './config/schema.ts'
import { withoutSynonyms } from './config/synonyms.ts'
import type { CompareConfig, ReVisionConfig, Stage1Config, Stage2Config } from './config/types.ts'

export type * from './config/types.ts'

/** A part of a type that may be left out at every level. */
export type Partly<T> = T extends readonly unknown[] ? T : T extends object ? { [K in keyof T]?: Partly<T[K]> } : T

/** A configuration as it is written, in our names: what has a default may be left out. */
export type ReVisionConfigInput = Partly<ReVisionConfig>

/** Name of the checked configuration in an output folder. */
export const CONFIG_FILE = 'config.json'

/** A checked configuration. */
export interface LoadedConfig {
  /** With its defaults. */
  config: ReVisionConfig
  /** One sentence about the keys that have no effect here; absent without such keys. */
  warning?: string
}

/**
 * Reads the configuration of a run, YAML or JSON: our names, or those of LLaVA, Bunny, Hugging Face, LLaMA-Factory and
 * axolotl (`docs/revision-config.md`). A folder is the output of an earlier run, whose configuration it holds.
 *
 * @param overrides keys that take the place of the file's; `null` takes one away
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`; `BAD_FORMAT` for broken YAML; `BAD_OPTION` for unknown keys,
 * contradictions and values that make no sense, with the file and the line as row
 */
export async function loadConfig(path: string, overrides: Override = {}): Promise<LoadedConfig> {
  checkPath(path, 'loadConfig')
  overrideChecks(overrides, 'the second argument of loadConfig')
  return checkedFile(await configFile(path, overrides))
}

/**
 * Checks a configuration that is an object already.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION`
 */
export function checkConfig(value: object, overrides: Override = {}): LoadedConfig {
  configuration(value, 'checkConfig')
  overrideChecks(overrides, 'the second argument of checkConfig')
  return checkedFile(configObject(value, overrides))
}

const configuration = recordOf(() => {}, 'a configuration, as an object')
/** Keys that take the place of a configuration's. */
export const overrideChecks = recordOf(() => {}, "an object of keys that take the place of the configuration's")

/** A configuration before it is checked, and the file it stands in. */
export interface RawConfig extends ConfigFile {
  /** The file. */
  path?: string
  /** The arm of a comparison that it is of, for messages. */
  arm?: string
}

/** Reads a configuration, or that of an output folder, and lays changes over it. */
export async function configFile(path: string, overrides: Override): Promise<RawConfig> {
  const isFolder = (await findPlace(path).catch(() => undefined))?.folder
  const file = isFolder ? within(path, CONFIG_FILE) : path
  const read = { ...(await readConfigFile(file)), path: file }
  return layered(isFolder ? layered(read, { output: path }) : read, overrides)
}

/** The same for an object. */
export function configObject(value: object, overrides: Override): RawConfig {
  return layered({ value: value as Record<string, unknown>, lineOf: () => undefined }, overrides)
}

/** A configuration with changes; what they say stands in no line of the file. */
export function layered({ value, lineOf, ...from }: RawConfig, changes: Override): RawConfig {
  const lines = (at: Path) => (reaches(changes, at) ? undefined : lineOf(at))
  return { value: mergeOverrides(withoutSynonyms(value, changes), changes), lineOf: lines, ...from }
}

/**
 * Checks a configuration.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION`
 */
export function checkedFile({ value, ...from }: RawConfig): LoadedConfig {
  const resolved = resolve(value)
  const config = resolved.problems.length === 0 ? parsed(resolved) : undefined
  const problems = config ? relations(config, resolved) : resolved.problems
  if (config === undefined || problems.length > 0) {
    throw configError(problems, from)
  }
  const { ignored } = resolved
  return ignored.length === 0 ? { config } : { config, warning: `without effect here: ${ignored.join(', ')}` }
}

/**
 * Checks the section `compare` alone: the rest of such a file may be complete only with what its arms add.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION`
 */
export function checkedComparison({ value, lineOf, path }: RawConfig): CompareConfig {
  const { compare } = value
  if (typeof compare !== 'object' || compare === null) {
    throw configError([{ message: 'there is no section compare, which names arms and seeds', at: [] }], {
      lineOf,
      path,
    })
  }
  const resolved = resolve({ compare })
  const result = v.safeParse(compareSchema, resolved.value)
  const issues = result.success ? [] : result.issues.map(issue => problemOf(issue, resolved))
  const problems = [...resolved.problems, ...issues, ...(result.success ? armProblems(result.output.compare) : [])]
  if (!result.success || problems.length > 0) {
    throw configError(problems, { lineOf, path })
  }
  return result.output.compare
}

/**
 * Writes a checked configuration into its output.
 *
 * @throws {@link ModalityGapError} `WRITE_FAILED`
 */
export async function keepConfig(config: ReVisionConfig): Promise<void> {
  // a run that is begun from this file is not to be removed by it
  const kept = { ...config, overwrite: false }
  await writeWhole(join(config.output, CONFIG_FILE), `${JSON.stringify(kept, null, 2)}\n`)
}

/** The configuration, or nothing and the problems with it. */
function parsed(resolved: Resolved): ReVisionConfig | undefined {
  const result = v.safeParse(schema, withRecipe(resolved.value))
  if (result.success) {
    return result.output
  }
  resolved.problems.push(...result.issues.map(issue => problemOf(issue, resolved)))
  return undefined
}

function problemOf(issue: v.BaseIssue<unknown>, { origins }: Resolved): Problem {
  const path = (issue.path ?? []).map(({ key }) => key as string | number)
  const place = path.join('.')
  const at = origins.get(place) ?? path
  if (issue.input === undefined) {
    return { message: `${place} is missing`, at }
  }
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    return { message: `${place} is not known`, at }
  }
  const name = at.join('.') === place ? place : `${at.join('.')} (${place})`
  return { message: `${name} has to be ${issue.message}, not ${issue.received}`, at }
}

/** What one value asks of another. */
function relations(config: ReVisionConfig, { origins }: Resolved): Problem[] {
  const problems: Problem[] = []
  const refuse = (place: string, message: string) =>
    problems.push({ message, at: origins.get(place) ?? place.split('.') })
  const { stage1, stage2, embeddings, evaluation } = config
  if (!stage1 && !stage2 && evaluation.data === undefined && evaluation.benchmarks.length === 0) {
    refuse('stage1', 'there is nothing to do: give stage1, stage2 or something to evaluate')
  }
  for (const [name, stage] of Object.entries({ stage1, stage2 })) {
    if (stage && embeddings[stage.rows] === undefined) {
      const other = stage.rows === 'text' ? 'image' : 'text'
      refuse(`${name}.rows`, `${name} reads ${stage.rows} rows: give embeddings.${stage.rows}, or rows: ${other}`)
    }
    if (stage && stage.microBatch !== undefined && stage.microBatch > stage.batchSize) {
      refuse(
        `${name}.microBatch`,
        `${name}.microBatch ${stage.microBatch} is more than its batch of ${stage.batchSize}`,
      )
    }
    const shape = stage ? shapeProblem(stage) : undefined
    if (shape !== undefined) {
      refuse(`${name}.scheduleShape`, `${name}.scheduleShape: ${shape}`)
    }
    if (stage && stage.prompt !== undefined) {
      promptIn(`${name}.prompt`, stage.prompt, refuse)
    }
    if (config.earlyStop && stage && stage.valSize === 0 && evaluation.data === undefined) {
      refuse('earlyStop', `earlyStop needs held-out records: give ${name}.valSize or evaluation.data`)
    }
  }
  for (const [place, path] of localPaths(config)) {
    if (typeof path === 'string' && isRemote(path)) {
      refuse(place, `${place} is of the file system only, not ${path}; name a path, and copy from or to the store`)
    }
  }
  promptIn('prompt', config.prompt, refuse)
  problems.push(...(config.compare ? armProblems(config.compare) : []))
  if (stage2 && stage2.lora !== undefined && stage2.mode !== 'lora') {
    refuse('stage2.lora', `stage2.lora is given, but stage2.mode is ${stage2.mode}`)
  }
  if (typeof embeddings.aligner === 'object' && embeddings.image === undefined) {
    refuse('embeddings.aligner', 'an aligner is fitted to images: give embeddings.image, or the file of an aligner')
  }
  return problems
}

/** Paths where no address of a store is taken, by their places. */
function localPaths({ model, projector, embeddings, logging, output }: ReVisionConfig): [string, unknown][] {
  return [
    ['model.path', model.path],
    ['projector.init', projector.init],
    ['embeddings.encoder', embeddings.encoder],
    ['logging.jsonl', logging.jsonl],
    ['logging.tensorboard', logging.tensorboard],
    ['output', output],
  ]
}

/** What is wrong with the numbers of a schedule, or with their being there; the native side refuses the same. */
function shapeProblem({ schedule, scheduleShape = {}, learningRate }: Stage1Config | Stage2Config): string | undefined {
  const { cycles, power, end } = scheduleShape
  if (cycles !== undefined && cycles !== 1 && schedule !== 'cosine_with_restarts') {
    return `cycles belong to cosine_with_restarts, not to ${schedule}`
  }
  if (power !== undefined && power !== 1 && schedule !== 'polynomial') {
    return `power belongs to polynomial, not to ${schedule}`
  }
  if (end !== undefined && schedule !== 'polynomial' && schedule !== 'cosine_with_min_lr') {
    return `end belongs to polynomial and cosine_with_min_lr, not to ${schedule}`
  }
  const highest = schedule === 'polynomial' ? learningRate : 1
  return end !== undefined && end > highest
    ? `the rate at the end, ${end}, is above the highest, ${highest}`
    : undefined
}

/** What is wrong with the arms of a comparison. */
function armProblems({ arms, seeds, reference, tokens = {} }: CompareConfig): Problem[] {
  const problems: Problem[] = []
  let names: string[] = []
  try {
    names = armsOf(arms).map(({ name }) => name)
  } catch (error) {
    return [{ message: `compare.arms: ${(error as Error).message}`, at: ['compare', 'arms'] }]
  }
  if (new Set(seeds).size < seeds.length) {
    problems.push({ message: 'compare.seeds: a seed stands there twice', at: ['compare', 'seeds'] })
  }
  const unknown = Object.keys(tokens).find(name => !names.includes(name))
  if (reference !== undefined && !names.includes(reference)) {
    const message = `compare.reference: ${reference} is none of the arms: ${names.join(', ')}`
    problems.push({ message, at: ['compare', 'reference'] })
  }
  if (unknown !== undefined) {
    const message = `compare.tokens: ${unknown} is none of the arms: ${names.join(', ')}`
    problems.push({ message, at: ['compare', 'tokens', unknown] })
  }
  return problems
}

function promptIn(place: string, prompt: string, refuse: (place: string, message: string) => void): void {
  if (prompt.split('<image>').length !== 2) {
    refuse(place, `${place} has to hold <image> once, where the image stands`)
  }
}

function configError(
  problems: readonly Problem[],
  { lineOf, path: file, arm }: Omit<RawConfig, 'value'>,
): ModalityGapError {
  const lines = problems.map(({ at }) => lineOf(at))
  const all = problems.map(({ message }, i) => (lines[i] === undefined ? message : `line ${lines[i]}: ${message}`))
  const texts = [...new Set(all)]
  const [line] = lines
  const place = { file, row: line === undefined ? undefined : line - 1 }
  const parts = [file, arm === undefined ? undefined : `arm ${arm}`, texts.join('\n')]
  return new ModalityGapError('BAD_OPTION', parts.filter(Boolean).join(': '), place)
}
