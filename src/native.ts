import { createRequire } from 'node:module'
import type * as generated from '../native/binding.js'
import type { EmbedJob, TrainJob, TrainProbe, TrainStep } from './encoder/options.ts'
import type { EmbedReport, TrainReport } from './encoder/reports.ts'
import { ModalityGapError, type Outcome } from './errors.ts'
import type { MeasureOptions } from './measure-options.ts'
import type { FitOptions, OnBadRow, OutputOptions, ResumableOutputOptions, Role, ThreadOptions } from './options.ts'
import type { AlignerInfo, EmbeddingsInfo, Progress } from './reports.ts'
import type {
  Answer,
  AnswerPiece,
  ExportKind,
  LossReport,
  ModelInfo,
  ModelSample,
  SampleSizes,
  StepReport,
} from './revision/model-options.ts'
import type { TrackerOptions } from './tracker/options.ts'
import type { TrackRecord } from './tracker/record.ts'

/** How rows are taken in, on disk or in memory. */
export interface SourceOptions {
  onBadRow?: OnBadRow
  normalize?: boolean
  label?: string
}

/** Opened rows; a cheap handle that jobs share. */
export interface Source {
  info(): EmbeddingsInfo
  /** The same rows with the group of each. */
  grouped(keys: Uint32Array): Outcome<Source>
  /** Lets go of the rows; jobs that run keep theirs. */
  release(): void
}

interface Sources {
  open(spec: SourceOptions & { paths: string[]; role?: Role }): Promise<Outcome<Source>>
  fromF32(rows: Float32Array, dim: number, options: SourceOptions, faults?: Uint32Array): Outcome<Source>
  fromF64(rows: Float64Array, dim: number, options: SourceOptions, faults?: Uint32Array): Outcome<Source>
  fromF16(bits: Uint16Array, dim: number, options: SourceOptions): Outcome<Source>
  fromBf16(bits: Uint16Array, dim: number, options: SourceOptions): Outcome<Source>
  fromArrow(ipc: Uint8Array, column: string | undefined, options: SourceOptions): Outcome<Source>
}

/** A fitted map; the calls for rows return `null` when all is well, so that the hot path allocates nothing. */
export interface NativeAligner {
  toBytes(): Uint8Array
  save(path: string): Outcome<null>
  info(): AlignerInfo
  transformF32(rows: Float32Array, out: Float32Array): Outcome<null> | null
  transformF64(rows: Float64Array, out: Float64Array): Outcome<null> | null
  transformF16(bits: Uint16Array, out: Uint16Array): Outcome<null> | null
}

/** What rows of a step are. */
export type TrackedName = 'image' | 'text' | 'gradImage' | 'gradText' | 'batchImage' | 'batchText'

/** Follows a training run; a step replaces its state as a whole. */
export interface NativeTracker {
  info(): { options: TrackerOptions; lastStep: number | null }
  takes(step: number): boolean
  push(
    spec: { step: number; names: TrackedName[]; threads?: number },
    sources: Source[],
    token: CancelToken,
  ): Promise<Outcome<TrackRecord>>
  toBytes(): Uint8Array
  save(path: string): Promise<Outcome<null>>
  saveFrame(path: string): Promise<Outcome<null>>
}

interface Trackers {
  create(options: TrackerOptions): Outcome<NativeTracker>
  load(path: string): Promise<Outcome<NativeTracker>>
  fromBytes(bytes: Uint8Array): Outcome<NativeTracker>
}

/** A file that gets its name when it is complete. */
export interface NativeDraft {
  write(bytes: Uint8Array): Promise<Outcome<null>>
  commit(): Promise<Outcome<null>>
  /** Removes what was written, unless it has its name. */
  release(): void
}

/** A lock that ends with its process, or when it is released. */
export interface NativeLock {
  release(): void
}

/** Stops a job within a block of rows. */
export interface CancelToken {
  cancel(): void
}

/** What runs on the native threads; an absent option has the default that its documentation states. */
export type Job =
  | ({ kind: 'fit'; verify?: boolean; work?: string; resume?: boolean } & FitOptions & ThreadOptions)
  | ({ kind: 'align'; out: string } & FitOptions & ResumableOutputOptions)
  | ({ kind: 'transform'; side?: 'source' | 'target'; out: string } & ResumableOutputOptions)
  | ({ kind: 'measure'; outcomes?: boolean } & Omit<MeasureOptions, 'captionsPerImage'> & ThreadOptions)
  | ({ kind: 'convert'; out: string } & OutputOptions)
  | ({ kind: 'inspect'; badRows?: number } & ThreadOptions)
  | { kind: 'task'; spec: unknown }
  // answered by a panic, for the test of the guard
  | { kind: '__panic' }

/** What a job gives back: its report, and the aligner's file when it fitted one. */
export interface JobResult {
  report: unknown
  aligner?: Uint8Array
}

/** An encoder in native memory. */
export interface NativeEncoder {
  info(): { dim: number; images: boolean; prompts: string[] }
  embedTexts(texts: string[], prompt?: string): Promise<Outcome<Float32Array>>
  embedImages(paths: string[]): Promise<Outcome<Float32Array>>
  /** Lets go of the encoder; calls that run keep theirs. */
  release(): void
}

/** Rows that are read by their numbers, each through an aligner. */
export interface NativeRows {
  pick(rows: number[]): Promise<Outcome<Float32Array>>
}

/** A file of ids being read; an empty list ends it. */
export interface NativeIds {
  next(): Promise<Outcome<string[]>>
}

/** A parquet file whose rows are read as records, each a JSON text; an empty list ends it. */
export interface NativeRecords {
  next(): Promise<Outcome<string[]>>
}

/** A language model in native memory. */
export interface NativeModel {
  info(): ModelInfo
  sizes(samples: readonly ModelSample[]): Promise<Outcome<SampleSizes>>
  step(
    samples: readonly ModelSample[],
    rows: NativeRows | undefined,
    microBatch: number,
    token: CancelToken,
  ): Promise<Outcome<StepReport>>
  evaluate(
    samples: readonly ModelSample[],
    rows: NativeRows | undefined,
    microBatch: number,
    token: CancelToken,
  ): Promise<Outcome<LossReport>>
  answer(
    samples: readonly ModelSample[],
    rows: NativeRows | undefined,
    sampling: object,
    token: CancelToken,
    onText?: (piece: AnswerPiece) => void,
  ): Promise<Outcome<Answer[]>>
  project(embeddings: Float32Array): Promise<Outcome<Float32Array>>
  export(folder: string, what: ExportKind): Promise<Outcome<string[]>>
  saveState(folder: string): Promise<Outcome<null>>
  restoreState(folder: string): Promise<Outcome<number>>
  /** Lets go of the model; calls that run keep theirs. */
  release(): void
}

/** The native module with the types that its generated declarations leave open. */
export interface Binding {
  CancelToken: new () => CancelToken
  Source: Sources
  NativeAligner: { load(path: string): Outcome<NativeAligner>; fromBytes(bytes: Uint8Array): Outcome<NativeAligner> }
  NativeTracker: Trackers
  run(
    job: Job,
    sources: Source[],
    token: CancelToken,
    onProgress?: (progress: Progress) => void,
    aligner?: NativeAligner,
  ): Promise<Outcome<JobResult>>
  NativeEncoder: { load(path: string): Promise<Outcome<NativeEncoder>> }
  trainEncoder(
    job: TrainJob,
    threads: number,
    token: CancelToken,
    onStep?: (step: TrainStep) => void,
    onProbe?: (probe: TrainProbe) => void,
  ): Promise<Outcome<TrainReport>>
  embedPairs(
    job: EmbedJob,
    threads: number,
    token: CancelToken,
    onProgress?: (progress: Progress) => void,
  ): Promise<Outcome<EmbedReport>>
  NativeModel: { open(options: object, threads: number): Promise<Outcome<NativeModel>> }
  NativeRows: {
    open(source: Source, aligner: NativeAligner | undefined, targetSide: boolean): Promise<Outcome<NativeRows>>
  }
  NativeIds: {
    open(path: string, column: string | undefined, usual: string[], captions: boolean): Promise<Outcome<NativeIds>>
  }
  /** Refuses files that would replace something, unless they may, or that would stand among the files of sources. */
  claimFiles(files: string[], replace: boolean, sources: Source[], read: string[]): Outcome<null>
  /** Removes what dead processes have left in a folder of our own. */
  removeDrafts(folder: string): void
  NativeDraft: { begin(path: string): NativeDraft }
  NativeLock: {
    /** A lock, or why there is none: somebody alive has it, or the file system knows no locks. */
    take(path: string, note: string): NativeLock | 'busy' | 'unsupported'
  }
  NativeRecords: { open(path: string, columns: string[]): Promise<Outcome<NativeRecords>> }
  /** What a file is that holds no text of records; empty where its first bytes do not tell. */
  kindOfFile(path: string): Promise<Outcome<string>>
  version(): string
  supported(): { simd: 'scalar' | 'avx2' | 'avx512' | 'neon'; threads: number }
}

/** Platforms that the native code is published for, as npm names them. */
export const PLATFORMS = [
  'linux-x64-gnu',
  'linux-arm64-gnu',
  'linux-x64-musl',
  'linux-arm64-musl',
  'darwin-x64',
  'darwin-arm64',
  'win32-x64-msvc',
  'win32-arm64-msvc',
] as const

/** What `MODALITY_GAP_SIMD` may ask for. */
const SIMD_LEVELS = ['scalar', 'avx2', 'avx512']

/** The native module, loaded once. */
export const native: Binding = load()

function load(): Binding {
  const { MODALITY_GAP_SIMD: level = '' } = process.env
  if (level !== '' && !SIMD_LEVELS.includes(level)) {
    throw new ModalityGapError(
      'BAD_OPTION',
      `unknown MODALITY_GAP_SIMD \`${level}\`; expected ${SIMD_LEVELS.join(', ')}`,
    )
  }
  try {
    // require, because a failed import statement could not be reported and an awaited one would lock out CommonJS users
    const binding: typeof generated = createRequire(import.meta.url)('../native/binding.cjs')
    return binding as unknown as Binding
  } catch (cause) {
    throw loadFailure(cause, hostPlatform())
  }
}

/** The report of a failed load: for which platform, why, and what to do. */
export function loadFailure(cause: unknown, platform: string): ModalityGapError {
  const reason = rootCause(cause)
  const advice = !(PLATFORMS as readonly string[]).includes(platform)
    ? 'build the native code from the source repository'
    : reason
      ? 'reinstall the package; if that does not help, report this with the cause above'
      : `install it with optional dependencies for this platform (npm install --include=optional; a lock file or \
node_modules folder from another platform has to be made anew), or run "npm run build" in a checkout`
  return new ModalityGapError(
    'NATIVE_UNAVAILABLE',
    `the native code could not be loaded on ${platform}
  cause: ${reason ?? `@modality-gap/binding-${platform} is not installed`}
  supported: ${PLATFORMS.join(', ')}
  what to do: ${advice}; the entry "modality-gap/transform" applies saved aligners without native code`,
    { cause },
  )
}

/** The first reason in the chain of causes that is more than a missing module. */
function rootCause(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    const missing = (at as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND'
    if (!missing && !at.message.startsWith('Cannot find native binding')) {
      return at.message.split('\n', 1)[0]
    }
  }
  return undefined
}

function hostPlatform(): string {
  const { platform, arch } = process
  const abi = platform === 'linux' ? (isMusl() ? '-musl' : '-gnu') : platform === 'win32' ? '-msvc' : ''
  return `${platform}-${arch}${abi}`
}

function isMusl(): boolean {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined
  return report?.header !== undefined && report.header.glibcVersionRuntime === undefined
}
