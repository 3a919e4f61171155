import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import anyTest, { type TestFn } from 'ava'
import { installSpark } from '../scripts/data/spark.mjs'
import { Aligner } from '../src/align.ts'
import { convert } from '../src/convert.ts'
import type { Engine } from '../src/distributed.ts'
import { type Embeddings, openEmbeddings } from '../src/embeddings.ts'
import { type SparkEngine, spark } from '../src/spark.ts'
import { type SparkCluster, sparkCluster } from '../src/spark-cluster.ts'
import { MAIN, modalityGap } from './helpers/cli.ts'
import { writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'
import { shardedSides } from './helpers/sides.ts'
import { CONF, contents, executors, Gate, gated, runs, signal, tree, until } from './helpers/spark.ts'

interface Shared {
  cluster: SparkCluster
  gate: Gate
  on: SparkEngine
}

const test = anyTest as TestFn<Shared>
const DIM = 16
const SHARDS = [1500, 1, 800, 900, 1024, 700]
const installed = installSpark()
// the driver's Python finds pyspark by it
Object.assign(process.env, installed.env)
let shared: Shared | undefined

const folder = mkdtempSync(join(tmpdir(), 'modality-gap-spark-'))

test.before(async () => {
  const cluster = await sparkCluster({ python: installed.python })
  const gate = await Gate.at(join(folder, 'gate'))
  const on = spark({ master: cluster.master, python: installed.python, worker: gate.program, conf: CONF })
  shared = { cluster, gate, on }
})

test.beforeEach(t => {
  t.context = shared as Shared
  t.context.gate.forget()
})

test.after.always(async () => {
  shared?.gate.open()
  await shared?.on.close()
  await shared?.cluster.close()
  rmSync(folder, { recursive: true, force: true })
})

const sides = (folder: string) => shardedSides(folder, { shards: SHARDS, dim: DIM, seeds: [1, 31] })

async function opened(folder: string): Promise<{ target: Embeddings; source: Embeddings }> {
  const { target, source } = sides(folder)
  return { target: await openEmbeddings(target), source: await openEmbeddings(source) }
}

test.serial('a fit, transformations and a conversion on two workers have the bits of local ones', async t => {
  const { on } = t.context
  const folder = folderOf(t)
  const rows = await opened(folder)
  const local = await Aligner.fit({ ...rows, centroidIterations: 2 })
  const stages = new Map<string, number>()
  const onProgress = ({ stage, rows }: { stage: string; rows: number }) => void stages.set(stage, rows)
  const there = await Aligner.fit({ ...rows, centroidIterations: 2, work: join(folder, 'work'), on }, { onProgress })
  t.deepEqual(there.toBytes(), local.toBytes())
  const all = SHARDS.reduce((sum, rows) => sum + rows)
  t.is(stages.get('moments image'), all)
  t.is(stages.get('moments text'), all)
  for (const format of ['npy', 'parquet'] as const) {
    for (const dtype of ['f16', 'f32'] as const) {
      const [out, elsewhere] = [join(folder, `${format}-${dtype}`), join(folder, `on-${format}-${dtype}`)]
      await local.transformTo(rows.source, out, { format, dtype })
      await local.transformTo(rows.source, elsewhere, { format, dtype, on })
      t.is(Object.keys(contents(out)).length, SHARDS.length)
      t.deepEqual(contents(elsewhere), contents(out))
      // what was written is read there in turn
      const written = await openEmbeddings(out)
      await convert(written, join(folder, `${format}-${dtype}-npy`), { format: 'npy' })
      await convert(written, join(folder, `on-${format}-${dtype}-npy`), { format: 'npy', on })
      const converted = contents(join(folder, `on-${format}-${dtype}-npy`))
      t.deepEqual(converted, contents(join(folder, `${format}-${dtype}-npy`)))
    }
  }
})

for (const [name, stage, both] of [
  ['an executor is killed in a pass that reduces', /^moments text/, false],
  ['an executor is killed in a pass that writes', /^transform/, false],
  ['both executors are killed', /^moments image/, true],
] as const) {
  test.serial(`${name}: nothing is lost, and nothing is there twice`, async t => {
    const { gate } = t.context
    const folder = folderOf(t)
    const rows = await opened(folder)
    const [out, elsewhere] = [join(folder, 'local'), join(folder, 'elsewhere')]
    await Aligner.alignTo({ ...rows, out })
    let killed: number[] = []
    const begun = async () => {
      const pids = executors().map(({ pid }) => pid)
      t.is(pids.length, 2)
      killed = both ? pids : pids.slice(0, 1)
      signal(killed, 'SIGKILL')
      await until(() => !killed.some(runs))
      gate.open()
    }
    const on = gated(t.context, stage, { begun })
    await Aligner.alignTo({ ...rows, out: elsewhere, on })
    t.is(killed.length, both ? 2 : 1)
    t.true(gate.begun().length > 0)
    t.deepEqual(contents(elsewhere), contents(out))
  })
}

test.serial(
  'tasks of an executor that stands still are given to another; its own attempt, run at the same time, changes nothing',
  async t => {
    const { gate } = t.context
    const folder = folderOf(t)
    const rows = await opened(folder)
    const [out, elsewhere] = [join(folder, 'local'), join(folder, 'elsewhere')]
    await Aligner.alignTo({ ...rows, out })
    let attempts = 0
    const begun = async () => {
      const stopped = tree(executors()[0]?.pid as number)
      const zombies = gate.begun().filter(pid => stopped.includes(pid))
      t.is(zombies.length, 1)
      signal(stopped, 'SIGSTOP')
      // the engine has missed heartbeats, and the shard has another attempt
      await until(() => gate.begun().length >= 3)
      gate.open()
      signal(zombies, 'SIGCONT')
      await until(() => !zombies.some(runs))
      signal(stopped, 'SIGCONT')
    }
    const ended = () => {
      attempts = gate.begun().length
    }
    await Aligner.alignTo({ ...rows, out: elsewhere, on: gated(t.context, /^transform/, { begun, ended }) })
    t.is(attempts, SHARDS.length + 1)
    t.deepEqual(contents(elsewhere), contents(out))
  },
)

test.serial('a machine that stands still comes back when others have done its tasks, and changes nothing', async t => {
  const { gate } = t.context
  const folder = folderOf(t)
  const rows = await opened(folder)
  const [out, elsewhere] = [join(folder, 'local'), join(folder, 'elsewhere')]
  await Aligner.alignTo({ ...rows, out })
  let stopped: number[] = []
  let zombies: number[] = []
  const begun = () => {
    // the worker of Spark and all that it has started
    stopped = tree(executors()[0]?.parent as number)
    zombies = gate.begun().filter(pid => stopped.includes(pid))
    signal(stopped, 'SIGSTOP')
    gate.open()
  }
  const ended = async () => {
    t.is(gate.begun().length, SHARDS.length + 1)
    t.true(zombies.every(runs))
    signal(zombies, 'SIGCONT')
    await until(() => !zombies.some(runs))
    signal(stopped, 'SIGCONT')
  }
  await Aligner.alignTo({ ...rows, out: elsewhere, on: gated(t.context, /^moments text/, { begun, ended }) })
  t.is(zombies.length, 1)
  t.deepEqual(contents(elsewhere), contents(out))
})

for (const [name, format, spoil] of [
  ['a parquet file that was cut short', 'parquet', (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
  ['a parquet file with a damaged page', 'parquet', (bytes: Buffer) => bytes.fill(0xff, 4, bytes.length / 2)],
  ['an npy file with a damaged header', 'npy', (bytes: Buffer) => bytes.fill('(', 10, 20)],
] as const) {
  test.serial(`${name} fails once, with code and file`, async t => {
    const { on, gate } = t.context
    const folder = folderOf(t)
    const { target, source } = sides(folder)
    await convert(await openEmbeddings(source), join(folder, 'spoilt'), { format })
    const rows = { target: await openEmbeddings(target), source: await openEmbeddings(join(folder, 'spoilt')) }
    const file = join(folder, 'spoilt', `3.${format}`)
    const passes: string[] = []
    const spoiling: Engine = {
      async runTasks(tasks, pass, run) {
        passes.push(pass.stage)
        if (pass.stage === 'moments text') {
          const { atime, mtime } = statSync(file)
          writeFileSync(file, spoil(readFileSync(file)))
          // the change shows in what is read only
          utimesSync(file, atime, mtime)
          gate.forget()
        }
        return await on.runTasks(tasks, pass, run)
      },
    }
    const fit = Aligner.fit({ ...rows, work: join(folder, 'work'), on: spoiling })
    t.like(await t.throwsAsync(fit), { code: 'BAD_FORMAT', file })
    t.deepEqual(passes, ['moments image', 'moments text'])
    t.is(gate.begun().length, SHARDS.length)
  })
}

test.serial('storage that fails once is tried again by the engine; a bad row is tried once and named', async t => {
  const { on, gate } = t.context
  const folder = folderOf(t)
  const rows = await opened(folder)
  gate.failOnce()
  const there = await Aligner.fit({ ...rows, work: join(folder, 'work'), on })
  t.deepEqual(there.toBytes(), (await Aligner.fit(rows)).toBytes())
  const attempts = gate.begun().length
  const spoilt = someRows(900, DIM, 34)
  spoilt[7 * DIM] = Number.NaN
  const file = writeNpy(join(folder, 'texts', '3.npy'), spoilt, [900, DIM])
  gate.forget()
  const source = await openEmbeddings(join(folder, 'texts'))
  const passes: string[] = []
  const counted: Engine = {
    runTasks(tasks, pass, run) {
      passes.push(pass.stage)
      return on.runTasks(tasks, pass, run)
    },
  }
  const fit = Aligner.fit({ target: rows.target, source, work: join(folder, 'again'), on: counted })
  t.like(await t.throwsAsync(fit), { code: 'BAD_ROW', file, row: 7 })
  t.deepEqual(passes, ['moments image', 'moments text'])
  t.is(gate.begun().length, 2 * SHARDS.length)
  t.true(attempts > 2 * SHARDS.length)
})

test.serial('results that are missing or there twice are refused by name', async t => {
  const { on } = t.context
  const folder = folderOf(t)
  const rows = await opened(folder)
  for (const [change, reason] of [
    [<T>(results: readonly T[]) => results.slice(1), /shard 0, .*no result was given of it/],
    [<T>(results: readonly T[]) => [...results, ...results.slice(2, 3)], /shard 2, .*its result was given 2 times/],
  ] as const) {
    const changed: Engine = {
      async runTasks(tasks, pass, run) {
        return change((await on.runTasks(tasks, pass, run)) ?? [])
      },
    }
    const work = join(folder, `work-${reason.source.length}`)
    const error = await t.throwsAsync(Aligner.fit({ ...rows, work, on: changed }))
    t.like(error, { code: 'BAD_RECEIPT' })
    t.regex(error?.message ?? '', reason)
  }
})

test.serial('an aborted signal cancels the job and its tasks, and the session serves the next one', async t => {
  const { on, gate } = t.context
  const folder = folderOf(t)
  const rows = await opened(folder)
  const controller = new AbortController()
  let attempts: number[] = []
  const begun = () => {
    attempts = gate.begun()
    controller.abort('enough')
  }
  const stopping = gated(t.context, /^moments text/, { begun })
  const work = join(folder, 'work')
  const fit = Aligner.fit({ ...rows, work, on: stopping }, { signal: controller.signal })
  t.like(await t.throwsAsync(fit), { code: 'CANCELLED', cause: 'enough' })
  gate.open()
  t.is(attempts.length, 2)
  await until(() => !attempts.some(runs))
  const there = await Aligner.fit({ ...rows, work, resume: true, on })
  t.deepEqual(there.toBytes(), (await Aligner.fit(rows)).toBytes())
})

/** Arguments of the command line for the cluster. */
function onCluster({ cluster, gate }: Shared, conf: Record<string, string> = {}): string[] {
  const settings = Object.entries({ ...CONF, ...conf }).flatMap(([key, value]) => ['--spark-conf', `${key}=${value}`])
  return ['--on', cluster.master, '--worker', gate.program, '--spark-python', installed.python, ...settings]
}

test.serial('a killed driver is run again and continues from the receipts', async t => {
  const { on, gate } = t.context
  // one application at a time has the cores
  await on.close()
  const folder = folderOf(t)
  const { target, source } = sides(folder)
  const sidesOf = ['align', '--image', target, '--text', source]
  const [out, elsewhere] = [join(folder, 'local'), join(folder, 'elsewhere')]
  const local = await modalityGap([...sidesOf, '--out', out])
  t.is(local.code, 0, local.stderr)
  const args = [...sidesOf, '--out', elsewhere, ...onCluster(t.context)]
  gate.shut()
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: 'ignore' })
  const exit = once(child, 'exit')
  await until(() => gate.begun().length >= 2 || child.exitCode !== null)
  child.kill('SIGKILL')
  t.deepEqual(await exit, [null, 'SIGKILL'])
  const begun = gate.begun()
  gate.open()
  await until(() => !begun.some(runs))
  const again = await modalityGap([...args, '--resume'])
  t.is(again.code, 0, again.stderr)
  t.deepEqual(contents(elsewhere), contents(out))
})
