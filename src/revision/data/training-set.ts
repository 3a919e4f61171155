import { ModalityGapError } from '../../errors.ts'
import { BadRecords, type DroppedRecords, type OnBadRecord } from './bad-records.ts'
import { JsonFile } from './json-file.ts'
import type { BadRecord } from './json-records.ts'
import { readableRecords } from './record-files.ts'
import type { RowLookup } from './row-lookup.ts'
import { badSample, inEpoch, type RecordPlace, type Sample, sampleOf } from './sample.ts'
import { type Split, type SplitOptions, splitRecords } from './split.ts'

/** Ids without a row that a report names. */
const NAMED = 20

/** What happens to a record whose image has no row: an error, or it is left out, in silence or by name. */
export type MissingRows = 'error' | 'skip' | 'report'

/** Which records are read, and how they find their rows. */
export interface TrainingSetOptions extends SplitOptions {
  /** Files of records, JSON or JSON lines. */
  data: string | readonly string[]
  /** Where the rows of images are found; without it no image is looked up. */
  lookup?: RowLookup
  /** Whether an image is looked up by its own id or by the id of its record. @defaultValue `'image'` */
  key?: 'image' | 'id'
  /** @defaultValue `'error'` */
  missing?: MissingRows
  /** @defaultValue `'error'` */
  onBad?: OnBadRecord
  /** Folder for copies of records that are packed (gzip, parquet) or in COCO's layout; absent where there are none. */
  cache?: string
}

/** A sample and the rows of its images. */
export interface JoinedSample extends Sample {
  /** Row of each image, in their order; empty without a lookup. */
  rows: number[]
  /** Number of the record over all files, from 0. */
  record: number
  /** Where it stands. */
  place: RecordPlace
}

/** Samples of one side of the split. */
export interface SampleList {
  /** How many. */
  readonly length: number
  /**
   * Reads one by its number in this list.
   *
   * @param epoch chooses among several captions. @defaultValue `0`
   */
  at(index: number, epoch?: number): Promise<JoinedSample>
}

/** What was found when the records were read. */
export interface TrainingSetReport {
  /** Records in all files. */
  records: number
  /** Records with images. */
  withImages: number
  /** Records left out because an image has no row. */
  skipped: number
  /** The first of the ids without a row; with `missing: 'report'`. */
  missing?: string[]
  /** Records left out because they cannot be used; absent where there are none. */
  dropped?: DroppedRecords
}

/** Training data on disk: validated once, then read by position. */
export class TrainingSet {
  /** Samples to train on. */
  readonly train: SampleList
  /** Samples held out. */
  readonly validation: SampleList
  /** Numbers of the records, on each side in ascending order. */
  readonly records: Split
  /** What was found. */
  readonly report: TrainingSetReport
  readonly #files: readonly JsonFile[]
  readonly #join: Join
  readonly #seed: number

  private constructor(files: readonly JsonFile[], join: Join, options: SplitOptions) {
    this.#files = files
    this.#join = join
    this.#seed = options.seed ?? 0
    this.report = join.report()
    const kept = join.kept()
    if (kept.length === 0) {
      const [file] = files.map(({ path }) => path)
      const { records, skipped, dropped } = this.report
      const [bad] = dropped?.first ?? []
      const why =
        bad !== undefined
          ? `; ${bad}`
          : skipped > 0
            ? `; ${skipped} have no row for an image: do the ids match?`
            : '; it has to hold records'
      throw new ModalityGapError('EMPTY', `${file}: none of ${records} records can be used${why}`, { file })
    }
    this.records = splitRecords(kept, options)
    this.train = this.#list(this.records.train)
    this.validation = this.#list(this.records.validation)
  }

  /**
   * Reads all files once, validates every record and looks up its images, so that whatever is wrong is reported before the
   * first step. Afterwards 20 bytes are held for each record: its place, and its number on its side of the split.
   *
   * @throws {@link ModalityGapError} as `readableRecords`, `jsonRecords` and `sampleOf` do, all bad records in one error;
   * `BAD_SAMPLE` for an image without a row
   */
  static async open(options: TrainingSetOptions): Promise<TrainingSet> {
    const join = new Join(options)
    const files: JsonFile[] = []
    try {
      for (const file of typeof options.data === 'string' ? [options.data] : options.data) {
        const readable = await readableRecords(file, options.cache)
        const onBad = ({ error }: BadRecord) => join.bad(error)
        files.push(
          await JsonFile.open(readable, ({ value, row }) => join.take(value, { file, row }), { name: file, onBad }),
        )
      }
      join.check()
      return new TrainingSet(files, join, options)
    } catch (error) {
      await Promise.all(files.map(file => file.close()))
      throw error
    }
  }

  #list(records: Uint32Array): SampleList {
    const at = async (index: number, epoch?: number) => {
      const record = records[index]
      if (record === undefined) {
        throw new RangeError(`there is no sample ${index} among ${records.length}`)
      }
      return await this.read(record, epoch)
    }
    return { length: records.length, at }
  }

  /**
   * Reads a record that is used by its number over all files.
   *
   * @param epoch chooses among several captions. @defaultValue `0`
   */
  async read(record: number, epoch = 0): Promise<JoinedSample> {
    let row = record
    for (const file of this.#files) {
      if (row < file.length) {
        const place = { file: file.path, row }
        const sample = inEpoch(sampleOf(await file.read(row), place, record), { seed: this.#seed, epoch, record })
        return { ...sample, rows: this.#join.rowsOf(sample, record, place) ?? [], record, place }
      }
      row -= file.length
    }
    throw new RangeError(`there is no record ${record}`)
  }

  /** Lets go of the files. */
  async close(): Promise<void> {
    await Promise.all(this.#files.map(file => file.close()))
  }
}

/** Brings records and rows together. */
class Join {
  readonly #lookup: RowLookup | undefined
  readonly #key: 'image' | 'id'
  readonly #missing: MissingRows
  /** Records that are used: the first `#used` of it. */
  #kept = new Uint32Array(1024)
  #used = 0
  readonly #named: string[] = []
  readonly #bad: BadRecords
  #records = 0
  #withImages = 0

  constructor({ lookup, key = 'image', missing = 'error', onBad = 'error' }: TrainingSetOptions) {
    this.#bad = new BadRecords(onBad)
    this.#lookup = lookup
    this.#key = key
    this.#missing = missing
  }

  /** Counts a record in, or leaves it out. */
  take(value: Record<string, unknown>, place: RecordPlace): void {
    const record = this.#records
    const sample = this.#sampleOf(value, place, record)
    if (sample === undefined) {
      return
    }
    this.#records++
    this.#withImages += sample.images.length > 0 ? 1 : 0
    try {
      if (this.rowsOf(sample, record, place) !== undefined) {
        this.#keep(record)
      }
    } catch (error) {
      this.#bad.fatal(error as ModalityGapError)
    }
  }

  #sampleOf(value: Record<string, unknown>, place: RecordPlace, record: number): Sample | undefined {
    try {
      return sampleOf(value, place, record)
    } catch (error) {
      this.bad(error)
      return undefined
    }
  }

  /** Notes a record that cannot be used; what is not an error of a record is thrown. */
  bad(error: unknown): void {
    if (!(error instanceof ModalityGapError)) {
      throw error
    }
    this.#records++
    this.#bad.bad(error)
  }

  /** Throws what is wrong with the records, where they are not to be left out. */
  check(): void {
    this.#bad.check()
  }

  #keep(record: number): void {
    if (this.#used === this.#kept.length) {
      const larger = new Uint32Array(2 * this.#kept.length)
      larger.set(this.#kept)
      this.#kept = larger
    }
    this.#kept[this.#used++] = record
  }

  /** Rows of a sample's images; nothing where one is missing and such samples are left out. */
  rowsOf(sample: Sample, record: number, place: RecordPlace): number[] | undefined {
    if (this.#lookup === undefined) {
      return []
    }
    const rows: number[] = []
    for (const id of this.#idsOf(sample, place)) {
      const row = this.#lookup.rowOf(id, record)
      if (row === undefined) {
        this.#miss(id, sample, place)
        return undefined
      }
      rows.push(row)
    }
    return rows
  }

  kept(): Uint32Array {
    const kept = this.#kept.slice(0, this.#used)
    this.#kept = kept
    return kept
  }

  report(): TrainingSetReport {
    const { dropped } = this.#bad
    const skipped = this.#records - this.#used - (dropped?.count ?? 0)
    const named = this.#missing === 'report' ? { missing: this.#named } : {}
    return { records: this.#records, withImages: this.#withImages, skipped, ...named, ...(dropped ? { dropped } : {}) }
  }

  #idsOf({ id, images }: Sample, place: RecordPlace): readonly string[] {
    if (this.#key === 'image') {
      return images
    }
    if (images.length > 1) {
      throw badSample(place, `its ${images.length} images cannot all be found by the record's own id`, id)
    }
    return images.map(() => id)
  }

  #miss(id: string, sample: Sample, place: RecordPlace): void {
    if (this.#missing === 'error') {
      const message = `no row of the embeddings belongs to ${JSON.stringify(id)}; choose missing: skip to leave it out`
      throw badSample(place, message, sample.id)
    }
    if (this.#named.length < NAMED) {
      this.#named.push(id)
    }
  }
}
