import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { Aligner } from '../src/align.ts'
import { compareStrategies } from '../src/compare.ts'
import { type EmbeddingsOptions, openEmbeddings } from '../src/embeddings.ts'
import { type MeasureInput, measureGap } from '../src/measure.ts'
import { modalityGap } from './helpers/cli.ts'
import { COUNTED, goldenOf, near, SMOOTH, same } from './helpers/golden.ts'
import { fixture, readNpy, writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'

const golden = goldenOf('groups.json')
const DIM = 16
const images = readNpy(fixture('groups_image.npy')).values
const texts = readNpy(fixture('groups_text.npy')).values

const open = (rows: Float64Array | Float32Array, ids?: EmbeddingsOptions['ids'], dim = DIM) =>
  openEmbeddings(Float32Array.from(rows), { dim, ids })

const measured = async (options: Partial<MeasureInput> = {}) =>
  measureGap({ image: await open(images, golden.imageIds), text: await open(texts, golden.textIds), ...options })

/** Every image once for each of its captions, in the captions' order. */
const repeated = Float64Array.from(
  (golden.textIds as string[]).flatMap(id => {
    const at = golden.imageIds.indexOf(id) * DIM
    return [...images.subarray(at, at + DIM)]
  }),
)

test('ids make pairs of every image with all its captions, and noise of groups', async t => {
  const report = await measured()
  const { gap, groups, residual, decomposition, similarity } = report
  near(t, gap, golden.gap, SMOOTH, 'gap')
  near(
    t,
    { residual, decomposition },
    { residual: golden.residual, decomposition: golden.decomposition },
    SMOOTH,
    'pairs',
  )
  near(t, similarity?.alignment, golden.alignment, SMOOTH, 'alignment')
  t.like(groups, { ...golden.groups, by: 'ids', from: 'the ids given', pairs: golden.pairs })
})

test('retrieval follows the protocol of COCO: any caption of an image counts', async t => {
  const { retrieval } = await measured({ parts: ['retrieval'] })
  near(t, retrieval, golden.retrieval, COUNTED, 'retrieval')
})

test('an image that stands once for each caption is one image', async t => {
  const ids = golden.textIds
  const options = { parts: ['retrieval', 'causes', 'similarity'] as const }
  const once = await measureGap({
    image: await open(images, golden.imageIds),
    text: await open(texts, ids),
    ...options,
  })
  const often = await measureGap({ image: await open(repeated, ids), text: await open(texts, ids), ...options })
  // images without a caption stand in the first set only
  const captioned = new Set(ids).size
  t.is(often.rows.image, captioned)
  t.is(often.groups?.repeated?.image, ids.length - captioned)
  near(t, often.retrieval?.imageToText, golden.retrieval.imageToText, COUNTED, 'images find their captions')
  t.is(often.groups?.pairs, once.groups?.pairs)
})

test('without ids equal rows are groups: their noise and their ranks', async t => {
  const report = await measureGap({ image: await open(repeated), text: await open(texts), paired: true })
  near(t, report.gap, golden.repeated.gap, SMOOTH, 'gap')
  t.like(report.groups, { by: 'equal-rows', image: golden.groups.text, text: golden.groups.text })
  t.is(report.retrieval?.imageToText.r1, foundFirst())
  t.true(report.diagnosis.some(({ code, advice }) => code === 'duplicates' && /captions-per-image/.test(advice)))
})

/** Share of the repeated images whose nearest text, by a full search, is one of their own. */
function foundFirst(): number {
  const n = golden.textIds.length
  const row = (rows: Float64Array, i: number) => Array.from(rows.subarray(i * DIM, (i + 1) * DIM))
  const cosine = (i: number, j: number) => {
    const [a, b] = [row(repeated, i), row(texts, j)]
    return a.reduce((sum, value, k) => sum + value * (b[k] as number), 0) / (Math.hypot(...a) * Math.hypot(...b))
  }
  const found = Array.from({ length: n }, (_, i) => {
    const scores = Array.from({ length: n }, (_, j) => cosine(i, j))
    return golden.textIds[scores.indexOf(Math.max(...scores))] === golden.textIds[i]
  })
  return found.filter(Boolean).length / n
}

const [COUNT, EACH, WIDE] = [200, 5, 32]

/** Images, and five captions of each near it. */
function fiveCaptions(): { image: Float32Array; text: Float32Array } {
  const image = someRows(COUNT, WIDE, 3)
  const noise = someRows(COUNT * EACH, WIDE, 4)
  const text = noise.map((value, i) => {
    const [row, column] = [Math.floor(i / WIDE), i % WIDE]
    return (image[Math.floor(row / EACH) * WIDE + column] as number) + 0.03 * value
  })
  return { image, text }
}

const timesFive = (image: Float32Array) =>
  Float32Array.from({ length: image.length * EACH }, (_, i) => {
    const [row, column] = [Math.floor(i / WIDE), i % WIDE]
    return image[Math.floor(row / EACH) * WIDE + column] as number
  })

test('five captions an image: found both ways, whether the image stands once or five times', async t => {
  const { image, text } = fiveCaptions()
  const rows = async (values: Float32Array) => open(values, undefined, WIDE)
  const five = { captionsPerImage: EACH }
  const found = [
    await measureGap({ image: await rows(image), text: await rows(text), ...five }),
    await measureGap({ image: await rows(timesFive(image)), text: await rows(text), ...five }),
    await measureGap({ image: await rows(timesFive(image)), text: await rows(text), paired: true }),
    await measureGap({ image: await rows(image), text: await rows(timesFive(image)), ...five }),
  ]
  for (const { retrieval } of found) {
    t.is(retrieval?.textToImage.r1, 1)
    t.is(retrieval?.imageToText.r1, 1)
  }
  const [once, often] = found
  // repeated images are left out, so that all but their count is the same
  same(t, once, often, SMOOTH, /repeated|js|histograms|separability|norms/)
  await t.throwsAsync(measureGap({ image: await rows(image), text: await rows(text), captionsPerImage: 3 }), {
    code: 'NOT_PAIRED',
    message: /200 image rows and 1000 text rows are not 3 captions/,
  })
})

test('no group stands on both sides of a split', async t => {
  const { image, text } = fiveCaptions()
  const sides = {
    target: await open(image, undefined, WIDE),
    source: await open(text, undefined, WIDE),
    captionsPerImage: EACH,
  }
  for (const seed of [0, 1, 2, 3]) {
    const aligner = await Aligner.fit({ ...sides, holdout: 0.3, seed })
    const { target, source } = aligner.info
    t.is(source.rows, EACH * target.rows, `seed ${seed}`)
    const held = await measureGap({
      image: sides.target,
      text: sides.source,
      captionsPerImage: EACH,
      holdout: 0.3,
      seed,
      aligner,
      parts: [],
    })
    t.is(held.rows.image, COUNT - target.rows)
    t.is(held.rows.text, EACH * held.rows.image)
    t.is(held.groups?.both, held.rows.image)
  }
})

test('ids in the files of the rows keep a group on one side of a split, and say nothing of pairs where one side has them', async t => {
  const folder = folderOf(t)
  const file = (name: string, rows: number, seed: number, id: (row: number) => number) => {
    const values = someRows(rows, DIM, seed)
    const line = (row: number) =>
      JSON.stringify({ image_id: id(row), embedding: [...values.subarray(row * DIM, (row + 1) * DIM)] })
    writeFileSync(join(folder, name), Array.from({ length: rows }, (_, row) => `${line(row)}\n`).join(''))
    return openEmbeddings(join(folder, name))
  }
  const image = await file('image.jsonl', 40, 1, row => row)
  const text = await file('text.jsonl', 200, 2, row => Math.floor(row / 5))
  for (const seed of [0, 1, 2]) {
    const { info } = await Aligner.fit({ target: image, source: text, paired: true, holdout: 0.3, seed })
    t.is(info.source.rows, 5 * info.target.rows, `seed ${seed}`)
  }
  // as many rows to an item on one side, and another number of rows on the other
  const other = await open(someRows(60, DIM, 3))
  const report = await measureGap({ image: other, text, parts: [] })
  t.is(report.groups?.text, 40)
  await t.throwsAsync(measureGap({ image: other, text, paired: true, parts: [] }), {
    code: 'NOT_PAIRED',
    message: /60 image rows and 200 text rows are paired by ids, and the image rows have none/,
  })
})

test('equal rows stay on one side of a split without ids', async t => {
  const { image, text } = fiveCaptions()
  const sides = { target: await open(timesFive(image), undefined, WIDE), source: await open(text, undefined, WIDE) }
  const { info } = await Aligner.fit({ ...sides, paired: true, holdout: 0.3, seed: 5 })
  t.is(info.target.rows % EACH, 0)
  t.is(info.source.rows, info.target.rows)
})

test('a comparison holds out by group', async t => {
  const { image, text } = fiveCaptions()
  const report = await compareStrategies({
    image: await open(image, undefined, WIDE),
    text: await open(text, undefined, WIDE),
    captionsPerImage: EACH,
    methods: ['none', 'realign'],
  })
  t.true(report.paired)
  t.is(report.rows.text, EACH * report.rows.image)
  t.is(report.strategies.none?.retrieval?.imageToText.r1, 1)
})

test('rows of one item each are measured as rows without ids are', async t => {
  const [image, text] = [someRows(300, DIM, 1), someRows(300, DIM, 2)]
  const ids = Array.from({ length: 300 }, (_, i) => `${i}`)
  const options = { paired: true, exact: true }
  const plain = await measureGap({ image: await open(image), text: await open(text), ...options })
  const named = await measureGap({ image: await open(image, ids), text: await open(text, ids), ...options })
  t.deepEqual(named, plain)
})

test('ids pair rows in any order', async t => {
  const [image, text] = [someRows(300, DIM, 1), someRows(300, DIM, 2)]
  const ids = Array.from({ length: 300 }, (_, i) => 9_007_199_254_740_993n + BigInt(i))
  const order = ids.map((_, i) => (i * 7) % 300)
  const turned = Float32Array.from(order.flatMap(i => [...text.subarray(i * DIM, (i + 1) * DIM)]))
  const plain = await measureGap({ image: await open(image), text: await open(text), paired: true })
  const found = await measureGap({
    image: await open(image, ids),
    text: await open(
      turned,
      order.map(i => `${ids[i]}`),
    ),
  })
  // the floor of groups has the divisor G − 1
  const { floor, ...gap } = plain.gap
  near(t, found.gap, gap, SMOOTH, 'gap')
  near(t, found.retrieval?.textToImage, plain.retrieval?.textToImage, COUNTED, 'retrieval')
  // halves of groups are others than halves of rows
  const { needs, kappaU, kappaV, kappaEffU, kappaEffV, ...decomposition } = plain.decomposition ?? {}
  near(t, found.decomposition, decomposition, SMOOTH, 'decomposition')
})

test('ids that do not fit are refused', async t => {
  await t.throwsAsync(open(images, ['a', 'b']), { code: 'NOT_PAIRED', message: '2 ids for 60 rows' })
  await t.throwsAsync(open(images, Array(60).fill(2 ** 53)), { code: 'BAD_OPTION', message: /beyond 2\^53/ })
  await t.throwsAsync(open(images, 'nowhere/ids.txt'), { code: 'NOT_FOUND' })
  const strangers = {
    image: await open(images, golden.imageIds),
    text: await open(texts, golden.textIds.map(String.prototype.concat.bind('x'))),
  }
  await t.throwsAsync(measureGap(strangers), { code: 'BAD_OPTION', message: /no id of/ })
  const half = { image: await open(images, golden.imageIds), text: await open(texts), paired: true }
  await t.throwsAsync(measureGap(half), { code: 'NOT_PAIRED', message: /the text rows have none/ })
})

test('the command takes ids from files, and says what it makes of repeated rows', async t => {
  const folder = folderOf(t)
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const imageIds = file('image.txt', `${golden.imageIds.join('\n')}\n`)
  const textIds = file(
    'text.jsonl',
    golden.textIds.map((id: string) => JSON.stringify({ caption: 'x', item: id })).join('\n'),
  )
  const sides = ['--image', fixture('groups_image.npy'), '--text', fixture('groups_text.npy')]
  const run = async (...args: string[]) => {
    const { stdout, stderr, code } = await modalityGap(['measure', ...args])
    t.is(code, 0, stderr)
    return stdout
  }
  const text = await run(...sides, '--image-ids', imageIds, '--text-ids', `${textIds}#item`)
  t.regex(
    text,
    new RegExp(
      `60 image rows of 60 items, ${golden.textIds.length} text rows of ${golden.groups.text} items, ${golden.pairs} pairs`,
    ),
  )
  const json = JSON.parse(await run(...sides, '--image-ids', imageIds, '--text-ids', `${textIds}#item`, '--json'))
  near(t, json.gap, golden.gap, SMOOTH, 'gap')
  const often = writeNpy(join(folder, 'often.npy'), Float32Array.from(repeated), [golden.textIds.length, DIM])
  t.regex(
    await run('--image', often, '--text', fixture('groups_text.npy'), '--paired'),
    /occur more than once[\s\S]*--captions-per-image/,
  )
})

test('a null in the column that names the image is refused, not taken for rows without ids', async t => {
  const folder = folderOf(t)
  for (const name of ['img_emb', 'text_emb', 'metadata']) mkdirSync(join(folder, name))
  for (const name of ['img_emb', 'text_emb']) {
    writeNpy(join(folder, name, `${name}_0.npy`), someRows(12, DIM, name.length), [12, DIM])
  }
  const metadata = join(folder, 'metadata', 'metadata_0.jsonl')
  const lines = (ids: readonly unknown[]) => ids.map(id => `${JSON.stringify({ image_id: id })}\n`).join('')
  const ids = Array.from({ length: 12 }, (_, i) => i % 4)
  const measure = async (given?: EmbeddingsOptions['ids']) => {
    const side = (name: string) => openEmbeddings(join(folder, name), { ids: given })
    return measureGap({
      image: await side('img_emb'),
      text: await side('text_emb'),
      paired: true,
      parts: ['retrieval'],
    })
  }
  writeFileSync(metadata, lines(ids))
  t.like((await measure()).groups, { by: 'ids', image: 4, text: 4 })
  writeFileSync(metadata, lines(ids.map((id, i) => (i === 5 ? null : id))))
  const error = await t.throwsAsync(measure())
  t.like(error, { file: metadata, row: 5 })
  t.regex(error.message, /'none' for rows without ids/)
  t.falsy((await measure('none')).groups)
})

test('a column that holds pictures is not taken for ids, and one whose ids end half-way is refused', async t => {
  const rows = someRows(30, DIM, 3)
  const table = async (image: (row: number) => unknown, more: (row: number) => object = () => ({})) => {
    const path = join(folderOf(t), 'rows.jsonl')
    const line = (_: unknown, row: number) => {
      return JSON.stringify({
        ...more(row),
        image: image(row),
        embedding: [...rows.subarray(row * DIM, (row + 1) * DIM)],
      })
    }
    writeFileSync(path, Array.from({ length: 30 }, line).join('\n'))
    return measureGap({ image: await openEmbeddings(path), text: await open(rows), paired: true, parts: [] })
  }
  t.is((await table(row => ({ bytes: 'iVBORw0KGgo=', path: `${row}.png` }))).groups, undefined)
  t.is((await table(row => `${row >> 1}.png`)).groups?.image, 15)
  // the id of a caption is its own, the image that of several
  t.is(
    (
      await table(
        row => `${row >> 1}.png`,
        row => ({ id: row, key: row, url: `u${row >> 2}` }),
      )
    ).groups?.image,
    15,
  )
  const error = await t.throwsAsync(table(row => (row === 7 ? { bytes: '' } : `${row}.png`)))
  t.like(error, { code: 'BAD_FORMAT', row: 7 })
})
