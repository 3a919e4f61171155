import { once } from 'node:events'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import test from 'ava'

const ENTRY = pathToFileURL(join(import.meta.dirname, '..', 'dist', 'index.js')).href

/** Fits, transforms and reports the sum of the moved rows. */
const WORK = `
  import { parentPort } from 'node:worker_threads'
  import { Aligner, openEmbeddings } from ${JSON.stringify(ENTRY)}
  const rows = phase => Float32Array.from({ length: 300 * 16 }, (_, i) => Math.sin(i * phase) + (i % 16) / 16)
  const target = await openEmbeddings(rows(1.3), { dim: 16 })
  const source = await openEmbeddings(rows(2.1), { dim: 16 })
  let calls = 0
  const aligner = await Aligner.fit({ target, source, threads: 2 }, { onProgress: () => { calls += 1 } })
  parentPort.postMessage(aligner.transform(rows(2.1)).reduce((a, b) => a + b, 0))
`

/** Starts a job and is ended in the middle of it. */
const ENDED = `
  import { parentPort } from 'node:worker_threads'
  import { Aligner, openEmbeddings } from ${JSON.stringify(ENTRY)}
  const rows = phase => Float32Array.from({ length: 3000 * 16 }, (_, i) => Math.sin(i * phase) + (i % 16) / 16)
  const target = await openEmbeddings(rows(1.3), { dim: 16 })
  const source = await openEmbeddings(rows(2.1), { dim: 16 })
  parentPort.postMessage('started')
  await Aligner.fit({ target, source, centroidIterations: 2000 }, { onProgress: () => {} })
`

function worker(code: string): Worker {
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { execArgv: [] })
}

test('twenty workers at once give the same result and exit cleanly', async t => {
  const results = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const one = worker(WORK)
      const [[sum], [code]] = await Promise.all([once(one, 'message'), once(one, 'exit')])
      t.is(code, 0)
      return sum as number
    }),
  )
  t.is(new Set(results).size, 1)
})

test('a worker may be ended in the middle of a job', async t => {
  const one = worker(ENDED)
  await once(one, 'message')
  t.is(await one.terminate(), 1)
})
