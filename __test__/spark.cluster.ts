import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import anyTest, { type TestFn } from 'ava'
import { installSpark } from '../scripts/data/spark.mjs'
import { Aligner } from '../src/align.ts'
import { convert } from '../src/convert.ts'
import type { Engine } from '../src/distributed.ts'
import { type Embeddings, openEmbeddings } from '../src/embeddings.ts'
import { type SparkEngine, spark } from '../src/spark.ts'
import { MAIN, modalityGap } from './helpers/cli.ts'
import { writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'
import { shardedSides } from './helpers/sides.ts'
import { type Cluster, Gate, runs, startCluster, until } from './helpers/spark.ts'

interface Shared {
  cluster: Cluster
  gate: Gate
  on: SparkEngine
}

const test = anyTest as TestFn<Shared>
const DIM = 16
const SHARDS = [1500, 1, 800, 900, 1024, 700]
const installed = installSpark()
// the driver's Python finds pyspark by it
Object.assign(process.env, installed.env)
const CONF = {
  'spark.executor.memory': '512m',
  'spark.ui.enabled': 'false',
  'spark.driver.host': '127.0.0.1',
  'spark.executor.heartbeatInterval': '1s',
  'spark.network.timeout': '15s',
  'spark.network.timeoutInterval': '2s',
}
let shared: Shared | undefined

const folder = mkdtempSync(join(tmpdir(), 'modality-gap-spark-'))

test.before(async () => {
  const cluster = await startCluster(installed, folder)
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
  await shared?.cluster.stop()
  rmSync(folder, { recursive: true, force: true })
})

const sides = (folder: string) => shardedSides(folder, { shards: SHARDS, dim: DIM, seeds: [1, 31] })

async function opened(folder: string): Promise<{ target: Embeddings; source: Embeddings }> {
  const { target, source } = sides(folder)
  return { target: await openEmbeddings(target), source: await openEmbeddings(source) }
}

/** Contents of outputs by names. */
function contents(folder: string): Record<string, Buffer> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  const rows = names.filter(name => /\.(npy|parquet|safetensors)$/.test(name) && !name.startsWith('_run'))
  return Object.fromEntries(rows.map(name => [name, readFileSync(join(folder, name))]))
}

/** The engine with the gate shut from the first pass of a stage on, and what happens when its attempts have begun. */
function gated({ on, gate }: Shared, stage: RegExp, begun: () => unknown): Engine {
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
      const ended = on.runTasks(tasks, pass, run).finally(() => {
        over = true
      })
      await until(() => over || gate.begun().length >= 2)
      try {
        await begun()
      } catch (error) {
        gate.open()
        throw error
      }
      return await ended
    },
  }
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
    const { gate, cluster } = t.context
    const folder = folderOf(t)
    const rows = await opened(folder)
    const [out, elsewhere] = [join(folder, 'local'), join(folder, 'elsewhere')]
    await Aligner.alignTo({ ...rows, out })
    let killed: number[] = []
    const on = gated(t.context, stage, async () => {
      const executors = cluster.executors()
      t.is(executors.length, 2)
      killed = both ? executors : executors.slice(0, 1)
      for (const pid of killed) process.kill(pid, 'SIGKILL')
      await until(() => !killed.some(runs))
      gate.open()
    })
    await Aligner.alignTo({ ...rows, out: elsewhere, on })
    t.is(killed.length, both ? 2 : 1)
    t.true(gate.begun().length > 0)
    t.deepEqual(contents(elsewhere), contents(out))
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
  let begun: number[] = []
  const stopping = gated(t.context, /^moments text/, () => {
    begun = gate.begun()
    controller.abort('enough')
  })
  const work = join(folder, 'work')
  const fit = Aligner.fit({ ...rows, work, on: stopping }, { signal: controller.signal })
  t.like(await t.throwsAsync(fit), { code: 'CANCELLED', cause: 'enough' })
  gate.open()
  t.is(begun.length, 2)
  await until(() => !begun.some(runs))
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
