// Many worker threads with mixed jobs for minutes; memory and handles of the process over time.
//   npm run campaign:load -- [--workers 32] [--seconds 600] [--json]
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { makeMaterial } from './load/material.mjs'

const { values } = parseArgs({
  options: {
    workers: { type: 'string', default: '32' },
    seconds: { type: 'string', default: '600' },
    json: { type: 'boolean', default: false },
  },
})
const [count, seconds] = [Number(values.workers), Number(values.seconds)]

/** Seconds between two looks. */
const EVERY = 10
/** What comes before this many seconds is the start: every worker loads what it works with. */
const WARM = 60
/** A worker is replaced by a new one after so many jobs, as pools do. */
const JOBS = 150
/** How far a flat line may rise. */
const FLAT = 1.2

const folder = mkdtempSync(join(tmpdir(), 'modality-gap-load-'))
const material = makeMaterial(folder)
const running = new Map()
const totals = { jobs: 0, errors: 0, workers: 0 }
let ending = false

function start(index) {
  totals.workers++
  const worker = new Worker(new URL('load/worker.mjs', import.meta.url), {
    workerData: { material, index, seed: totals.workers, jobs: JOBS },
  })
  running.set(index, { worker, external: 0 })
  worker.on('message', ({ external, error }) => {
    totals.jobs++
    if (error) {
      totals.errors++
      console.error(`worker ${index}: ${error}`)
    }
    running.get(index).external = external
  })
  worker.on('error', error => {
    totals.errors++
    console.error(`worker ${index}: ${error.message}`)
  })
  worker.on('exit', () => {
    running.delete(index)
    if (!ending) start(index)
  })
}

function look(at) {
  const megabytes = bytes => Math.round(bytes / 2 ** 20)
  const external = [...running.values()].reduce((sum, each) => sum + each.external, process.memoryUsage().external)
  return {
    seconds: at,
    jobs: totals.jobs,
    errors: totals.errors,
    workers: totals.workers,
    rss: megabytes(process.memoryUsage().rss),
    external: megabytes(external),
    files: handles('fd'),
    threads: handles('task'),
  }
}

/** Open files or threads of this process, where the system tells it. */
function handles(what) {
  return process.platform === 'linux' ? readdirSync(`/proc/self/${what}`).length : undefined
}

for (let index = 0; index < count; index++) start(index)
const looks = []
const began = performance.now()
await new Promise(resolve => {
  const timer = setInterval(() => {
    const at = Math.round((performance.now() - began) / 1000)
    looks.push(look(at))
    if (!values.json)
      console.log(
        Object.entries(looks.at(-1))
          .map(([name, value]) => `${name} ${value}`)
          .join('  '),
      )
    if (at >= seconds) {
      clearInterval(timer)
      resolve()
    }
  }, EVERY * 1000)
})
ending = true
await Promise.all([...running.values()].map(({ worker }) => worker.terminate()))
rmSync(folder, { recursive: true, force: true })

/** How far the later half of what came after the start lies above the earlier half, by their means. */
function rise(name) {
  const later = looks.filter(({ seconds }) => seconds > WARM).map(each => each[name])
  const mean = part => part.reduce((sum, value) => sum + value, 0) / part.length
  const half = Math.ceil(later.length / 2)
  return later.length < 2 ? 1 : mean(later.slice(half)) / mean(later.slice(0, half))
}

const rises = { rss: rise('rss'), external: rise('external'), files: rise('files') }
const flat = Object.values(rises).every(value => !(value > FLAT))
if (values.json) {
  console.log(JSON.stringify({ looks, rises, flat, errors: totals.errors }))
} else {
  const shown = Object.entries(rises).map(([name, value]) => `${name} × ${value.toFixed(3)}`)
  console.log(
    `after the first ${WARM} seconds, later half against earlier half: ${shown.join(', ')}; ${totals.errors} errors`,
  )
}
process.exitCode = flat && totals.errors === 0 ? 0 : 1
