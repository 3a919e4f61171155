import type { RunOptions } from './abort.ts'
import { checkOptions, wrong } from './checks.ts'
import { runJob } from './job.ts'
import { runChecks } from './option-checks.ts'
import type { Dtype, Format, OnBadRow, Pool } from './options.ts'
import type { NotCarried } from './reports.ts'

/** One file of rows, or one part of a file. */
export interface TaskShard {
  /** The file. */
  path: string
  /** The column, tensor, key or leading index to take. */
  selector?: string
  /** How several states of a row become one. @defaultValue such shards are refused */
  pool?: Pool
}

/** Counts one shard: n, mean and trace, as a state that can be merged with others. */
export interface MomentsTask {
  /** What is done. */
  task: 'moments'
  /** Version of this description. */
  version: 1
  /** The rows to count. */
  shard: TaskShard
  /** Aligner file whose map the rows go through first. */
  through?: string
  /** Whether rows are scaled to unit length. @defaultValue `true` */
  normalize?: boolean
  /** What to do with bad rows. @defaultValue `'error'` */
  onBadRow?: OnBadRow
  /** File of the state. */
  out: string
}

/** Merges states in the order given, as if one pass had counted all their rows. */
export interface MergeTask {
  /** What is done. */
  task: 'merge'
  /** Version of this description. */
  version: 1
  /** Files of the states, in shard order. */
  states: readonly string[]
  /** File of the merged state. */
  out: string
}

/** Moves the rows of one shard with an aligner. */
export interface TransformTask {
  /** What is done. */
  task: 'transform'
  /** Version of this description. */
  version: 1
  /** The rows to move. */
  shard: TaskShard
  /** Aligner file. */
  aligner: string
  /** What to do with bad rows. @defaultValue `'error'` */
  onBadRow?: OnBadRow
  /** Storage type of the output. @defaultValue that of the input */
  dtype?: Dtype
  /** Container of the output. @defaultValue that of the input */
  format?: Format
  /** Folder of the output. */
  out: string
}

/** A shard task: a pure function of one shard and small parameters. */
export type TaskSpec = MomentsTask | MergeTask | TransformTask

/** What a finished shard task says of itself. */
export interface Receipt {
  /** Version of the description it was run from. */
  version: number
  /** What was done. */
  task: TaskSpec['task']
  /** Rows counted or written. */
  rows: number
  /** The file written. */
  output: string
  /** Bytes of a state. */
  bytes?: number
  /** Hash of a state. */
  hash?: string
  /** The shard that was read. */
  shard?: unknown
  /** Bad rows left out: their number, or for `transform` their indices. */
  dropped?: number | number[]
  /** What stood beside the rows of a transformed shard and was not carried along; absent where all was. */
  notCarried?: NotCarried[]
  /** Number of merged states. */
  states?: number
}

/**
 * Runs one shard task and returns its receipt: what any scheduler calls, once per shard and in any order. Output has its
 * name only once it is complete, so a repeated attempt changes nothing.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION` when the specification makes no sense; otherwise as the work it names
 */
export async function runTask(spec: TaskSpec, run: RunOptions = {}): Promise<Receipt> {
  if (typeof spec !== 'object' || spec === null || Array.isArray(spec)) {
    throw wrong(spec, 'runTask', 'the specification of a task, { task, version, … }')
  }
  checkOptions(run, 'the second argument of runTask', runChecks)
  return (await runJob({ kind: 'task', spec }, [], run)).report as Receipt
}
