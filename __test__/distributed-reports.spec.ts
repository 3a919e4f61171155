import { readdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { Aligner } from '../src/align.ts'
import { collect } from '../src/collect.ts'
import type { PassTask, PendingPass } from '../src/distributed.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import { inspect } from '../src/inspect.ts'
import { type MeasureInput, measureGap } from '../src/measure.ts'
import { runTask } from '../src/task.ts'
import { here, until } from './helpers/engine.ts'
import { writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'
import { shardedSides } from './helpers/sides.ts'

const DIM = 6
const SHARDS = [700, 1, 2100, 600]

type Sides = Pick<MeasureInput, 'image' | 'text'>

async function sidesOf(folder: string, shards: readonly number[] = SHARDS): Promise<Sides> {
  const { target, source } = shardedSides(folder, { shards, dim: DIM, seeds: [1, 11] })
  return { image: await openEmbeddings(target), text: await openEmbeddings(source) }
}

/** Stages of the passes that were worked on elsewhere. */
const stages = (seen: readonly PendingPass[]) => seen.map(({ stage }) => stage)

test('a distributed inspection finds what a local one does', async t => {
  const folder = folderOf(t)
  const { source } = shardedSides(folder, { shards: SHARDS, dim: DIM, seeds: [1, 11] })
  const spoilt = someRows(2100, DIM, 31)
  spoilt.fill(Number.NaN, 7 * DIM, 8 * DIM)
  spoilt.fill(0, 900 * DIM, 902 * DIM)
  spoilt[2000 * DIM + 3] = Number.POSITIVE_INFINITY
  writeNpy(join(source, '2.npy'), spoilt, [2100, DIM])
  writeNpy(join(source, '1.npy'), new Float32Array(DIM), [1, DIM])
  const rows = await openEmbeddings(source)
  for (const badRows of [undefined, 0, 3]) {
    const seen: PendingPass[] = []
    const local = await inspect(rows, { badRows })
    t.is(local.badRows.count, 5)
    t.is(local.badRows.first.length, badRows ?? 5)
    t.deepEqual(await inspect(rows, { badRows, work: join(folder, 'work'), resume: true, on: here(seen) }), local)
    t.deepEqual(stages(seen), ['inspect'])
  }
})

test('states are kept where passes are worked on elsewhere, and nowhere else', async t => {
  const folder = folderOf(t)
  const sides = await sidesOf(folder)
  for (const report of [
    (options: object) => inspect(sides.image, options),
    (options: object) => measureGap({ ...sides, ...options }),
  ]) {
    const lacking = await t.throwsAsync(report({ on: here() }))
    t.like(lacking, { code: 'BAD_OPTION' })
    t.regex(lacking?.message ?? '', /needs a folder for the states of its shards \(work, --work DIR\)/)
    for (const options of [{ work: join(folder, 'work') }, { resume: true }]) {
      const idle = await t.throwsAsync(report(options))
      t.like(idle, { code: 'BAD_OPTION' })
      t.regex(idle?.message ?? '', /give `work` and `resume` with `on`/)
    }
  }
  t.false(readdirSync(folder).includes('work'))
})

const UNPAIRED = ['moments image', 'moments text', 'phantom drift', 'covariance image', 'covariance text']
for (const [options, passes] of [
  [{}, UNPAIRED],
  [{ parts: ['causes'], holdout: 0.4, seed: 3 }, UNPAIRED],
  [{ parts: [] }, ['moments image', 'moments text']],
  [{ paired: true, seed: 2 }, ['moments image', 'moments text', 'phantom drift']],
] as [Partial<MeasureInput>, string[]][]) {
  test(`a distributed measurement has the bits of a local one: ${JSON.stringify(options)}`, async t => {
    const folder = folderOf(t)
    const sides = await sidesOf(folder)
    const seen: PendingPass[] = []
    const local = await measureGap({ ...sides, ...options })
    const work = join(folder, 'work')
    t.deepEqual(await measureGap({ ...sides, ...options, work, on: here(seen) }), local)
    t.deepEqual(stages(seen), passes)
    // all is there, so nothing is asked for
    t.deepEqual(await measureGap({ ...sides, ...options, work, resume: true, on: here(seen) }), local)
    t.is(seen.length, passes.length)
  })
}

test('a distributed measurement under an aligner, with figures and samples, has the bits of a local one', async t => {
  const folder = folderOf(t)
  const sides = await sidesOf(folder, [3000, 2500, 1])
  const aligner = await Aligner.fit({ target: sides.image, source: sides.text, holdout: 0.2 })
  const input = { ...sides, aligner, figures: true, parts: ['causes', 'similarity', 'preservation'] as const }
  const seen: PendingPass[] = []
  const local = await measureGap(input)
  t.truthy(local.sampled?.similarity)
  t.deepEqual(await measureGap({ ...input, work: join(folder, 'work'), on: here(seen) }), local)
  // the first and the last stage have maps that were counted before
  t.true(
    stages(seen).some(stage => stage.startsWith('stage ')),
    stages(seen).join(),
  )
})

/** Rows of which every third repeats the one before it, across the borders of shards. */
test('groups of equal rows are sorted into the quarters of a local measurement', async t => {
  const folder = folderOf(t)
  const { target, source } = shardedSides(folder, { shards: SHARDS, dim: DIM, seeds: [1, 11] })
  const first = someRows(700, DIM, 1)
  writeNpy(join(target, '3.npy'), first.subarray(0, 600 * DIM), [600, DIM])
  const image = await openEmbeddings(target)
  const text = await openEmbeddings(source)
  const local = await measureGap({ image, text })
  t.like(local.groups, { by: 'equal-rows', image: 2801 })
  const seen: PendingPass[] = []
  t.deepEqual(await measureGap({ image, text, work: join(folder, 'work'), on: here(seen) }), local)
  t.deepEqual(stages(seen), UNPAIRED)
})

for (const method of ['bca', 'bures', 'procrustes', 'aniso-init'] as const) {
  test(`covariances of a distributed fit have the bits of local ones: ${method}`, async t => {
    const folder = folderOf(t)
    const { image: target, text: source } = await sidesOf(folder)
    const options = { target, source, method, paired: method === 'procrustes' }
    const local = await Aligner.fit(options)
    const seen: PendingPass[] = []
    const distributed = await Aligner.fit({ ...options, work: join(folder, 'work'), on: here(seen) })
    t.deepEqual(distributed.toBytes(), local.toBytes())
    const covariances = stages(seen).filter(stage => stage.startsWith('covariance'))
    t.deepEqual(new Set(covariances).size, method === 'procrustes' ? 0 : 2, covariances.join())
  })
}

/** A pass over covariances whose tasks are to be run, and the job that waits for it. */
async function waiting(t: ExecutionContext) {
  const folder = folderOf(t)
  const sides = await sidesOf(folder)
  const tasks: PassTask[] = []
  const input = { ...sides, parts: ['causes'] as const, work: join(folder, 'work'), resume: true }
  await t.throwsAsync(measureGap({ ...input, on: until('covariance image', tasks) }))
  const { manifest } = tasks[0] as PassTask
  return { tasks, manifest, folder: join(manifest, '..'), images: join(folder, 'images'), input }
}

test('states of covariances that are missing, damaged, foreign or stale are refused and counted again', async t => {
  const { tasks, manifest, folder, images, input } = await waiting(t)
  t.deepEqual(
    (await collect(manifest)).refused.map(({ reason }) => reason),
    SHARDS.map(() => 'it has no receipt'),
  )
  for (const task of tasks) await runTask(task)
  t.like(await collect(manifest), { whole: true, done: 4 })
  const receipts = readdirSync(folder)
    .filter(file => /^\d{6}-.*\.json$/.test(file))
    .sort()
    .map(file => join(folder, file)) as [string, string, string, string]
  const state = receipts[0].replace('.json', '.quarter2.safetensors')
  const bytes = readFileSync(state)
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 9) ^ 1, bytes.length - 9)
  writeFileSync(state, bytes)
  renameSync(receipts[3], receipts[1])
  const another = receipts[2].replace('.json', '.quarter1.safetensors')
  writeFileSync(receipts[2].replace('.json', '.quarter0.safetensors'), readFileSync(another))
  const { refused } = await collect(manifest)
  t.deepEqual(
    refused.map(({ shard }) => shard),
    [0, 1, 2, 3],
  )
  t.regex(refused[0]?.reason ?? '', /its states are not those of its receipt/)
  t.regex(refused[1]?.reason ?? '', /is of another shard/)
  t.regex(refused[2]?.reason ?? '', /its states are not those of its receipt/)
  t.is(refused[3]?.reason, 'it has no receipt')
  const seen: PendingPass[] = []
  const { work: _, resume: __, ...local } = input
  t.deepEqual(await measureGap({ ...input, on: here(seen) }), await measureGap(local))
  // receipts are looked at first, states when they are merged
  t.deepEqual(stages(seen), ['covariance image', 'covariance image', 'covariance text'])
  t.deepEqual(
    seen.slice(0, 2).map(pass => pass.refused.map(({ shard }) => shard)),
    [
      [1, 3],
      [0, 2],
    ],
  )
  utimesSync(join(images, '3.npy'), 1, 1)
  const stale = await collect(manifest)
  t.regex(stale.refused[0]?.reason ?? '', /it is not what it was when the job began/)
})

test('two tasks at once leave one state; a task that is run again leaves it as it is', async t => {
  const { tasks, folder } = await waiting(t)
  const [task] = tasks as [PassTask]
  const [a, b] = await Promise.all([runTask(task), runTask(task)])
  t.deepEqual(a, b)
  const written = () => readdirSync(folder).map(file => [file, readFileSync(join(folder, file)).toString('base64')])
  const before = written()
  t.deepEqual(await runTask(task), a)
  t.deepEqual(written(), before)
})

test('tasks refuse a manifest of covariances whose centre or rows were tampered with', async t => {
  const { tasks, manifest, folder } = await waiting(t)
  const [task] = tasks as [PassTask]
  const text = readFileSync(manifest, 'utf8')
  const refused = async (message: RegExp) => {
    const error = await t.throwsAsync(runTask(task))
    t.true(['BAD_RECEIPT', 'BAD_OPTION'].includes((error as { code?: string })?.code ?? ''))
    t.regex(error?.message ?? '', message)
  }
  const edited = async (from: string, to: string, message: RegExp) => {
    t.true(text.includes(from), from)
    writeFileSync(manifest, text.replace(from, to))
    await refused(message)
  }
  await edited('"held":false', '"held":true', /not those that the manifest was made for/)
  await edited('"grouped":false', '"grouped":true', /not those that the manifest was made for/)
  await edited('"covariance":{', '"covariance":{"more":1,', /unknown field `more`/)
  writeFileSync(manifest, text)
  const center = join(folder, readdirSync(folder).find(file => file.startsWith('center-')) as string)
  const bytes = readFileSync(center)
  writeFileSync(center, bytes.subarray(8))
  await refused(/are not a centre of 6 columns/)
  bytes.writeDoubleLE(bytes.readDoubleLE(0) + 1e-9, 0)
  writeFileSync(center, bytes)
  await refused(/not those that the manifest was made for/)
})
