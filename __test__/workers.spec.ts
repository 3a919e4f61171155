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

const TINY = join(import.meta.dirname, '..', 'crates', 'revision', 'tests', 'fixtures', 'llama-tied')

/** Reads a language model, trains its projector by one update, and reports what it says. */
const ASKED = `
  import { parentPort } from 'node:worker_threads'
  import { VisionModel } from ${JSON.stringify(ENTRY)}
  const options = { path: ${JSON.stringify(TINY)}, dim: 4, template: 'chatml', threads: 1, learn: { steps: 2 } }
  const model = await VisionModel.open(options)
  const asked = { role: 'user', content: 'what' }
  const samples = [{ id: 'a', rows: [], turns: [asked, { role: 'assistant', content: 'fox' }] }]
  await model.step({ samples })
  const [{ text }] = await model.answer({ samples: [{ id: 'a', rows: [], turns: [asked] }] }, { maxNewTokens: 8 })
  parentPort.postMessage(text)
`

/** Is ended while it trains. */
const TRAINING = `
  import { parentPort } from 'node:worker_threads'
  import { VisionModel } from ${JSON.stringify(ENTRY)}
  const options = { path: ${JSON.stringify(TINY)}, dim: 4, template: 'chatml', threads: 1, learn: { steps: 100000 } }
  const model = await VisionModel.open(options)
  const turns = [{ role: 'user', content: 'what' }, { role: 'assistant', content: 'a fox in the snow' }]
  const samples = Array.from({ length: 64 }, (_, i) => ({ id: String(i), rows: [], turns }))
  parentPort.postMessage('started')
  for (;;) await model.step({ samples })
`

function worker(code: string): Worker {
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { execArgv: [] })
}

for (const [what, code] of Object.entries({ 'align rows': WORK, 'ask a language model': ASKED })) {
  test(`twenty workers at once that ${what} get the same result and exit cleanly`, async t => {
    const results = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const one = worker(code)
        const [[result], [exit]] = await Promise.all([once(one, 'message'), once(one, 'exit')])
        t.is(exit, 0)
        return result as unknown
      }),
    )
    t.is(new Set(results).size, 1)
  })
}

for (const [what, code] of Object.entries({ 'a job': ENDED, 'a training': TRAINING })) {
  test(`a worker may be ended in the middle of ${what}`, async t => {
    const one = worker(code)
    await once(one, 'message')
    t.is(await one.terminate(), 1)
  })
}
