import type { BenchmarkGroup } from './benchmarks/record.ts'
import type { CompareConfig } from './config.ts'
import { dataCost } from './cost.ts'
import { type Difference, differenceOf, type Spread, spreadOf } from './paired-differences.ts'
import type { ReVisionReport } from './run.ts'

/** What a metric is about. */
export type MetricGroup = BenchmarkGroup | 'records'

/** A number of every run. */
export interface MetricOfArms {
  /** Its name, such as `unseen.jsonl loss`. */
  metric: string
  /** What it is of: a stage, a file of records, a benchmark, a group of benchmarks, the gap. */
  of: string
  /** The group of the benchmark that it is of; `records` for held-out records. */
  group?: MetricGroup
  /** Whether more of it is better. */
  greaterIsBetter: boolean
  /** Mean and spread over the seeds, by arm. */
  arms: Record<string, Spread>
  /** Differences from the reference on the same seeds, by arm. */
  differences: Record<string, Difference>
}

/** Where an arm gains and loses against the reference, beyond the noise. */
export interface GainsOfArm {
  /** The arm. */
  arm: string
  /** Group of benchmarks, or held-out records. */
  group: MetricGroup
  /** Metrics by which it is better. */
  better: string[]
  /** Metrics by which it is worse. */
  worse: string[]
  /** How many metrics tell nothing. */
  undecided: number
}

/** What a comparison came to; also `compare.json` in its output. */
export interface ArmsReport {
  /** Names of the arms, in their order. */
  arms: string[]
  /** Seeds. */
  seeds: number[]
  /** The arm that others are compared with. */
  reference: string
  /** Numbers of the runs. */
  metrics: MetricOfArms[]
  /** Where arms gain, by group. */
  gains: GainsOfArm[]
  /** Price of the arms' data in dollars, where tokens were given. */
  cost?: Record<string, number>
  /** Seconds of training, mean over the seeds, by arm. */
  seconds: Record<string, number>
  /** Result of every run, by arm and seed. */
  runs: Record<string, Record<string, ReVisionReport>>
}

/** Puts the numbers of runs side by side, by arm and seed. */
export function comparisonOf({ arms, seeds, reference, tokens }: CompareConfig, runs: ArmsReport['runs']): ArmsReport {
  const names = arms.map(arm => (typeof arm === 'string' ? arm : arm.name))
  const chosen = reference ?? (names.includes('realign') ? 'realign' : (names[0] as string))
  const metrics = metricsOf(names, runs).map(metric => compared(metric, chosen))
  const seconds = names.map(name => {
    const own = Object.values(runs[name] ?? {}).map(
      ({ stage1, stage2 }) => (stage1?.seconds ?? 0) + (stage2?.seconds ?? 0),
    )
    return [name, spreadOf(own)?.mean ?? 0] as const
  })
  const prices = Object.entries(tokens ?? {}).map(([name, each]) => [name, dataCost(each)] as const)
  return {
    arms: names,
    seeds: [...seeds],
    reference: chosen,
    metrics,
    gains: names.filter(name => name !== chosen).flatMap(name => gainsOf(name, metrics)),
    ...(tokens ? { cost: Object.fromEntries(prices) } : {}),
    seconds: Object.fromEntries(seconds),
    runs,
  }
}

/** A number of one run. */
interface RunNumber {
  metric: string
  of: string
  group?: MetricGroup
  greaterIsBetter: boolean
  value: number | undefined
}

/** A number of all runs, by arm and seed. */
interface Collected extends Omit<RunNumber, 'value'> {
  values: Map<string, Record<string, number>>
}

function metricsOf(names: readonly string[], runs: ArmsReport['runs']): Collected[] {
  const all = new Map<string, Collected>()
  for (const name of names) {
    for (const [seed, report] of Object.entries(runs[name] ?? {})) {
      for (const { value, ...number } of numbersOf(report)) {
        const { values } = all.get(number.metric) ?? { values: new Map<string, Record<string, number>>() }
        // one that this run does not have keeps its place among the others
        all.set(number.metric, { ...number, values })
        if (value !== undefined) {
          values.set(name, { ...values.get(name), [seed]: value })
        }
      }
    }
  }
  return [...all.values()].filter(({ values }) => values.size > 0)
}

function compared({ values, ...metric }: Collected, reference: string): MetricOfArms {
  const own = values.get(reference) ?? {}
  const arms: MetricOfArms['arms'] = {}
  const differences: MetricOfArms['differences'] = {}
  for (const [arm, bySeed] of values) {
    arms[arm] = spreadOf(Object.values(bySeed)) as Spread
    const pairs = Object.entries(bySeed).flatMap(([seed, value]) =>
      own[seed] === undefined ? [] : [[value, own[seed]] as const],
    )
    const difference = arm === reference ? undefined : differenceOf(pairs, metric.greaterIsBetter)
    if (difference) {
      differences[arm] = difference
    }
  }
  return { ...metric, arms, differences }
}

const OPEN = ['f1', 'bleu4', 'rougeL', 'cider'] as const

/** The numbers of a run by which arms are compared. */
function numbersOf({ evaluation, gap, stage1, stage2 }: ReVisionReport): RunNumber[] {
  const less = (metric: string, of: string, value: number | undefined) => ({
    metric,
    of,
    greaterIsBetter: false,
    value,
  })
  const more = (metric: string, of: string, value: number | undefined) => ({ metric, of, greaterIsBetter: true, value })
  const stages = Object.entries({ 'stage 1': stage1, 'stage 2': stage2 }).flatMap(([of, stage]) => [
    less(`${of} loss`, of, stage?.loss),
    less(`${of} held-out loss`, of, stage?.evaluation?.eval_loss),
  ])
  const gaps = (['raw', 'aligned', 'projected'] as const).map(where =>
    less(`${where} gap`, 'gap', gap?.[where]?.centroid),
  )
  const records = evaluation.records.flatMap(({ name, loss, accuracy, shuffledLoss, open }) => [
    less(`${name} loss`, name, loss),
    more(`${name} accuracy`, name, accuracy),
    // nats per token that the right image is worth
    more(`${name} image gain`, name, shuffledLoss === undefined ? undefined : shuffledLoss - loss),
    ...OPEN.map(metric => more(`${name} ${metric}`, name, open?.[metric])),
  ])
  const benchmarks = evaluation.benchmarks.flatMap(({ benchmark: name, group, accuracy, open }) =>
    [
      more(`${name} accuracy`, name, accuracy),
      ...OPEN.map(metric => more(`${name} ${metric}`, name, open?.[metric])),
    ].map(number => (group === undefined ? number : { ...number, group })),
  )
  const groups = evaluation.groups.map(({ group, accuracy }) => more(`${group} accuracy`, group, accuracy))
  return [
    ...stages,
    ...gaps,
    ...records.map(each => ({ ...each, group: 'records' as const })),
    ...benchmarks,
    ...groups,
  ]
}

/** Where an arm gains, by what metrics are about. */
function gainsOf(arm: string, metrics: readonly MetricOfArms[]): GainsOfArm[] {
  return (['records', 'general', 'reasoning', 'hallucination'] as const).flatMap(group => {
    const own = metrics.filter(metric => metric.group === group && metric.differences[arm])
    const named = (better: Difference['better']) =>
      own.filter(({ differences }) => differences[arm]?.better === better).map(({ metric }) => metric)
    const gains = { arm, group, better: named('this'), worse: named('reference'), undecided: named(null).length }
    return own.length === 0 ? [] : [gains]
  })
}
