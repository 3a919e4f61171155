import { ModalityGapError } from '../errors.ts'
import { textsOf } from './answers.ts'
import { promptOf } from './benchmarks/prompt.ts'
import { readBenchmark } from './benchmarks/read.ts'
import type { BenchmarkRecord } from './benchmarks/record.ts'
import { type BenchmarkScore, scoreBenchmarks } from './benchmarks/score.ts'
import { groupsOf, rotated } from './benchmarks/together.ts'
import type { BenchmarkConfig, ReVisionConfig } from './config.ts'
import type { RowLookup } from './data/row-lookup.ts'
import { splitRecords } from './data/split.ts'
import type { ModelSample } from './model-options.ts'
import type { Shown } from './shown.ts'
import { askedAbout, type Wording, withoutImages } from './turns.ts'

interface PlacedRecord extends BenchmarkRecord {
  /** Its number in the benchmark, from 0. */
  place: number
}

/**
 * Asks a model the questions of a benchmark and scores what it says.
 *
 * @throws {@link ModalityGapError} as `readBenchmark` does; `BAD_SAMPLE` for an image without a row, unless such questions
 * are left out; `EMPTY` when none is left
 */
export async function benchmarkScores(spec: BenchmarkConfig, shown: Shown): Promise<BenchmarkScore[]> {
  const { path, name, group, answers } = spec
  const { model, config, run } = shown
  const read = await readBenchmark(path, { name, group, answers })
  const some = chosen(
    read.map((record, place) => ({ ...record, place })),
    config,
  )
  const all = spec.circular ? rotated(some) : some
  const sees = !config.blind && all.some(({ image }) => image !== undefined)
  const side = sees ? await shown.workspace.images(spec, shown.run) : undefined
  const { prompt, system, imagePlacement } = config
  const wording = { prompt, system, imagePlacement }
  const asked = all.flatMap(record => {
    const rows = side ? rowsOf(record, side.lookup) : []
    return rows === undefined ? missing(record, path, config) : [{ record, sample: questionOf(record, rows, wording) }]
  })
  if (asked.length === 0) {
    throw new ModalityGapError('EMPTY', `${path}: no image of its questions has a row`, { file: path })
  }
  const batch = { samples: asked.map(({ sample }) => sample), rows: side?.rows }
  const texts = await textsOf(model, batch, config, run)
  const said = new Map<BenchmarkRecord, string | undefined>(asked.map(({ record }, i) => [record, texts[i]]))
  const scores = scoreBenchmarks([...said.keys()], record => said.get(record), {
    metrics: config.evaluation.metrics,
    rule: spec.yesNo ?? config.evaluation.yesNo,
  })
  const skipped = all.length - asked.length
  return skipped === 0 ? scores : scores.map(score => ({ ...score, skipped }))
}

/** A seeded choice of questions, where there are more than are to be asked; those that count together stay together. */
function chosen(records: readonly PlacedRecord[], { seed, evaluation }: ReVisionConfig): readonly PlacedRecord[] {
  const { maxSamples } = evaluation
  const groups = groupsOf(records)
  if (maxSamples === undefined || maxSamples >= groups.length) {
    return records
  }
  const { train } = splitRecords(
    Uint32Array.from(groups, (_, i) => i),
    { maxSamples, seed },
  )
  return Array.from(train).flatMap(i => groups[i] as PlacedRecord[])
}

/** The row of a question's image, none for a question without one, and nothing for an image without a row. */
function rowsOf({ image, place }: PlacedRecord, lookup: RowLookup): number[] | undefined {
  if (image === undefined) {
    return []
  }
  const row = lookup.rowOf(image, place)
  return row === undefined ? undefined : [row]
}

function missing({ id, image }: BenchmarkRecord, file: string, { evaluation }: ReVisionConfig): [] {
  if (evaluation.missing === 'error') {
    const what = `question ${id}: no row of the embeddings belongs to ${JSON.stringify(image)}`
    const message = `${file}: ${what}; choose evaluation.missing: skip to leave it out`
    throw new ModalityGapError('BAD_SAMPLE', message, { file, sample: id })
  }
  return []
}

function questionOf(
  record: BenchmarkRecord,
  rows: readonly number[],
  { prompt, system, imagePlacement }: Omit<Wording, 'blind'>,
): ModelSample {
  const question = promptOf(record) || prompt
  const content = rows.length > 0 ? askedAbout(question, imagePlacement) : withoutImages(question)
  const turns = [{ role: 'user' as const, content }]
  return {
    id: `${record.benchmark} ${record.id}`,
    turns: system === undefined ? turns : [{ role: 'system', content: system }, ...turns],
    rows,
  }
}
