import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'

const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js')

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

interface CliOptions {
  cwd?: string
  env?: Record<string, string>
  /** Called when the child has started, to send it signals or input. */
  started?: (child: ChildProcess) => void
}

/** Runs the compiled command line in a process of its own. */
export function modalityGap(args: readonly string[], options: CliOptions = {}): Promise<Ended> {
  return node([MAIN, ...args], options)
}

/** Runs Node in a process of its own. */
export function node(args: readonly string[], { cwd, env, started }: CliOptions = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd, env: { ...process.env, NO_COLOR: '1', ...env } })
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
