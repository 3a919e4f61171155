import * as v from 'valibot'
import { ModalityGapError } from '../errors.ts'
import { type ConfigFile, readConfigFile } from './config/file.ts'
import { type Problem, type Resolved, resolve } from './config/resolve.ts'
import { type ReVisionConfig, schema } from './config/schema.ts'

export type { ReVisionConfig, ReVisionConfigInput, Stage1Config, Stage2Config } from './config/schema.ts'

/** A checked configuration. */
export interface LoadedConfig {
  /** With its defaults. */
  config: ReVisionConfig
  /** One sentence about the keys that have no effect here; absent without such keys. */
  warning?: string
}

/**
 * Reads the configuration of a run, YAML or JSON: our names, or those of LLaVA, Bunny, Hugging Face, LLaMA-Factory and
 * axolotl (`docs/revision-config.md`).
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`; `BAD_FORMAT` for broken YAML; `BAD_OPTION` for unknown keys,
 * contradictions and values that make no sense, with the file and the line as row
 */
export async function loadConfig(path: string): Promise<LoadedConfig> {
  return checked(await readConfigFile(path), path)
}

/**
 * Checks a configuration that is an object already.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION`
 */
export function checkConfig(value: object): LoadedConfig {
  return checked({ value: value as Record<string, unknown>, lineOf: () => undefined }, undefined)
}

function checked({ value, lineOf }: ConfigFile, file: string | undefined): LoadedConfig {
  const resolved = resolve(value)
  const config = resolved.problems.length === 0 ? parsed(resolved) : undefined
  const problems = config ? relations(config, resolved) : resolved.problems
  if (config === undefined || problems.length > 0) {
    throw told(problems, { lineOf, file })
  }
  const { ignored } = resolved
  return ignored.length === 0 ? { config } : { config, warning: `without effect here: ${ignored.join(', ')}` }
}

/** The configuration, or nothing and the problems with it. */
function parsed(resolved: Resolved): ReVisionConfig | undefined {
  const result = v.safeParse(schema, resolved.value)
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
    if (stage && stage.prompt !== undefined) {
      promptIn(`${name}.prompt`, stage.prompt, refuse)
    }
    if (config.earlyStop && stage && stage.valSize === 0 && evaluation.data === undefined) {
      refuse('earlyStop', `earlyStop needs held-out records: give ${name}.valSize or evaluation.data`)
    }
  }
  promptIn('prompt', config.prompt, refuse)
  if (stage2 && stage2.lora !== undefined && stage2.mode !== 'lora') {
    refuse('stage2.lora', `stage2.lora is given, but stage2.mode is ${stage2.mode}`)
  }
  if (typeof embeddings.aligner === 'object' && embeddings.image === undefined) {
    refuse('embeddings.aligner', 'an aligner is fitted to images: give embeddings.image, or the file of an aligner')
  }
  return problems
}

function promptIn(place: string, prompt: string, refuse: (place: string, message: string) => void): void {
  if (prompt.split('<image>').length !== 2) {
    refuse(place, `${place} has to hold <image> once, where the image stands`)
  }
}

function told(
  problems: readonly Problem[],
  { lineOf, file }: Pick<ConfigFile, 'lineOf'> & { file: string | undefined },
): ModalityGapError {
  const lines = problems.map(({ at }) => lineOf(at))
  const texts = problems.map(({ message }, i) => (lines[i] === undefined ? message : `line ${lines[i]}: ${message}`))
  const [line] = lines
  const place = { file, row: line === undefined ? undefined : line - 1 }
  return new ModalityGapError('BAD_OPTION', [file, texts.join('\n')].filter(Boolean).join(': '), place)
}
