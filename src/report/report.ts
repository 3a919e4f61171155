import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  anyOf,
  type Checks,
  checkOptions,
  checkPath,
  listOf,
  number,
  object,
  oneOf,
  output,
  recordOf,
  text,
} from '../checks.ts'
import { claimFiles } from '../claim.ts'
import { ModalityGapError } from '../errors.ts'
import { overwriteChecks } from '../option-checks.ts'
import type { OverwriteOptions } from '../options.ts'
import { packageFolder } from '../place.ts'
import { within } from '../places.ts'
import { withoutSecrets } from '../secrets.ts'
import { writeWhole } from '../whole-file.ts'
import type { ReportData } from './data.ts'
import { page } from './page-html.ts'
import { sorted } from './results.ts'
import type { RowLabels } from './row-labels.ts'
import { sectionsOf } from './sections.ts'

/** What a report says beside its data. */
export interface ReportOptions extends OverwriteOptions {
  /** Heading of the page. @defaultValue `'Modality gap'` */
  title?: string
  /** A line under it, such as the encoder and the data. */
  subtitle?: string
  /** Names of rows for tooltips and neighbour tables; shown as text, never as markup. */
  labels?: RowLabels
}

/** How charts are written. */
export interface ChartOptions extends OverwriteOptions {
  /** SVG, or pixels at twice the size through the peer dependency `@resvg/resvg-js`. @defaultValue `'svg'` */
  format?: 'svg' | 'png'
  /** Colours. @defaultValue `'light'` */
  theme?: 'light' | 'dark'
  /** Width in pixels; heights follow. @defaultValue `900` */
  width?: number
  /** Names of rows. */
  labels?: RowLabels
}

const labelList = anyOf('texts by row', listOf(text), recordOf(text, 'texts by row'))
const labels = object<RowLabels>({ image: labelList, text: labelList })
const reportChecks: Checks<ReportOptions> = { title: text, subtitle: text, labels, ...overwriteChecks }
const chartChecks: Checks<ChartOptions> = {
  format: oneOf(['svg', 'png']),
  theme: oneOf(['light', 'dark']),
  width: number(320, 4000),
  labels,
  ...overwriteChecks,
}

/**
 * Writes results of `measure`, `align`, `compare` and `analyze` as one HTML file: charts, tables and all numbers, which
 * opens offline and asks no network for anything. Only what the data hold is shown. Equal data give equal bytes.
 *
 * @param data one result or several, as the functions return them or as `--json` prints them
 * @param path the file; written as a whole or not at all
 * @throws {@link ModalityGapError} `BAD_OPTION` for data that are not a result or where something stands, `WRITE_FAILED`
 */
export async function writeReport(
  data: ReportData | readonly ReportData[],
  path: string,
  options: ReportOptions = {},
): Promise<void> {
  checkPath(path, 'writeReport', output)
  checkOptions(options, 'the third argument of writeReport', reportChecks)
  await claimFiles([path], options)
  await writeWhole(path, await reportHtml(data, options), { overwrite: options.overwrite ?? false })
}

/**
 * The report as one HTML document.
 *
 * @param live whether it asks the server it came from for news
 * @internal
 */
export async function reportHtml(
  data: ReportData | readonly ReportData[],
  { title = 'Modality gap', subtitle, labels }: ReportOptions = {},
  live = false,
): Promise<string> {
  const results = sorted(data)
  const [script, style, manifest] = await Promise.all([
    asset('page.js'),
    asset('page.css'),
    packageFile('package.json'),
  ])
  return page({
    title,
    subtitle: subtitle && withoutSecrets(subtitle),
    version: (JSON.parse(manifest) as { version: string }).version,
    data,
    labels,
    results,
    sections: sectionsOf(results, labels),
    script,
    scriptHash: createHash('sha256').update(script).digest('base64'),
    style,
    live,
  })
}

/**
 * Writes every chart of a report as a file of its own.
 *
 * @param data one result or several
 * @param folder made where it is missing
 * @returns the files written, in the order of the report
 * @throws {@link ModalityGapError} `BAD_OPTION`, `WRITE_FAILED`; `MISSING_PACKAGE` for PNG without `@resvg/resvg-js`
 */
export async function writeCharts(
  data: ReportData | readonly ReportData[],
  folder: string,
  options: ChartOptions = {},
): Promise<string[]> {
  checkPath(folder, 'writeCharts', output)
  checkOptions(options, 'the third argument of writeCharts', chartChecks)
  const { format = 'svg', theme = 'light', width = 900, labels, overwrite = false } = options
  const sections = sectionsOf(sorted(data), labels)
  // the engine is large, and most who import this package draw nothing
  const { svgOf } = await import('./svg.ts')
  const draw = format === 'png' ? await rasterizer() : (svg: string) => svg
  const charts = sections.flatMap(({ charts }) => charts)
  const paths = charts.map(({ id }) => within(folder, `${id}.${format}`))
  await claimFiles(paths, options)
  for (const [i, chart] of charts.entries()) {
    await writeWhole(paths[i] as string, draw(svgOf(chart, theme, width)), { overwrite })
  }
  return paths
}

/**
 * What turns SVG into PNG.
 *
 * @throws {@link ModalityGapError} `MISSING_PACKAGE` with what to install
 * @internal
 */
export async function rasterizer(): Promise<(svg: string) => Uint8Array> {
  const { Resvg } = await import('@resvg/resvg-js').catch(cause => {
    const message = 'PNG needs a package that is not installed; install it with: npm install @resvg/resvg-js'
    throw new ModalityGapError('MISSING_PACKAGE', message, { cause })
  })
  return svg =>
    new Resvg(svg, {
      fitTo: { mode: 'zoom', value: 2 },
      font: { loadSystemFonts: true, defaultFontFamily: 'DejaVu Sans' },
    })
      .render()
      .asPng()
}

/** A file that bundling puts into `dist/report`. */
async function asset(name: string): Promise<string> {
  return packageFile(join('dist', 'report', name))
}

/** Reads beside `package.json`. */
async function packageFile(path: string): Promise<string> {
  return readFile(new URL(path, packageFolder), 'utf8')
}
