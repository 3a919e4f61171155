import type { RunOptions } from './abort.ts'
import { type Checks, checkOptions, checkPath, output } from './checks.ts'
import { type EngineOptions, engine, runJobOn } from './distributed.ts'
import { type Embeddings, opened, sourceOf } from './embeddings.ts'
import { ModalityGapError } from './errors.ts'
import { resumableChecks, runChecks } from './option-checks.ts'
import type { ResumableOutputOptions } from './options.ts'
import type { ConvertReport } from './results.ts'

/** How rows are converted; `resume` goes with `on`. */
export interface ConvertOptions extends ResumableOutputOptions, EngineOptions {}

const convertChecks: Checks<ConvertOptions & RunOptions> = { ...resumableChecks, ...runChecks, on: engine }

/**
 * Writes rows as they are, not normalised, in another container or storage type. `out` is a folder, or a file when there
 * is one shard and the name has a known ending.
 *
 * @throws {@link ModalityGapError} `BAD_ROW` with file and row, `UNSUPPORTED`, `BAD_OPTION`, `WRITE_FAILED`, `CANCELLED`;
 * unfinished files are removed
 */
export async function convert(
  rows: Embeddings,
  out: string,
  options: ConvertOptions & RunOptions = {},
): Promise<ConvertReport> {
  opened(rows, 'convert, rows')
  checkPath(out, 'convert, out', output)
  checkOptions(options, 'convert', convertChecks)
  const { signal, onProgress, on, ...job } = options
  if (job.resume && !on) {
    throw new ModalityGapError('BAD_OPTION', 'convert: resume is for conversions with on, whose shards leave receipts')
  }
  const sources = [sourceOf(rows)]
  return (await runJobOn(on, { kind: 'convert', out, ...job }, sources, { signal, onProgress })).report
}
