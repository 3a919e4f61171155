import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { Aligner } from '../src/align.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import { runTask } from '../src/task.ts'
import { readNpy, writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'

const DIM = 8
const ROWS = someRows(90, DIM, 1)

test('states of shards, counted in any order, merge to the same bits', async t => {
  const folder = folderOf(t)
  const counted = async (index: number, attempt: string) => {
    const path = writeNpy(join(folder, `${index}.npy`), ROWS.subarray(index * 30 * DIM, (index + 1) * 30 * DIM), [
      30,
      DIM,
    ])
    const out = join(folder, `${attempt}-${index}.state`)
    const receipt = await runTask({ task: 'moments', version: 1, shard: { path }, out })
    t.like(receipt, { task: 'moments', rows: 30, dropped: 0, output: out })
    return out
  }
  const merged = async (order: number[], attempt: string) => {
    for (const index of order) await counted(index, attempt)
    const states = [0, 1, 2].map(index => join(folder, `${attempt}-${index}.state`))
    const out = join(folder, `${attempt}.state`)
    const receipt = await runTask({ task: 'merge', version: 1, states, out })
    t.like(receipt, { task: 'merge', rows: 90, states: 3 })
    return { receipt, bytes: readFileSync(out) }
  }
  const forth = await merged([0, 1, 2], 'forth')
  const back = await merged([2, 0, 1], 'back')
  t.deepEqual(forth.bytes, back.bytes)
  t.is(forth.receipt.hash, back.receipt.hash)
})

test('a transform task writes what transform gives, and again the same', async t => {
  const folder = folderOf(t)
  const target = await openEmbeddings(someRows(50, DIM, 2), { dim: DIM })
  const aligner = await Aligner.fit({ target, source: await openEmbeddings(ROWS, { dim: DIM }) })
  await aligner.save(join(folder, 'aligner'))
  const path = writeNpy(join(folder, 'rows.npy'), ROWS, [90, DIM])
  const spec = {
    task: 'transform',
    version: 1,
    shard: { path },
    aligner: join(folder, 'aligner'),
    out: join(folder, 'out'),
  } as const
  const receipt = await runTask(spec)
  t.like(receipt, { task: 'transform', rows: 90 })
  t.deepEqual(Float32Array.from(readNpy(receipt.output).values), aligner.transform(ROWS))
  t.deepEqual(await runTask(spec), receipt)
})

test('a task that is aborted writes nothing', async t => {
  const folder = folderOf(t)
  const path = writeNpy(join(folder, 'rows.npy'), ROWS, [90, DIM])
  const out = join(folder, 'rows.state')
  const run = { signal: AbortSignal.abort('no') }
  const error = await t.throwsAsync(runTask({ task: 'moments', version: 1, shard: { path }, out }, run))
  t.like(error, { code: 'CANCELLED', cause: 'no' })
  t.false(existsSync(out))
})

test('tasks that make no sense are refused and write nothing', async t => {
  const folder = folderOf(t)
  const out = join(folder, 'state')
  const refused = async (spec: object, code: string) =>
    t.like(await t.throwsAsync(runTask({ version: 1, out, ...spec } as never)), { code })
  await refused({ task: 'dance' }, 'BAD_OPTION')
  await refused({ task: 'moments', shard: { path: 'x.npy' }, version: 2 }, 'BAD_OPTION')
  await refused({ task: 'moments', shard: { path: join(folder, 'none.npy') } }, 'NOT_FOUND')
  await refused({ task: 'merge', states: [] }, 'BAD_OPTION')
  const rows = writeNpy(join(folder, 'rows.npy'), ROWS, [90, DIM])
  await refused({ task: 'merge', states: [rows] }, 'BAD_RECEIPT')
  t.false(existsSync(out))
})
