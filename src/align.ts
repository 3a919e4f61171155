import { followedToken, following, type RunOptions } from './abort.ts'
import { bytesOf, checkedBytes } from './bytes.ts'
import {
  type Checks,
  checkOptions,
  checkPath,
  flag,
  instanceOf,
  madeHere,
  needed,
  OWN,
  oneOf,
  output,
  signal,
  wrong,
} from './checks.ts'
import { claimFiles } from './claim.ts'
import { diagnoseFit } from './diagnosis.ts'
import { type EngineOptions, engine, runJobOn } from './distributed.ts'
import { checkWidth, type Embeddings, opened, sourceOf } from './embeddings.ts'
import { type Outcome, unwrap } from './errors.ts'
import type { GroupOptions } from './group-options.ts'
import { type JobResult, type NativeAligner, native, type Source } from './native.ts'
import {
  checkCall,
  fitChecks,
  groupChecks,
  overwriteChecks,
  resumableChecks,
  runChecks,
  threadChecks,
} from './option-checks.ts'
import type { FitOptions, OverwriteOptions, ResumableOutputOptions, ThreadOptions } from './options.ts'
import type { AlignerInfo, FitReport, TransformReport } from './results.ts'
import { groupedSources } from './row-groups.ts'
import { mapRows, type NumberRows, type Rows, type Tensor } from './rows.ts'

/** The two sides of a fit; they need not be paired. */
export interface Sides {
  /** Rows to imitate, usually images; read once. */
  target: Embeddings
  /** Rows to move, usually texts; read `2 + centroidIterations` times. */
  source: Embeddings
}

/** What to fit, and how. */
export interface FitInput extends Sides, FitOptions, GroupOptions, ThreadOptions, EngineOptions {
  /** Read the source once more to measure the gap after the fit. @defaultValue `true` */
  verify?: boolean
  /** Folder for the states of finished passes, so that an interrupted fit can be resumed; needed with `on`, whose workers write there. */
  work?: string
  /** Take up the states found in `work`, after checking them. @defaultValue `false` */
  resume?: boolean
}

/** What to fit and where to write the moved rows. */
export interface AlignInput extends Sides, FitOptions, GroupOptions, ResumableOutputOptions, EngineOptions {
  /** Folder for the moved rows and the aligner; made when absent. */
  out: string
}

/** How shards are transformed. */
export interface TransformOptions extends ResumableOutputOptions, EngineOptions {
  /** Which side's map is applied; the target's only moves rows in `centering`. @defaultValue `'source'` */
  side?: 'source' | 'target'
}

const sideChecks: Checks<Sides> = { target: needed(opened), source: needed(opened) }

/** A fit takes sides by the part they play, for any modality may imitate any other. */
export const SIDE_NAMES = { image: 'target', images: 'target', text: 'source', texts: 'source' }

export const fitInputChecks: Checks<FitInput> = {
  ...sideChecks,
  ...groupChecks,
  ...fitChecks,
  ...threadChecks,
  verify: flag,
  work: output,
  resume: flag,
  on: engine,
}

const alignChecks: Checks<AlignInput> = {
  ...sideChecks,
  ...groupChecks,
  ...fitChecks,
  ...resumableChecks,
  out: needed(output),
  on: engine,
}

const transformChecks: Checks<TransformOptions & RunOptions> = {
  ...resumableChecks,
  ...runChecks,
  side: oneOf(['source', 'target']),
  on: engine,
}

/** The native handle of an aligner. */
export let nativeOf: (aligner: Aligner) => NativeAligner

/** A fitted map from the source's distribution to the target's: small, portable, safe to share. */
export class Aligner {
  readonly #native: NativeAligner
  readonly #map = (rows: Rows, out: Rows): void => {
    const outcome = this.#dispatch(rows, out)
    if (outcome !== null) {
      unwrap(outcome)
    }
  }
  /** What it knows about itself and its fit. */
  readonly info: AlignerInfo
  /** What the fit found; absent when the aligner was loaded. */
  readonly report: FitReport | undefined

  static {
    nativeOf = aligner => aligner.#native
  }

  private constructor(own: symbol, fitted: NativeAligner, report?: FitReport) {
    madeHere(own, 'Aligner', 'Aligner.fit({ target, source }), Aligner.load(path) or Aligner.fromBytes(bytes)')
    this.#native = fitted
    this.info = fitted.info()
    this.report = report
  }

  /**
   * Fits an aligner in passes over the data; memory does not grow with the number of rows.
   *
   * @throws {@link ModalityGapError} `WIDTH_MISMATCH` when the two sides differ in width, `BAD_ROW` with file and row
   * (unless the embeddings were opened with `onBadRow: 'drop'`), `TOO_FEW_ROWS`, `BAD_OPTION`, `CANCELLED`
   * @see arXiv 2602.07026, section 4
   */
  static async fit(input: FitInput, run: RunOptions = {}): Promise<Aligner> {
    checkCall('Aligner.fit', [input, fitInputChecks], [run, runChecks], SIDE_NAMES)
    const { target, source, on, ...options } = input
    const [sources, job] = await sidesOf({ target, source }, options, run.signal)
    return Aligner.#fitted(await runJobOn(on, { kind: 'fit', ...job }, sources, run), { target, source })
  }

  /**
   * Fits an aligner and writes the moved rows of the source, shard by shard, in one job; where a method moves the target
   * too (`centering`), both sides are written. Output keeps names, order, metadata and, unless an option says otherwise, format and
   * storage type of the input. `report.outputs` lists the files.
   *
   * @throws {@link ModalityGapError} as `fit` does, `BAD_OPTION` and `WRITE_FAILED`; unfinished files are removed
   */
  static async alignTo(input: AlignInput, run: RunOptions = {}): Promise<Aligner> {
    checkCall('Aligner.alignTo', [input, alignChecks], [run, runChecks], SIDE_NAMES)
    const { target, source, on, ...options } = input
    const [sources, job] = await sidesOf({ target, source }, options, run.signal)
    return Aligner.#fitted(await runJobOn(on, { kind: 'align', ...job }, sources, run), { target, source })
  }

  /**
   * Reads an aligner file.
   *
   * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`, `BAD_ALIGNER`, `NEWER_VERSION`; `CANCELLED` when `signal` is aborted
   * while a store is waited for
   */
  static async load(path: string, run: Pick<RunOptions, 'signal'> = {}): Promise<Aligner> {
    if (bytesOf(path)) {
      throw wrong(path, 'Aligner.load', 'a path, as text', '; for the bytes of a file there is Aligner.fromBytes')
    }
    checkPath(path, 'Aligner.load')
    checkOptions(run, 'the second argument of Aligner.load', { signal })
    const loaded = async () => unwrap(await native.NativeAligner.load(path, followedToken()))
    return new Aligner(OWN, await following(run.signal, [path], loaded))
  }

  /**
   * Reads the bytes of an aligner file.
   *
   * @throws {@link ModalityGapError} `BAD_ALIGNER`, `NEWER_VERSION`
   */
  static fromBytes(bytes: Uint8Array): Aligner {
    const checked = checkedBytes(bytes, 'Aligner.fromBytes', 'Aligner.load')
    return new Aligner(OWN, unwrap(native.NativeAligner.fromBytes(checked)))
  }

  static #fitted({ aligner, report: found }: JobResult<'fit' | 'align'>, { target, source }: Sides): Aligner {
    // a job that fits always returns the aligner's file
    const bytes = aligner as Uint8Array
    const fitted = unwrap(native.NativeAligner.fromBytes(bytes))
    const { target: onto, source: moved } = fitted.info()
    const diagnosis = diagnoseFit(found, [onto.name, moved.name], { image: target, text: source })
    return new Aligner(OWN, fitted, { ...found, diagnosis })
  }

  /** Columns of the rows it takes and gives. */
  get dim(): number {
    return this.info.dim
  }

  /** The aligner as a safetensors file; `fromBytes` and `modality-gap/transform` read it back exactly. */
  toBytes(): Uint8Array {
    return this.#native.toBytes()
  }

  /**
   * Writes the aligner as a safetensors file; the file has its name only once it is complete.
   *
   * @throws {@link ModalityGapError} `BAD_OPTION` where something stands, `WRITE_FAILED`; `CANCELLED` when `signal` is aborted while a
   * store is waited for
   */
  async save(path: string, options: OverwriteOptions & Pick<RunOptions, 'signal'> = {}): Promise<void> {
    checkPath(path, 'aligner.save', output)
    checkOptions(options, 'the second argument of aligner.save', { ...overwriteChecks, signal })
    await claimFiles([path], options)
    await following(options.signal, [path], async () => {
      unwrap(await this.#native.save(path, options.overwrite ?? false, followedToken()))
    })
  }

  /**
   * Moves one source row or many. Rows are scaled to unit length first; results have unit length (except for methods
   * without renormalisation) and are computed in f64 whatever the array.
   *
   * @param rows `n × dim` values, row-major; `Uint16Array` holds f16 bits, a tensor what its `type` says
   * @param out where to write, of the same kind and length; may be `rows` itself; allocated when absent
   * @returns `out`
   * @throws {@link ModalityGapError} `BAD_SHAPE` when they are not whole rows, `BAD_ROW` with the first row that is not
   * finite or has length zero; `out` is then written up to that row at most
   */
  transform(rows: Float32Array, out?: Float32Array): Float32Array
  transform(rows: Float64Array, out?: Float64Array): Float64Array
  transform(rows: Uint16Array, out?: Uint16Array): Uint16Array
  transform<T extends Rows>(rows: Tensor<T>, out?: Tensor<T>): Tensor<T>
  transform(rows: readonly number[]): number[]
  transform(rows: readonly (readonly number[])[]): number[][]
  transform(rows: Rows | Tensor | NumberRows, out?: Rows | Tensor): Rows | Tensor | NumberRows {
    return mapRows(rows, out, this.info.dim, this.#map)
  }

  /**
   * Moves the rows of any number of shards on the native threads and writes them to `out`, a folder, or a file when there
   * is one shard and the name has a known ending. The report says whether the rows still look like those of the fit.
   *
   * @throws {@link ModalityGapError} `WIDTH_MISMATCH`, `BAD_ROW` with file and row, `BAD_OPTION`, `WRITE_FAILED`,
   * `CANCELLED`; unfinished files are removed
   */
  async transformTo(
    rows: Embeddings,
    out: string,
    options: TransformOptions & RunOptions = {},
  ): Promise<TransformReport> {
    opened(rows, 'aligner.transformTo, rows')
    checkPath(out, 'aligner.transformTo, out', output)
    checkOptions(options, 'aligner.transformTo', transformChecks)
    const { signal, onProgress, on, ...job } = options
    const run: RunOptions = { signal, onProgress }
    const sources = [sourceOf(rows)]
    checkWidth(rows, this.dim, 'the aligner')
    return (await runJobOn(on, { kind: 'transform', out, ...job }, sources, run, this.#native)).report
  }

  #dispatch(rows: Rows, out: Rows): Outcome<null> | null {
    switch (rows[Symbol.toStringTag]) {
      case 'Float32Array':
        return this.#native.transformF32(rows as Float32Array, out as Float32Array)
      case 'Float64Array':
        return this.#native.transformF64(rows as Float64Array, out as Float64Array)
      case 'Uint16Array':
        return this.#native.transformF16(rows as Uint16Array, out as Uint16Array)
    }
  }
}

/** An aligner, as an option. */
export const fitted = instanceOf(Aligner, 'an Aligner')

/** Both sides in their groups; ids that the rows bring along count where some are held out. */
async function sidesOf<T extends GroupOptions & { holdout?: number }>(
  { target, source }: Sides,
  { captionsPerImage, ...job }: T,
  signal?: AbortSignal,
): Promise<[Source[], Omit<T, 'captionsPerImage'>]> {
  checkWidth(source, target.dim, 'those of the target')
  const options = { paired: job.paired, captionsPerImage }
  const { sources, paired } = await groupedSources(target, source, options, { own: (job.holdout ?? 0) > 0, signal })
  return [sources, { ...job, paired }]
}
