import type { RunOptions } from './abort.ts'
import { type Checks, checkOptions, checkPath } from './checks.ts'
import { type Embeddings, opened, sourceOf } from './embeddings.ts'
import { runJob } from './job.ts'
import { outputChecks, runChecks } from './option-checks.ts'
import type { OutputOptions } from './options.ts'
import type { ConvertReport } from './results.ts'

const convertChecks: Checks<OutputOptions & RunOptions> = { ...outputChecks, ...runChecks }

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
  options: OutputOptions & RunOptions = {},
): Promise<ConvertReport> {
  opened(rows, 'convert, rows')
  checkPath(out, 'convert, out')
  checkOptions(options, 'convert', convertChecks)
  const { signal, onProgress, ...job } = options
  const sources = [sourceOf(rows)]
  return (await runJob({ kind: 'convert', out, ...job }, sources, { signal, onProgress })).report
}
