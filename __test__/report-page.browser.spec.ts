import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import ava from 'ava'
import type { Browser, Page } from 'playwright-core'
import type { CompareData, MeasureData } from '../src/report/data.ts'
import { csv, flat } from '../src/report/table.ts'
import { analyses, launch, open, result, tidy } from './helpers/report-page.ts'

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

const KINDS = {
  raw: () => result('raw'),
  aligned: () => result('aligned'),
  'compare and analyses': () => [result('compare'), ...analyses()],
}

for (const [name, data] of Object.entries(KINDS)) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`${name}, ${colorScheme}: no error, no message, no request, no way sideways, nothing that axe objects to`, async t => {
      const { page, problems } = await open(browser, data(), {}, { colorScheme })
      t.true((await page.locator('.plot').count()) > 0)
      t.deepEqual(await objections(page), [])
      t.is(await overflow(page), 0)
      t.deepEqual(problems, [])
      await page.close()
    })
  }
}

test('every chart that the data hold is there, drawn, with a table and with words for those who do not see it', async t => {
  const { page } = await open(browser, [result('aligned'), result('compare'), ...analyses()])
  const ids = (await page.evaluate(
    `Array.from(document.querySelectorAll('[data-chart]'), figure => figure.dataset.chart)`,
  )) as string[]
  t.deepEqual(ids, [
    'gap',
    'pipeline',
    'projection',
    'decomposition',
    'spectra',
    'energy',
    'overlap',
    'cosines',
    'retrieval',
    'strategies',
    'strategies-gap',
    'sample-size',
    'domains',
    'modalities',
    'captions',
  ])
  for (const id of ids) {
    const plot = page.locator(`#chart-${id} .plot`)
    const box = await plot.locator('svg').boundingBox()
    t.true(box !== null && box.width > 600 && box.height > 100, `${id} ${JSON.stringify(box)}`)
    t.true((await plot.locator('svg path').count()) > 5, id)
    t.regex((await plot.getAttribute('aria-label')) ?? '', /\d/, id)
    t.true((await page.locator(`#chart-${id} table tbody tr`).count()) > 0, id)
  }
  await page.close()
})

test('what the data do not hold is not shown', async t => {
  const { page, problems } = await open(browser, { gap: { centroid: 0.8, floor: 0.03 } })
  t.deepEqual(await page.locator('[data-chart]').count(), 1)
  t.deepEqual(await page.locator('nav a').allTextContents(), ['The gap', 'All numbers'])
  t.deepEqual(problems, [])
  await page.close()
})

test('the headline is in words', async t => {
  const words = async (data: Parameters<typeof open>[1]) => {
    const { page } = await open(browser, data)
    const text = (await page.locator('.lead').textContent()) ?? ''
    await page.close()
    return text
  }
  t.regex(await words(result('raw')), /lie 0\.8514 apart, 23\.5 times the noise floor[\s\S]*the gap is real/i)
  t.regex(await words(result('aligned')), /falls from 0\.8514 to 0\.001465[\s\S]*rows of the fit/)
  t.regex(
    await words(result('compare')),
    /stand in for images, take realign-10: it leaves the smallest gap[\s\S]*partners across modalities, take none/,
  )
})

/** What is read once it is as wanted: a chart is drawn anew with the next frame, which a busy machine takes its time for. */
async function eventually<T>(read: () => Promise<T>, wanted: (found: T) => boolean): Promise<T> {
  for (let tries = 0; tries < 1000; tries++) {
    const found = await read()
    if (wanted(found)) return found
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  throw new Error('it never came to be as wanted')
}

test('a click on a series hides it and another shows it again', async t => {
  const { page, problems } = await open(browser, result('aligned'))
  const figure = page.locator('#chart-projection')
  const marks = () => figure.locator('.plot svg path').count()
  const button = figure.getByRole('button', { name: 'text, final' })
  const before = await marks()
  await button.click()
  t.is(await button.getAttribute('aria-pressed'), 'false')
  const fewer = (count: number) => count <= before - 150
  await t.notThrowsAsync(eventually(marks, fewer), 'the rows of one series are gone')
  await page.locator('#theme').click()
  await t.notThrowsAsync(eventually(marks, fewer), 'and stay so when the theme changes')
  await button.click()
  await t.notThrowsAsync(eventually(marks, count => count === before))
  t.deepEqual(problems, [])
  await page.close()
})

test('the theme follows the system, and the button changes it', async t => {
  const { page } = await open(browser, result('raw'), {}, { colorScheme: 'dark' })
  const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor')
  const drawn = () => page.locator('#chart-gap .plot').innerHTML()
  t.is(await background(), 'rgb(15, 19, 24)')
  const dark = await drawn()
  await page.locator('#theme').click()
  t.is(await background(), 'rgb(244, 245, 247)')
  await t.notThrowsAsync(eventually(drawn, html => html !== dark))
  t.is(await page.locator('#theme').getAttribute('aria-pressed'), 'false')
  await page.close()
  const { page: other } = await open(browser, result('raw'), {}, { colorScheme: 'light' })
  const plot = () => other.locator('#chart-gap .plot').innerHTML()
  const light = await plot()
  await other.emulateMedia({ colorScheme: 'dark' })
  await t.notThrowsAsync(
    eventually(plot, html => html !== light),
    'charts are drawn again when the system turns dark',
  )
  await other.close()
})

test('zoom shows less and reset shows all again', async t => {
  const { page } = await open(browser, result('aligned'))
  const figure = page.locator('#chart-projection')
  const drawn = () => figure.locator('.plot').innerHTML()
  const before = await drawn()
  await figure.getByRole('button', { name: 'Zoom in' }).click()
  const labels = (html: string) => [...html.matchAll(/<text[^>]*>([^<]*)</g)].map(([, text]) => text).join('|')
  const nearer = await eventually(drawn, html => html !== before)
  t.not(labels(nearer), labels(before))
  await figure.getByRole('button', { name: 'Reset' }).click()
  await t.notThrowsAsync(eventually(drawn, html => labels(html) === labels(before)))
  await page.close()
})

test('the axes of the strategies can be chosen', async t => {
  const { page } = await open(browser, result('compare'))
  const figure = page.locator('#chart-strategies')
  await figure.locator('[data-choice=x]').selectOption('mixing')
  const shown = () => figure.locator('.plot').textContent()
  await t.notThrowsAsync(eventually(shown, text => text?.includes('share of the other modality') === true))
  await figure.locator('[data-choice=y]').selectOption('psi')
  await t.notThrowsAsync(eventually(shown, text => text?.includes('Ψ') === true))
  await page.close()
})

test('everything can be reached and read with the keyboard alone', async t => {
  const { page, problems } = await open(browser, result('aligned'))
  await page.keyboard.press('Tab')
  t.is(await page.evaluate('document.activeElement.textContent'), 'Skip to the report')
  const reached = new Set<string>()
  const outlines = new Set<string>()
  for (let i = 0; i < 200; i++) {
    const [name, outline, end] = (await page.evaluate(`(() => {
      const { activeElement: e } = document
      const tag = e.id ? '#' + e.id : e.className || e.dataset.zoom || e.dataset.download || e.tagName
      return [(e.closest('[data-chart]')?.dataset.chart ?? '') + ' ' + tag, getComputedStyle(e).outlineStyle, e === document.body]
    })()`)) as [string, string, boolean]
    if (end) break
    reached.add(name)
    outlines.add(outline)
    await page.keyboard.press('Tab')
  }
  for (const wanted of [
    ' #theme',
    ' json',
    ' csv',
    ' #print',
    'gap plot',
    'projection plot',
    'projection in',
    'projection reset',
    'cosines SUMMARY',
  ]) {
    t.true(reached.has(wanted), `${wanted} in ${[...reached].join(', ')}`)
  }
  t.false(outlines.has('none'), 'focus is visible everywhere')

  await page.locator('#chart-cosines .plot').focus()
  for (let i = 0; i < 30; i++) await page.keyboard.press('ArrowRight')
  const text = () => page.locator('#chart-cosines .plot').textContent()
  await t.notThrowsAsync(eventually(text, text => /cosine 0\.\d+[\s\S]*image–image/.test(text ?? '')))
  t.deepEqual(problems, [])
  await page.close()
})

test('downloads hold the data', async t => {
  const data = result('aligned')
  const { page, problems } = await open(browser, data)
  const saved = async (selector: string) => {
    const download = page.waitForEvent('download')
    await page.locator(selector).first().click()
    return readFileSync(await (await download).path(), 'utf8')
  }
  t.deepEqual(JSON.parse(await saved('[data-download=json]')), data)
  const table = await saved('[data-download=csv]')
  t.is(table, csv(flat(data)))
  const lines = table.trimEnd().split('\r\n')
  t.true(lines.includes(`gap.after,${(data as MeasureData).gap.after}`))
  t.true(lines.includes(`figures.projection.points[0].x,${(data as MeasureData).figures?.projection?.points[0]?.x}`))
  await page.locator('#chart-overlap summary').click()
  const chart = await saved('#chart-overlap [data-download=chart]')
  const { q, oBiased: o = [] } = (data as MeasureData).covariance?.overlap ?? { q: [], o: [] }
  t.is(chart, `q,O_q,q/d\r\n${q.map((value, i) => `${value},${o[i]},${value / 512}\r\n`).join('')}`)
  t.deepEqual(
    problems.filter(problem => !problem.startsWith('request: blob:')),
    [],
  )
  await page.close()
})

test('hostile names are text and nothing else', async t => {
  const evil = `</script><script>window.pwned=1</script><img src=x onerror="window.pwned=2">"'><svg onload=alert(3)>\u2028<!--`
  const aligned = result('aligned') as MeasureData
  const compared = result('compare') as CompareData
  const data = [
    {
      ...aligned,
      diagnosis: [{ code: evil, level: evil as 'note', text: evil, advice: evil, evidence: { [evil]: evil } }],
      figures: {
        ...aligned.figures,
        projection: { points: aligned.figures?.projection?.points ?? [], axes: evil },
        stages: aligned.figures?.stages?.map((stage, i) => (i === 1 ? { ...stage, name: evil } : stage)),
      },
    },
    {
      ...compared,
      strategies: { ...compared.strategies, [evil]: compared.strategies.realign as MeasureData },
      recommended: { search: { method: evil, why: evil } },
    },
    {
      names: [evil, 'b'],
      gap: [
        [0.1, 0.2],
        [0.3, 0.4],
      ],
    },
    { corpora: [{ name: evil, gap: 1, effectiveRank: 2 }] },
  ]
  const labels = { image: Array.from({ length: 500 }, () => evil), text: Array.from({ length: 500 }, () => evil) }
  const { page, problems } = await open(browser, data, { title: evil, subtitle: evil, labels })
  for (const plot of await page.locator('.plot').all()) {
    await plot.focus()
    for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowRight')
    await plot.hover({ position: { x: 320, y: 60 } })
  }
  t.is(await page.title(), evil.replace('\u2028', '\u2028'))
  t.is(await page.locator('h1').textContent(), evil)
  t.true((await page.locator('.query').first().textContent())?.includes(evil))
  t.is(await page.evaluate('window.pwned'), undefined)
  t.is(await page.locator('img, body svg[onload]').count(), 0)
  t.deepEqual(problems, [])
  await page.close()
})

test('on paper there is ink on white, without what cannot be clicked there', async t => {
  const { page, problems } = await open(browser, result('aligned'), {}, { colorScheme: 'dark' })
  await page.emulateMedia({ media: 'print' })
  for (const hidden of ['nav', '.tools', '.zoom', '.buttons', '#numbers', '.skip']) {
    t.false(await page.locator(hidden).first().isVisible(), hidden)
  }
  t.is(await page.evaluate('getComputedStyle(document.body).backgroundColor'), 'rgb(255, 255, 255)')
  const box = await page.locator('#chart-spectra svg').boundingBox()
  t.true(box !== null && box.width <= 660, 'fits A4 between its margins')
  const drawn = () => page.locator('#chart-gap .plot').innerHTML()
  await t.notThrowsAsync(
    eventually(drawn, html => !/#e8ecf1/i.test(html)),
    'no light ink',
  )
  t.is((await page.pdf({ format: 'A4' })).subarray(0, 5).toString(), '%PDF-')
  t.deepEqual(problems, [])
  await page.close()
})

test('a narrow window is not scrolled sideways, and charts follow its width', async t => {
  const { page, problems } = await open(
    browser,
    [result('aligned'), result('compare'), ...analyses()],
    {},
    { viewport: { width: 360, height: 740 } },
  )
  t.is(await overflow(page), 0)
  const width = async () => (await page.locator('#chart-spectra svg').boundingBox())?.width ?? 0
  t.true((await width()) < 340)
  await page.setViewportSize({ width: 1000, height: 740 })
  for (let i = 0; i < 100 && (await width()) < 600; i++) await page.waitForTimeout(100)
  t.true((await width()) > 600)
  t.deepEqual(problems, [])
  await page.close()
})

test('many rows are drawn as pixels', async t => {
  const points = Array.from({ length: 6000 }, (_, i) => ({
    row: i >> 1,
    modality: i % 2 === 0 ? ('image' as const) : ('text' as const),
    stage: 'original',
    x: Math.sin(i),
    y: Math.cos(i * 1.7),
  }))
  const { page, problems } = await open(browser, {
    gap: { centroid: 0.5, floor: 0.1 },
    figures: { projection: { points } },
  })
  const box = await page.locator('#chart-projection canvas').first().boundingBox()
  t.true(box !== null && box.width > 600)
  t.deepEqual(problems, [])
  await page.close()
})

async function overflow(page: Page): Promise<number> {
  return (await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')) as number
}

/** Rules of WCAG 2 A and AA that the page breaks, with the first place of each. */
async function objections(page: Page): Promise<string[]> {
  await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'))
  return (await page.evaluate(`axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'best-practice'] })
    .then(found => found.violations.map(v => v.id + ': ' + v.nodes[0].html.slice(0, 200) + ' ' + v.nodes[0].failureSummary))`)) as string[]
}
