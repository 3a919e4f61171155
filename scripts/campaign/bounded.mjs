// Node in a process of its own, with bounded memory and processor time: what dies there has harmed nobody.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/** Memory that a call may take beside what Node and the package take when they have been loaded. */
export const MEMORY = 1e9
/** Processor time of one case, in seconds. */
export const SECONDS = 10
/** When a process that shows no sign of life is ended, in seconds of the clock: many processes may share the machine. */
const PATIENCE = 240

/**
 * Address space that products of matrices (private-gemm-x86, of faer) reserve beside that: twice the last cache for each thread, however
 * small they are. It is not memory, for what a product does not need is never touched. Beside the threads of a job one that waits for it may
 * multiply, and those of the job before may not have ended.
 */
export function reserved() {
  try {
    const size = /^(\d+)K$/.exec(readFileSync('/sys/devices/system/cpu/cpu0/cache/index3/size', 'utf8').trim())
    return size === null ? 0 : 2 * 1024 * Number(size[1]) * 2 * (availableParallelism() + 1)
  } catch {
    return 0
  }
}

/** Shell that sets the bounds, in KiB and seconds, and becomes Node. */
const BOUND = 'ulimit -v "$1" && ulimit -t "$2" && shift 2 && exec "$@"'

/**
 * Runs Node and waits for its end.
 *
 * @param args its arguments
 * @param bounds `bytes` of address space, absent for no bound; `seconds` of processor time; `onLine` hears each line of its output
 * @returns how it ended, what it printed, and whether it was ended because it showed no sign of life
 */
export function boundedNode(args, { bytes, seconds, onLine = () => {}, env = {} } = {}) {
  const bounded = bytes !== undefined && process.platform === 'linux'
  const limits = [String(Math.ceil(bytes / 1024)), String(seconds ?? 'unlimited')]
  const [command, all] = bounded
    ? ['/bin/sh', ['-c', BOUND, 'sh', ...limits, process.execPath, ...args]]
    : [process.execPath, args]
  return new Promise((resolve, reject) => {
    // an arena of memory for each thread would take address space that nobody uses
    const child = spawn(command, all, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', MALLOC_ARENA_MAX: '2', ...env },
    })
    const ended = { stdout: '', stderr: '', hung: false }
    const hang = () => {
      ended.hung = true
      child.kill('SIGKILL')
    }
    let watchdog = setTimeout(hang, PATIENCE * 1000)
    let rest = ''
    child.stdout.on('data', chunk => {
      clearTimeout(watchdog)
      watchdog = setTimeout(hang, PATIENCE * 1000)
      ended.stdout += chunk
      const lines = (rest + chunk).split('\n')
      rest = lines.pop()
      for (const line of lines) onLine(line)
    })
    child.stderr.on('data', chunk => {
      // what a panic prints comes first
      if (ended.stderr.length < 1e5) ended.stderr += chunk
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(watchdog)
      resolve({ code, signal, ...ended })
    })
  })
}

/** Address space that this process has taken so far, in bytes; nothing where the system does not tell. */
export function addressSpace() {
  try {
    const [, kib] = /^VmPeak:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
    return kib === undefined ? undefined : Number(kib) * 1024
  } catch {
    return undefined
  }
}
