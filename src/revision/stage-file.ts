import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { ModalityGapError } from '../errors.ts'
import { readRegular } from '../regular-file.ts'
import { writeWhole } from '../whole-file.ts'
import { checkpointsIn } from './checkpoints.ts'
import type { ReVisionConfig } from './config.ts'

/** The stages of a run, in their order. */
export type StageName = 'stage1' | 'stage2'

/** What a stage begins with: files that an earlier one wrote. */
export interface StageStart {
  /** A projector. */
  projector?: string
  /** Adapters. */
  adapter?: string
  /** A language model that is no longer the configured one. */
  model?: string
}

/** The file of a finished stage's projector. */
export const PROJECTOR = 'mm_projector.safetensors'

/** Name of the file in a stage's folder that says what was trained. */
const FILE = 'stage.json'

/** What the files of a stage hold, each as `contentsOf` says it. */
export interface StageContents {
  /** Its records. */
  records: string
  /** Its rows, and those that an aligner is fitted to. */
  rows: string
  /** The model, and the projector and adapters that it begins with. */
  model: string
}

/**
 * Begins in the folder of a stage, or continues there, and returns what to continue from.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION` when the folder holds a run that is neither to be resumed nor to be replaced,
 * or one of other options
 */
export async function enterStage(
  name: StageName,
  config: ReVisionConfig,
  start: StageStart,
  contents: StageContents,
): Promise<boolean | string> {
  const output = join(config.output, name)
  const resume = resumeOf(name, config)
  const checkpoints = await checkpointsIn(output)
  const trained = checkpoints.length > 0 || existsSync(join(output, PROJECTOR))
  if (trained && resume === false && !config.overwrite) {
    const what =
      'continue with it (resume: true, --resume), replace it (overwrite: true, --overwrite), or choose another output'
    throw new ModalityGapError('BAD_OPTION', `${output} holds a training already; ${what}`, { file: output })
  }
  if (resume === false && config.overwrite) {
    await removeTraining(output)
    return await entered(output, { name, config, start, contents }, true)
  }
  return await entered(output, { name, config, start, contents }, resume, checkpoints.length > 0)
}

/** Notes what is trained, unless something else was before. */
async function entered(
  output: string,
  {
    name,
    config,
    start,
    contents,
  }: { name: StageName; config: ReVisionConfig; start: StageStart; contents: StageContents },
  resume: boolean | string,
  trained = false,
): Promise<boolean | string> {
  const file = join(output, FILE)
  const own = { ...decisive(name, config, start), contents }
  if (trained) {
    const other = differing(await optionsIn(file), own)
    if (other.length > 0) {
      const what = `${output} was trained with ${other.join(', ')}`
      throw new ModalityGapError('BAD_OPTION', `${what}; choose another output, or remove it`, { file })
    }
  }
  await writeWhole(file, `${JSON.stringify(own, null, 2)}\n`)
  return resume
}

/** What a training writes into its folder beside checkpoints. */
const WRITTEN = [FILE, PROJECTOR, 'adapter', 'model', 'runs', 'log.jsonl', 'samples.jsonl']

async function removeTraining(output: string): Promise<void> {
  const checkpoints = (await checkpointsIn(output)).map(({ path }) => path)
  for (const path of [...checkpoints, ...WRITTEN.map(name => join(output, name))]) {
    await rm(path, { recursive: true, force: true }).catch(cause => {
      const message = `${path} could not be removed: ${(cause as Error).message}`
      throw new ModalityGapError('WRITE_FAILED', message, { file: path, cause })
    })
  }
}

/** A checkpoint that is named is that of one stage; the other one continues from its newest. */
function resumeOf(name: StageName, { resume, stage1, stage2 }: ReVisionConfig): boolean | string {
  if (typeof resume !== 'string' || !stage1 || !stage2) {
    return resume
  }
  const stage = basename(dirname(resolve(resume)))
  if (stage !== 'stage1' && stage !== 'stage2') {
    const message = `resume: ${resume} is a checkpoint of neither stage1 nor stage2`
    throw new ModalityGapError('BAD_OPTION', message, { file: resume })
  }
  return stage === name ? resume : true
}

/** The options that a training's bits follow from, beside the bytes of its files. */
function decisive(name: StageName, config: ReVisionConfig, start: StageStart): Record<string, unknown> {
  const { model, projector, embeddings, template, prompt, system, blind, seed } = config
  const { records, imagePlacement, templateArguments = {} } = config
  const { encoder: _, ...rows } = embeddings
  const { evalEvery: __, saveEvery: ___, saveTotalLimit: ____, microBatch: _____, ...stage } = { ...config[name] }
  const begun = Object.fromEntries(Object.entries(start).map(([what, path]) => [`first ${what}`, path]))
  const all = {
    ...{ model, projector, embeddings: rows, template, prompt, system, blind, seed },
    // absent where they say nothing, as in folders of before
    ...(records.onBad === 'drop' ? { records } : {}),
    ...(imagePlacement === 'front' ? { imagePlacement } : {}),
    ...(Object.keys(templateArguments).length > 0 ? { templateArguments } : {}),
    ...begun,
    ...stage,
  }
  return JSON.parse(JSON.stringify(all))
}

/** What a folder was trained with; nothing is held against one that does not tell. */
async function optionsIn(file: string): Promise<Record<string, unknown> | undefined> {
  const text = await readRegular(file).catch(() => undefined)
  try {
    return text === undefined ? undefined : JSON.parse(text.toString())
  } catch {
    return undefined
  }
}

/** What differs, for people. */
function differing(
  held: Record<string, unknown> | undefined,
  { contents, ...own }: Record<string, unknown> & { contents: StageContents },
): string[] {
  if (held === undefined) {
    return []
  }
  const { contents: before, ...options } = held
  const keys = new Set([...Object.keys(options), ...Object.keys(own)])
  const other = [...keys].filter(key => !isDeepStrictEqual(options[key], own[key])).map(key => `another ${key}`)
  // a folder of before does not tell what its files held
  const changed = (['records', 'rows', 'model'] as const)
    .filter(what => Object(before)[what] !== undefined && Object(before)[what] !== contents[what])
    .map(what => `${what === 'model' ? 'another' : 'other'} ${what} in the same files`)
  // other files hold other things
  return other.length > 0 ? other : changed
}
