import { join } from 'node:path'
import type { BenchmarkScore, GroupScore } from '../revision/benchmarks/score.ts'
import type { DroppedRecords } from '../revision/data/bad-records.ts'
import type { RecordsScore } from '../revision/evaluation.ts'
import type { GapOnTheWay } from '../revision/gap-on-the-way.ts'
import type { ReVisionReport } from '../revision/run.ts'
import type { TrainingReport } from '../revision/trainer-options.ts'
import { clock, count, figure, percent, table, written } from './print.ts'

/** A run for people: what it learned, what it shows, and the gap on its way. */
export function runText(report: ReVisionReport, output: string): string {
  const { stage1, stage2 } = report
  const trained = stage1 || stage2 ? `${stagesText({ stage1, stage2 })}\n\n` : ''
  return `${trained}${evaluationText(report)}${written([join(output, 'result.json')])}`
}

const ENDED: Record<TrainingReport['ended'], string> = {
  steps: '',
  'early-stop': 'stopped early',
  callback: 'stopped by a listener',
}

/** Trainings for people. */
export function stagesText(stages: { stage1?: TrainingReport; stage2?: TrainingReport }): string {
  const head = ['', 'updates', 'epochs', 'loss', 'held-out loss', 'best', 'tokens learned', 'positions/s', 'time', '']
  const rows = Object.entries({ 'stage 1': stages.stage1, 'stage 2': stages.stage2 }).flatMap(([name, stage]) =>
    stage === undefined
      ? []
      : [
          [
            name,
            count(stage.steps),
            stage.epochs.toFixed(2),
            figure(stage.loss),
            figure(stage.evaluation?.eval_loss),
            figure(stage.best?.metric),
            count(stage.labels),
            count(Math.round(stage.positions / stage.seconds)),
            clock(stage.seconds),
            ENDED[stage.ended],
          ],
        ],
  )
  return [table([head, ...rows]), ...Object.entries(stages).flatMap(([name, stage]) => leftOut(name, stage))].join('\n')
}

/** What a stage could not train on. */
function leftOut(name: string, stage: TrainingReport | undefined): string[] {
  const dropped = stage?.dropped ? [droppedText(name, stage.dropped)] : []
  if (stage?.skipped === undefined) {
    return dropped
  }
  const ids = stage.missing ? `: ${stage.missing.join(', ')}${stage.missing.length < stage.skipped ? ', …' : ''}` : ''
  return [...dropped, `${name} left out ${count(stage.skipped)} records whose images have no row${ids}`]
}

/** Records that could not be used, the first of them by what is wrong with them. */
function droppedText(name: string, { count: all, first }: DroppedRecords): string {
  const more = all > first.length ? `\n  and ${count(all - first.length)} more` : ''
  return `${name} left out ${count(all)} records that cannot be used:${first.map(each => `\n  ${each}`).join('')}${more}`
}

/** An evaluation for people. */
export function evaluationText({ evaluation, gap }: Pick<ReVisionReport, 'evaluation' | 'gap'>): string {
  const { records, benchmarks, groups } = evaluation
  const tables = [recordsTable(records), ...benchmarksTables(benchmarks), groupsTable(groups), gapTable(gap)]
  return tables.filter(text => text !== '').join('\n\n') || 'nothing was evaluated'
}

const METRICS = { f1: 'F1', bleu4: 'BLEU-4', rougeL: 'ROUGE-L', cider: 'CIDEr-D' } as const

function recordsTable(records: readonly RecordsScore[]): string {
  if (records.length === 0) {
    return ''
  }
  const metrics = (Object.keys(METRICS) as (keyof typeof METRICS)[]).filter(metric =>
    records.some(({ open }) => open?.[metric] !== undefined),
  )
  const shuffled = records.some(({ shuffledLoss }) => shuffledLoss !== undefined)
  const head = ['held-out records', 'records', 'loss', 'perplexity', 'accuracy']
  const rows = records.map(({ name, count: n, skipped = 0, loss, perplexity, accuracy, shuffledLoss, open }) => [
    name,
    `${count(n)}${skipped > 0 ? ` (${count(skipped)} left out)` : ''}`,
    figure(loss),
    figure(perplexity),
    percent(accuracy),
    ...(shuffled ? [figure(shuffledLoss), figure(shuffledLoss === undefined ? undefined : shuffledLoss - loss)] : []),
    ...metrics.map(metric => points(open?.[metric])),
  ])
  const more = [
    ...(shuffled ? ['loss, others’ images', 'worth of the image'] : []),
    ...metrics.map(name => METRICS[name]),
  ]
  const dropped = records.flatMap(({ name, dropped }) => (dropped ? [droppedText(name, dropped)] : []))
  return [table([[...head, ...more], ...rows]), ...dropped].join('\n')
}

/** A score of answers, which is not a measurement that a tiny number would mean something in. */
function points(value: number | undefined): string {
  return value === undefined ? '–' : value.toFixed(4)
}

function benchmarksTables(benchmarks: readonly BenchmarkScore[]): string[] {
  if (benchmarks.length === 0) {
    return []
  }
  const head = ['benchmark', 'about', 'questions', 'accuracy', 'unreadable', 'says yes', 'CIDEr-D']
  const rows = benchmarks.map(score => [
    score.benchmark,
    score.group ?? '–',
    `${count(score.count)}${leftOutOf(score)}`,
    share(score.accuracy),
    score.unparsed === undefined ? '–' : count(score.unparsed),
    share(score.yesNo?.yesRatio),
    points(score.open?.cider),
  ])
  const orders = benchmarks.flatMap(({ benchmark, together }) =>
    together ? [[benchmark, count(together.count), percent(together.accuracy)]] : [],
  )
  const sums = benchmarks.flatMap(({ benchmark, mme }) =>
    mme ? [[benchmark, mme.perception.toFixed(2), mme.cognition.toFixed(2), percent(mme.accuracyPlus), mme.rule]] : [],
  )
  return [
    table([head, ...rows]),
    orders.length > 0 ? table([['questions that count together', 'groups', 'right in all of one'], ...orders]) : '',
    sums.length > 0 ? table([['sums of MME', 'perception', 'cognition', 'accuracy+', 'yes and no read'], ...sums]) : '',
  ]
}

/** How many questions were not judged, and why. */
function leftOutOf({ skipped, unknown }: BenchmarkScore): string {
  const why = [
    skipped ? `${count(skipped)} without a row` : '',
    unknown ? `${count(unknown)} without a right answer` : '',
  ].filter(text => text !== '')
  return why.length > 0 ? ` (left out: ${why.join(', ')})` : ''
}

function share(value: number | undefined): string {
  return value === undefined ? '–' : percent(value)
}

function groupsTable(groups: readonly GroupScore[]): string {
  const rows = groups.map(({ group, benchmarks, accuracy }) => [group, count(benchmarks), percent(accuracy)])
  return rows.length === 0 ? '' : table([['group', 'benchmarks', 'mean accuracy'], ...rows])
}

function gapTable(gap: GapOnTheWay | undefined): string {
  if (gap === undefined) {
    return ''
  }
  const { rows, raw, aligned, projected } = gap
  const named = { raw, aligned, 'after the projector': projected }
  const lines = Object.entries(named).flatMap(([name, at]) =>
    at ? [[name, figure(at.centroid), figure(at.floor)]] : [],
  )
  const heading = `gap of ${count(rows.image)} images and ${count(rows.text)} texts`
  return table([[heading, 'centroids', 'noise floor'], ...lines])
}
