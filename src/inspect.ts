import type { RunOptions } from './abort.ts'
import { type Checks, checkOptions, whole } from './checks.ts'
import { runJobOn, type WorkOptions, workChecks } from './distributed.ts'
import { type Embeddings, opened, sourceOf } from './embeddings.ts'
import { runChecks, threadChecks } from './option-checks.ts'
import type { ThreadOptions } from './options.ts'
import type { InspectReport } from './results.ts'

/** How rows are looked at. */
export interface InspectOptions extends ThreadOptions, WorkOptions {
  /** How many bad rows to list. @defaultValue `10` */
  badRows?: number
}

const inspectChecks: Checks<InspectOptions & RunOptions> = {
  ...threadChecks,
  ...runChecks,
  ...workChecks,
  badRows: whole(),
}

/**
 * Reads all rows once and reports shape, storage, lengths and the rows that cannot be used. A bad row is a finding here,
 * not an error.
 *
 * @throws {@link ModalityGapError} `UNREADABLE` or `BAD_FORMAT` with the file, `CANCELLED`
 */
export async function inspect(rows: Embeddings, options: InspectOptions & RunOptions = {}): Promise<InspectReport> {
  opened(rows, 'inspect, rows')
  checkOptions(options, 'inspect', inspectChecks)
  const { signal, onProgress, on, ...job } = options
  const sources = [sourceOf(rows)]
  return (await runJobOn(on, { kind: 'inspect', ...job }, sources, { signal, onProgress })).report
}
