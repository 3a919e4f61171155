import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { join } from 'node:path'

/** The compiled command line. */
export const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js')

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

interface CliOptions {
  cwd?: string
  env?: Record<string, string>
  /** Called when the child has started, to send it input or close its output. */
  started?: (child: ChildProcess) => void
  /** Called when the child has begun to listen for Ctrl-C. */
  interruptible?: (child: ChildProcess) => void
}

/** Tells the parent when the child listens for Ctrl-C; before that a signal would end it by default. */
const TELL = `process.on('newListener', name => name === 'SIGINT' && setImmediate(() => process.send('interruptible')))`

/** Runs the compiled command line in a process of its own. */
export function modalityGap(args: readonly string[], options: CliOptions = {}): Promise<Ended> {
  return node([MAIN, ...args], options)
}

/** Runs Node in a process of its own. */
export function node(args: readonly string[], options: CliOptions = {}): Promise<Ended> {
  const { cwd, env, started, interruptible } = options
  const preload = interruptible ? ['--import', `data:text/javascript,${encodeURIComponent(TELL)}`] : []
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...preload, ...args], {
      cwd,
      env: { ...process.env, NO_COLOR: '1', ...env },
      stdio: ['pipe', 'pipe', 'pipe', ...(interruptible ? (['ipc'] as const) : [])],
    }) as ChildProcessWithoutNullStreams
    child.once('message', () => interruptible?.(child))
    const ended = { stdout: '', stderr: '' }
    child.stdout.on('data', chunk => {
      ended.stdout += chunk
    })
    child.stderr.on('data', chunk => {
      ended.stderr += chunk
    })
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, ...ended }))
    started?.(child)
  })
}
