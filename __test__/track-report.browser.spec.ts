import { readFileSync } from 'node:fs'
import ava from 'ava'
import type { Browser } from 'playwright-core'
import { writeCharts } from '../src/report/report.ts'
import { trackReportData } from '../src/report/track/data.ts'
import { serveRun } from '../src/report/track/serve.ts'
import { launch, open, scratch, tidy } from './helpers/report-page.ts'
import { golden } from './helpers/track.ts'

// one page at a time: all at once take longer than a page may
const test = ava.serial
let browser: Browser

ava.before(async () => {
  browser = await launch()
})

ava.after.always(async () => {
  await browser?.close()
  tidy()
})

const IDS = [
  'run-gap',
  'run-retrieval',
  'run-leakage',
  'run-bound',
  'run-drift',
  'run-steady',
  'run-u-kappa',
  'run-u-gradient',
  'run-v-kappa',
  'run-angle',
  'run-vmf',
  'run-phantom',
]
const idsOf = `Array.from(document.querySelectorAll('[data-chart]'), figure => figure.dataset.chart)`

test('the report of a run holds every panel, drawn, and asks nobody for anything', async t => {
  const { page, problems } = await open(browser, trackReportData(golden.records), { title: 'A run' })
  t.deepEqual(await page.evaluate(idsOf), IDS)
  t.is(await page.locator('.plot svg').count(), IDS.length)
  t.regex((await page.locator('.headline').textContent()) ?? '', /From step 0 to 100 the gap went/)
  t.regex((await page.locator('#run-claims').textContent()) ?? '', /does not hold/)
  t.deepEqual(problems, [])
  await page.close()
})

test('what a run has no numbers for is left out', async t => {
  const bare = golden.records.map(record => ({ ...record, leakage: undefined, retrieval: undefined }))
  const { page, problems } = await open(browser, trackReportData(bare))
  const ids = (await page.evaluate(idsOf)) as string[]
  t.false(ids.includes('run-retrieval') || ids.includes('run-bound'))
  t.true(ids.includes('run-leakage'), 'the rotation is known without gradients')
  t.deepEqual(problems, [])
  await page.close()
})

test('the panels are files, too', async t => {
  const paths = await writeCharts(trackReportData(golden.records), scratch())
  t.deepEqual(
    paths.map(path => path.split('/').at(-1)),
    IDS.map(id => `${id}.svg`),
  )
  const svg = readFileSync(paths.find(path => path.endsWith('run-leakage.svg')) as string, 'utf8')
  t.regex(svg, /leak\(t\)/)
})

test('the live page follows the run without being loaded again', async t => {
  let records = golden.records.slice(0, 4)
  const live = await serveRun(() => trackReportData(records))
  t.teardown(live.close)
  const page = await browser.newPage()
  const problems: string[] = []
  page.on('console', message => problems.push(message.text()))
  page.on('pageerror', error => problems.push(error.message))
  await page.goto(live.url)
  await page.waitForSelector('.plot svg')
  t.regex((await page.locator('.headline').textContent()) ?? '', /to 60/)
  await page.evaluate('window.marked = true')
  records = golden.records
  live.tell()
  await page.locator('.headline', { hasText: 'to 100' }).waitFor()
  t.is(await page.evaluate('window.marked'), true)
  const row = await page.locator('#chart-run-gap tbody tr').count()
  t.is(row, golden.records.length)
  await page.locator('#chart-run-gap svg', { hasText: '100' }).waitFor()
  const download = page.waitForEvent('download')
  await page.locator('[data-download=json]').first().click()
  const saved = JSON.parse(readFileSync(await (await download).path(), 'utf8'))
  t.is(saved.records.length, golden.records.length, 'what is downloaded is what is shown')
  t.deepEqual(problems, [])
  await page.close()
})
