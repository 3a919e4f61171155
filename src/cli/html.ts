import { type Command, Option } from 'commander'
import type { Embeddings } from '../embeddings.ts'
import { ModalityGapError } from '../errors.ts'
import type { MeasureData, ReportData } from '../report/data.ts'
import type { ReportOptions } from '../report/report.ts'
import { addOverwriteOption } from './options.ts'

/** Options of commands whose result can be looked at. */
export interface HtmlOptions {
  html?: string
  charts?: string
  chartsFormat?: 'svg' | 'png'
  atlas?: string
  overwrite?: boolean
}

/** Options of commands whose result has charts, but no rows to draw. */
export function addReportOptions(command: Command): Command {
  return addOverwriteOption(command)
    .option('--html <file>', 'write a report that opens offline in any browser')
    .option('--charts <dir>', 'write every chart of the report as a file')
    .addOption(new Option('--charts-format <format>', 'format of --charts (default: svg)').choices(['svg', 'png']))
}

export function addHtmlOptions(command: Command): Command {
  return addReportOptions(command).option('--atlas <file>', 'write the projection as parquet for embedding-atlas')
}

/** Whether the result has to hold figures. */
export function needsFigures({ html, charts, atlas }: HtmlOptions): boolean {
  return html !== undefined || charts !== undefined || atlas !== undefined
}

/** Writes what the options ask for, and says which files. */
export type WriteHtml = (data: ReportData, about?: ReportOptions) => Promise<string[]>

/**
 * Checks, before the long work, that what the options ask for can be written.
 *
 * @param sources rows and files that are read, which no file may replace
 */
export async function htmlWriter(
  options: HtmlOptions,
  sources: readonly (Embeddings | string | undefined)[] = [],
  signal?: AbortSignal,
): Promise<WriteHtml> {
  const { html, charts, chartsFormat, atlas, overwrite } = options
  if (chartsFormat !== undefined && charts === undefined) {
    throw new ModalityGapError('BAD_OPTION', '--charts-format goes with --charts')
  }
  if (!needsFigures(options)) {
    return async () => []
  }
  const { claimFiles, claimPlaces } = await import('../claim.ts')
  const { following } = await import('../abort.ts')
  await following(signal, [html, atlas, charts], async () => {
    await claimFiles([html, atlas], options, sources)
    await claimPlaces(charts === undefined ? [] : await chartsIn(charts), options)
  })
  const { rasterizer, writeCharts, writeReport } = await import('../report/report.ts')
  if (chartsFormat === 'png') {
    await rasterizer()
  }
  return async (data, about = {}) => {
    const files: string[] = []
    if (html !== undefined) {
      await writeReport(data, html, { ...about, overwrite })
      files.push(html)
    }
    if (charts !== undefined) {
      files.push(...(await writeCharts(data, charts, { format: chartsFormat, labels: about.labels, overwrite })))
    }
    if (atlas !== undefined) {
      const { projectionParquet } = await import('../report/parquet.ts')
      await projectionParquet(data as MeasureData, atlas, { overwrite })
      files.push(atlas)
    }
    return files
  }
}

/** Charts that stand in a folder already. */
async function chartsIn(folder: string): Promise<string[]> {
  const { namesIn, within } = await import('../places.ts')
  const names = await namesIn(folder).catch(() => [])
  return names.filter(name => /\.(svg|png)$/.test(name)).map(name => within(folder, name))
}
