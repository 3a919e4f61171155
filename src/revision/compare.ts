import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ModalityGapError } from '../errors.ts'
import { writeWhole } from '../whole-file.ts'
import { type ArmInput, armsOf, laidOver, type Override } from './arms.ts'
import { readConfigFile } from './config/file.ts'
import { dataCost, type Tokens } from './cost.ts'
import { type Difference, differenceOf, type Spread, spreadOf } from './paired-differences.ts'
import { ReVision, type ReVisionReport, type ReVisionRunOptions } from './run.ts'

/** Section `compare` of a configuration. */
export interface ArmsOptions {
  /** The arms. */
  arms: readonly ArmInput[]
  /** Seeds of every arm; runs of one seed are compared with each other. */
  seeds: readonly number[]
  /** The arm that others are compared with. @defaultValue `'realign'` where it is one of the arms, else the first */
  reference?: string
  /** Tokens that making an arm's data cost, by arm, for the cost model. */
  tokens?: Readonly<Record<string, Tokens>>
}

/** A number of every run. */
export interface MetricOfArms {
  /** Its name, such as `unseen.jsonl loss`. */
  metric: string
  /** Whether more of it is better. */
  greaterIsBetter: boolean
  /** Mean and spread over the seeds, by arm. */
  arms: Record<string, Spread>
  /** Differences from the reference on the same seeds, by arm. */
  differences: Record<string, Difference>
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
  /** Price of the arms' data in dollars, where tokens were given. */
  cost?: Record<string, number>
  /** Seconds of training, mean over the seeds, by arm. */
  seconds: Record<string, number>
  /** Result of every run, by arm and seed. */
  runs: Record<string, Record<string, ReVisionReport>>
}

/** A run of a comparison. */
export interface ArmRun {
  /** Its arm. */
  arm: string
  /** Its seed. */
  seed: number
  /** How many runs came before. */
  index: number
  /** How many runs there are. */
  count: number
  /** Whether its result was there already. */
  cached: boolean
}

/** How a comparison is watched and stopped. */
export interface ArmsRunOptions extends ReVisionRunOptions {
  /** Hears of every run before it begins. */
  onRun?: (run: ArmRun) => void
}

/**
 * Runs every arm with every seed at the budget of one configuration, and puts their numbers side by side. A run whose
 * result is there already, of the same configuration, is not repeated, and one that was interrupted goes on from its last
 * checkpoint. Nothing counts as better whose interval of differences over the seeds holds zero.
 *
 * @param input configuration with a section `compare`: a file or an object
 * @throws {@link ModalityGapError} as {@link ReVision} does; `BAD_OPTION` for a comparison that makes no sense
 */
export async function compareArms(input: string | object, options: ArmsRunOptions = {}): Promise<ArmsReport> {
  const raw = typeof input === 'string' ? (await readConfigFile(input)).value : (input as Record<string, unknown>)
  const { compare, ...shared } = raw
  const section = checked(compare)
  const arms = armsOf(section.arms)
  const names = arms.map(({ name }) => name)
  const reference = section.reference ?? (names.includes('realign') ? 'realign' : (names[0] as string))
  if (!names.includes(reference)) {
    throw new ModalityGapError('BAD_OPTION', `the reference ${reference} is none of the arms: ${names.join(', ')}`)
  }
  const output = String(shared.output ?? '')
  const runs: ArmsReport['runs'] = Object.fromEntries(names.map(name => [name, {}]))
  const all = section.seeds.flatMap(seed => arms.map(arm => ({ arm, seed })))
  // every configuration is checked before the first run begins
  const planned = await Promise.all(
    all.map(async ({ arm, seed }) => {
      const folder = join(output, arm.name, `seed-${seed}`)
      const config = withoutNulls(laidOver(laidOver(shared, arm.changes), { seed, output: folder, resume: true }))
      return { arm: arm.name, seed, revision: await ReVision.open(config) }
    }),
  )
  for (const [index, { arm, seed, revision }] of planned.entries()) {
    const kept = await keptResult(revision)
    options.onRun?.({ arm, seed, index, count: planned.length, cached: kept !== undefined })
    const of = runs[arm] as Record<string, ReVisionReport>
    of[String(seed)] = kept ?? (await fresh(revision, options))
  }
  const report = summed({ names, section, reference, runs })
  await writeWhole(join(output, 'compare.json'), `${JSON.stringify(report, null, 2)}\n`)
  return report
}

function checked(section: unknown): ArmsOptions {
  const { arms, seeds } = (section ?? {}) as Partial<ArmsOptions>
  if (!Array.isArray(arms) || arms.length === 0) {
    throw new ModalityGapError('BAD_OPTION', 'compare.arms has to be a list of arms')
  }
  const whole = (seed: unknown) => Number.isSafeInteger(seed) && (seed as number) >= 0
  if (!Array.isArray(seeds) || seeds.length === 0 || !seeds.every(whole) || new Set(seeds).size < seeds.length) {
    throw new ModalityGapError('BAD_OPTION', 'compare.seeds has to be a list of different whole numbers')
  }
  return section as ArmsOptions
}

/** `null` in a change takes a key away. */
function withoutNulls(value: Override): Override {
  const kept = Object.entries(value).filter(([, each]) => each !== null)
  const isSection = (each: unknown): each is Override => typeof each === 'object' && !Array.isArray(each)
  return Object.fromEntries(kept.map(([key, each]) => [key, isSection(each) ? withoutNulls(each) : each]))
}

const KEPT = 'comparison.json'

/** The result of a run of the same configuration. */
async function keptResult(revision: ReVision): Promise<ReVisionReport | undefined> {
  const text = await readFile(join(revision.config.output, KEPT), 'utf8').catch(() => undefined)
  const { hash, report } = text === undefined ? {} : JSON.parse(text)
  return hash === hashOf(revision) ? report : undefined
}

async function fresh(revision: ReVision, options: ArmsRunOptions): Promise<ReVisionReport> {
  const report = await revision.run(options)
  const text = `${JSON.stringify({ hash: hashOf(revision), report }, null, 2)}\n`
  await writeWhole(join(revision.config.output, KEPT), text)
  return report
}

/** Of all that decides a result: where it is written and by how many threads does not. */
function hashOf({ config: { output: _, resume: __, threads: ___, logging: ____, ...config } }: ReVision): string {
  return createHash('sha256').update(JSON.stringify(config)).digest('hex')
}

interface Collected {
  names: string[]
  section: ArmsOptions
  reference: string
  runs: ArmsReport['runs']
}

function summed({ names, section, reference, runs }: Collected): ArmsReport {
  const { tokens } = section
  const numbers = new Map<string, Map<string, Record<string, number>>>()
  for (const name of names) {
    for (const [seed, report] of Object.entries(runs[name] ?? {})) {
      for (const [metric, value] of Object.entries(numbersOf(report))) {
        const ofMetric = numbers.get(metric) ?? new Map<string, Record<string, number>>()
        numbers.set(metric, ofMetric.set(name, { ...ofMetric.get(name), [seed]: value }))
      }
    }
  }
  const metrics = [...numbers].map(([metric, values]) => metricOf(metric, values, reference))
  const seconds = names.map(name => {
    const own = Object.values(runs[name] ?? {}).map(
      ({ stage1, stage2 }) => (stage1?.seconds ?? 0) + (stage2?.seconds ?? 0),
    )
    return [name, spreadOf(own)?.mean ?? 0] as const
  })
  return {
    arms: names,
    seeds: [...section.seeds],
    reference,
    metrics,
    ...(tokens
      ? { cost: Object.fromEntries(Object.entries(tokens).map(([name, each]) => [name, dataCost(each)])) }
      : {}),
    seconds: Object.fromEntries(seconds),
    runs,
  }
}

/** Numbers of which less is better. */
const LESS = /(?:loss|perplexity|gap|floor|unparsed)$/i

function metricOf(
  metric: string,
  values: ReadonlyMap<string, Record<string, number>>,
  reference: string,
): MetricOfArms {
  const greaterIsBetter = !LESS.test(metric)
  const own = values.get(reference) ?? {}
  const arms: MetricOfArms['arms'] = {}
  const differences: MetricOfArms['differences'] = {}
  for (const [name, bySeed] of values) {
    arms[name] = spreadOf(Object.values(bySeed)) as Spread
    const pairs = Object.entries(bySeed).flatMap(([seed, value]) =>
      own[seed] === undefined ? [] : [[value, own[seed]] as const],
    )
    const difference = name === reference ? undefined : differenceOf(pairs, greaterIsBetter)
    if (difference) {
      differences[name] = difference
    }
  }
  return { metric, greaterIsBetter, arms, differences }
}

/** The numbers of a run by which arms are compared. */
function numbersOf({ evaluation, gap, stage1, stage2 }: ReVisionReport): Record<string, number> {
  const numbers: Record<string, number | undefined> = {
    'stage 1 loss': stage1?.loss,
    'stage 1 held-out loss': stage1?.evaluation?.eval_loss,
    'stage 2 loss': stage2?.loss,
    'stage 2 held-out loss': stage2?.evaluation?.eval_loss,
    'raw gap': gap?.raw.centroid,
    'aligned gap': gap?.aligned?.centroid,
    'projected gap': gap?.projected.centroid,
  }
  for (const { name, loss, accuracy, shuffledLoss, open } of evaluation.records) {
    numbers[`${name} loss`] = loss
    numbers[`${name} accuracy`] = accuracy
    // nats per token that the right image is worth
    numbers[`${name} image gain`] = shuffledLoss === undefined ? undefined : shuffledLoss - loss
    for (const key of ['f1', 'bleu4', 'rougeL', 'cider'] as const) {
      numbers[`${name} ${key}`] = open?.[key]
    }
  }
  for (const { benchmark, accuracy, open } of evaluation.benchmarks) {
    numbers[`${benchmark} accuracy`] = accuracy
    numbers[`${benchmark} cider`] = open?.cider
  }
  for (const { group, accuracy } of evaluation.groups) {
    numbers[`${group} accuracy`] = accuracy
  }
  const known = Object.entries(numbers).filter((entry): entry is [string, number] => entry[1] !== undefined)
  return Object.fromEntries(known)
}
