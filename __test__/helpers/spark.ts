import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import type { SparkInstallation } from '../../scripts/data/spark.mjs'
import type { Engine } from '../../src/distributed.ts'
import { workerExecutable } from '../../src/worker-executable.ts'

/** Settings of sessions on the cluster of the tests; executors that do not answer are given up soon. */
export const CONF = {
  'spark.executor.memory': '512m',
  'spark.ui.enabled': 'false',
  'spark.driver.host': '127.0.0.1',
  'spark.executor.heartbeatInterval': '1s',
  'spark.network.timeout': '15s',
  'spark.network.timeoutInterval': '2s',
}

interface Process {
  pid: number
  parent: number
  /** As `ps` writes it: `Z` has ended, and its parent has not looked yet. */
  state: string
  command: string
}

function processes(): Process[] {
  const lines = execFileSync('ps', ['-ww', '-eo', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' }).trim().split('\n')
  return lines.map(line => {
    const [, pid, parent, state = '', command = ''] = /^ *(\d+) +(\d+) +(\S+) +(.*)$/.exec(line) ?? []
    return { pid: Number(pid), parent: Number(parent), state, command }
  })
}

/** A process and all below it, parents first. */
export function tree(root: number): number[] {
  const all = processes()
  const found = [root]
  for (const pid of found) found.push(...all.filter(({ parent }) => parent === pid).map(({ pid }) => pid))
  return found
}

/** The processes below this one that a pattern describes. */
export function descendants(pattern: RegExp): Process[] {
  const below = new Set(tree(process.pid))
  return processes().filter(({ pid, command }) => below.has(pid) && pattern.test(command))
}

/** Executors of the cluster that run now; the parent of each is its worker. */
export function executors(): Process[] {
  return descendants(/CoarseGrainedExecutorBackend/)
}

/** Stops processes or lets them continue; some may have ended. */
export function signal(pids: readonly number[], name: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void {
  for (const pid of pids.filter(runs)) process.kill(pid, name)
}

export function runs(pid: number): boolean {
  return processes().some(found => found.pid === pid && !found.state.startsWith('Z'))
}

/** A server of Spark Connect with two cores in its own process; gives its URL and how to end it. */
export async function startConnect({ env, home }: SparkInstallation): Promise<{ url: string; stop(): Promise<void> }> {
  const settings = ['spark.ui.enabled=false', 'spark.connect.grpc.binding.port=0']
  const name = 'org.apache.spark.sql.connect.service.SparkConnectServer'
  const conf = [...settings, 'spark.connect.grpc.binding.address=127.0.0.1'].flatMap(each => ['--conf', each])
  const args = ['--class', name, '--master', 'local[2,4]', ...conf, 'spark-internal']
  const child = spawn(join(home, 'bin', 'spark-submit'), args, {
    env: { ...process.env, ...env, SPARK_LOCAL_IP: '127.0.0.1' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const url = await new Promise<string>((resolve, reject) => {
    const seen: string[] = []
    // it is read on, or the server would wait
    createInterface(child.stderr).on('line', line => {
      seen.push(line)
      const found = /server started at: (\S+)/.exec(line)?.[1]
      if (found) resolve(`sc://${found}`)
    })
    child.once('exit', code => reject(new Error(`the server ended with ${code}:\n${seen.join('\n')}`)))
  })
  return {
    url,
    async stop() {
      const ended = once(child, 'exit')
      if (child.kill()) await ended
    },
  }
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

/** Contents of outputs by names. */
export function contents(folder: string): Record<string, Buffer> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  const rows = names.filter(name => /\.(npy|parquet|safetensors)$/.test(name) && !name.startsWith('_run'))
  return Object.fromEntries(rows.map(name => [name, readFileSync(join(folder, name))]))
}

/** What happens when attempts at both workers have begun, and when the pass has ended. */
interface Events {
  begun: () => unknown
  ended?: () => unknown
}

/** The engine with the gate shut in the first pass of a stage. */
export function gated({ on, gate }: { on: Engine; gate: Gate }, stage: RegExp, { begun, ended }: Events): Engine {
  let done = false
  return {
    async runTasks(tasks, pass, run) {
      if (done || !stage.test(pass.stage)) {
        return await on.runTasks(tasks, pass, run)
      }
      done = true
      gate.forget()
      gate.shut()
      let over = false
      const results = on.runTasks(tasks, pass, run).finally(() => {
        over = true
      })
      await until(() => over || gate.begun().length >= 2)
      try {
        await begun()
      } catch (error) {
        gate.open()
        throw error
      }
      await results
      await ended?.()
      return await results
    },
  }
}
