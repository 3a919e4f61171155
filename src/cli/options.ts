import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Engine } from '../distributed.ts'
import type { EmbeddingsOptions } from '../embeddings.ts'
import { ModalityGapError } from '../errors.ts'
import { CENTROIDS, DTYPES, FORMATS, METHODS, ON_BAD_ROW, POOLS, STEPS } from '../option-checks.ts'
import type { Dtype, FitOptions, Format, OnBadRow, Pool, ResumableOutputOptions, Step } from '../options.ts'

/** Options that every command has. */
export interface CommonOptions extends ShapeOptions {
  threads?: number
  onBadRow?: OnBadRow
  split?: string
  json?: boolean
}

/** Options of commands that write rows. */
export interface WritingOptions extends CommonOptions {
  out: string
  dtype?: Dtype
  format?: Format
  resume?: boolean
  overwrite?: boolean
  /** Commander's default of a `--no-` option is true. */
  sync: boolean
}

/** Options of commands that fit. */
export type FittingOptions = Omit<FitOptions, 'steps' | 'targetName' | 'sourceName' | 'subset' | 'subsetSeed'> & {
  steps?: Step[]
}

/** The part of the options that the façade calls fit options. */
export function fitOptionsOf(options: FittingOptions): FittingOptions {
  const { method, steps, centroid, centroidIterations, tolerance, compat, renormalize, holdout, seed, encoder } =
    options
  const { noise, noiseSeed, ridge, centered, energy, rank, paired } = options
  const published = { method, steps, centroid, centroidIterations, tolerance, compat, renormalize }
  return { ...published, noise, noiseSeed, ridge, centered, energy, rank, paired, holdout, seed, encoder }
}

/** The part of the options that the façade calls output options. */
export function outputOptionsOf({
  dtype,
  format,
  sync,
  threads,
  resume,
  overwrite,
}: WritingOptions): ResumableOutputOptions {
  return { dtype, format, sync: sync ? undefined : false, threads, resume, overwrite }
}

export function addCommonOptions(command: Command): Command {
  return command
    .option('--threads <n>', 'native threads (default: all cores)', atLeast(1))
    .option('--json', 'print one JSON document on stdout')
}

/** Where a job's passes over shards are run. */
export interface EngineChoice {
  on?: string
  sparkConf?: string[]
  sparkPython?: string
  worker?: string
}

/** Who runs a job whose result is a report, and where states are kept meanwhile. */
export interface WorkChoice extends EngineChoice {
  work?: string
  resume?: boolean
}

export function addEngineOptions(command: Command): Command {
  return command
    .option(
      '--on <engine>',
      'who runs the shards: a Spark cluster (spark://HOST:PORT, sc://…, k8s://…, yarn, local-cluster[N,CORES,MB]), or list:FILE, which writes the tasks of the next pass to FILE for any scheduler',
    )
    .option('--spark-conf <setting...>', 'settings of the Spark session, KEY=VALUE')
    .option('--spark-python <command>', 'Python 3 with pyspark 4 (default: python3)')
    .option('--worker <file>', 'modality-gap-worker for the machines of the cluster (default: that of this platform)')
}

export function addWorkOptions(command: Command): Command {
  command
    .option('--work <dir>', 'with --on: folder for the states of finished passes')
    .option('--resume', 'with --on: take up the states in --work, after checking them')
  return addEngineOptions(command)
}

/**
 * The engine of an option.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION`
 */
export async function engineOf({ on, sparkConf, sparkPython, worker }: EngineChoice): Promise<Engine | undefined> {
  if (on === undefined) {
    return undefined
  }
  if (on.startsWith('list:')) {
    const { taskList } = await import('../task-list.ts')
    return taskList(on.slice('list:'.length))
  }
  const { isSparkMaster, spark } = await import('../spark.ts')
  if (!isSparkMaster(on)) {
    const expected = 'spark://HOST:PORT, sc://…, k8s://…, yarn, local-cluster[…], local[…] or list:FILE'
    throw new ModalityGapError('BAD_OPTION', `--on: unknown engine \`${on}\`; expected ${expected}`)
  }
  const conf = sparkConf && Object.fromEntries(sparkConf.map(settingOf))
  const options = { conf, python: sparkPython, worker }
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return spark({ master: on, ...Object.fromEntries(given) })
}

function settingOf(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 1) {
    throw new ModalityGapError('BAD_OPTION', `--spark-conf: \`${text}\` is not a setting; expected KEY=VALUE`)
  }
  return [text.slice(0, at), text.slice(at + 1)]
}

/** How rows are read. */
export function addReadingOptions(command: Command): Command {
  return addShapeOptions(addSplitOption(command)).addOption(
    new Option('--on-bad-row <policy>', 'rows with NaN, Inf or length zero (default: error)').choices(ON_BAD_ROW),
  )
}

export function addSplitOption(command: Command): Command {
  return command.option('--split <name>', 'split to read, where a data set has several (such as train)')
}

/** What files do not say of their rows. */
export interface ShapeOptions {
  dim?: number
  inDtype?: Dtype
  pool?: Pool
}

export function addShapeOptions(command: Command): Command {
  return command
    .addOption(new Option('--pool <way>', 'make one row of the states of each, (N, T, D)').choices(POOLS))
    .option('--dim <n>', 'columns of plain bytes (.bin, .raw, .dat)', atLeast(1))
    .addOption(new Option('--in-dtype <type>', 'storage type of plain bytes').choices(DTYPES))
}

/** How rows are opened. */
export type ReadingOptions = Pick<EmbeddingsOptions, 'onBadRow' | 'split' | 'dim' | 'dtype' | 'pool'>

/** The part of the options that says how rows are opened. */
export function readingOf({ onBadRow, split, dim, inDtype: dtype, pool }: CommonOptions): ReadingOptions {
  return { onBadRow, split, dim, dtype, pool }
}

/** Options that say which rows belong together. */
export interface GroupingOptions {
  imageIds?: string
  textIds?: string
  captionsPerImage?: number
}

export function addGroupOptions(command: Command): Command {
  return addCaptionsPerImage(
    command
      .option('--image-ids <ids>', 'item of each image row: a file of ids, a column of its metadata, or none')
      .option('--text-ids <ids>', 'item of each text row, likewise; rows with one id belong together'),
  )
}

export function addCaptionsPerImage(command: Command): Command {
  return command.option('--captions-per-image <n>', 'each image has this many texts, in order', atLeast(1))
}

export function addOutputOptions(command: Command): Command {
  return addOverwriteOption(command)
    .addOption(new Option('--dtype <type>', 'storage type of the output (default: as the input)').choices(DTYPES))
    .addOption(new Option('--format <format>', 'container of the output (default: as the input)').choices(FORMATS))
    .option('--no-sync', 'do not wait until the disk holds the output')
}

/** Without it nothing that is there is replaced; a command with outputs of several kinds has it once. */
export function addOverwriteOption(command: Command): Command {
  const known = command.options.some(({ long }) => long === '--overwrite')
  return known ? command : command.option('--overwrite', 'replace what stands where the output goes')
}

export function addFitOptions(command: Command): Command {
  return command
    .addOption(new Option('--method <method>', 'how embeddings are moved (default: realign)').choices(METHODS))
    .option('--steps <list>', `steps of realign to take, of ${STEPS.join(',')} (default: all)`, steps)
    .addOption(new Option('--centroid <way>', 'how the centroid step is solved (default: iterate)').choices(CENTROIDS))
    .option('--centroid-iterations <n>', 'centroid passes (default: 1)', atLeast(1))
    .option('--tolerance <gap>', 'stop the centroid passes at this gap', positive)
    .addOption(new Option('--compat <whose>', 'follow the rounding of the published code').choices(['official']))
    .option('--renormalize', 'put results on the unit sphere (default, except for centering)')
    .option('--no-renormalize', 'leave results off the unit sphere')
    .option('--paired', 'row i of one side belongs to row i of the other (procrustes needs that)')
    .option('--noise <sigma>', 'standard deviation of the noise of c3 (default: sqrt(0.016))', atLeastZero)
    .option('--noise-seed <n>', 'seed of that noise (default: that of --seed)', atLeast(0))
    .option('--ridge <rho>', 'added to covariances before bca and bures take roots (default: 1e-6)', positive)
    .option('--centered', 'let bca match covariances (default)')
    .option('--no-centered', 'let bca match second moments, as printed, instead of covariances')
    .option('--energy <share>', 'share of the energy of the frame of bca and aniso-init (default: 0.99)', positive)
    .option('--rank <r>', 'dimension of that frame, instead of a share', atLeast(1))
    .option(
      '--holdout <share>',
      'share of the embeddings kept out of the fit to measure the gap on (default: 0)',
      share,
    )
    .option('--seed <n>', 'seed of sampled choices (default: 0)', atLeast(0))
    .option('--encoder <label>', 'name of the encoder, kept in the aligner')
}

/** A whole number of at least `least`. */
export function atLeast(least: number): (text: string) => number {
  return text => {
    const value = Number(text)
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`It has to be a whole number of at least ${least}.`)
    }
    return value
  }
}

/** A finite number above zero. */
export function positive(text: string): number {
  const value = Number(text)
  if (!(value > 0) || !Number.isFinite(value)) {
    throw new InvalidArgumentError('It has to be a number above zero.')
  }
  return value
}

/** A finite number from zero on. */
export function atLeastZero(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0) || !Number.isFinite(value)) {
    throw new InvalidArgumentError('It has to be a number from zero on.')
  }
  return value
}

/** A number from 0 up to, but not including, 1. */
export function share(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value < 1)) {
    throw new InvalidArgumentError('It has to be a number from 0 up to, but not including, 1.')
  }
  return value
}

function steps(text: string): Step[] {
  const names = text.split(',').map(name => name.trim())
  const unknown = names.find(name => !STEPS.includes(name as Step))
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`unknown step \`${unknown}\`; expected ${STEPS.join(', ')}`)
  }
  return names as Step[]
}
