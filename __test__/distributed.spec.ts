import { readdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { Aligner } from '../src/align.ts'
import { collect } from '../src/collect.ts'
import { convert } from '../src/convert.ts'
import type { Engine, PassTask, PendingPass } from '../src/distributed.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import { ModalityGapError } from '../src/errors.ts'
import { type ReceiptOf, runTask } from '../src/task.ts'
import { taskList } from '../src/task-list.ts'
import { here } from './helpers/engine.ts'
import { writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'
import { shardedSides } from './helpers/sides.ts'

const DIM = 6
const SHARDS = [700, 1, 512, 600]

const sides = (folder: string) => shardedSides(folder, { shards: SHARDS, dim: DIM, seeds: [1, 11] })

const opened = async ({ target, source }: { target: string; source: string }) => ({
  target: await openEmbeddings(target),
  source: await openEmbeddings(source),
})

/** Contents by names, without the receipts. */
function contents(folder: string): Record<string, Buffer> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const rows = files.filter(file => /\.(npy|parquet|safetensors)$/.test(file) && !file.startsWith('_run'))
  return Object.fromEntries(rows.sort().map(file => [file, readFileSync(join(folder, file))]))
}

for (const options of [
  { method: 'realign', centroidIterations: 2 },
  { method: 'realign', holdout: 0.3, seed: 4 },
  { method: 'bca' },
  { method: 'c3', seed: 2 },
  { method: 'centering' },
] as const) {
  test(`a distributed alignment has the bits of a local one: ${JSON.stringify(options)}`, async t => {
    const folder = folderOf(t)
    const rows = await opened(sides(folder))
    const out = join(folder, 'local')
    const elsewhere = join(folder, 'elsewhere')
    const local = await Aligner.alignTo({ ...rows, ...options, out })
    const seen: PendingPass[] = []
    const distributed = await Aligner.alignTo({ ...rows, ...options, out: elsewhere, on: here(seen) })
    t.true(seen.length >= 3)
    t.deepEqual(distributed.toBytes(), local.toBytes())
    t.deepEqual(contents(elsewhere), contents(out))
    const { seconds: _, outputs: __, peakMemoryBytes: ___, ...found } = distributed.report ?? {}
    t.like(local.report, found as object)
  })
}

test('a distributed fit and transformation have the bits of local ones, with bad rows left out', async t => {
  const folder = folderOf(t)
  const places = sides(folder)
  const spoilt = someRows(600, DIM, 31)
  spoilt.fill(Number.NaN, 7 * DIM, 8 * DIM)
  writeNpy(join(places.source, '3.npy'), spoilt, [600, DIM])
  const target = await openEmbeddings(places.target)
  const source = await openEmbeddings(places.source, { onBadRow: 'drop' })
  const local = await Aligner.fit({ target, source })
  const distributed = await Aligner.fit({ target, source, work: join(folder, 'work'), on: here() })
  t.deepEqual(distributed.toBytes(), local.toBytes())
  for (const format of ['npy', 'parquet'] as const) {
    for (const dtype of ['f16', 'f32'] as const) {
      const [out, elsewhere] = [join(folder, `${format}-${dtype}`), join(folder, `on-${format}-${dtype}`)]
      const {
        seconds: _,
        outputs: __,
        peakMemoryBytes: ___,
        ...report
      } = await local.transformTo(source, out, { format, dtype })
      t.like(await local.transformTo(source, elsewhere, { format, dtype, on: here() }), report)
      t.deepEqual(contents(elsewhere), contents(out))
    }
  }
})

test('a distributed conversion writes what a local one does, and needs nothing twice', async t => {
  const folder = folderOf(t)
  const rows = await openEmbeddings(sides(folder).source)
  await convert(rows, join(folder, 'local'), { dtype: 'f16' })
  const seen: PendingPass[] = []
  await convert(rows, join(folder, 'elsewhere'), { dtype: 'f16', on: here(seen) })
  await convert(rows, join(folder, 'elsewhere'), { dtype: 'f16', on: here(seen), resume: true })
  t.is(seen.length, 1)
  t.deepEqual(contents(join(folder, 'elsewhere')), contents(join(folder, 'local')))
})

/** A pass whose tasks have been listed and not run. */
async function listed(
  t: ExecutionContext,
): Promise<{ run: () => Promise<Aligner>; tasks: PassTask[]; source: string }> {
  const folder = folderOf(t)
  const places = sides(folder)
  const rows = await opened(places)
  const list = join(folder, 'tasks.jsonl')
  const run = () => Aligner.fit({ ...rows, work: join(folder, 'work'), resume: true, on: taskList(list) })
  t.like(await t.throwsAsync(run()), { code: 'TASKS_PENDING', file: list })
  const tasks = readFileSync(list, 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  return { run, tasks, source: places.target }
}

test('the ledger names what is missing, foreign, given twice or not what its receipt says', async t => {
  const { tasks } = await listed(t)
  const [manifest] = tasks.map(task => task.manifest)
  const before = await collect(manifest as string)
  t.false(before.whole)
  t.deepEqual(
    before.refused.map(({ shard, reason }) => [shard, reason]),
    SHARDS.map((_, i) => [i, 'it has no receipt']),
  )
  const results: ReceiptOf<PassTask>[] = []
  for (const task of tasks) results.push(await runTask(task))
  t.like(await collect(manifest as string, { results }), { whole: true, done: 4, refused: [] })
  const reasons = async (given: typeof results) => {
    const { whole, refused } = await collect(manifest as string, { results: given })
    t.false(whole)
    return refused.map(({ shard, reason }) => `${shard}: ${reason}`)
  }
  const [first, second] = results as [(typeof results)[0], (typeof results)[0]]
  t.deepEqual(await reasons([...results, first]), ['0: its result was given 2 times'])
  t.deepEqual(await reasons(results.slice(1)), ['0: no result was given of it'])
  const shard = second.shards[0] as (typeof second.shards)[0]
  const changed = (by: object) => [first, { ...second, shards: [{ ...shard, ...by }] }, ...results.slice(2)]
  t.deepEqual(await reasons(changed({ rows: 2 })), ['1: the result is not that of its receipt'])
  t.deepEqual(await reasons(changed({ file: 'other.npy' })), [
    '1: the result is of another file than shard 1 of the manifest',
  ])
  t.deepEqual(await reasons(changed({ shard: 9 })), ['9: the manifest has no shard 9', '1: no result was given of it'])
  const foreign = results.map(result => ({ ...result, manifest: 'other.json' }))
  t.like(await t.throwsAsync(collect(manifest as string, { results: foreign })), { code: 'BAD_RECEIPT' })
})

test('receipts that are damaged, foreign or stale are refused and their shards done again', async t => {
  const { run, tasks, source } = await listed(t)
  for (const task of tasks) await runTask(task)
  const manifest = tasks[0]?.manifest as string
  const folder = join(manifest, '..')
  const receipts = readdirSync(folder)
    .filter(file => /^\d{6}-.*\.json$/.test(file))
    .sort()
  t.is(receipts.length, 4)
  const [first, second, third] = receipts.map(file => join(folder, file)) as [string, string, string]
  writeFileSync(first, '{')
  const state = third.replace('.json', '.fit.safetensors')
  const bytes = readFileSync(state)
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 9) ^ 1, bytes.length - 9)
  writeFileSync(state, bytes)
  renameSync(join(folder, receipts[3] as string), second)
  utimesSync(join(source, '3.npy'), 1, 1)
  const { refused } = await collect(manifest)
  const found = Object.fromEntries(refused.map(({ shard, reason }) => [shard, reason]))
  t.regex(found[0] ?? '', /damaged/)
  t.regex(found[1] ?? '', /is of another shard/)
  t.regex(found[2] ?? '', /its states are not those of its receipt/)
  t.regex(found[3] ?? '', /it is not what it was when the job began/)
  // the file has changed, so a new manifest is made; its tasks are those of all four shards
  t.like(await t.throwsAsync(run()), { code: 'TASKS_PENDING' })
})

test('tasks refuse a manifest that was tampered with, and a shard it does not have', async t => {
  const { tasks } = await listed(t)
  const task = tasks[0] as PassTask
  const text = readFileSync(task.manifest, 'utf8')
  // as text, for times of change in nanoseconds are beyond what numbers hold exactly
  const refused = async (from: string | RegExp, to: string, message: RegExp) => {
    t.not(text.replace(from, to), text)
    writeFileSync(task.manifest, text.replace(from, to))
    const error = await t.throwsAsync(runTask(task))
    t.like(error, { code: 'BAD_RECEIPT' })
    t.regex(error?.message ?? '', message)
  }
  await refused('"rows":1813', '"rows":1812', /rows or hash/)
  await refused('images/0.npy', 'images/1.npy', /rows or hash/)
  await refused('"version":1', '"version":2', /its version is 2, not 1/)
  await refused('"onBadRow":"error"', '"onBadRow":"drop"', /not those that the manifest was made for/)
  writeFileSync(task.manifest, text)
  t.like(await t.throwsAsync(runTask({ ...task, shards: [4] })), { code: 'BAD_OPTION' })
})

test('a task that fails for good stops the others; bad data ends the job at once with file and row', async t => {
  const folder = folderOf(t)
  const places = sides(folder)
  const spoilt = someRows(512, DIM, 3)
  spoilt[5 * DIM] = Number.POSITIVE_INFINITY
  writeNpy(join(places.source, '2.npy'), spoilt, [512, DIM])
  const rows = await opened(places)
  let runs = 0
  const stop = join(folder, 'stop')
  const on: Engine = {
    async runTasks(tasks) {
      runs += 1
      for (const task of tasks.map(task => ({ ...task, stop }))) {
        try {
          await runTask(task)
        } catch (error) {
          const last = tasks.at(-1) as PassTask
          t.like(await runTask({ ...last, stop }), { shards: [], stopped: true })
          throw error
        }
      }
      return undefined
    },
  }
  const fit = Aligner.fit({ ...rows, work: join(folder, 'work'), on })
  t.like(await t.throwsAsync(fit), { code: 'BAD_ROW', file: join(places.source, '2.npy'), row: 5 })
  t.is(runs, 2)
})

test('an engine that fails is asked again, three times at most, for what has no result', async t => {
  const folder = folderOf(t)
  const rows = await opened(sides(folder))
  const asked: number[] = []
  const failing = (one: boolean): Engine => ({
    async runTasks(tasks) {
      asked.push(tasks.length)
      if (one) await runTask(tasks[0] as PassTask)
      throw new ModalityGapError('ENGINE_FAILED', 'a worker was lost')
    },
  })
  const aligner = await Aligner.fit(rows)
  // four attempts with one shard each
  const out = join(folder, 'out')
  const whole = await t.throwsAsync(aligner.transformTo(rows.source, out, { on: failing(false) }))
  t.like(whole, { code: 'ENGINE_FAILED' })
  t.deepEqual(asked.splice(0), [4, 4, 4, 4])
  await t.throwsAsync(aligner.transformTo(rows.source, out, { resume: true, on: failing(true) }))
  t.deepEqual(asked.splice(0), [4, 3, 2, 1])
})
