// Ends jobs by signals at random moments, resumes them, and compares what is there with an uninterrupted run.
//   npm run campaign:kills -- [--kills 200] [--seed 1] [--jobs align,convert,…] [--signals SIGKILL,SIGTERM,SIGHUP] [--events] [--json]
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import { mulberry32 } from './evidence/random.mjs'
import { JOBS, makeMaterial, PREPARED } from './kills/jobs.mjs'

const MAIN = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist', 'cli', 'main.js')
/** Numbers that a clock makes, and the words of a configuration that tell a resumed run. */
const CLOCKS =
  /"resume":\s*(?:true|false)|"(?:seconds|[a-z_]*runtime|[a-z_]*per_second|peakMemoryBytes|modified|mtime)":\s*(?:-?[\d.e+-]+|\{[^{}]*\})/g

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    jobs: { type: 'string', default: Object.keys(JOBS).join() },
    // taken in turn by each job
    signals: { type: 'string', default: 'SIGKILL,SIGTERM,SIGHUP' },
    // only when so many files and folders are there, never by the clock
    events: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})

/** What a command that was interrupted in good order ends with. */
const INTERRUPTED = 130

/** Runs a command; `kill` says how and when to end it: `{ after }` in milliseconds, or `{ entries }` below `out`. */
function run(cwd, args, kill) {
  return new Promise((resolve, reject) => {
    const began = performance.now()
    const child = spawn(process.execPath, [MAIN, ...args], { cwd, stdio: ['ignore', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr.on('data', chunk => {
      stderr += chunk
    })
    let timer
    const end = () => child.kill(kill.by)
    if (kill?.after !== undefined) {
      timer = setTimeout(end, kill.after)
    } else if (kill) {
      const look = () => {
        if (entries(join(cwd, 'out')) >= kill.entries) {
          end()
        } else {
          timer = setTimeout(look, 1)
        }
      }
      look()
    }
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ code, signal, stderr, took: performance.now() - began })
    })
  })
}

function namesIn(folder) {
  try {
    return readdirSync(folder, { recursive: true }).sort()
  } catch {
    // it may be gone, or a part of it while it is read
    return []
  }
}

function entries(folder) {
  return namesIn(folder).length
}

/** Every file and folder below a folder, each with a hash of its bytes; what clocks have written does not count. */
function contentsOf(folder) {
  const found = new Map()
  for (const name of namesIn(folder)) {
    const path = join(folder, name)
    if (statSync(path).isDirectory()) {
      found.set(`${name}/`, '')
      continue
    }
    const bytes = readFileSync(path)
    const plain = /\.jsonl?$/.test(name) ? bytes.toString().replaceAll(CLOCKS, '""') : bytes
    found.set(name, createHash('sha256').update(plain).digest('hex'))
  }
  return found
}

const folder = mkdtempSync(join(tmpdir(), 'modality-gap-kills-'))
try {
  process.exitCode = (await campaign()) ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function campaign() {
  const draw = mulberry32(Number(values.seed))
  const [jobs, signals] = [values.jobs.split(','), values.signals.split(',')]
  makeMaterial(folder)
  for (const args of PREPARED) {
    await succeeded(args)
  }
  const out = join(folder, 'out')
  const expected = {}
  for (const name of jobs) {
    fresh(out)
    const { took } = await succeeded(JOBS[name].begin)
    expected[name] = { files: contentsOf(out), took }
  }
  const totals = { kills: 0, finished: 0, litter: 0, different: 0, failed: 0, bySignal: {}, byJob: {} }
  const wanted = Number(values.kills)
  for (let turn = 0; totals.kills < wanted && turn < 4 * wanted; turn++) {
    const name = jobs[turn % jobs.length]
    const { begin, resume = [] } = JOBS[name]
    const { files, took } = expected[name]
    const by = signals[Math.floor(turn / jobs.length) % signals.length]
    const when =
      draw() < 0.5 && !values.events ? { after: 50 + draw() * took } : { entries: 1 + Math.floor(draw() * files.size) }
    const kill = { by, ...when }
    fresh(out)
    const cut = await run(folder, begin, kill)
    const left = contentsOf(out)
    // one that was killed when all was done has nothing to resume
    const ended = cut.signal === by || cut.code === INTERRUPTED
    if (!ended || isDeepStrictEqual(left, files)) {
      totals.finished++
      // a job that ends otherwise has failed by itself
      if (!ended && cut.code !== 0) {
        totals.failed++
        note(`${name}, at ${JSON.stringify(kill)}: ended with ${cut.code}: ${cut.stderr.trim()}`)
      }
      continue
    }
    totals.kills++
    totals.bySignal[by] = (totals.bySignal[by] ?? 0) + 1
    totals.byJob[name] ??= { kills: 0, leftBehind: 0, litter: 0, different: 0, failed: 0 }
    const of = totals.byJob[name]
    of.kills++
    of.leftBehind += [...left.keys()].some(each => !files.has(each)) ? 1 : 0
    const resumed = await run(folder, [...begin, ...resume])
    if (resumed.code !== 0) {
      totals.failed++
      of.failed++
      note(`${name}, killed at ${JSON.stringify(kill)}: resuming failed: ${resumed.stderr.trim()}`)
      continue
    }
    const found = contentsOf(out)
    const litter = [...found.keys()].filter(each => !files.has(each))
    const different = [...files].filter(([each, hash]) => found.get(each) !== hash).map(([each]) => each)
    totals.litter += litter.length
    of.litter += litter.length
    totals.different += different.length
    of.different += different.length
    if (litter.length + different.length > 0) {
      note(
        `${name}, killed at ${JSON.stringify(kill)}: litter ${litter.join() || '–'}, different ${different.join() || '–'}`,
      )
    }
  }
  report(totals)
  return totals.kills >= wanted && totals.litter + totals.different + totals.failed === 0
}

function fresh(out) {
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out)
}

async function succeeded(args) {
  const ended = await run(folder, args)
  if (ended.code !== 0) {
    throw new Error(`modality-gap ${args.join(' ')} failed: ${ended.stderr}`)
  }
  return ended
}

function note(text) {
  console.error(text.replaceAll(folder, relative(process.cwd(), folder)))
}

function report({ byJob, ...totals }) {
  if (values.json) {
    console.log(JSON.stringify({ ...totals, byJob }))
    return
  }
  console.table(byJob)
  const { kills, bySignal, finished, litter, different, failed } = totals
  const signals = Object.entries(bySignal).map(([name, count]) => `${count} by ${name}`)
  console.log(
    `${kills} jobs ended by a signal: ${signals.join(', ')} (${finished} others were done before); resumed: ${failed} failed; litter: ${litter}, files that differ: ${different}`,
  )
}
