import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { type Checks, callback, checkOptions } from '../checks.ts'
import { ModalityGapError } from '../errors.ts'
import { refuseLinks } from '../no-links.ts'
import { readRegular } from '../regular-file.ts'
import { writeWhole } from '../whole-file.ts'
import { type Arm, armsOf } from './arms.ts'
import { type ArmsReport, comparisonOf } from './compare-report.ts'
import type { Override } from './config/overlay.ts'
import {
  type CompareConfig,
  checkedComparison,
  checkedFile,
  configFile,
  configObject,
  layered,
  overrideChecks,
  type RawConfig,
  type ReVisionConfig,
} from './config.ts'
import { checkInput, ReVision, type ReVisionReport, type ReVisionRunOptions, runOptionChecks } from './run.ts'

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
export interface CompareArmsOptions extends ReVisionRunOptions {
  /** Hears of every run before it begins. */
  onRun?: (run: ArmRun) => void
  /** Hears once of keys of the configuration that have no effect. */
  onWarning?: (warning: string) => void
}

const compareChecks: Checks<CompareArmsOptions> = { ...runOptionChecks, onRun: callback, onWarning: callback }

/**
 * Runs every arm with every seed at the budget of one configuration, and puts their numbers side by side. A run whose
 * result is there already, of the same configuration, is not repeated, and one that was interrupted continues from its last
 * checkpoint. Nothing counts as better whose interval of differences over the seeds holds zero.
 *
 * @param input configuration with a section `compare`: a file, an output folder or an object
 * @param overrides keys that take the place of the configuration's, in all arms; `null` takes one away
 * @throws {@link ModalityGapError} as {@link ReVision} does; `BAD_OPTION` for a comparison that makes no sense, before
 * the first run begins
 */
export async function compareArms(
  input: string | object,
  options: CompareArmsOptions = {},
  overrides: Override = {},
): Promise<ArmsReport> {
  checkInput(input, 'compareArms')
  checkOptions(options, 'the second argument of compareArms', compareChecks)
  overrideChecks(overrides, 'the third argument of compareArms')
  const file = typeof input === 'string' ? await configFile(input, overrides) : configObject(input, overrides)
  const section = checkedComparison(file)
  const { output, runs, warning } = planned(file, section)
  if (warning !== undefined) {
    options.onWarning?.(warning)
  }
  const results: ArmsReport['runs'] = Object.fromEntries(runs.map(({ arm }) => [arm, {}]))
  for (const [index, { arm, seed, config }] of runs.entries()) {
    await refuseLinks([join(output, arm), config.output, join(config.output, KEPT)])
    const kept = await keptResult(config)
    options.onRun?.({ arm, seed, index, count: runs.length, cached: kept !== undefined })
    const of = results[arm] as Record<string, ReVisionReport>
    of[String(seed)] = kept ?? (await fresh(config, options))
  }
  const report = comparisonOf(section, results)
  await writeWhole(join(output, 'compare.json'), `${JSON.stringify(report, null, 2)}\n`)
  return report
}

interface PlannedRun {
  arm: string
  seed: number
  config: ReVisionConfig
}

/** Every run with its checked configuration, seed by seed, so that an early look at results compares like with like. */
function planned(
  file: RawConfig,
  { arms, seeds }: CompareConfig,
): { output: string; runs: PlannedRun[]; warning?: string } {
  const { compare: _, ...shared } = file.value
  const { output } = shared
  if (typeof output !== 'string' || output === '') {
    throw new ModalityGapError('BAD_OPTION', 'output is missing: it is the folder of all runs', { file: file.path })
  }
  const named = armsOf(arms)
  const all = seeds.flatMap(seed => named.map(arm => ({ arm, seed })))
  const checked = all.map(({ arm, seed }) => ({
    arm: arm.name,
    seed,
    ...configOf({ ...file, value: shared }, arm, seed),
  }))
  const warning = checked.find(each => each.warning !== undefined)?.warning
  return { output, runs: checked.map(({ arm, seed, config }) => ({ arm, seed, config })), warning }
}

function configOf(shared: RawConfig, { name, changes }: Arm, seed: number) {
  const folder = join(String(shared.value.output), name, `seed-${seed}`)
  return checkedFile(layered({ ...layered(shared, changes), arm: name }, { seed, output: folder, resume: true }))
}

const KEPT = 'comparison.json'

/** The result of a run of the same configuration. */
async function keptResult(config: ReVisionConfig): Promise<ReVisionReport | undefined> {
  const text = await readRegular(join(config.output, KEPT)).catch(() => undefined)
  try {
    const { hash, report } = JSON.parse(text?.toString() ?? '{}')
    return hash === hashOf(config) ? report : undefined
  } catch {
    // a file that something else has damaged is written again
    return undefined
  }
}

async function fresh(
  config: ReVisionConfig,
  { signal, onProgress, callbacks }: CompareArmsOptions,
): Promise<ReVisionReport> {
  const revision = await ReVision.open(config)
  const report = await revision.run({ signal, onProgress, callbacks })
  await writeWhole(join(config.output, KEPT), `${JSON.stringify({ hash: hashOf(config), report }, null, 2)}\n`)
  return report
}

/** Of all that decides a result: where it is written and by how many threads does not. */
function hashOf({
  output: _,
  resume: __,
  threads: ___,
  logging: ____,
  overwrite: _____,
  ...config
}: ReVisionConfig): string {
  return createHash('sha256').update(JSON.stringify(config)).digest('hex')
}
