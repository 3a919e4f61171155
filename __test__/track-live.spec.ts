import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { trackReportData } from '../src/report/track/data.ts'
import { serveRun } from '../src/report/track/serve.ts'
import { followTrackLog } from '../src/tracker/log.ts'
import { folderOf } from './helpers/place.ts'
import { golden } from './helpers/track.ts'

test('the live page is for this machine and only tells', async t => {
  const live = await serveRun(() => trackReportData([]))
  t.teardown(live.close)
  const at = (path: string, init?: RequestInit) => fetch(new URL(path, live.url), init)
  t.regex(await (await at('/')).text(), /No step has been recorded/)
  t.deepEqual((await (await at('/log.json')).json()) as object, JSON.parse(JSON.stringify(trackReportData([]))))
  t.is((await at('/other')).status, 404)
  t.is((await at('/', { method: 'POST' })).status, 405)
  const { port } = new URL(live.url)
  const { request } = await import('node:http')
  const status = await new Promise(resolve => {
    request({ port, host: '127.0.0.1', headers: { host: 'example.com' } }, answer => resolve(answer.statusCode)).end()
  })
  t.is(status, 403)
  await t.throwsAsync(
    serveRun(() => trackReportData([]), Number(port)),
    { code: 'BAD_OPTION' } as never,
  )
})

test('a title is text on the live page, before the first record and after it', async t => {
  const title = `</title><script>alert('&')</script>`
  const escaped = '<title>&lt;/title&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;</title>'
  for (const records of [[], golden.records]) {
    const live = await serveRun(() => trackReportData(records), 0, title)
    t.teardown(live.close)
    const page = await (await fetch(live.url)).text()
    t.true(page.includes(escaped), page.slice(0, 300))
    t.false(page.includes('<script>alert'))
  }
})

test('a log that is followed and begun anew shows the new run, also where it is shorter or as long', async t => {
  const path = join(folderOf(t), 'log.jsonl')
  const texts = [[0, 1, 2], [3], [4], [5, 6]].map(steps =>
    steps.map(step => `${JSON.stringify({ ...golden.records[0], step })}\n`).join(''),
  )
  const controller = new AbortController()
  const seen: number[][] = []
  const next = () => {
    const text = texts[seen.length]
    text === undefined ? controller.abort() : writeFileSync(path, text)
  }
  next()
  const onRecords = (records: readonly { step: number }[]) => {
    seen.push(records.map(({ step }) => step))
    next()
  }
  const kept = await followTrackLog(path, onRecords, controller.signal)
  t.deepEqual(seen, [[0, 1, 2], [3], [4], [5, 6]])
  t.is(kept.length, 2)
})
