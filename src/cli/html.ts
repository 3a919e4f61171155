import { type Command, Option } from 'commander'
import { ModalityGapError } from '../errors.ts'
import type { MeasureData, ReportData } from '../report/data.ts'
import type { ReportOptions } from '../report/report.ts'

/** Options of commands whose result can be looked at. */
export interface HtmlOptions {
  html?: string
  charts?: string
  chartsFormat?: 'svg' | 'png'
  atlas?: string
}

/** Options of commands whose result has charts, but no rows to draw. */
export function addReportOptions(command: Command): Command {
  return command
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

/** Checks, before the long work, that what the options ask for can be written. */
export async function htmlWriter(options: HtmlOptions): Promise<WriteHtml> {
  const { html, charts, chartsFormat, atlas } = options
  if (chartsFormat !== undefined && charts === undefined) {
    throw new ModalityGapError('BAD_OPTION', '--charts-format goes with --charts')
  }
  if (!needsFigures(options)) {
    return async () => []
  }
  const { rasterizer, writeCharts, writeReport } = await import('../report/report.ts')
  if (chartsFormat === 'png') {
    await rasterizer()
  }
  return async (data, about = {}) => {
    const files: string[] = []
    if (html !== undefined) {
      await writeReport(data, html, about)
      files.push(html)
    }
    if (charts !== undefined) {
      files.push(...(await writeCharts(data, charts, { format: chartsFormat, labels: about.labels })))
    }
    if (atlas !== undefined) {
      const { projectionParquet } = await import('../report/parquet.ts')
      await projectionParquet(data as MeasureData, atlas)
      files.push(atlas)
    }
    return files
  }
}
