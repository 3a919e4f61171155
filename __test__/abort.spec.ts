import { getEventListeners } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { Aligner } from '../src/align.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import { inspect } from '../src/inspect.ts'
import type { Progress } from '../src/results.ts'
import { folderOf, SAMPLE } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'

const DIM = 64
/** So many passes over the source that no machine finishes them before it is stopped. */
const ENDLESS = { centroidIterations: 1_000_000 }

async function sides() {
  const target = await openEmbeddings(someRows(2000, DIM, 1), { dim: DIM })
  return { target, source: await openEmbeddings(someRows(2000, DIM, 2), { dim: DIM }) }
}

test('a signal that is already aborted starts nothing', async t => {
  const error = await t.throwsAsync(Aligner.fit(await sides(), { signal: AbortSignal.abort('no') }))
  t.like(error, { code: 'CANCELLED', name: 'AbortError', cause: 'no' })
  const opening = openEmbeddings(SAMPLE, { role: 'image' }, { signal: AbortSignal.abort('no') })
  t.like(await t.throwsAsync(opening), { code: 'CANCELLED', name: 'AbortError', cause: 'no' })
})

test('an aborted call rejects soon, with the reason, and leaves no file', async t => {
  const folder = folderOf(t)
  const controller = new AbortController()
  const { signal } = controller
  const running = Aligner.alignTo({ ...(await sides()), ...ENDLESS, out: join(folder, 'out') }, { signal })
  setTimeout(() => controller.abort(new Error('enough')), 100)
  const error = await t.throwsAsync(running, { code: 'CANCELLED' } as never)
  t.is(error.name, 'AbortError')
  t.is((error.cause as Error).message, 'enough')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  t.deepEqual(
    files.filter(name => /\.npy|\.tmp|aligner/.test(name)),
    [],
  )
  t.deepEqual(getEventListeners(signal, 'abort'), [])
})

test('a signal outlives calls that ended well', async t => {
  const { signal } = new AbortController()
  await Aligner.fit(await sides(), { signal })
  t.deepEqual(getEventListeners(signal, 'abort'), [])
})

test('the event loop turns while a job runs', async t => {
  const controller = new AbortController()
  let turns = 0
  const timer = setInterval(() => {
    turns += 1
    if (turns === 10) controller.abort()
  }, 5)
  await t.throwsAsync(Aligner.fit({ ...(await sides()), ...ENDLESS }, { signal: controller.signal }))
  clearInterval(timer)
  // the job may take more turns to stop
  t.true(turns >= 10)
})

test('progress names stages and never runs past their rows', async t => {
  const seen: Progress[] = []
  const controller = new AbortController()
  const onProgress = (progress: Progress) => {
    seen.push(progress)
    if (seen.length === 5) controller.abort()
  }
  await t.throwsAsync(Aligner.fit({ ...(await sides()), ...ENDLESS }, { onProgress, signal: controller.signal }))
  t.true(seen.length >= 5)
  for (const { stage, rows, total, seconds } of seen) {
    t.true(stage.length > 0 && rows >= 0 && rows <= total && seconds >= 0)
  }
})

test('a progress callback that throws stops the call, which rejects with what it threw', async t => {
  const thrown = new Error('mine')
  let calls = 0
  const onProgress = () => {
    calls += 1
    throw thrown
  }
  t.is(await t.throwsAsync(Aligner.fit({ ...(await sides()), ...ENDLESS }, { onProgress })), thrown)
  t.is(calls, 1)
})

test('a failed job does not keep later ones from running', async t => {
  const rows = await openEmbeddings(someRows(10, DIM, 3), { dim: DIM })
  await t.throwsAsync(inspect(rows, { signal: AbortSignal.abort() }))
  t.is((await inspect(rows)).rows, 10)
})

test('what only looks like a signal is refused by name', async t => {
  const rows = await openEmbeddings(Float32Array.of(1, 2, 3, 4), { dim: 2 })
  for (const signal of [{ aborted: false }, { aborted: false, addEventListener() {} }]) {
    const error = await t.throwsAsync(inspect(rows, { signal } as never))
    t.like(error, { code: 'BAD_OPTION' })
    t.regex(error.message, /an AbortSignal/)
  }
})
