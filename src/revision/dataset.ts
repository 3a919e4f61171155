import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { following, type RunOptions } from '../abort.ts'
import { type Aligner, fitted } from '../align.ts'
import {
  anyOf,
  type Check,
  type Checks,
  callback,
  checkOptions,
  flag,
  localOutput,
  madeHere,
  needed,
  number,
  OWN,
  object,
  oneOf,
  path,
  paths,
  text,
  whole,
} from '../checks.ts'
import { Embeddings, openEmbeddings, opened, openingOf } from '../embeddings.ts'
import { ModalityGapError } from '../errors.ts'
import { ON_BAD_ROW, runChecks } from '../option-checks.ts'
import type { OnBadRow } from '../options.ts'
import { namesIn, placeAt, within } from '../places.ts'
import { badLeft, leftOutOf, lookupWithout } from './data/bad-rows.ts'
import { type EmbeddingIds, embeddingRows } from './data/embedding-rows.ts'
import { epochOrder } from './data/order.ts'
import type { RowLookup } from './data/row-lookup.ts'
import type { RecordPlace } from './data/sample.ts'
import { splitRecords } from './data/split.ts'
import { type MissingRows, TrainingSet, type TrainingSetReport } from './data/training-set.ts'
import type { ModelBatch } from './model.ts'
import { samples as checkSamples } from './model-checks.ts'
import type { ModelSample } from './model-options.ts'
import { type ModelRows, openModelRows, readInPlace } from './rows.ts'
import { IMAGE_PLACEMENTS, toModelSample, type Wording } from './turns.ts'

/** Records and the rows of their images. */
export interface DatasetOptions {
  /**
   * Files of records, or folders of such files, read in the order of their names: JSON, JSON lines, both also in gzip, parquet, COCO's
   * captions; conversations of LLaVA or ShareGPT, chat messages, captions, texts.
   */
  records: string | readonly string[]
  /** Embeddings of the images: opened, or their files; without them no image is looked up. */
  rows?: Embeddings | string | readonly string[]
  /** How a record finds its row. @defaultValue the ids in the metadata of the rows */
  ids?: EmbeddingIds
  /** Whether a row is found by the id of the image or by the id of the record. @defaultValue `'image'` */
  key?: 'image' | 'id'
  /** What happens to a record whose image has no row. @defaultValue `'error'` */
  missing?: MissingRows
  /** What happens to records that cannot be used; `'drop'` counts them in the report. @defaultValue `'error'` */
  onBad?: 'error' | 'drop'
  /** What happens to bad rows: an error when a record needs one, or they are left out, and `missing` decides. @defaultValue `'error'` */
  onBadRow?: OnBadRow
  /** Moves rows as they are read. */
  aligner?: Aligner
  /** Which of the aligner's maps: that of the texts, or that of the images. @defaultValue `'source'` */
  side?: 'source' | 'target'
  /** Which part of the records; a part needs `valSize`. @defaultValue `'all'` */
  split?: 'all' | 'train' | 'validation'
  /** Held out for validation: a share below 1, or a number of records from 1 on. */
  valSize?: number
  /** Records at most, before any are held out. @defaultValue all */
  maxSamples?: number
  /** Seed of the split, of `maxSamples`, and of the choice among several captions. @defaultValue `0` */
  seed?: number
  /** The user's text where a record has an image and no question. @defaultValue `'<image>'` */
  prompt?: string
  /** A system turn for records without one. */
  system?: string
  /** Where the place of an image is put in its turn. @defaultValue `'inline'` */
  imagePlacement?: 'inline' | 'front'
  /** Folder for copies of packed records and rows, which are used again. @defaultValue a temporary folder, removed by `close` */
  cache?: string
}

/** A record of a data set. */
export interface DatasetItem {
  /** Its id, or its number where it has none. */
  id: string
  /** The record as {@link VisionModel} takes it. */
  sample: ModelSample
  /** Ids of its images. */
  images: readonly string[]
  /** All captions of a record that has several; its last turn is one of them. */
  captions?: readonly string[]
  /** Number of the record over all files, from 0. */
  record: number
  /** Where it stands. */
  place: RecordPlace
}

/** Two views of a data set, each in its order. */
export interface DatasetSplit {
  /** What is trained on. */
  train: Dataset
  /** What is held out. */
  validation: Dataset
}

/** How batches are made. */
export interface BatchOptions {
  /** Whether a last batch of fewer samples is left out. @defaultValue `false` */
  dropLast?: boolean
}

/** How an order is drawn. */
export interface ShuffleOptions {
  /** Number of the pass over the data, from 0: another order, another of several captions, other noise. @defaultValue `0` */
  epoch?: number
}

const openedRows: Check = anyOf('embeddings, or the paths of their files', opened, paths)

const datasetChecks: Checks<DatasetOptions> = {
  records: needed(paths),
  rows: openedRows,
  ids: object<EmbeddingIds>({ from: path, column: text, match: oneOf(['exact', 'stem']) }),
  key: oneOf(['image', 'id']),
  missing: oneOf(['error', 'skip', 'report']),
  onBad: oneOf(['error', 'drop']),
  onBadRow: oneOf(ON_BAD_ROW),
  aligner: fitted,
  side: oneOf(['source', 'target']),
  split: oneOf(['all', 'train', 'validation']),
  valSize: number(0),
  maxSamples: whole(1),
  seed: whole(),
  prompt: text,
  system: text,
  imagePlacement: oneOf(IMAGE_PLACEMENTS),
  cache: localOutput,
}

const shuffleChecks: Checks<ShuffleOptions> = { epoch: whole() }
const batchChecks: Checks<BatchOptions> = { dropLast: flag }

/** What the views of one data set share. */
interface Shared {
  set: TrainingSet
  rows?: ModelRows
  wording: Wording
  closed: boolean
  /** Removes what is temporary. */
  tidy(): Promise<void>
}

/**
 * Records with the rows of their images, validated when they are opened and read by position afterwards; only places are in memory.
 * `shuffle`, `split`, `filter` and `take` give views of the same files, which one `close` closes.
 */
export class Dataset implements AsyncIterable<DatasetItem> {
  readonly #shared: Shared
  /** Numbers of the records of this view, in its order. */
  readonly #records: Uint32Array
  readonly #epoch: number

  /** @internal */
  constructor(own: symbol, shared: Shared, records: Uint32Array, epoch = 0) {
    madeHere(own, 'Dataset', 'await openDataset({ records, rows })')
    this.#shared = shared
    this.#records = records
    this.#epoch = epoch
  }

  /** How many samples this view has. */
  get length(): number {
    return this.#records.length
  }

  /** What was found in the files. */
  get report(): TrainingSetReport {
    return this.#shared.set.report
  }

  /** Rows of the images as a model sees them; absent where none were given. */
  get rows(): ModelRows | undefined {
    return this.#shared.rows
  }

  /**
   * Reads a sample by its position in this view; negative positions count from the end.
   *
   * @throws {@link ModalityGapError} `BAD_OPTION` for a position that is not there; `UNREADABLE`
   */
  async at(position: number): Promise<DatasetItem> {
    if (this.#shared.closed) {
      throw new ModalityGapError('BAD_OPTION', 'this data set was closed; open it again')
    }
    whole(-this.length, this.length - 1)(position, 'dataset.at')
    const record = this.#records.at(position) as number
    const read = await this.#shared.set.read(record, this.#epoch)
    const sample = { ...toModelSample(read, this.#shared.wording), epoch: this.#epoch }
    const { id, images, captions, place } = read
    return { id, sample, images, ...(captions ? { captions } : {}), record, place }
  }

  /**
   * Embeddings of the images of some samples, in their order: row-major, f32, moved by the aligner.
   *
   * @throws {@link ModalityGapError} `BAD_OPTION` without rows; `BAD_ROW`
   */
  async embeddings(samples: readonly ModelSample[]): Promise<Float32Array> {
    const { rows } = this.#shared
    if (rows === undefined) {
      throw new ModalityGapError('BAD_OPTION', 'this data set was opened without rows; give openDataset `rows`')
    }
    checkSamples(samples, 'dataset.embeddings')
    return await rows.pick(samples.flatMap(({ rows }) => rows))
  }

  /**
   * Two views, of what is trained on and of what is held out. Records are held out by a hash of the seed and their number, as in
   * {@link ReVision}.
   *
   * @param valSize a share below 1, or a number of records from 1 on
   * @throws {@link ModalityGapError} `BAD_OPTION`; `TOO_FEW_ROWS` when nothing is left to train on
   */
  split(valSize: number, seed = 0): DatasetSplit {
    number(0)(valSize, 'dataset.split')
    whole()(seed, 'the second argument of dataset.split')
    const { validation } = splitRecords(this.#records.slice().sort(), { valSize, seed })
    const held = new Set(validation)
    const side = (out: boolean) => this.#view(this.#records.filter(record => held.has(record) === out))
    return { train: side(false), validation: side(true) }
  }

  /** The samples in an order of chance: that of a training with this seed in that pass over the data. */
  shuffle(seed: number, options: ShuffleOptions = {}): Dataset {
    whole()(seed, 'dataset.shuffle')
    checkOptions(options, 'the second argument of dataset.shuffle', shuffleChecks)
    const { epoch = 0 } = options
    const order = epochOrder(this.length, seed, epoch)
    const records = this.#records.map((_, position, all) => all[order(position)] as number)
    return new Dataset(OWN, this.#shared, records, epoch)
  }

  /** The first samples of this view. */
  take(count: number): Dataset {
    whole()(count, 'dataset.take')
    return this.#view(this.#records.subarray(0, count))
  }

  /** The samples that pass; every sample is read once. */
  async filter(passes: (item: DatasetItem, position: number) => boolean | Promise<boolean>): Promise<Dataset> {
    callback(passes, 'dataset.filter')
    const kept: number[] = []
    let position = 0
    for await (const item of this) {
      if (await passes(item, position++)) {
        kept.push(item.record)
      }
    }
    return this.#view(Uint32Array.from(kept))
  }

  /** The samples in batches, the next of which is read while one is used. */
  batches(size: number, options: BatchOptions = {}): AsyncIterable<ModelBatch> {
    whole(1)(size, 'dataset.batches')
    checkOptions(options, 'the second argument of dataset.batches', batchChecks)
    const end = options.dropLast ? this.length - (this.length % size) : this.length
    return { [Symbol.asyncIterator]: () => this.#batches(size, end) }
  }

  /** Reads the samples one by one, in the order of this view. */
  async *[Symbol.asyncIterator](): AsyncGenerator<DatasetItem, void> {
    for (let position = 0; position < this.length; position++) {
      yield await this.at(position)
    }
  }

  /** Closes the files, for all views. */
  async close(): Promise<void> {
    this.#shared.closed = true
    await this.#shared.set.close()
    await this.#shared.tidy()
  }

  /** The same, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #view(records: Uint32Array): Dataset {
    return new Dataset(OWN, this.#shared, records, this.#epoch)
  }

  async *#batches(size: number, end: number): AsyncGenerator<ModelBatch, void> {
    const { rows } = this.#shared
    const read = (from: number) =>
      Promise.all(Array.from({ length: Math.min(size, end - from) }, (_, i) => this.at(from + i)))
    let next = end > 0 ? read(0) : undefined
    for (let from = 0; next; from += size) {
      const samples = (await next).map(({ sample }) => sample)
      next = from + size < end ? read(from + size) : undefined
      // what is wrong with it is thrown in its turn
      next?.catch(() => undefined)
      yield rows ? { samples, rows } : { samples }
    }
  }
}

/**
 * Opens records, and looks up the rows of their images, as {@link ReVision} does: every record is read once and validated. Samples can
 * then be read in any order, in batches for {@link VisionModel} or for a loop of one's own.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`, `BAD_FORMAT`; `BAD_SAMPLE` with all bad records; `EMPTY`; `NOT_PAIRED`;
 * `BAD_OPTION`; `CANCELLED`
 */
export async function openDataset(options: DatasetOptions, run: RunOptions = {}): Promise<Dataset> {
  checkOptions(options, 'openDataset', datasetChecks)
  checkOptions(run, 'the second argument of openDataset', runChecks)
  return await following(run.signal, [options.records, options.rows], () => openRecords(options, run))
}

async function openRecords(options: DatasetOptions, run: RunOptions): Promise<Dataset> {
  const { split = 'all', valSize, maxSamples, seed, cache } = options
  if ((split === 'all') !== (valSize === undefined)) {
    throw new ModalityGapError(
      'BAD_OPTION',
      'openDataset: a part of the records is chosen by `split` and `valSize` together',
    )
  }
  const data = (await Promise.all([options.records].flat().map(filesOf))).flat()
  const folder = cache ?? (await mkdtemp(join(tmpdir(), 'modality-gap-dataset-')))
  const tidy = async () => {
    if (cache === undefined) {
      await rm(folder, { recursive: true, force: true })
    }
  }
  try {
    const side = options.rows === undefined ? undefined : await sideOf(options.rows, options, folder, run)
    const { key, missing, onBad, prompt = '<image>', system, imagePlacement } = options
    const { lookup, rows } = side ?? {}
    const set = await TrainingSet.open({ data, lookup, key, missing, onBad, cache: folder, valSize, maxSamples, seed })
    const list = split === 'validation' ? set.records.validation : set.records.train
    return new Dataset(OWN, { set, rows, wording: { prompt, system, imagePlacement }, closed: false, tidy }, list)
  } catch (error) {
    await tidy()
    throw error
  }
}

/** Rows of the images, and how records find them. */
async function sideOf(
  given: NonNullable<DatasetOptions['rows']>,
  { ids, onBadRow, aligner, side }: DatasetOptions,
  cache: string,
  run: RunOptions,
): Promise<{ lookup: RowLookup; rows: ModelRows }> {
  const embeddings = given instanceof Embeddings ? given : await openEmbeddings([given].flat(), { onBadRow })
  const drops = (onBadRow ?? openingOf(embeddings).onBadRow) === 'drop'
  const lookup = await embeddingRows(embeddings, ids)
  const rows = await openModelRows(embeddings, { aligner, side, cache }, run)
  if (!drops) {
    return { lookup, rows }
  }
  const out = await leftOutOf(embeddings, readInPlace(embeddings), run)
  return { lookup: lookupWithout(lookup, out), rows: { ...rows, bad: badLeft(out) } }
}

/** Names of files that hold records. */
const RECORD_FILES = /\.(?:json|jsonl|ndjson|parquet)(?:\.gz)?$/i

/** A file, or the files of records in a folder, in the order of their names. */
async function filesOf(named: string): Promise<string[]> {
  if (!(await placeAt(named)).folder) {
    return [named]
  }
  const names = await namesIn(named)
  if (names.includes('state.json') || names.includes('dataset_dict.json')) {
    throw new ModalityGapError(
      'BAD_FORMAT',
      `${named} was written by save_to_disk of Hugging Face's datasets, whose Arrow files hold no records that are read here; ` +
        'write them with Dataset.to_parquet or Dataset.to_json',
      { file: named },
    )
  }
  const files = names.filter(name => RECORD_FILES.test(name)).sort()
  if (files.length === 0) {
    throw new ModalityGapError('EMPTY', `${named} holds no files of records (json, jsonl, ndjson, parquet)`, {
      file: named,
    })
  }
  return files.map(name => within(named, name))
}
