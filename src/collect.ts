import type { RunOptions } from './abort.ts'
import { type Checks, checkOptions, checkPath, listOf, recordOf } from './checks.ts'
import { runJob } from './job.ts'
import type { TaskReceipt } from './native.ts'
import { runChecks } from './option-checks.ts'
import type { CollectReport } from './results.ts'

/** What is compared with the receipts of a pass. */
export interface CollectOptions {
  /** What the tasks of the pass have printed; one that is missing, foreign or there twice is refused. */
  results?: readonly TaskReceipt[]
}

const collectChecks: Checks<CollectOptions & RunOptions> = {
  ...runChecks,
  results: listOf(recordOf(() => {}, 'the receipt of a task')),
}

/**
 * The state of a pass of a distributed job: which shards have a result that can be used, and what is wrong with those of the others.
 *
 * @param manifest the manifest of the pass, which its tasks name
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`, `BAD_RECEIPT` when it is no manifest
 */
export async function collect(manifest: string, options: CollectOptions & RunOptions = {}): Promise<CollectReport> {
  checkPath(manifest, 'collect')
  checkOptions(options, 'collect', collectChecks)
  const { signal, onProgress, results } = options
  return (await runJob({ kind: 'collect', manifest, results }, [], { signal, onProgress })).report
}
