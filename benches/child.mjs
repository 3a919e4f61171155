/** Runs one child process and measures it from outside. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'

const SAMPLE_MS = 4

/** Bytes of memory that belong to no file, or undefined where the system does not tell. */
export function anonymousBytes(pid) {
  try {
    const kilobytes = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
    return kilobytes === null ? undefined : Number(kilobytes[1]) * 1024
  } catch {
    return undefined
  }
}

/**
 * @returns {Promise<{ seconds: number, peak: number | undefined, stdout: string }>} wall time from spawn to exit and
 * the highest anonymous memory seen, sampled every few milliseconds
 */
export function measure(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const started = performance.now()
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    let peak
    const timer = setInterval(() => {
      const now = anonymousBytes(child.pid)
      if (now !== undefined) peak = Math.max(peak ?? 0, now)
    }, SAMPLE_MS)
    child.stdout.on('data', chunk => (stdout += chunk))
    child.stderr.on('data', chunk => (stderr = (stderr + chunk).slice(-4000)))
    child.on('error', cause => {
      clearInterval(timer)
      reject(new Error(`${command} did not start`, { cause }))
    })
    // exit and not close: the pipes are drained before the numbers are read, the time ends when the process does
    let seconds
    child.on('exit', () => {
      seconds = (performance.now() - started) / 1000
      clearInterval(timer)
    })
    child.on('close', code => {
      if (code === 0) resolve({ seconds, peak, stdout })
      else reject(new Error(`${[command, ...args].join(' ')} ended with ${code}\n${stderr}`))
    })
  })
}

export function median(values) {
  const sorted = values.filter(value => value !== undefined).sort((a, b) => a - b)
  if (sorted.length === 0) return undefined
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** A B A B …: both see the same state of the machine, so that their ratio means something on a busy one. */
export async function alternate(a, b, pairs) {
  const first = []
  const second = []
  for (let i = 0; i < pairs; i++) {
    first.push(await a())
    second.push(await b())
  }
  return { first, second, ratio: median(second.map((run, i) => run.seconds / first[i].seconds)) }
}
