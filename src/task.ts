import type { RunOptions } from './abort.ts'
import { runJob } from './job.ts'

/** A shard task as JSON: a pure function of one shard and small parameters. */
export type TaskSpec = Readonly<Record<string, unknown>>

/** What a finished shard task leaves beside its output, as JSON. */
export type Receipt = Readonly<Record<string, unknown>>

/**
 * Runs one shard task and returns its receipt: what any scheduler calls, once per shard and in any order. Output has its
 * name only once it is complete, so a repeated attempt changes nothing.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION` when the specification makes no sense; otherwise as the work it names
 */
export async function runTask(spec: TaskSpec, run: RunOptions = {}): Promise<Receipt> {
  return (await runJob({ kind: 'task', spec }, [], run)).report as Receipt
}
