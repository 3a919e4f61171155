import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import anyTest, { type TestFn } from 'ava'
import { installSpark } from '../scripts/data/spark.mjs'
import { Aligner } from '../src/align.ts'
import type { Engine } from '../src/distributed.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import { type SparkOptions, spark } from '../src/spark.ts'
import { sparkCluster } from '../src/spark-cluster.ts'
import { MAIN, modalityGap } from './helpers/cli.ts'
import { folderOf } from './helpers/place.ts'
import { ask, environment, objects, startS3 } from './helpers/servers.ts'
import { shardedSides } from './helpers/sides.ts'
import {
  CONF,
  contents,
  descendants,
  executors,
  Gate,
  gated,
  runs,
  signal,
  startConnect,
  tree,
  until,
} from './helpers/spark.ts'

interface Shared {
  command: ChildProcess
  master: string
  gate: Gate
}

const test = anyTest as TestFn<Shared>
const installed = installSpark()
Object.assign(process.env, installed.env)
const CLUSTER = ['cluster', '--spark-python', installed.python]
const folder = mkdtempSync(join(tmpdir(), 'modality-gap-start-'))
let shared: Shared | undefined

/** The cluster that the command starts, and its URL. */
async function startCommand(args: readonly string[] = CLUSTER): Promise<{ command: ChildProcess; master: string }> {
  const command = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface(command.stdout as NodeJS.ReadableStream)
  const [master] = (await once(lines, 'line')) as [string]
  return { command, master }
}

test.before(async () => {
  shared = { ...(await startCommand()), gate: await Gate.at(join(folder, 'gate')) }
})

test.beforeEach(t => {
  t.context = shared as Shared
})

test.after.always(async () => {
  shared?.gate.open()
  if (shared?.command.exitCode === null) {
    shared.command.kill('SIGINT')
    await once(shared.command, 'exit')
  }
  rmSync(folder, { recursive: true, force: true })
})

const sides = (folder: string) => shardedSides(folder, { shards: [900, 1, 700, 800], dim: 8, seeds: [1, 31] })

async function opened({ target, source }: { target: string; source: string }) {
  return { target: await openEmbeddings(target), source: await openEmbeddings(source) }
}

test.serial('the cluster that `modality-gap cluster` starts runs a job of the command line', async t => {
  const { master } = t.context
  t.regex(master, /^spark:\/\/127\.0\.0\.1:\d+$/)
  t.is(descendants(/deploy\.worker\.Worker/).length, 2)
  const folder = folderOf(t)
  const { target, source } = sides(folder)
  const fit = ['fit', '--image', target, '--text', source]
  const local = await modalityGap([...fit, '--out', join(folder, 'local.safetensors')])
  t.is(local.code, 0, local.stderr)
  const out = join(folder, 'there.safetensors')
  const there = await modalityGap([...fit, '--out', out, '--work', join(folder, 'work'), '--on', master])
  t.is(there.code, 0, there.stderr)
  t.deepEqual(readFileSync(out), readFileSync(join(folder, 'local.safetensors')))
})

test.serial(
  'objects of a store that only the executors have credentials of: the bits of local files, an executor killed',
  async t => {
    const { master, gate } = t.context
    const folder = folderOf(t)
    const places = sides(folder)
    const local = await Aligner.alignTo({ ...(await opened(places)), out: join(folder, 'local') })
    const endpoint = await startS3(t)
    await ask('PUT', `${endpoint}/rows`)
    for (const side of ['images', 'texts']) {
      for (const name of readdirSync(join(folder, side))) {
        await ask('PUT', `${endpoint}/rows/data/${side}/${name}`, readFileSync(join(folder, side, name)))
      }
    }
    // of this process, which opens the embeddings; the workers of the cluster, which runs already, do not see it
    const access = environment(endpoint)
    Object.assign(process.env, access)
    t.teardown(() => {
      for (const name of Object.keys(access)) delete process.env[name]
    })
    const executorEnv = Object.entries(access).map(([name, value]) => [`spark.executorEnv.${name}`, value])
    const conf = { ...CONF, ...Object.fromEntries(executorEnv) }
    await using on = spark({ master, python: installed.python, worker: gate.program, conf })
    const rows = await opened({ target: 's3://rows/data/images', source: 's3://rows/data/texts' })
    const begun = async () => {
      const [executor] = executors()
      signal([executor?.pid as number], 'SIGKILL')
      await until(() => !runs(executor?.pid as number))
      gate.open()
    }
    const killing = gated({ on, gate }, /^transform/, { begun })
    const there = await Aligner.alignTo({ ...rows, out: 's3://rows/out', on: killing })
    t.deepEqual(there.toBytes(), local.toBytes())
    const found = await objects(endpoint, 'out')
    const outputs = [...found].filter(([name]) => /\.(npy|safetensors)$/.test(name) && !name.startsWith('_run/'))
    t.deepEqual(Object.fromEntries(outputs.sort()), contents(join(folder, 'local')))
    // manifests and receipts are there, and no credentials in them
    t.true([...found.keys()].some(name => name.startsWith('_run/')))
    t.false([...found.values()].some(bytes => bytes.includes(access.AWS_SECRET_ACCESS_KEY as string)))
  },
)

test.serial('Ctrl-C ends the cluster, and so does the end of the process that started it', async t => {
  const { command } = t.context
  const processes = tree(command.pid as number)
  t.true(processes.length >= 5)
  command.kill('SIGINT')
  t.deepEqual(await once(command, 'exit'), [0, null])
  t.deepEqual(processes.filter(runs), [])
  const second = await startCommand([...CLUSTER, '--workers', '1'])
  const others = tree(second.command.pid as number)
  t.true(others.length >= 4)
  second.command.kill('SIGKILL')
  await until(() => !others.some(runs))
  t.deepEqual(descendants(/org\.apache\.spark/), [])
})

test.serial('a start that is aborted leaves no process', async t => {
  const controller = new AbortController()
  const starting = sparkCluster({ python: installed.python }, { signal: controller.signal })
  await until(() => descendants(/deploy\.master\.Master/).length > 0)
  controller.abort('enough')
  t.like(await t.throwsAsync(starting), { code: 'CANCELLED', cause: 'enough' })
  t.deepEqual(descendants(/cluster\.py|org\.apache\.spark/), [])
})

test.serial('a job that is aborted while its session starts ends before Spark gives up', async t => {
  const folder = folderOf(t)
  const controller = new AbortController()
  // nobody listens there, and Spark tries for a minute
  const on = spark({ master: 'spark://127.0.0.1:1', python: installed.python, conf: CONF })
  const rows = await opened(sides(folder))
  const fit = Aligner.fit({ ...rows, work: join(folder, 'work'), on }, { signal: controller.signal })
  await until(() => descendants(/SparkSubmit/).length > 0)
  const trying = descendants(/SparkSubmit/).map(({ pid }) => pid)
  t.teardown(() => signal(trying, 'SIGKILL'))
  controller.abort('enough')
  t.like(await t.throwsAsync(fit), { code: 'CANCELLED', cause: 'enough' })
  t.deepEqual(descendants(/driver\.py/), [])
})

test.serial('a fit through Spark Connect has the bits of a local one', async t => {
  const server = await startConnect(installed)
  t.teardown(server.stop)
  const folder = folderOf(t)
  const rows = await opened(sides(folder))
  await using on = spark({ master: server.url, python: installed.python })
  const rowsDone: number[] = []
  const onProgress = ({ rows }: { rows: number }) => void rowsDone.push(rows)
  const there = await Aligner.fit({ ...rows, work: join(folder, 'work'), on }, { onProgress })
  t.deepEqual(there.toBytes(), (await Aligner.fit(rows)).toBytes())
  t.true(rowsDone.length > 0)
})

/** An executable file of a folder. */
function executable(folder: string, name: string, content: string | Buffer): string {
  const file = join(folder, name)
  writeFileSync(file, content)
  chmodSync(file, 0o755)
  return file
}

/** The header of an executable for a processor that there is not. */
const FOREIGN = Buffer.concat([
  Buffer.from('\x7fELF\x02\x01\x01', 'latin1'),
  Buffer.alloc(9),
  Buffer.from([2, 0, 0xff, 0xfe]),
])

for (const [name, options, message] of [
  [
    'an executable of another platform',
    (folder: string) => ({ worker: executable(folder, 'foreign', FOREIGN) }),
    /foreign does not run on the worker .*\(Linux, .*Exec format error; name the executable of that platform/,
  ],
  [
    'an executable of something else',
    (folder: string) => ({ worker: executable(folder, 'other', '#!/bin/sh\nexit 2\n') }),
    /other does not run on the worker .*it is not that of this version/,
  ],
  [
    'an executable that prints nothing',
    (folder: string) => ({ worker: executable(folder, 'silent', '#!/bin/sh\nexec true\n') }),
    /silent does not run on the worker .*it printed no receipt/,
  ],
  [
    'an executable that is not there',
    () => ({ installed: '/nowhere/worker' }),
    /\/nowhere\/worker does not run on the worker .*No such file/,
  ],
  [
    'a Python of the workers without packages',
    (folder: string) => ({
      conf: { 'spark.pyspark.python': executable(folder, 'bare-python', '#!/bin/sh\nexec python3 -I -S "$@"\n') },
    }),
    /the Python of the workers: No module named '\w+'; install what is missing on every machine/,
  ],
  [
    'workers without Python',
    () => ({ conf: { 'spark.pyspark.python': '/nowhere/python' } }),
    /the Python of the workers: Cannot run program "\/nowhere\/python".*; install what is missing/,
  ],
] as const satisfies readonly (readonly [string, (folder: string) => Partial<SparkOptions>, RegExp])[]) {
  test.serial(`what workers lack ends the job at once: ${name}`, async t => {
    const folder = folderOf(t)
    const rows = await opened(sides(folder))
    const aligner = await Aligner.fit(rows)
    const python = process.env.PYSPARK_PYTHON
    t.teardown(() => Object.assign(process.env, { PYSPARK_PYTHON: python }))
    delete process.env.PYSPARK_PYTHON
    await using on = spark({ master: 'local[1]', python: installed.python, ...options(folder) })
    let passes = 0
    const counted: Engine = {
      runTasks(tasks, pass, run) {
        passes += 1
        return on.runTasks(tasks, pass, run)
      },
    }
    const error = await t.throwsAsync(aligner.transformTo(rows.source, join(folder, 'out'), { on: counted }))
    t.like(error, { code: 'MISSING_PACKAGE' })
    t.regex(error?.message ?? '', message)
    t.is(passes, 1)
    t.false(existsSync(join(folder, 'out', '0.npy')))
  })
}

test.serial('a missing Java is named, and one that is too old', async t => {
  const folder = folderOf(t)
  const java = process.env.JAVA_HOME
  t.teardown(() => {
    delete process.env.JAVA_HOME
    if (java !== undefined) process.env.JAVA_HOME = java
  })
  process.env.JAVA_HOME = folder
  const none = await t.throwsAsync(sparkCluster({ python: installed.python }))
  t.like(none, { code: 'MISSING_PACKAGE' })
  t.regex(none?.message ?? '', /JAVA_HOME is .*, and there is no bin\/java in it; Spark 4 runs on Java 17 or newer/)
  const rows = await opened(sides(folder))
  mkdirSync(join(folder, 'bin'))
  executable(join(folder, 'bin'), 'java', '#!/bin/sh\necho \'openjdk version "1.8.0_392"\' >&2\n')
  await using on = spark({ master: 'local[1]', python: installed.python })
  const old = await t.throwsAsync(Aligner.fit({ ...rows, work: join(folder, 'work'), on }))
  t.like(old, { code: 'MISSING_PACKAGE' })
  t.regex(old?.message ?? '', /bin\/java is openjdk version "1\.8\.0_392"; Spark 4 runs on Java 17 or newer/)
})
