import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { cancelled, type RunOptions } from '../abort.ts'
import { claimPlaces } from '../claim.ts'
import { ModalityGapError } from '../errors.ts'
import type { OverwriteOptions } from '../options.ts'
import { writeWhole } from '../whole-file.ts'
import type { ReVisionConfig } from './config.ts'
import { badSample } from './data/sample.ts'
import { type JoinedSample, type SampleList, TrainingSet } from './data/training-set.ts'
import type { VisionModel } from './model.ts'
import type { ExportKind } from './model-options.ts'
import { type PublishedRecord, writePublished } from './published-pickle.ts'
import type { ModelRows } from './rows.ts'
import type { StageName, StageStart } from './stage-file.ts'
import { toModelSample, type Wording } from './turns.ts'
import type { Workspace } from './workspace.ts'

/** Records that are read at a time. */
const AT_A_TIME = 1000

/** What is written for others. */
export interface HandOverOptions extends RunOptions, OverwriteOptions {
  /** What of the model. @defaultValue `'learned'` */
  kind?: ExportKind
  /**
   * Whether the training's records and rows are written as well: `stage1.json`, `stage2.json` in LLaVA's layout, and
   * beside each its rows as the model saw them, texts aligned, in pickles as published with the paper.
   *
   * @defaultValue `false`
   */
  rows?: boolean
}

/** What is handed over. */
interface Handed {
  model: VisionModel
  config: ReVisionConfig
  workspace: Workspace
  /** What the last stage left. */
  left: StageStart
}

/** Writes what other tools continue with into a folder; answers which files. */
export async function handOver(handed: Handed, folder: string, options: HandOverOptions): Promise<string[]> {
  const { kind = 'learned', rows = false, overwrite, ...run } = options
  const { model } = handed.left
  const asked = (['stage1', 'stage2'] as const).filter(name => rows && handed.config[name])
  const beside = asked.flatMap(name => [`${name}.json`, `${name}_embeddings`])
  await claimPlaces(
    beside.map(name => join(folder, name)),
    { overwrite },
  )
  const files = await handed.model.export(folder, kind, { overwrite })
  if (model !== undefined && (kind === 'all' || kind === 'merged')) {
    // a model that has learned as a whole was written by its stage
    files.push(await copied(model, join(folder, 'model')))
  }
  for (const name of rows ? (['stage1', 'stage2'] as const) : []) {
    files.push(...(await writeStage(name, handed, folder, run)))
  }
  return files
}

async function copied(from: string, to: string): Promise<string> {
  await cp(from, to, { recursive: true }).catch(cause => {
    throw new ModalityGapError('WRITE_FAILED', `${to}: ${(cause as Error).message}`, { file: to, cause })
  })
  return to
}

/** The records of a stage and their rows. */
async function writeStage(
  name: StageName,
  { config, workspace }: Handed,
  folder: string,
  run: RunOptions,
): Promise<string[]> {
  const stage = config[name]
  if (!stage) {
    return []
  }
  const { data, key, missing, maxSamples, valSize } = stage
  const side = await workspace.side(stage.rows, run)
  const { lookup } = side
  const { onBad } = config.records
  const { cache } = workspace
  const set = await TrainingSet.open({
    ...{ data, lookup, key, missing, maxSamples, valSize, onBad, cache },
    seed: config.seed,
  })
  const { system, imagePlacement } = config
  const wording = { prompt: stage.prompt ?? config.prompt, system, imagePlacement }
  const handed = { list: set.train, key, wording, run }
  try {
    const records = join(folder, `${name}.json`)
    await writeWhole(records, async file => {
      let before = '[\n'
      for await (const samples of samplesOf(handed)) {
        const lines = samples.map(sample => JSON.stringify(llavaRecord(sample, handed)))
        await file.append(`${before}${lines.join(',\n')}`)
        before = ',\n'
      }
      await file.append('\n]\n')
    })
    const rows = published(handed, stage.rows, side.rows)
    const out = join(folder, `${name}_embeddings`)
    return [records, ...(await writePublished(out, `${stage.rows}_embeds`, side.rows.dim, rows))]
  } finally {
    await set.close()
  }
}

/** Records of a stage, and how they name their rows. */
interface HandedRecords {
  list: SampleList
  key: 'id' | 'image'
  wording: Wording
  run: RunOptions
}

/** Records, a batch at a time. */
async function* samplesOf({ list, run }: HandedRecords): AsyncGenerator<JoinedSample[]> {
  const began = performance.now()
  for (let from = 0; from < list.length; from += AT_A_TIME) {
    if (run.signal?.aborted) {
      throw cancelled(run.signal.reason)
    }
    const end = Math.min(from + AT_A_TIME, list.length)
    yield await Promise.all(Array.from({ length: end - from }, (_, i) => list.at(from + i)))
    run.onProgress?.({ stage: 'records', rows: end, total: list.length, seconds: (performance.now() - began) / 1000 })
  }
}

/** Ids of the rows of a record's images. */
function idsOf({ id, images }: JoinedSample, { key }: HandedRecords): readonly string[] {
  return key === 'id' ? images.map(() => id) : images
}

const SPEAKERS = { user: 'human', assistant: 'gpt' } as const

/** A record as LLaVA's trainers read it; the published one looks its row up by `id`, and wants a `caption`. */
function llavaRecord(sample: JoinedSample, handed: HandedRecords): object {
  const { turns } = toModelSample(sample, handed.wording)
  if (turns.some(({ learned }) => learned === false)) {
    throw badSample(sample.place, 'it has answers that are not learned, which LLaVA has no word for', sample.id)
  }
  const [first, ...more] = idsOf(sample, handed)
  const system = turns.find(({ role }) => role === 'system')?.content
  const said = turns.flatMap(({ role, content }) => (role === 'system' ? [] : { from: SPEAKERS[role], value: content }))
  return {
    id: more.length > 0 ? sample.id : (first ?? sample.id),
    ...(first === undefined ? {} : { image: more.length > 0 ? [first, ...more] : first }),
    ...(system === undefined ? {} : { system }),
    conversations: said,
    caption: turns.at(-1)?.content,
  }
}

/** The rows that records name, each once, with the caption or the image that it belongs to. */
async function* published(
  handed: HandedRecords,
  side: 'text' | 'image',
  rows: ModelRows,
): AsyncGenerator<PublishedRecord, undefined> {
  const seen = new Set<string>()
  for await (const samples of samplesOf(handed)) {
    const named = samples.flatMap(sample => idsOf(sample, handed).map((id, i) => ({ id, sample, row: sample.rows[i] })))
    const fresh = named.filter(({ id }) => !seen.has(id) && seen.add(id))
    const values = await rows.pick(fresh.map(({ row }) => row as number))
    for (const [i, { id, sample }] of fresh.entries()) {
      const about: [string, string] =
        side === 'text' ? ['caption', sample.turns.at(-1)?.content as string] : ['image_path', id]
      const embed = values.subarray(i * rows.dim, (i + 1) * rows.dim)
      yield { texts: Object.fromEntries([['id', id], about]), embed }
    }
  }
}
