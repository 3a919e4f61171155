import { basename } from 'node:path'
import type { RunOptions } from '../abort.ts'
import { textsOf } from './answers.ts'
import { benchmarkScores } from './benchmark-answers.ts'
import { distinctlyNamed, type ScoredFile } from './benchmarks/names.ts'
import { type BenchmarkScore, type GroupScore, groupScores, type OpenScore, openScore } from './benchmarks/score.ts'
import type { ReVisionConfig } from './config.ts'
import type { DroppedRecords } from './data/bad-records.ts'
import { epochOrder } from './data/order.ts'
import { type JoinedSample, type SampleList, TrainingSet, type TrainingSetReport } from './data/training-set.ts'
import { heldOutLoss } from './held-out.ts'
import type { ModelRows } from './rows.ts'
import type { Shown } from './shown.ts'
import { askedOf, toModelSample, type Wording } from './turns.ts'
import type { Workspace } from './workspace.ts'

// they set choices of one seed apart
const SHUFFLED = 0
const ANSWERED = 1

/** What a model shows on records with known answers. */
export interface RecordsScore {
  /** The file's name. */
  name: string
  /** Records. */
  count: number
  /** Records left out because an image has no row; absent where there are none. */
  skipped?: number
  /** Records left out because they cannot be used; absent where there are none. */
  dropped?: DroppedRecords
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
export async function evaluateRun(shown: Shown): Promise<EvaluationReport> {
  const { data, benchmarks } = shown.config.evaluation
  const records: RecordsScore[] = []
  for (const { name, path } of named([data ?? []].flat())) {
    records.push(await recordsScore(name, path, shown))
  }
  const scores: ScoredFile[] = []
  for (const benchmark of benchmarks) {
    const spec = typeof benchmark === 'string' ? { path: benchmark } : benchmark
    const own = await benchmarkScores(spec, shown)
    scores.push(...own.map(score => ({ score, path: spec.path })))
  }
  const distinct = distinctlyNamed(
    scores,
    records.map(({ name }) => name),
  )
  return { records, benchmarks: distinct, groups: groupScores(distinct) }
}

/** Files by their last names, or by their whole paths where last names do not tell them apart. */
function named(paths: readonly string[]): { name: string; path: string }[] {
  const names = paths.map(path => basename(path))
  const differ = new Set(names).size === names.length
  return paths.map((path, i) => ({ name: differ ? (names[i] as string) : path, path }))
}

/** Opens held-out records with the rows of their images. */
export async function openRecords(
  file: string,
  config: ReVisionConfig,
  workspace: Workspace,
  run: RunOptions,
): Promise<{ set: TrainingSet; rows: ModelRows }> {
  const { rows: from, key, missing, maxSamples } = config.evaluation
  const side = from === 'text' ? await workspace.side(from, run) : await workspace.images(config.evaluation, run)
  const set = await TrainingSet.open({
    data: file,
    lookup: side.lookup,
    key,
    missing,
    maxSamples,
    onBad: config.records.onBad,
    cache: workspace.cache,
    seed: config.seed,
  })
  return { set, rows: side.rows }
}

async function recordsScore(name: string, file: string, shown: Shown): Promise<RecordsScore> {
  const { model, config, run } = shown
  const { set, rows } = await openRecords(file, config, shown.workspace, run)
  try {
    const list = set.train
    const wording = wordingOf(config)
    const toSample = (sample: JoinedSample) => toModelSample(sample, wording)
    const { microBatch } = config.stage2 || config.stage1 || {}
    const lossOf = (list: SampleList) => heldOutLoss({ model, microBatch }, [{ list, rows, toSample }], run)
    const own = await lossOf(list)
    const shuffles = config.evaluation.shuffled && !config.blind && list.length > 1
    const other = shuffles ? await lossOf(await otherImages(list, config.seed)) : undefined
    const open = await answersScore(list, rows, shown)
    return {
      name,
      count: list.length,
      ...skippedOf(set.report),
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

function skippedOf({ skipped, dropped }: TrainingSetReport): Pick<RecordsScore, 'skipped' | 'dropped'> {
  return { ...(skipped > 0 ? { skipped } : {}), ...(dropped ? { dropped } : {}) }
}

/**
 * The same records, each with the images of the next, in an order of chance, that has as many: nobody keeps own ones but a
 * record that is alone in that.
 */
async function otherImages(list: SampleList, seed: number): Promise<SampleList> {
  const order = epochOrder(list.length, seed, SHUFFLED)
  const rings = new Map<number, number[]>()
  for (let i = 0; i < list.length; i++) {
    const place = order(i)
    const { length } = (await list.at(place)).rows
    const ring = rings.get(length) ?? []
    rings.set(length, ring)
    ring.push(place)
  }
  const pairs = (ring: number[]) => ring.map((place, i) => [place, ring[(i + 1) % ring.length] as number] as const)
  const next = new Map([...rings.values()].flatMap(pairs))
  return {
    length: list.length,
    async at(index) {
      const [own, other] = [await list.at(index), await list.at(next.get(index) as number)]
      return { ...own, rows: other.rows }
    },
  }
}

/** Scores of answers to records of a seeded choice, against what the records answer. */
async function answersScore(
  list: SampleList,
  rows: ModelRows,
  { model, config, run }: Shown,
): Promise<OpenScore | undefined> {
  const { answers, metrics } = config.evaluation
  const count = Math.min(answers, list.length)
  if (count === 0 || metrics.length === 0) {
    return undefined
  }
  const order = epochOrder(list.length, config.seed, ANSWERED)
  const records = await Promise.all(Array.from({ length: count }, (_, i) => list.at(order(i))))
  const asked = askedOf(records, wordingOf(config), config.template)
  if (asked.length === 0) {
    return undefined
  }
  const texts = await textsOf(model, { samples: asked.map(({ sample }) => sample), rows }, config, run)
  const judged = asked.map(({ references }, i) => ({ text: texts[i] as string, references }))
  return openScore(judged, metrics)
}

/** How a configuration puts things. */
export function wordingOf({ prompt, system, blind, imagePlacement }: ReVisionConfig): Wording {
  return { prompt, system, blind, imagePlacement }
}
