// made by NAPI-RS; the types that it names are made from the Rust types
import type * as types from './types.js'

/**
 * Which binding artifact the generated loader actually loaded: `'native'` for
 * a native addon, otherwise the `platformArchABI` of the WASI flavor. Every
 * flavor napi-rs can build is listed, because `NAPI_RS_NATIVE_LIBRARY_PATH`
 * can point the loader at a WASI artifact this package does not build itself.
 */
export declare const __napiBindingTarget: 'native' | 'wasm32-wasi' | 'wasm32-wasip1'

/** Stops a job within a block of rows; the end of the environment does so, too. */
export declare class CancelToken {
  /** A token that nobody has cancelled. */
  constructor()
  /** Asks the job to stop. */
  cancel(): void
}

/** A fitted map from the source's distribution to the target's. */
export declare class NativeAligner {
  /** Reads an aligner's file. */
  static load(path: string, token?: CancelToken | undefined | null): Promise<types.Outcome<NativeAligner>>
  /** Reads an aligner from the bytes of its file. */
  static fromBytes(bytes: Uint8Array): types.Outcome<NativeAligner>
  /** The bytes of its file. */
  toBytes(): Buffer
  /** Writes its file, perhaps in place of an older one: temporary file, synced, renamed. */
  save(path: string, replace: boolean, token?: CancelToken | undefined | null): Promise<types.Outcome<undefined>>
  /** What it says of itself. */
  info(): types.AlignerInfo
  /** Maps f32 rows into `out`. */
  transformF32(rows: Float32Array, out: Float32Array): { error: types.Failure } | null
  /** Maps f64 rows into `out`. */
  transformF64(rows: Float64Array, out: Float64Array): { error: types.Failure } | null
  /** Maps half-precision rows, given as bits, into `out`. */
  transformF16(bits: Uint16Array, out: Uint16Array): { error: types.Failure } | null
}

/** A file that gets its name when it is complete; until then it goes with this handle. */
export declare class NativeDraft {
  /** Begins a file that will be called `path`; what dead processes have left of it goes. */
  static begin(path: string): NativeDraft
  /** Appends bytes, off the event loop. */
  write(bytes: Uint8Array): Promise<types.Outcome<undefined>>
  /** Gives the file its name, once the disk holds it, perhaps in place of an older one. */
  commit(replace: boolean): Promise<types.Outcome<undefined>>
  /** Removes what was written, unless it has its name. */
  release(): void
}

/** An encoder that was trained here or read from a folder in Hugging Face's layout. */
export declare class NativeEncoder {
  /** Reads an encoder, off the event loop. */
  static load(path: string): Promise<types.Outcome<NativeEncoder>>
  /** Columns, whether it takes images, and names of its prompts. */
  info(): types.EncoderInfo
  /** Unit rows of texts, behind the prompt of that name or the default one. */
  embedTexts(texts: Array<string>, prompt?: string | undefined | null): Promise<types.Outcome<Float32Array>>
  /** Unit rows of image files. */
  embedImages(paths: Array<string>): Promise<types.Outcome<Float32Array>>
  /** Releases the encoder now; calls that run keep it until they end. */
  release(): void
}

/** A file of ids being read. */
export declare class NativeIds {
  /**
   * Opens a parquet or Arrow file or a pickle; the column of ids is the one named, or the first of `usual` that is there;
   * `captions` may be long.
   */
  static open(path: string, column: string | undefined | null, usual: Array<string>, captions: boolean, token?: CancelToken | undefined | null): Promise<types.Outcome<NativeIds>>
  /** Some more ids; none after the last. */
  next(token?: CancelToken | undefined | null): Promise<types.Outcome<string[]>>
}

/** A lock on a folder of this process' own, see [`FolderLock`]. */
export declare class NativeLock {
  /** The lock; `busy` when somebody alive has it, `unsupported` where the file system has none. */
  static take(path: string, note: string): NativeLock | 'busy' | 'unsupported'
  /** Lets go of it. */
  release(): void
}

/** A language model with its projector; calls on it run one after the other. */
export declare class NativeModel {
  /** Reads a model, off the event loop. */
  static open(options: types.Given<types.SessionOptions, 'path' | 'dim'>, threads: number): Promise<types.Outcome<NativeModel>>
  /** What it is. */
  info(): types.ModelInfo
  /** Positions and labels of samples. */
  sizes(samples: readonly types.ModelSample[]): Promise<types.Outcome<types.SampleSizes>>
  /** One update. */
  step(samples: readonly types.ModelSample[], rows: NativeRows | undefined | null, microBatch: number, token: CancelToken): Promise<types.Outcome<types.StepReport>>
  /** Losses without an update. */
  evaluate(samples: readonly types.ModelSample[], rows: NativeRows | undefined | null, microBatch: number, token: CancelToken): Promise<types.Outcome<types.LossReport>>
  /** Answers to prompts. */
  answer(samples: readonly types.ModelSample[], rows: NativeRows | undefined | null, sampling: types.Given<types.SamplingOptions> & { stop?: readonly string[] }, token: CancelToken, onText?: ((arg: AnswerPiece) => void) | undefined | null): Promise<types.Outcome<types.Answer[]>>
  /** What the projector makes of embeddings. */
  project(embeddings: Float32Array): Promise<types.Outcome<Float32Array>>
  /** Writes files that others read. */
  export(folder: string, what: string): Promise<types.Outcome<string[]>>
  /** Writes the state of the training into a folder. */
  saveState(folder: string): Promise<types.Outcome<null>>
  /** Goes on from such a state; answers with the updates made by then. */
  restoreState(folder: string): Promise<types.Outcome<number>>
  /** Releases the model now; calls that run keep it until they end. */
  release(): void
}

/** An object whose bytes are read by position. */
export declare class NativeObject {
  /** Opens an object; all bytes are of the content that it has now. */
  static open(path: string, token?: CancelToken | undefined | null): Promise<types.Outcome<NativeObject>>
  /** What it is. */
  info(): FoundPlace
  /** Up to `length` bytes from `start`, fewer at its end. */
  read(start: number, length: number, token?: CancelToken | undefined | null): Promise<types.Outcome<Buffer>>
  /** Lets go of it; reads on their way end as they would. */
  release(): void
}

/** A parquet file whose rows are read as records. */
export declare class NativeRecords {
  /** Opens the columns of these names, those that there are. */
  static open(path: string, columns: Array<string>, token?: CancelToken | undefined | null): Promise<types.Outcome<NativeRecords>>
  /** Some more records, each a JSON text; none after the last. */
  next(token?: CancelToken | undefined | null): Promise<types.Outcome<string[]>>
}

/** Rows that are read by their numbers, each through a map. */
export declare class NativeRows {
  /** Opens rows, to be moved by an aligner or left as they are. */
  static open(source: Source, aligner: NativeAligner | undefined | null, targetSide: boolean): Promise<types.Outcome<NativeRows>>
  /** Some rows, row-major. */
  pick(rows: Array<number>): Promise<types.Outcome<Float32Array>>
}

/** Follows a training run. */
export declare class NativeTracker {
  /** A tracker that has seen no step. */
  static create(options: types.TrackerOptions): types.Outcome<NativeTracker>
  /** Reads a tracker's state. */
  static load(path: string): Promise<types.Outcome<NativeTracker>>
  /** Reads a tracker from the bytes of its state. */
  static fromBytes(bytes: Uint8Array): types.Outcome<NativeTracker>
  /** The bytes of its state. */
  toBytes(): Buffer
  /** Writes its state, perhaps in place of an older one: temporary file, synced, renamed. */
  save(path: string, replace: boolean): Promise<types.Outcome<undefined>>
  /** Writes the frozen frame's file, perhaps in place of an older one. */
  saveFrame(path: string, replace: boolean): Promise<types.Outcome<undefined>>
  /** Options, and how far it is. */
  info(): types.TrackerInfo
  /** Whether a step is recorded. */
  takes(step: number): boolean
  /** Records a step on a thread of its own; steps pushed at once are recorded one after another. */
  push(spec: types.StepSpec, sources: Array<Source>, token: CancelToken): Promise<types.Outcome<types.TrackRecord>>
}

/** Opened rows; a cheap handle that jobs share. */
export declare class Source {
  /** Opens files, folders, globs and lists of them, off the event loop. */
  static open(spec: types.OpenSpec & types.Given<types.ReadOptions>, token?: CancelToken | undefined | null): Promise<types.Outcome<Source>>
  /** Copies f32 rows; `faults` are rows that could not be given, three numbers each: see `faults_of`. */
  static fromF32(rows: Float32Array, dim: number, options: types.Given<types.ReadOptions>, faults?: Uint32Array | undefined | null): types.Outcome<Source>
  /** Copies f64 rows, likewise. */
  static fromF64(rows: Float64Array, dim: number, options: types.Given<types.ReadOptions>, faults?: Uint32Array | undefined | null): types.Outcome<Source>
  /** Copies half-precision rows, given as bits. */
  static fromF16(bits: Uint16Array, dim: number, options: types.Given<types.ReadOptions>): types.Outcome<Source>
  /** Copies bfloat16 rows, given as bits. */
  static fromBf16(bits: Uint16Array, dim: number, options: types.Given<types.ReadOptions>): types.Outcome<Source>
  /** Copies Arrow IPC bytes. */
  static fromArrow(ipc: Uint8Array, column: string | undefined | null, options: types.Given<types.ReadOptions>): types.Outcome<Source>
  /** The same rows with the group of each: one number per row, equal for rows that belong together. */
  grouped(keys: Uint32Array): types.Outcome<Source>
  /** Lets go of the rows now, not when JavaScript gets round to it; jobs that run keep theirs. */
  release(): void
  /** Rows, width, type, format and shards. */
  info(): types.EmbeddingsInfo
}

/** A piece of an answer. */
export interface AnswerPiece {
  /** Number of the answer. */
  answer: number
  /** Text that is certain by now. */
  text: string
}

/**
 * Refuses files that would replace something, unless they may, or that would stand among the files of `sources` or replace one
 * of `read`.
 */
export declare function claimFiles(files: Array<string>, replace: boolean, sources: Array<Source>, read: Array<string>, token?: CancelToken | undefined | null): Promise<types.Outcome<undefined>>

/** Writes the embeddings of a list of pairs. */
export declare function embedPairs(job: types.Given<types.EmbedJob, 'encoder' | 'data' | 'out'>, threads: number, token: CancelToken, onProgress?: ((arg: ProgressEvent) => void) | undefined | null): Promise<types.Outcome<types.EmbedReport>>

/** What a file is that holds no text of records. */
export interface FileKind {
  /** Such as `gzip-compressed data`. */
  what: string
  /** What to do with it, such as `unpack it first`. */
  advice?: string
}

/** What stands at a name; null for nothing. */
export declare function findPlace(path: string, token?: CancelToken | undefined | null): Promise<types.Outcome<FoundPlace | null>>

/** What a job gives. */
export interface Finished {
  /** The report, by the names of the JSON results. */
  report: unknown
  /** The fitted aligner's file. */
  aligner?: Buffer
}

/** What stands at a name. */
export interface FoundPlace {
  /** Whether it is a folder. */
  folder: boolean
  /** Bytes of a file. */
  size: number
  /** Time of its last change in milliseconds since 1970. */
  modified: number
  /** What a store calls this content. */
  tag?: string
}

/** What a file is that holds no text of records, as its first bytes tell; null where they do not. */
export declare function kindOfFile(path: string, token?: CancelToken | undefined | null): Promise<types.Outcome<FileKind | null>>

/** Names in a folder, in order. */
export declare function namesInFolder(folder: string, token?: CancelToken | undefined | null): Promise<types.Outcome<string[]>>

/** Points of a projection, one entry each in every list. */
export interface PointColumns {
  /** First coordinates. */
  x: Array<number>
  /** Second coordinates. */
  y: Array<number>
  /** Modality of each. */
  modality: Array<string>
  /** Index of each in its source. */
  pair: Array<number>
  /** Stage that each was drawn at. */
  stage: Array<string>
  /** Indices of the neighbours of each in this table. */
  ids: Array<Array<number>>
  /** Distances of these. */
  distances: Array<Array<number>>
}

/** A parquet file of the points. */
export declare function pointsParquet(points: PointColumns): Buffer

/** Unit rows under the parameters of one moment, and the loss's gradients at the batch's rows; `dim` values a row. */
export interface ProbeEvent {
  /** Updates made when it was taken. */
  step: number
  /** Columns. */
  dim: number
  /** Held-out images. */
  image: Float32Array
  /** Their captions. */
  text: Float32Array
  /** The batch's images. */
  batchImage: Float32Array
  /** The batch's captions. */
  batchText: Float32Array
  /** Gradients at the batch's images. */
  gradImage: Float32Array
  /** Gradients at the batch's captions. */
  gradText: Float32Array
}

/** How far a job has come; sent at most a few times a second. */
export interface ProgressEvent {
  /** What is being done, such as `'moments image'`, `'centroid 1'` or `'transform'`. */
  stage: string
  /** Rows done in this stage. */
  rows: number
  /** Rows of this stage. */
  total: number
  /** Seconds since the job began. */
  seconds: number
}

/** The end of a published pickle. */
export declare function publishedPickleEnd(): Buffer

/** Records of a published pickle: the values of `keys` record by record, and their rows. */
export declare function publishedPickleRecords(keys: Array<string>, texts: Array<string>, rows: Float32Array): Buffer

/** The beginning of a published pickle whose rows have so many columns. */
export declare function publishedPickleStart(columns: number): Buffer

/** Removes temporary files of dead processes from a folder of our own. */
export declare function removeDrafts(folder: string): void

/** Runs a job on threads of its own. */
export declare function run<K extends types.Job['kind']>(job: types.Job & { kind: K }, sources: Array<Source>, token: CancelToken, onProgress?: ((arg: ProgressEvent) => void) | undefined | null, aligner?: NativeAligner | undefined | null): Promise<types.Outcome<{ report: types.Reports[K], aligner?: Uint8Array }>>

/** Instruction set and cores in use. */
export declare function supported(): Supported

/** What this machine gives the kernels. */
export interface Supported {
  /** Instruction set in use. */
  simd: 'scalar' | 'avx2' | 'avx512'
  /** Cores. */
  threads: number
}

/** Trains a dual encoder on threads of its own. */
export declare function trainEncoder(job: types.Given<types.TrainJob, 'data' | 'out'>, threads: number, token: CancelToken, onStep?: ((step: types.TrainStep) => void) | undefined | null, onProbe?: ((arg: ProbeEvent) => void) | undefined | null): Promise<types.Outcome<types.TrainReport>>

/** Version of the native code. */
export declare function version(): string
