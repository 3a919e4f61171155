import { basename } from 'node:path'
import type { RunOptions } from '../abort.ts'
import { promptOf } from './benchmarks/prompt.ts'
import { readBenchmark } from './benchmarks/read.ts'
import type { BenchmarkRecord } from './benchmarks/record.ts'
import {
  type BenchmarkScore,
  type GroupScore,
  groupScores,
  type OpenScore,
  openScore,
  scoreBenchmarks,
} from './benchmarks/score.ts'
import type { ReVisionConfig } from './config.ts'
import { epochOrder } from './data/order.ts'
import { IMAGE_PLACE } from './data/sample.ts'
import { type JoinedSample, TrainingSet } from './data/training-set.ts'
import { heldOutLoss } from './held-out.ts'
import type { VisionModel } from './model.ts'
import type { ModelSample } from './model-options.ts'
import type { ModelRows } from './rows.ts'
import { toModelSample, toPrompt, type Wording } from './turns.ts'
import type { Workspace } from './workspace.ts'

/** Prompts that are answered at a time. */
const AT_A_TIME = 16

/** What a model shows on records with known answers. */
export interface RecordsScore {
  /** The file's name. */
  name: string
  /** Records. */
  count: number
  /** Mean −log p of the tokens of the answers, in nats. */
  loss: number
  /** exp of the loss. */
  perplexity: number
  /** Share of those tokens that were the likeliest. */
  accuracy: number
  /** The loss when every record is shown another record's image: what lies between is what the image tells. */
  shuffledLoss?: number
  /** Scores of answers that were drawn. */
  open?: OpenScore
}

/** What a model shows. */
export interface EvaluationReport {
  /** Records with answers. */
  records: RecordsScore[]
  /** Benchmarks, question by question judged. */
  benchmarks: BenchmarkScore[]
  /** Means over benchmarks by group. */
  groups: GroupScore[]
}

/**
 * Shows a model the held-out records and the benchmarks of a configuration. Images go to the projector as they are: no
 * calibration (arXiv 2602.07026, section 4).
 *
 * @throws {@link ModalityGapError} as {@link TrainingSet.open} and `readBenchmark` do; `CANCELLED`
 */
export async function evaluateRun(
  model: VisionModel,
  config: ReVisionConfig,
  workspace: Workspace,
  run: RunOptions = {},
): Promise<EvaluationReport> {
  const { data, benchmarks } = config.evaluation
  const records: RecordsScore[] = []
  for (const file of data === undefined ? [] : [data].flat()) {
    records.push(await recordsScore(file, { model, config, workspace, run }))
  }
  const scores: BenchmarkScore[] = []
  for (const benchmark of benchmarks) {
    const spec = typeof benchmark === 'string' ? { path: benchmark } : benchmark
    scores.push(...(await benchmarkScore(spec, { model, config, workspace, run })))
  }
  return { records, benchmarks: scores, groups: groupScores(scores) }
}

/** Opens held-out records with the rows of their images. */
export async function openRecords(
  file: string,
  config: ReVisionConfig,
  workspace: Workspace,
  run: RunOptions,
): Promise<{ set: TrainingSet; rows: ModelRows }> {
  const { image, imageIds, rows: from, key, missing, maxSamples } = config.evaluation
  const side = image === undefined ? await workspace.side(from, run) : await workspace.images(image, imageIds, run)
  const set = await TrainingSet.open({ data: file, lookup: side.lookup, key, missing, maxSamples, seed: config.seed })
  return { set, rows: side.rows }
}

interface Shown {
  model: VisionModel
  config: ReVisionConfig
  workspace: Workspace
  run: RunOptions
}

async function recordsScore(file: string, { model, config, workspace, run }: Shown): Promise<RecordsScore> {
  const { set, rows } = await openRecords(file, config, workspace, run)
  try {
    const list = set.train
    const wording = wordingOf(config)
    const held = { model, rows, list, toSample: (sample: JoinedSample) => toModelSample(sample, wording) }
    const own = await heldOutLoss(held, run.signal)
    const shuffled = config.evaluation.shuffled && !config.blind && list.length > 1
    const other = shuffled
      ? await heldOutLoss({ ...held, list: otherImages(list, config.seed) }, run.signal)
      : undefined
    const open = await answersScore(list, { model, rows, config, run })
    return {
      name: basename(file),
      count: list.length,
      loss: own.eval_loss,
      perplexity: own.eval_perplexity,
      accuracy: own.eval_accuracy,
      ...(other ? { shuffledLoss: other.eval_loss } : {}),
      ...(open ? { open } : {}),
    }
  } finally {
    await set.close()
  }
}

/** The same records, each with the image of the next in an order of chance: nobody keeps an own one. */
function otherImages(list: TrainingSet['train'], seed: number): TrainingSet['train'] {
  const order = epochOrder(list.length, seed, 0)
  const next = new Map(Array.from({ length: list.length }, (_, i) => [order(i), order((i + 1) % list.length)]))
  return {
    length: list.length,
    async at(index) {
      const [own, other] = [await list.at(index), await list.at(next.get(index) as number)]
      return own.rows.length === other.rows.length ? { ...own, rows: other.rows } : own
    },
  }
}

async function answersScore(
  list: TrainingSet['train'],
  { model, rows, config, run }: Omit<Shown, 'workspace'> & { rows: ModelRows },
): Promise<OpenScore | undefined> {
  const count = Math.min(config.evaluation.answers, list.length)
  if (count === 0 || config.evaluation.metrics.length === 0) {
    return undefined
  }
  const order = epochOrder(list.length, config.seed, 1)
  const samples = await Promise.all(Array.from({ length: count }, (_, i) => list.at(order(i))))
  const wording = wordingOf(config)
  const texts = await answersTo(
    model,
    samples.map(sample => toPrompt(sample, wording)),
    { rows, config, run },
  )
  const judged = samples.map((sample, i) => ({
    text: texts[i] as string,
    references: [sample.turns.at(-1)?.content as string],
  }))
  return openScore(judged)
}

/** Answers to prompts, in their order. */
export async function answersTo(
  model: VisionModel,
  prompts: readonly ModelSample[],
  { rows, config, run }: { rows?: ModelRows; config: ReVisionConfig; run: RunOptions },
): Promise<string[]> {
  const began = performance.now()
  const texts: string[] = []
  for (let from = 0; from < prompts.length; from += AT_A_TIME) {
    const samples = prompts.slice(from, from + AT_A_TIME)
    const sampling = { seed: config.seed, ...config.evaluation.generate }
    const answers = await model.answer({ samples, rows }, sampling, { signal: run.signal })
    texts.push(...answers.map(({ text }) => text.trim()))
    const seconds = (performance.now() - began) / 1000
    run.onProgress?.({ stage: 'answers', rows: texts.length, total: prompts.length, seconds })
  }
  return texts
}

type BenchmarkSpec = Exclude<ReVisionConfig['evaluation']['benchmarks'][number], string>

async function benchmarkScore(
  spec: BenchmarkSpec,
  { model, config, workspace, run }: Shown,
): Promise<BenchmarkScore[]> {
  const { path, name, group, answers, image, imageIds } = spec
  const records = await readBenchmark(path, { name, group, answers })
  const side = image === undefined ? await workspace.side('image', run) : await workspace.images(image, imageIds, run)
  const wording = wordingOf(config)
  const prompts = records.map((record, i) => questionOf(record, side.lookup.rowOf(record.image ?? '', i), wording))
  const texts = await answersTo(model, prompts, { rows: side.rows, config, run })
  const said = new Map(records.map((record, i) => [record, texts[i]]))
  return scoreBenchmarks(records, record => said.get(record))
}

function questionOf(record: BenchmarkRecord, row: number | undefined, { prompt, system, blind }: Wording): ModelSample {
  const sees = row !== undefined && !blind
  const question = promptOf(record)
  const asked = question === '' ? prompt : sees ? `${IMAGE_PLACE}\n${question}` : question
  const turns = [{ role: 'user' as const, content: sees ? asked : asked.replaceAll(/\n?<image>\n?/g, '') }]
  return {
    id: `${record.benchmark} ${record.id}`,
    turns: system === undefined ? turns : [{ role: 'system', content: system }, ...turns],
    rows: sees ? [row] : [],
  }
}

/** How a configuration puts things. */
export function wordingOf({ prompt, system, blind }: ReVisionConfig): Wording {
  return { prompt, system, blind }
}
