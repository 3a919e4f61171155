/** Of several that write one file at once, none takes the place of another without being asked to. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import {
  Aligner,
  type Embeddings,
  measureGap,
  openEmbeddings,
  projectionParquet,
  readTrackLog,
  Tracker,
  writeReport,
} from '../src/index.ts'
import type { OverwriteOptions } from '../src/options.ts'
import { folderOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'

const DIM = 4
const ROWS = 60
const sides = async (): Promise<{ image: Embeddings; text: Embeddings }> => ({
  image: await openEmbeddings(someRows(ROWS, DIM, 1), { dim: DIM }),
  text: await openEmbeddings(someRows(ROWS, DIM, 2), { dim: DIM }),
})
const step = (number: number) => ({ step: number, image: someRows(ROWS, DIM, 1), text: someRows(ROWS, DIM, 2) })

type Write = (path: string, options: OverwriteOptions) => Promise<unknown>

/** What writes one file, each with content of its own. */
const WRITERS: Record<string, (t: ExecutionContext) => Promise<Write>> = {
  'aligner.save': async () => {
    const { image: target, text: source } = await sides()
    const aligner = await Aligner.fit({ target, source })
    return (path, options) => aligner.save(path, options)
  },
  'measureGap with saveFrame': async () => {
    const both = await sides()
    return (path, options) => measureGap({ ...both, parts: ['causes'], saveFrame: path, ...options })
  },
  'tracker.saveFrame': async () => {
    const tracker = new Tracker({ freezeAt: 0, dim: DIM, rank: 2, retrievalPairs: 0 })
    await tracker.push(step(0))
    return (path, options) => tracker.saveFrame(path, options)
  },
  'tracker.save': async () => {
    return async path => {
      const tracker = new Tracker({ freezeAt: 0, dim: DIM, rank: 2, retrievalPairs: 0 })
      await tracker.save(path)
    }
  },
  writeReport: async () => {
    const report = await measureGap({ ...(await sides()), parts: [] })
    return (path, options) => writeReport(report, path, options)
  },
  projectionParquet: async () => {
    const report = await measureGap({ ...(await sides()), figures: true })
    return (path, options) => projectionParquet(report, path, options)
  },
}

for (const [name, writer] of Object.entries(WRITERS)) {
  test(`of several calls of ${name} for one file one writes it`, async t => {
    const folder = folderOf(t)
    const write = await writer(t)
    const path = join(folder, 'file')
    const ended = await Promise.allSettled(Array.from({ length: 6 }, () => write(path, {})))
    const refused = ended.flatMap(each => (each.status === 'rejected' ? [each.reason] : []))
    // a state may take the place of another state, once it is there
    t.true(name === 'tracker.save' ? refused.length < 6 : refused.length === 5)
    for (const error of refused) {
      t.is(error.code, 'BAD_OPTION')
      t.regex(error.message, /file: it exists already; .*overwrite/)
    }
    t.deepEqual(readdirSync(folder), ['file'])
    if (name !== 'tracker.save') {
      await t.notThrowsAsync(Promise.all([write(path, { overwrite: true }), write(path, { overwrite: true })]))
    }
    t.deepEqual(readdirSync(folder), ['file'])
  })
}

test('a run does not write into the log of another one', async t => {
  const folder = folderOf(t)
  const [log, state] = [join(folder, 'log.jsonl'), join(folder, 'state')]
  const run = new Tracker({ freezeAt: 0, dim: DIM, rank: 2, retrievalPairs: 0, log })
  await run.push(step(0))
  await run.save(state)
  const [one, other] = [await Tracker.load(state, { log, dim: DIM }), await Tracker.load(state, { log, dim: DIM })]
  await one.push(step(1))
  const written = readFileSync(log)
  t.like(await t.throwsAsync(other.push(step(1)), { message: /log\.jsonl: somebody else has changed it/ }), {
    code: 'BAD_OPTION',
  })
  t.deepEqual(readFileSync(log), written)
  await one.push(step(2))
  t.deepEqual(
    (await readTrackLog(log)).map(record => record.step),
    [0, 1, 2],
  )
  // what could not be written is written with the next record
  const whole = readFileSync(log)
  rmSync(log)
  await t.throwsAsync(one.push(step(3)), { code: 'BAD_OPTION' })
  writeFileSync(log, whole)
  await one.push(step(4))
  t.deepEqual(
    (await readTrackLog(log)).map(record => record.step),
    [0, 1, 2, 3, 4],
  )
})

test('a run does not replace the state that another one has written since', async t => {
  const path = join(folderOf(t), 'state')
  const [one, other] = [1, 2].map(rank => new Tracker({ freezeAt: 0, dim: DIM, rank, retrievalPairs: 0 }))
  await one?.save(path)
  await other?.push(step(0))
  await other?.save(path)
  const error = await t.throwsAsync(one?.save(path) as Promise<void>, {
    message: /state: somebody else has written it/,
  })
  t.like(error, { code: 'BAD_OPTION' })
  t.true(readFileSync(path).equals(other?.toBytes() as Uint8Array))
  await t.notThrowsAsync(other?.save(path) as Promise<void>)
})
