import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { node } from './helpers/cli.ts'
import { writeNpy } from './helpers/npy.ts'
import { colours } from './helpers/pictures.ts'
import { folderOf } from './helpers/place.ts'
import { jsonLines, TINY } from './helpers/revision.ts'
import { someRows } from './helpers/rows.ts'

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

const [ROWS_OF_FILE, WIDTH] = [4096, 64]

/** What each job does for minutes in a worker, where nobody ends it; `at` names a file of the test's folder. */
const JOBS: Record<string, string> = {
  'an endless fit': `
    await Aligner.fit({ target: await open(1.3, 4096, 64), source: await open(2.1, 4096, 64), centroidIterations: 1e8 })`,
  'an endless alignment': `
    await Aligner.alignTo({ ...(await sides()), out: at('aligned'), centroidIterations: 1e8 })`,
  'an alignment that writes': `
    await Aligner.alignTo({ ...(await sides()), out: at('aligned'), overwrite: true })`,
  'a transformation': `
    const { target, source: many } = await sides()
    const aligner = await Aligner.fit({ target, source: await open(2.1, 4096, 64) })
    await aligner.transformTo(many, at('moved'), { overwrite: true })`,
  'a conversion': `
    await convert((await sides()).source, at('converted'), { format: 'parquet', overwrite: true })`,
  'an inspection': `
    await inspect(await openEmbeddings(Array(3000).fill(at('rows.npy'))))`,
  'a comparison': `
    await compareStrategies({ image: await open(1.3, 12000, 256), text: await open(2.1, 12000, 256), exact: true })`,
  'a step of a tracker': `
    const tracker = new Tracker({ freezeAt: 0, retrievalPairs: 40000, dim: 64 })
    await tracker.push({ step: 0, image: rows(1.3, 40000, 64), text: rows(2.1, 40000, 64) })`,
  'a training of an encoder': `
    const tower = { width: 8, layers: 1, heads: 2 }
    const shape = { dim: 6, imageSize: 8, patch: 4, image: tower, text: tower, tokens: 4 }
    const training = { model: shape, batchSize: 4, steps: 1e8, data: at('pictures/pairs.jsonl'), out: at('encoder'), overwrite: true }
    await DualEncoder.train(training)`,
  'an embedding': `
    await embedPairs({ encoder: CLIP, data: at('many.jsonl'), out: at('embedded'), allowOutsideImages: true, overwrite: true })`,
  'a step of a language model': `
    await (await model({ steps: 2 })).step({ samples: samples({ role: 'assistant', content: 'fox' }) })`,
  'answers of a language model': `
    await (await model()).answer({ samples: samples() }, { maxNewTokens: 40 })`,
}

/** What the jobs use; the many files of a side are one in truth. */
const MANY = (folder: string) => `${ROWS}
  import { join } from 'node:path'
  import { compareStrategies, convert, DualEncoder, embedPairs, inspect, Tracker, VisionModel } from ${ENTRY}
  const at = name => join(${JSON.stringify(folder)}, name)
  const CLIP = ${JSON.stringify(join(import.meta.dirname, 'fixtures', 'encoders', 'clip'))}
  const source = () => openEmbeddings(Array(1000).fill(at('rows.npy')))
  const sides = async () => ({ target: await open(1.3, 4096, 64), source: await source() })
  const model = learn => VisionModel.open({ path: ${JSON.stringify(TINY)}, dim: 4, template: 'chatml', learn, threads: 2 })
  const asked = { role: 'user', content: 'what' }
  const samples = (...more) => Array.from({ length: 40000 }, (_, i) => ({ id: String(i), rows: [], turns: [asked, ...more] }))
`

/** The job, which tells when its last statement begins. */
function telling(job: string): string {
  const lines = job.split('\n')
  return [...lines.slice(0, -1), "parentPort.postMessage('begins')", lines.at(-1)].join('\n')
}

for (const [what, job] of Object.entries(JOBS)) {
  onLinux(
    `workers that are ended in the middle of ${what} leave no thread, no memory and nothing half-written`,
    async t => {
      t.timeout(300_000)
      const folder = folderOf(t)
      writeNpy(join(folder, 'rows.npy'), someRows(ROWS_OF_FILE, WIDTH, 3), [ROWS_OF_FILE, WIDTH])
      colours(join(folder, 'pictures'))
      jsonLines(
        join(folder, 'many.jsonl'),
        Array.from({ length: 40_000 }, (_, i) => ({ image: `pictures/${i % 10}.png`, caption: `colour ${i}` })),
      )
      const ended = await run(`
      const exits = []
      for (let i = 0; i < 4; i++) {
        const worker = start(${JSON.stringify(`${MANY(folder)}${telling(job)}`)})
        worker.on('error', error => console.error(error))
        await once(worker, 'message')
        await until(() => threads() > 1)
        exits.push(await worker.terminate())
      }
      console.log(exits.join())
      await until(() => threads() === 0)
      await until(() => megabytes() < 250)
    `)
      t.like(ended, { code: 0, signal: null, stdout: '1,1,1,1\n', stderr: '' })
      const left = readdirSync(folder, { recursive: true }).map(String)
      t.deepEqual(
        left.filter(name => /(^|\/)\.[^/]*$|\.tmp|partial/.test(name)),
        [],
      )
    },
  )
}
