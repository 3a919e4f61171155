import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { node } from './helpers/cli.ts'

// in processes of their own, whose main thread does not load the addon: what ends badly takes the process with it

const ENTRY = JSON.stringify(pathToFileURL(join(import.meta.dirname, '..', 'dist', 'index.js')).href)

/** Starts workers one after another; `run` resolves with the exit code of one. */
const MAIN = `
  import { once } from 'node:events'
  import { readFileSync, readdirSync } from 'node:fs'
  import { setTimeout as wait } from 'node:timers/promises'
  import { Worker } from 'node:worker_threads'
  const start = code => new Worker(new URL('data:text/javascript,' + encodeURIComponent(code)), { execArgv: [] })
  const ended = async worker => (await once(worker, 'exit'))[0]
  const until = async reached => { while (!reached()) await wait(20) }
  const name = task => { try { return readFileSync('/proc/self/task/' + task + '/comm', 'utf8') } catch { return '' } }
  const threads = () => readdirSync('/proc/self/task').filter(task => name(task).startsWith('modality-gap')).length
  const megabytes = () => process.memoryUsage().rss / 2 ** 20
`

const ROWS = `
  import { parentPort } from 'node:worker_threads'
  import { Aligner, measureGap, openEmbeddings } from ${ENTRY}
  const rows = (phase, n, dim) => Float32Array.from({ length: n * dim }, (_, i) => Math.sin(i * phase) + (i % dim) / dim)
  const open = (phase, n, dim) => openEmbeddings(rows(phase, n, dim), { dim })
`

const LOAD = `import ${ENTRY}`
const FIT = `${ROWS} await Aligner.fit({ target: await open(1.3, 300, 16), source: await open(2.1, 300, 16) })`

const run = (code: string) => node(['--input-type=module', '--eval', `${MAIN}${code}`])

for (const [what, jobs] of Object.entries({
  'that only load it': [LOAD, LOAD, LOAD],
  'that work with it': [FIT, FIT, FIT],
  'of both kinds': [LOAD, FIT, LOAD, FIT],
})) {
  test(`workers ${what} do so one after another, when no environment is left that had loaded it`, async t => {
    const ended = await run(`
      for (const code of ${JSON.stringify(jobs)}) console.log(await ended(start(code)))
    `)
    t.like(ended, { code: 0, signal: null, stdout: '0\n'.repeat(jobs.length), stderr: '' })
  })
}

/** Measures for minutes, and tells when the first progress comes. */
const MEASURED = `${ROWS}
  const [image, text] = [await open(1.3, 12000, 256), await open(2.1, 12000, 256)]
  await measureGap({ image, text, exact: true, threads: 2 }, { onProgress: ({ stage }) => parentPort.postMessage(stage) })
`

// what a process holds is read where the system tells it
const onLinux = process.platform === 'linux' ? test : () => {}

onLinux('twelve workers that are ended in the middle of a measurement leave no thread and no memory', async t => {
  t.timeout(600_000)
  const ended = await run(`
    const exits = []
    for (let i = 0; i < 12; i++) {
      const worker = start(${JSON.stringify(MEASURED)})
      await once(worker, 'message')
      exits.push(await worker.terminate())
    }
    console.log(exits.join())
    await until(() => threads() === 0)
    await until(() => megabytes() < 200)
  `)
  t.like(ended, { code: 0, signal: null, stdout: `${'1,'.repeat(11)}1\n`, stderr: '' })
})
