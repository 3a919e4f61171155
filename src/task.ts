import type { RunOptions } from './abort.ts'
import { checkOptions, wrong } from './checks.ts'
import { runJob } from './job.ts'
import type { TaskReceipt, TaskSpec } from './native.ts'
import { runChecks } from './option-checks.ts'

export type { TaskReceipt, TaskShard, TaskSpec } from './native.ts'

/** Counts one shard: n, mean and trace, as a state that can be merged with others. */
export type MomentsTask = Extract<
  TaskSpec,
  {
    /** Which of these it is. */
    task: 'moments'
  }
>

/** Merges states in the order given, as if one pass had counted all their rows. */
export type MergeTask = Extract<
  TaskSpec,
  {
    /** Which of these it is. */
    task: 'merge'
  }
>

/** Moves the rows of one shard with an aligner. */
export type TransformTask = Extract<
  TaskSpec,
  {
    /** Which of these it is. */
    task: 'transform'
  }
>

/** What a task of this kind says of itself. */
export type ReceiptOf<S extends TaskSpec> = Extract<
  TaskReceipt,
  {
    /** Which of these it is. */
    task: S['task']
  }
>

/**
 * Runs one shard task and returns its receipt: what any scheduler calls, once per shard and in any order. Output has its
 * name only once it is complete, so a repeated attempt changes nothing.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION` when the specification makes no sense; otherwise as the work it names
 */
export async function runTask<S extends TaskSpec>(spec: S, run: RunOptions = {}): Promise<ReceiptOf<S>> {
  if (typeof spec !== 'object' || spec === null || Array.isArray(spec)) {
    throw wrong(spec, 'runTask', 'the specification of a task, { task, version, … }')
  }
  checkOptions(run, 'the second argument of runTask', runChecks)
  const { report } = await runJob({ kind: 'task', spec }, [], run)
  return report as ReceiptOf<S>
}
