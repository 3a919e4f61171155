import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import type { SparkInstallation } from '../../scripts/data/spark.mjs'
import { workerExecutable } from '../../src/worker-executable.ts'

/** A master and two workers of Spark on this machine, one core each. */
export interface Cluster {
  master: string
  /** Processes of the executors that run now. */
  executors(): number[]
  stop(): Promise<void>
}

export async function startCluster({ env, home }: SparkInstallation, folder: string): Promise<Cluster> {
  const daemons: ChildProcess[] = []
  const start = async (kind: string, args: string[], up: RegExp): Promise<string> => {
    const settings = { SPARK_DAEMON_MEMORY: '256m', SPARK_LOCAL_IP: '127.0.0.1', SPARK_NO_DAEMONIZE: '1' }
    const common = ['--host', '127.0.0.1', '--port', '0', '--webui-port', '0']
    const child = spawn(join(home, 'bin', 'spark-class'), [`org.apache.spark.deploy.${kind}`, ...common, ...args], {
      cwd: folder,
      env: { ...process.env, ...env, ...settings },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    daemons.push(child)
    return await new Promise((resolve, reject) => {
      const seen: string[] = []
      // it is read on, or the process would wait
      createInterface(child.stderr).on('line', line => {
        seen.push(line)
        const found = up.exec(line)
        if (found) resolve(found[1] ?? '')
      })
      child.once('exit', code => reject(new Error(`${kind} ended with ${code}:\n${seen.join('\n')}`)))
    })
  }
  const master = await start('master.Master', [], /Starting Spark master at (spark:\S+)/)
  for (const worker of ['one', 'two']) {
    const place = join(folder, `worker-${worker}`)
    const args = ['--cores', '1', '--memory', '1g', '--work-dir', place, master]
    await start('worker.Worker', args, /Successfully registered with master/)
  }
  return {
    master,
    executors: () => daemons.slice(1).flatMap(({ pid }) => executorsOf(pid as number)),
    async stop() {
      await Promise.all(
        daemons.toReversed().map(child => {
          const ended = once(child, 'exit')
          return child.kill() ? ended : undefined
        }),
      )
    },
  }
}

/** Executors below a worker, which starts short-lived processes as well. */
function executorsOf(worker: number): number[] {
  const lines = execFileSync('ps', ['-ww', '-eo', 'pid=,ppid=,args='], { encoding: 'utf8' }).trim().split('\n')
  const found = lines.map(line => /^ *(\d+) +(\d+) .*CoarseGrainedExecutorBackend/.exec(line) ?? [])
  return found.filter(([, , parent]) => Number(parent) === worker).map(([, pid]) => Number(pid))
}

/** The real executable behind a gate: tasks wait while it is shut, and each attempt leaves the number of its process. */
export class Gate {
  readonly program: string
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
    this.program = join(folder, 'gated-worker')
  }

  static async at(folder: string): Promise<Gate> {
    mkdirSync(folder)
    const gate = new Gate(folder)
    const script = `#!/bin/sh
echo $$ >> '${folder}/begun'
if mv '${folder}/failing' '${folder}/failed' 2> /dev/null; then exit 75; fi
while [ -e '${folder}/shut' ]; do sleep 0.05; done
exec '${await workerExecutable()}' "$@"
`
    writeFileSync(gate.program, script)
    chmodSync(gate.program, 0o755)
    return gate
  }

  shut(): void {
    writeFileSync(join(this.#folder, 'shut'), '')
  }

  open(): void {
    rmSync(join(this.#folder, 'shut'), { force: true })
  }

  /** The next attempt fails as one whose storage does not answer. */
  failOnce(): void {
    writeFileSync(join(this.#folder, 'failing'), '')
  }

  /** Processes of the attempts since the last call of `forget`. */
  begun(): number[] {
    const file = join(this.#folder, 'begun')
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : []
  }

  forget(): void {
    rmSync(join(this.#folder, 'begun'), { force: true })
  }
}

/** Waits for what another process does. */
export async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await pause(50)
}

export function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
