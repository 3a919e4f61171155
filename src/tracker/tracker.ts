import { cancelOn, following, type RunOptions, unlessAborted, withReason } from '../abort.ts'
import { checkedBytes } from '../bytes.ts'
import {
  type Check,
  type Checks,
  checkOptions,
  checkPath,
  localOutput,
  needed,
  number,
  output,
  shown,
  signal,
  whole,
} from '../checks.ts'
import { claimFiles, exists } from '../claim.ts'
import { Embeddings, type EmbeddingsOptions, idsOf, openEmbeddings, rowIds, sourceOf } from '../embeddings.ts'
import { ModalityGapError, unwrap } from '../errors.ts'
import { given } from '../job.ts'
import { type NativeTracker, native, type Source, type TrackedName } from '../native.ts'
import { once } from '../once.ts'
import { overwriteChecks, threads } from '../option-checks.ts'
import type { OverwriteOptions, ThreadOptions } from '../options.ts'
import { findPlace, stampOf } from '../places.ts'
import type { TrackRecord } from '../results.ts'
import { itemsOfPairs } from '../row-groups.ts'
import { givenIds, type RowIds } from '../row-ids.ts'
import { isTensor, kindOf, type NumberRows, type Rows, type Tensor } from '../rows.ts'
import { anotherRun, openTrackLog, type TrackLog } from './log.ts'
import type { TrackerOptions } from './options.ts'

/** Rows of a step: an array of whole rows, a tensor, opened rows, or the path of a file. Arrays are copied at once. */
export type TrackRows = Rows | NumberRows | Tensor | Embeddings | string

/** What a tracker is fed at a step. */
export interface TrackStep {
  /** The trainer's step, a whole number larger than every one before. */
  step: number
  /** Columns of plain arrays of this step, as a probe says them. @defaultValue those of the tracker */
  dim?: number
  /** Image embeddings of the probe, the same pairs at every step; scaled to unit length inside. */
  image: TrackRows
  /** Text embeddings of the probe; row i belongs to row i of `image`. */
  text: TrackRows
  /** Gradients of the loss by image embeddings, any rows; taken as they are. */
  gradImage?: TrackRows
  /** Gradients of the loss by text embeddings. */
  gradText?: TrackRows
  /** Image embeddings of the batch that the gradients come from, to see whether they lie in its span. */
  batchImage?: TrackRows
  /** Text embeddings of that batch. */
  batchText?: TrackRows
}

/** How a tracker is used in this process. */
export interface TrackerUse extends ThreadOptions, OverwriteOptions {
  /** Columns of plain arrays; tensors and files know theirs. */
  dim?: number
  /** File that every record is appended to as a line of JSON, on the disk before `push` resolves. */
  log?: string
  /**
   * The item of each probe pair, such as the image of a caption; the same pairs at every step, so the state keeps it. Noise
   * and retrieval are those of items: any row of the query's item is right, and a repeated row counts once.
   * @defaultValue pairs with equal rows share an item; `'none'` says that they do not
   */
  ids?: RowIds
  /** Captions of each image, in order: pairs 5i to 5i+4 belong to image i for `5`. Not with `ids`. */
  captionsPerImage?: number
}

const useChecks: Checks<TrackerUse> = {
  dim: whole(1),
  log: localOutput,
  ids: rowIds,
  captionsPerImage: whole(1),
  threads,
  ...overwriteChecks,
}

const optionChecks: Checks<TrackerOptions & TrackerUse> = {
  ...useChecks,
  freezeAt: needed(whole()),
  energy: number(),
  rank: whole(),
  every: whole(),
  window: whole(),
  topEigen: whole(),
  retrievalPairs: whole(),
  lambda: number(),
  seed: whole(),
}

/** Rows of a step, whatever holds them. */
const rows: Check = (value, name) => {
  const holds =
    typeof value === 'string' ||
    Array.isArray(value) ||
    value instanceof Embeddings ||
    isTensor(value) ||
    ['Float32Array', 'Float64Array', 'Uint16Array', 'Float16Array'].includes(kindOf(value))
  if (!holds) {
    throw new ModalityGapError(
      'BAD_OPTION',
      `${name}: expected rows (an array, a tensor, opened rows or the path of a file), not ${shown(value)}`,
    )
  }
}

const stepChecks: Checks<TrackStep> = {
  step: needed(whole()),
  dim: whole(1),
  image: needed(rows),
  text: needed(rows),
  gradImage: rows,
  gradText: rows,
  batchImage: rows,
  batchText: rows,
}

/** Rows of a step, and whether they were opened for it alone. */
interface OpenedRows {
  name: TrackedName
  rows: Embeddings
  own: boolean
}

function release(opened: readonly OpenedRows[]): void {
  for (const { rows, own } of opened) {
    if (own) sourceOf(rows).release()
  }
}

/** Follows the modality gap of a training run, step by step, in a frame that is frozen once. */
export class Tracker {
  readonly #native: NativeTracker
  readonly #use: TrackerUse
  readonly #records: TrackRecord[] = []
  #dim: number | undefined
  /** Items of the probe pairs, the same at every step; known from the first record of this process on. */
  #items: { of: Uint32Array | undefined } | undefined
  readonly #log = new Map<'log', Promise<TrackLog>>()
  #turn: Promise<unknown> = Promise.resolve()
  /** Whether a log with the first record of this run is its own. */
  readonly #takesUp: boolean
  /** The only record of a log that a new run has found. */
  #first: TrackRecord | undefined
  /** Records that could not be written to the log yet; they are written before the next one. */
  readonly #waiting: TrackRecord[] = []
  /** Where it keeps its state, and what it has left there. */
  #state: { path: string; stamp: string } | undefined

  /** Options of the run. */
  readonly options: TrackerOptions

  /**
   * A tracker of a new run.
   *
   * @throws {@link ModalityGapError} `BAD_OPTION`
   */
  constructor(options: TrackerOptions & TrackerUse)
  /** @internal */
  constructor(options: (TrackerOptions & TrackerUse) | TrackerUse, loaded: NativeTracker | undefined, takesUp?: boolean)
  constructor(all: (TrackerOptions & TrackerUse) | TrackerUse, loaded?: NativeTracker, takesUp = false) {
    this.#takesUp = takesUp
    checkOptions(all, 'Tracker', loaded ? useChecks : optionChecks)
    const { dim, log, threads, ids, captionsPerImage, overwrite, ...options } = all
    if (ids !== undefined && captionsPerImage !== undefined) {
      throw new ModalityGapError('BAD_OPTION', 'ids and captionsPerImage both say which pairs share an item; give one')
    }
    this.#native = loaded ?? unwrap(native.NativeTracker.create(given(options as TrackerOptions)))
    this.#use = { dim, log, threads, ids, captionsPerImage, overwrite }
    this.#dim = dim
    this.options = this.#native.info().options
  }

  /**
   * Continues a saved run. Of the log, records after the saved step are cut off; they will be written again.
   *
   * @throws {@link ModalityGapError} `NOT_FOUND`, `BAD_STATE`, `NEWER_VERSION`; `BAD_FORMAT` for the log
   */
  static async load(path: string, use: TrackerUse = {}): Promise<Tracker> {
    checkPath(path, 'Tracker.load')
    checkOptions(use, 'the second argument of Tracker.load', useChecks)
    const tracker = new Tracker(use, unwrap(await native.NativeTracker.load(path)))
    await tracker.#opened()
    return tracker
  }

  /**
   * Goes on with a run from the bytes of its state.
   *
   * @throws {@link ModalityGapError} `BAD_STATE`, `NEWER_VERSION`
   */
  static fromBytes(bytes: Uint8Array, use: TrackerUse = {}): Tracker {
    checkOptions(use, 'the second argument of Tracker.fromBytes', useChecks)
    const state = checkedBytes(bytes, 'Tracker.fromBytes', 'Tracker.load')
    return new Tracker(use, unwrap(native.NativeTracker.fromBytes(state)))
  }

  /** Records of this process and of the log that was gone on with, in order. */
  get records(): readonly TrackRecord[] {
    return this.#records
  }

  /** The last step recorded, also by the process before. */
  get lastStep(): number | undefined {
    return this.#native.info().lastStep ?? undefined
  }

  /**
   * Records a step off the event loop, in passes over its rows; memory is a few `dim × dim` matrices beside them. Calls
   * that are not awaited are recorded in their order. After an error the tracker is as it was before.
   *
   * @returns the record, or nothing for a step that `every` leaves out
   * @throws {@link ModalityGapError} `BAD_OPTION` for a step that does not come after the last one, `BAD_ROW` with file
   * and row, `BAD_SHAPE`, `NOT_PAIRED`, `TOO_FEW_ROWS`, `WIDTH_MISMATCH`, `NUMERIC`, `CANCELLED`; `WRITE_FAILED` for the
   * log
   */
  async push(step: TrackStep, run: Pick<RunOptions, 'signal'> = {}): Promise<TrackRecord | undefined> {
    checkOptions(step, 'tracker.push', stepChecks)
    checkOptions<Pick<RunOptions, 'signal'>>(run, 'the second argument of tracker.push', { signal })
    if (!this.#native.takes(step.step)) {
      return undefined
    }
    // arrays are copied here, before anything is awaited, so that the trainer may continue with them
    const rows = following(run.signal, Object.values(step), () => this.#open(step))
    rows.catch(() => {})
    const before = this.#turn
    const turn = before.then(async () => this.#record(step.step, await rows, run.signal))
    // collected by chance, the copies of many steps would fill the memory before V8 saw a reason to look
    this.#turn = turn.catch(() => this.#forget()).then(() => rows.then(release, () => {}))
    await unlessAborted(before, run.signal)
    return await turn
  }

  /** The state as a safetensors file; `fromBytes` reads it back exactly. Steps that are being recorded are not in it. */
  toBytes(): Uint8Array {
    return this.#native.toBytes()
  }

  /**
   * Writes the state, once the steps pushed so far are recorded; the file has its name only when it is complete. An older
   * state is replaced, any other file is not.
   *
   * @throws {@link ModalityGapError} `BAD_OPTION`, `WRITE_FAILED`
   */
  async save(path: string): Promise<void> {
    checkPath(path, 'tracker.save', output)
    await this.#turn
    // what cannot be looked at cannot be written either, which says why
    const found = await findPlace(path).catch(() => undefined)
    let replaces = found !== undefined
    if (path !== this.#state?.path) {
      replaces &&= 'ok' in (await native.NativeTracker.load(path))
      await claimFiles([path], { overwrite: replaces })
    } else if (replaces && stampOf(found) !== this.#state.stamp) {
      throw exists(path, 'somebody else has written it since this tracker did', 'save the state elsewhere')
    }
    unwrap(await this.#native.save(path, replaces))
    this.#state = { path, stamp: stampOf(await findPlace(path)) }
  }

  /**
   * Writes the frozen frame, for measurements in the same frame.
   *
   * @throws {@link ModalityGapError} `BAD_OPTION` when no frame is frozen yet, or where something stands; `WRITE_FAILED`
   */
  async saveFrame(path: string, options: OverwriteOptions = {}): Promise<void> {
    checkPath(path, 'tracker.saveFrame', output)
    checkOptions(options, 'the second argument of tracker.saveFrame', overwriteChecks)
    await claimFiles([path], options)
    await this.#turn
    unwrap(await this.#native.saveFrame(path, options.overwrite ?? false))
  }

  async #record(step: number, opened: readonly OpenedRows[], signal?: AbortSignal): Promise<TrackRecord> {
    const cancellation = cancelOn(signal)
    let grouped: Source | undefined
    try {
      const log = await this.#opened()
      const names = opened.map(({ name }) => name)
      const spec = given({ step, names, threads: this.#use.threads })
      const sources = opened.map(({ rows }) => sourceOf(rows))
      const image = names.indexOf('image')
      const items = await following(signal, [this.#use.ids], () => this.#itemsOf((opened[image] as OpenedRows).rows))
      if (items !== undefined) {
        grouped = unwrap((sources[image] as Source).grouped(items))
        sources[image] = grouped
      }
      const record = unwrap(await this.#native.push(spec, sources, cancellation.token))
      this.#items = { of: items }
      this.#records.push(record)
      await this.#logged(log, record)
      return record
    } catch (error) {
      throw withReason(error, signal)
    } finally {
      cancellation.release()
      grouped?.release()
    }
  }

  /** What rows that were not recorded have said of those to come is not kept. */
  #forget(): void {
    if (this.#items === undefined) {
      this.#dim = this.#use.dim
    }
  }

  async #logged(log: TrackLog | undefined, record: TrackRecord): Promise<void> {
    const before = this.#first
    this.#first = undefined
    if (before === undefined) {
      this.#waiting.push(record)
      for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
        await log?.append(next)
        this.#waiting.shift()
      }
    } else if (JSON.stringify(before) !== JSON.stringify(record)) {
      throw anotherRun(this.#use.log as string)
    }
  }

  async #open(step: TrackStep): Promise<OpenedRows[]> {
    const { image, text, gradImage, gradText, batchImage, batchText } = step
    const named = { image, text, gradImage, gradText, batchImage, batchText }
    const all = Object.entries(given(named)) as [TrackedName, TrackRows][]
    const opening = all.map(async ([name, rows]): Promise<OpenedRows> => {
      const own = !(rows instanceof Embeddings)
      const opened = own ? await openEmbeddings(rows, this.#optionsOf(name, rows, step.dim)) : rows
      this.#dim ??= opened.dim
      return { name, rows: opened, own }
    })
    try {
      return await Promise.all(opening)
    } catch (error) {
      for (const each of opening) {
        each.then(rows => release([rows])).catch(() => {})
      }
      throw error
    }
  }

  async #itemsOf(image: Embeddings): Promise<Uint32Array | undefined> {
    const { ids, captionsPerImage } = this.#use
    const found = async () => {
      const given = ids === undefined ? idsOf(image) : ((await givenIds(ids, sourceOf(image).info())) ?? null)
      return itemsOfPairs(image.rows, given, captionsPerImage)
    }
    const items = this.#items ? this.#items.of : await found()
    if (items !== undefined && items.length !== image.rows) {
      throw new ModalityGapError('NOT_PAIRED', `${items.length} ids for ${image.rows} probe pairs`)
    }
    return items
  }

  #optionsOf(label: string, rows: Rows | NumberRows | Tensor | string, dim = this.#dim): EmbeddingsOptions {
    const knows = typeof rows === 'string' || isTensor(rows) || Array.isArray((rows as readonly unknown[])[0])
    return knows ? { label } : { label, dim }
  }

  async #opened(): Promise<TrackLog | undefined> {
    const { log: path } = this.#use
    if (path === undefined) {
      return undefined
    }
    return await once(this.#log, 'log', async () => {
      const opened = await openTrackLog(path, this.lastStep, { ...this.#use, takesUp: this.#takesUp })
      this.#first = opened.first
      this.#records.push(...opened.records)
      return opened.log
    })
  }
}
