import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { Aligner } from '../src/align.ts'
import { convert } from '../src/convert.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import { measureGap } from '../src/measure.ts'
import { Tracker } from '../src/tracker/tracker.ts'
import { near } from './helpers/golden.ts'
import { fixture, halves, readNpy, writeNpy } from './helpers/npy.ts'
import { folderOf, SAMPLE, statedOf } from './helpers/place.ts'
import { distance, largestDifference, meanOf, someRows } from './helpers/rows.ts'

const DIM = 32
const IMAGES = someRows(400, DIM, 11)
const TEXTS = someRows(300, DIM, 12)

async function sides() {
  return { target: await openEmbeddings(IMAGES, { dim: DIM }), source: await openEmbeddings(TEXTS, { dim: DIM }) }
}

const golden = JSON.parse(readFileSync(fixture('realign.json'), 'utf8'))

/** Sums over a few hundred rows of numbers below 1. */
const SUMMATION = 1e-13

async function goldenSides() {
  return {
    target: await openEmbeddings(fixture('realign_image.npy')),
    source: await openEmbeddings(fixture('realign_text.npy')),
  }
}

test('a fit finds the golden traces, scale and gaps', async t => {
  const { report } = await Aligner.fit(await goldenSides())
  t.like(report, { dim: 48, rows: { image: 300, text: 260 }, dropped: { image: 0, text: 0 }, iterations: 1 })
  t.true(distance(Object.values(golden.trace), [report?.trace.image ?? 0, report?.trace.text ?? 0]) <= SUMMATION)
  t.true(Math.abs((report?.scale ?? 0) - golden.scale) <= SUMMATION)
  t.true(Math.abs((report?.gap.before ?? 0) - golden.gap.centroid) <= SUMMATION)
  t.true(Math.abs((report?.gap.after ?? 0) - golden.after.iterations1) <= SUMMATION)
  t.true(Math.abs((report?.gap.floor ?? 0) - golden.gap.floor) <= SUMMATION)
  t.is(report?.gap.inSample, true)
})

const METHODS = {
  anchor: { steps: ['anchor'] },
  'anchor+trace': { steps: ['anchor', 'trace'] },
  realign: {},
  iterations3: { centroidIterations: 3 },
  solve: { centroid: 'solve' },
  centering: { method: 'centering' },
} as const

for (const [name, options] of Object.entries(METHODS)) {
  test(`transform gives the golden rows: ${name}`, async t => {
    const aligner = await Aligner.fit({ ...(await goldenSides()), ...options })
    const moved = aligner.transform(readNpy(fixture('realign_text.npy')).values)
    const { values, shape } = readNpy(fixture('realign_rows.npy'))
    const [, count] = shape as [number, number]
    const first = golden.rowsOf.methods.indexOf(name) * count
    const every: number = golden.rowsOf.every
    // the solved offset is a limit, reached to about 1e-15 by either way
    for (let i = 0; i < count; i++) {
      const found = moved.subarray(i * every * 48, (i * every + 1) * 48)
      t.true(largestDifference(found, values.subarray((first + i) * 48, (first + i + 1) * 48)) <= 1e-12, `row ${i}`)
    }
  })
}

test('one row, many rows, and every kind of array give the same', async t => {
  const aligner = await Aligner.fit(await sides())
  const many = aligner.transform(TEXTS)
  t.deepEqual(aligner.transform(TEXTS.subarray(DIM, 2 * DIM)), many.slice(DIM, 2 * DIM))
  const double = aligner.transform(Float64Array.from(TEXTS))
  // f32 output is the f64 result rounded once
  t.deepEqual(many, Float32Array.from(double))
  const bits = halves(TEXTS)
  const half = aligner.transform(bits)
  t.true(half instanceof Uint16Array && half.length === bits.length)
  const tensor = aligner.transform({ dims: [300, DIM], data: TEXTS })
  t.deepEqual(tensor, { dims: [300, DIM], data: many })
})

test('the moved rows have unit length and the mean of the target', async t => {
  const aligner = await Aligner.fit({ ...(await sides()), centroidIterations: 60 })
  const moved = aligner.transform(Float64Array.from(TEXTS))
  for (let row = 0; row < 300; row++) {
    t.true(Math.abs(Math.hypot(...moved.subarray(row * DIM, (row + 1) * DIM)) - 1) <= 1e-14)
  }
  t.true(distance(meanOf(moved, DIM), meanOf(IMAGES, DIM)) <= 1e-7, 'the f32 rows are unit to 6e-8')
})

test('out is used, may be the input itself, and has to fit', async t => {
  const aligner = await Aligner.fit(await sides())
  const out = new Float32Array(TEXTS.length)
  t.is(aligner.transform(TEXTS, out), out)
  const place = Float32Array.from(TEXTS)
  aligner.transform(place, place)
  t.deepEqual(place, out)
  t.throws(() => aligner.transform(TEXTS, out.subarray(1)), { code: 'BAD_SHAPE' })
  t.throws(() => aligner.transform(TEXTS, new Float64Array(TEXTS.length) as never), { code: 'BAD_SHAPE' })
  t.throws(() => aligner.transform(new Float32Array(DIM - 1)), { code: 'BAD_SHAPE' })
})

test('a row that cannot be moved is named', async t => {
  const aligner = await Aligner.fit(await sides())
  const rows = TEXTS.slice(0, 3 * DIM)
  rows[2 * DIM + 5] = Number.NaN
  t.like(
    t.throws(() => aligner.transform(rows)),
    { code: 'BAD_ROW', row: 2, column: 5 },
  )
  rows.fill(0, DIM, 2 * DIM)
  t.like(
    t.throws(() => aligner.transform(rows)),
    { code: 'BAD_ROW', row: 1 },
  )
})

test('saved and loaded, by file and by bytes, it gives the same bits', async t => {
  const folder = folderOf(t)
  const aligner = await Aligner.fit({ ...(await sides()), encoder: 'clip-vit-b32', centroidIterations: 3 })
  const path = join(folder, 'aligner.safetensors')
  await aligner.save(path)
  t.deepEqual(readdirSync(folder), ['aligner.safetensors'])
  t.deepEqual(new Uint8Array(readFileSync(path)), new Uint8Array(aligner.toBytes()))
  const { buffer } = Uint8Array.from(aligner.toBytes())
  for (const same of [
    await Aligner.load(path),
    Aligner.fromBytes(aligner.toBytes()),
    Aligner.fromBytes(buffer as never),
  ]) {
    t.deepEqual(same.info, aligner.info)
    t.is(same.report, undefined)
    t.deepEqual(same.transform(TEXTS), aligner.transform(TEXTS))
    t.deepEqual(same.toBytes(), aligner.toBytes())
  }
  t.like(aligner.info, {
    version: 1,
    dim: DIM,
    iterations: 3,
    renormalize: true,
    movesTarget: false,
    source: { name: 'text', rows: 300 },
    target: { name: 'image', rows: 400 },
    options: { method: 'realign', encoder: 'clip-vit-b32' },
  })
})

test('files that are not aligners are refused', async t => {
  const folder = folderOf(t)
  t.throws(() => Aligner.fromBytes(new Uint8Array(16)), { code: 'BAD_ALIGNER' })
  t.like(await t.throwsAsync(Aligner.load(join(folder, 'none'))), { code: 'NOT_FOUND', file: join(folder, 'none') })
  const path = join(folder, 'text')
  writeFileSync(path, 'not an aligner')
  t.like(await t.throwsAsync(Aligner.load(path)), { code: 'BAD_ALIGNER', file: path })
  const aligner = await Aligner.fit(await sides())
  t.like(await t.throwsAsync(aligner.save(join(path, 'below', 'a', 'file'))), { code: 'WRITE_FAILED' })
})

test('a newer aligner is refused by name', async t => {
  const aligner = await Aligner.fit(await sides())
  const text = Buffer.from(aligner.toBytes()).toString('latin1')
  const newer = Buffer.from(text.replace(String.raw`\"version\":1`, String.raw`\"version\":9`), 'latin1')
  t.throws(() => Aligner.fromBytes(newer), { code: 'NEWER_VERSION', message: /9/ })
})

test('options that make no sense are refused', async t => {
  const both = await sides()
  const refused = async (options: object) =>
    t.like(await t.throwsAsync(Aligner.fit({ ...both, ...options })), { code: 'BAD_OPTION' })
  await refused({ method: 'magic' })
  await refused({ centroidIterations: 0 })
  await refused({ centroidIterations: 1.5 })
  await refused({ tolerance: -1 })
  await refused({ holdout: 1 })
  await refused({ steps: ['dance'] })
  await refused({ colour: 'red' })
  t.like(await t.throwsAsync(Aligner.fit({ target: IMAGES, source: TEXTS } as never)), { code: 'BAD_OPTION' })
})

test('sides of different width do not fit', async t => {
  const { target } = await sides()
  const source = await openEmbeddings(new Float32Array(8).fill(1), { dim: 4 })
  t.like(await t.throwsAsync(Aligner.fit({ target, source })), { code: 'WIDTH_MISMATCH' })
})

test('bad rows stop a fit by name, or are dropped and counted', async t => {
  const { target } = await sides()
  const rows = Float32Array.from(TEXTS)
  rows[7 * DIM + 2] = Number.POSITIVE_INFINITY
  const strict = await openEmbeddings(rows, { dim: DIM })
  t.like(await t.throwsAsync(Aligner.fit({ target, source: strict })), { code: 'BAD_ROW', row: 7, column: 2 })
  const source = await openEmbeddings(rows, { dim: DIM, onBadRow: 'drop' })
  const { report } = await Aligner.fit({ target, source })
  t.like(report, { rows: { image: 400, text: 299 }, dropped: { image: 0, text: 1 } })
})

test('held-out rows are measured apart from those of the fit', async t => {
  const { report } = await Aligner.fit({ ...(await sides()), holdout: 0.25, seed: 3 })
  t.true((report?.gap.held?.after ?? 1) < (report?.gap.held?.before ?? 0))
  t.true((report?.gap.held?.floor ?? 0) > (report?.gap.floor ?? 1), 'fewer rows have more noise')
  const { target: image, source: text } = await sides()
  const aligner = await Aligner.fit({ target: image, source: text, holdout: 0.25, seed: 3 })
  const { gap } = await measureGap({ image, text, aligner, holdout: 0.25, seed: 3, parts: [] })
  const { before = null, after = null } = gap
  near(t, report?.gap.held, { before, after }, { relative: 1e-9, absolute: 1e-12 }, 'the gap of rows held out')
})

test('alignTo writes the moved rows under the names of the input, with the aligner beside them', async t => {
  const out = join(folderOf(t), 'aligned')
  const target = await openEmbeddings(SAMPLE, { role: 'image' })
  const source = await openEmbeddings(SAMPLE, { role: 'text' })
  const aligner = await Aligner.alignTo({ target, source, out, dtype: 'f32' })
  const { outputs = [], gap } = aligner.report ?? {}
  t.true(outputs.every(path => existsSync(path)))
  const path = outputs.find(name => name.endsWith('text_emb_0.npy')) as string
  const written = readNpy(path)
  t.deepEqual(written.shape, [2101, 192])
  const input = readNpy(join(SAMPLE, 'text_emb', 'text_emb_0.npy')).values
  // half an ulp of f32 for numbers below 1
  t.true(largestDifference(written.values, aligner.transform(input)) <= 2 ** -25)
  const images = readNpy(join(SAMPLE, 'img_emb', 'img_emb_0.npy')).values
  t.true(Math.abs((gap?.before ?? 0) - Number(statedOf('centroid gap'))) <= 5e-5, 'four figures')
  t.true((gap?.after ?? 1) < 2e-3 && Math.abs((gap?.stored ?? 1) - (gap?.after ?? 0)) <= 1e-8)
  t.true(distance(meanOf(images, 192), meanOf(written.values, 192)) < 2e-3)
  const saved = await Aligner.load(outputs.find(name => name.endsWith('aligner.safetensors')) as string)
  t.deepEqual(saved.info, aligner.info)
})

test('centering moves both sides', async t => {
  const folder = folderOf(t)
  writeNpy(join(folder, 'x.npy'), IMAGES, [400, DIM])
  writeNpy(join(folder, 'y.npy'), TEXTS, [300, DIM])
  const target = await openEmbeddings(join(folder, 'x.npy'))
  const source = await openEmbeddings(join(folder, 'y.npy'))
  const { report, info } = await Aligner.alignTo({ target, source, out: join(folder, 'out'), method: 'centering' })
  t.true(info.movesTarget)
  const outputs = (report?.outputs ?? []).filter(path => path.endsWith('.npy'))
  t.is(outputs.length, 2)
  for (const path of outputs) {
    t.true(Math.hypot(...meanOf(readNpy(path).values, DIM)) <= 1e-7, 'a mean of f32 rows')
  }
})

test('transformTo writes what transform gives, and says whether rows fit', async t => {
  const folder = folderOf(t)
  const aligner = await Aligner.fit(await sides())
  writeNpy(join(folder, 'new.npy'), TEXTS, [300, DIM])
  const rows = await openEmbeddings(join(folder, 'new.npy'))
  const report = await aligner.transformTo(rows, join(folder, 'moved.npy'))
  t.like(report, { dim: DIM, rows: { input: 300 }, dropped: 0, fits: { verdict: 'fits', meanShift: 0 } })
  t.deepEqual(report.outputs, [join(folder, 'moved.npy')])
  t.deepEqual(Float32Array.from(readNpy(join(folder, 'moved.npy')).values), aligner.transform(TEXTS))
  const foreign = await openEmbeddings(IMAGES, { dim: DIM })
  const other = await aligner.transformTo(foreign, join(folder, 'foreign.npy'))
  t.is(other.fits?.verdict, 'drifted')
  const narrow = await openEmbeddings(new Float32Array(8).fill(1), { dim: 4 })
  t.like(await t.throwsAsync(aligner.transformTo(narrow, join(folder, 'n.npy'))), { code: 'WIDTH_MISMATCH' })
  t.false(existsSync(join(folder, 'n.npy')))
})

test('compat official follows the rounding of the published code', async t => {
  const aligner = await Aligner.fit({ ...(await goldenSides()), compat: 'official' })
  const text = Float32Array.from(readNpy(fixture('realign_text.npy')).values)
  const { values } = readNpy(fixture('realign_official.npy'))
  // two ulps of f32 for numbers below 1: the order of summation differs
  t.true(largestDifference(aligner.transform(text), values) <= 1e-7)
})

for (const format of ['npy', 'npz', 'parquet', 'arrow', 'safetensors', 'pickle', 'jsonl', 'fvecs'] as const) {
  test(`a folder that align has written is read as its rows: ${format}`, async t => {
    const out = join(folderOf(t), 'aligned')
    await Aligner.alignTo({ ...(await sides()), out, format })
    t.true(existsSync(join(out, 'aligner.safetensors')))
    const { rows, dim, shards } = await openEmbeddings(out)
    t.deepEqual([rows, dim, shards.length], [300, DIM, 1])
  })
}

/** An aligner, a frame and the state of a tracker, under names that say nothing. */
async function ownFiles(folder: string) {
  const path = (name: string) => join(folder, `${name}.safetensors`)
  const { target, source } = await sides()
  await (await Aligner.fit({ target, source })).save(path('one'))
  await measureGap({ image: target, text: source, saveFrame: path('two') })
  await new Tracker({ freezeAt: 0 }).save(path('three'))
  return { aligner: path('one'), frame: path('two'), state: path('three') }
}

test('files of the package are refused as rows, under any name', async t => {
  const folder = folderOf(t)
  const { aligner, frame, state } = await ownFiles(folder)
  for (const [place, words] of [
    [aligner, /one\.safetensors: is an aligner or weights of a model, not embeddings/],
    [frame, /two\.safetensors: is a reference frame, not embeddings/],
    [state, /three\.safetensors: is the state of a tracker, not embeddings/],
    [join(folder, 'o*.safetensors'), /one\.safetensors: is an aligner/],
    [folder, /one\.safetensors: is an aligner/],
  ] as const) {
    t.like(await t.throwsAsync(openEmbeddings(place), { message: words }), { code: 'BAD_FORMAT' }, place)
  }
})

test('a tensor of such a file is read where it is named, and what is written of it is rows', async t => {
  const folder = folderOf(t)
  const { frame } = await ownFiles(folder)
  const rows = await openEmbeddings(`${frame}#basis`)
  t.is(rows.dim, DIM)
  const out = join(folder, 'basis.safetensors')
  const { notCarried } = await convert(rows, out)
  t.true(notCarried?.[0]?.names.includes('modality-gap-frame'))
  t.is((await openEmbeddings(out)).rows, rows.rows)
})

test('safetensors that others have made are rows, whatever their metadata and names say', async t => {
  const folder = folderOf(t)
  const header = (metadata: object) =>
    JSON.stringify({ __metadata__: metadata, rows: { dtype: 'F32', shape: [2, 4], data_offsets: [0, 32] } })
  for (const [name, metadata] of [
    ['rows.safetensors', { 'modality-gap-version': '0.3' }],
    ['e5.aligner.safetensors', { format: 'pt' }],
    ['aligner.safetensors', {}],
  ] as const) {
    const text = Buffer.from(header(metadata))
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(text.length))
    const values = Buffer.from(new Float32Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer)
    writeFileSync(join(folder, name), Buffer.concat([length, text, values]))
  }
  t.is((await openEmbeddings(folder)).rows, 6)
  t.is((await openEmbeddings(join(folder, '*.safetensors'))).rows, 6)
})

test('globs leave out what align has written beside the rows', async t => {
  const folder = folderOf(t)
  const rows = join(folder, 'rows')
  mkdirSync(rows)
  const [target, source] = [
    await openEmbeddings(writeNpy(join(rows, 'image.npy'), IMAGES, [400, DIM])),
    await openEmbeddings(writeNpy(join(rows, 'text.npy'), TEXTS, [300, DIM])),
  ]
  await Aligner.alignTo({ target, source, out: join(folder, 'one'), format: 'safetensors' })
  await Aligner.alignTo({ target, source, out: join(folder, 'test.safetensors') })
  t.is((await openEmbeddings(join(folder, '**', '*.safetensors'))).rows, 600)
  t.is((await openEmbeddings(join(folder, 'test*'))).rows, 300)
  const states = join(folder, 'one', '_run', '**', '*.safetensors')
  t.like(await t.throwsAsync(openEmbeddings(states), { message: /is a state of a job/ }), { code: 'BAD_FORMAT' })
})

test('a folder with nothing but an aligner has no rows', async t => {
  const folder = folderOf(t)
  await (await Aligner.fit(await sides())).save(join(folder, 'aligner.safetensors'))
  const message = /holds no embeddings but .*aligner\.safetensors, an aligner/
  t.like(await t.throwsAsync(openEmbeddings(folder), { message }), { code: 'EMPTY' })
})

test('rows that would have the name of the aligner beside them are refused before anything is written', async t => {
  const folder = folderOf(t)
  const named = writeNpy(join(folder, 'aligner.npy'), TEXTS, [300, DIM])
  const [target, source] = [await openEmbeddings(IMAGES, { dim: DIM }), await openEmbeddings(named)]
  const out = join(folder, 'out')
  const refused = t.throwsAsync(Aligner.alignTo({ target, source, out, format: 'safetensors' }), {
    message: /aligner\.safetensors: two outputs of the job would have this path/,
  })
  t.like(await refused, { code: 'BAD_OPTION' })
  t.false(existsSync(out))
})
