import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import type { ReportData } from '../../src/report/data.ts'
import { type ReportOptions, writeReport } from '../../src/report/report.ts'
import { fixture } from './npy.ts'

const root = join(import.meta.dirname, '..', '..')

/** A result as the fixtures hold it. */
export function result(name: 'raw' | 'aligned' | 'compare'): ReportData & Record<string, unknown> {
  return JSON.parse(readFileSync(fixture(`report-${name}.json`), 'utf8'))
}

/** Results of every analysis. */
export function analyses(): ReportData[] {
  return Object.values(JSON.parse(readFileSync(fixture('report-analyses.json'), 'utf8')))
}

/** A real browser; installs or names what is missing. */
export function launch(): Promise<Browser> {
  const path = execFileSync(process.execPath, [join(root, 'scripts', 'browser.mjs')], { encoding: 'utf8' }).trim()
  return chromium.launch({ executablePath: path, args: ['--headless=new', '--no-sandbox', '--disable-gpu'] })
}

/** An open report and everything that a good report has none of. */
export interface Opened {
  page: Page
  path: string
  problems: string[]
}

/** Writes a report into a folder of its own and opens it. */
export async function open(
  browser: Browser,
  data: ReportData | readonly ReportData[],
  about: ReportOptions = {},
  options: BrowserContextOptions = {},
): Promise<Opened> {
  const path = join(scratch(), 'report.html')
  await writeReport(data, path, about)
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options })
  const problems: string[] = []
  const own = pathToFileURL(path).href
  page.on('console', message => problems.push(`console: ${message.text()}`))
  page.on('pageerror', error => problems.push(`error: ${error.stack}`))
  page.on('dialog', dialog => {
    problems.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('request', request => {
    if (request.url().split('#')[0] !== own) problems.push(`request: ${request.url()}`)
  })
  await page.goto(own)
  return { page, path, problems }
}

const folders: string[] = []

/** A new folder that `tidy` removes. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'modality-gap-report-'))
  folders.push(folder)
  return folder
}

/** Removes every folder that was made. */
export function tidy(): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
}
