import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { openEmbeddings } from '../src/embeddings.ts'
import { Tracker, type TrackerUse } from '../src/tracker/tracker.ts'
import { modalityGap } from './helpers/cli.ts'
import { COUNTED, goldenOf, near, SMOOTH } from './helpers/golden.ts'
import { fixture, readNpy, writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'

const golden = goldenOf('groups.json')
const DIM = 16
const PAIRS: number = golden.textIds.length
const images = readNpy(fixture('groups_image.npy')).values
const text = Float32Array.from(readNpy(fixture('groups_text.npy')).values)
/** Every image once for each of its captions, in the captions' order. */
const image = Float32Array.from(
  (golden.textIds as string[]).flatMap(id => {
    const at = golden.imageIds.indexOf(id) * DIM
    return [...images.subarray(at, at + DIM)]
  }),
)

const pushed = async (use: TrackerUse, options: { retrievalPairs?: number } = {}) => {
  const tracker = new Tracker({ freezeAt: 1, dim: DIM, ...options, ...use })
  const record = await tracker.push({ step: 0, image, text })
  return { tracker, record: record as NonNullable<typeof record> }
}

/** NumPy's values for these pairs by groups (`make_groups.py`). */
test('noise and retrieval of the probe are those of items', async t => {
  for (const ids of [golden.textIds, undefined]) {
    const { record } = await pushed({ ids })
    const items = golden.groups.both
    t.deepEqual(record.groups, { by: ids ? 'ids' : 'equal-rows', items })
    // what ids say is one item is one on both sides; of equal images every caption is its own
    const { centroid, floor, unbiasedSquared, interval } = ids ? golden.repeated.gapOfItems : golden.repeated.gap
    near(t, record.gap, { centroid, floor, unbiasedSquared, interval }, SMOOTH, 'gap')
    const { r1, r5 } = golden.retrieval.imageToText
    near(t, record.retrieval?.imageToText, { r1, r5 }, COUNTED, 'imageToText')
    const other = golden.repeated.textToImage
    near(t, record.retrieval?.textToImage, { r1: other.r1, r5: other.r5 }, COUNTED, 'textToImage')
  }
})

test('pairs that share nothing, or are said to, are as they were', async t => {
  const { record } = await pushed({ ids: 'none' })
  t.is(record.groups, undefined)
  const own = await pushed({ ids: Array.from({ length: PAIRS }, (_, i) => i) })
  t.deepEqual(own.record, record)
  // a copy of the right image counts as a wrong one
  t.true((record.retrieval?.textToImage.r1 ?? 1) < golden.repeated.textToImage.r1)
})

test('so many captions of each image are items in order', async t => {
  const rows = someRows(40, DIM, 5)
  const five = Float32Array.from(
    [...rows].flatMap((_, i) =>
      i % DIM === 0
        ? Array(5)
            .fill([...rows.subarray(i, i + DIM)])
            .flat()
        : [],
    ),
  )
  const texts = five.map((v, i) => v + 0.01 * (someRows(200, DIM, 6)[i] as number))
  const tracker = new Tracker({ freezeAt: 1, dim: DIM, captionsPerImage: 5 })
  const record = await tracker.push({ step: 0, image: five, text: texts })
  t.deepEqual(record?.groups, { by: 'ids', items: 40 })
  t.deepEqual([record?.retrieval?.imageToText.r1, record?.retrieval?.textToImage.r1], [1, 1])
  const four = new Tracker({ freezeAt: 1, dim: DIM, captionsPerImage: 7 })
  await t.throwsAsync(four.push({ step: 0, image: five, text: texts }), { code: 'NOT_PAIRED' })
})

test('pairs of one item are taken into the sample of retrieval together', async t => {
  const { record } = await pushed({ ids: golden.textIds }, { retrievalPairs: 40 })
  const taken = record.retrieval?.pairs ?? 0
  t.true(taken <= 40 && taken > 40 - 8, `${taken} pairs`)
})

test('the state keeps the items, and other ids are refused', async t => {
  const { tracker } = await pushed({ ids: golden.textIds })
  const again = Tracker.fromBytes(tracker.toBytes(), { dim: DIM })
  t.deepEqual(again.toBytes(), tracker.toBytes())
  const record = await again.push({ step: 1, image, text })
  t.is(record?.groups?.items, golden.groups.both)
  const other = Tracker.fromBytes(tracker.toBytes(), { dim: DIM, ids: [...golden.textIds].reverse() })
  await t.throwsAsync(other.push({ step: 1, image, text }), { code: 'BAD_OPTION', message: /differ from those of/ })
  const fewer = new Tracker({ freezeAt: 1, dim: DIM, ids: ['a', 'b'] })
  await t.throwsAsync(fewer.push({ step: 0, image, text }), { code: 'NOT_PAIRED' })
  const one = new Tracker({ freezeAt: 1, dim: DIM, ids: Array(PAIRS).fill('a') })
  await t.throwsAsync(one.push({ step: 0, image, text }), { code: 'BAD_OPTION', message: /one id/ })
  t.throws(() => new Tracker({ freezeAt: 1, ids: ['a'], captionsPerImage: 5 }), { code: 'BAD_OPTION' })
})

test('the state keeps which rows are equal', async t => {
  const { tracker } = await pushed({})
  const again = Tracker.fromBytes(tracker.toBytes(), { dim: DIM })
  t.deepEqual(again.toBytes(), tracker.toBytes())
  const record = await again.push({ step: 1, image, text })
  near(t, record?.gap, { interval: golden.repeated.gap.interval }, SMOOTH, 'gap')
})

test('ids of opened rows count, and ids beyond exact numbers stay distinct', async t => {
  const big = (golden.textIds as string[]).map(id => 9_007_199_254_740_993n + BigInt(golden.imageIds.indexOf(id)))
  const tracker = new Tracker({ freezeAt: 1 })
  const probe = await openEmbeddings(image, { dim: DIM, ids: big })
  const record = await tracker.push({ step: 0, image: probe, text: await openEmbeddings(text, { dim: DIM }) })
  t.deepEqual(record?.groups, { by: 'ids', items: golden.groups.both })
})

test('the command takes ids from a file, and says what it makes of repeated rows', async t => {
  const folder = folderOf(t)
  const step = join(folder, 'run', 'step_0')
  mkdirSync(step, { recursive: true })
  writeNpy(join(step, 'image.npy'), image, [PAIRS, DIM])
  writeNpy(join(step, 'text.npy'), text, [PAIRS, DIM])
  const ids = join(folder, 'ids.txt')
  writeFileSync(ids, `${golden.textIds.join('\n')}\n`)
  const run = async (...args: string[]) => {
    const { stdout, stderr, code } = await modalityGap(['track', join(folder, 'run'), '--freeze-at', '5', ...args])
    t.is(code, 0, stderr)
    return stdout
  }
  const items = golden.groups.both
  t.regex(await run('--ids', ids), new RegExp(`${PAIRS} pairs of ${items} items \\(by their ids\\)`))
  t.regex(await run(), new RegExp(`${PAIRS} pairs of ${items} items \\(known by equal rows; give --ids`))
  t.regex(await run('--ids', 'none'), new RegExp(`${PAIRS} pairs, ${DIM} dimensions`))
})
