import { join } from 'node:path'
import test from 'ava'
import {
  Aligner,
  Dataset,
  DualEncoder,
  Embeddings,
  inspect,
  openEmbeddings,
  ReVision,
  VisionModel,
} from '../src/index.ts'
import { PortableAligner } from '../src/transform.ts'
import { largestDifference, someRows } from './helpers/rows.ts'

const FIXTURES = join(import.meta.dirname, '..', 'crates', 'shards', 'tests', 'fixtures')
const DIM = 4
const NUMBERS = [
  [3, 4, 0, 0],
  [1.1, -2.5, 0.25, 7],
]

test('rows of plain numbers are exact, in one array or row by row', async t => {
  for (const input of [NUMBERS, NUMBERS.map(row => Float64Array.from(row))]) {
    const rows = await openEmbeddings(input)
    t.like(rows, { rows: 2, dim: DIM, dtype: 'f64', format: 'memory' })
    t.deepEqual((await inspect(rows)).norms?.min, 5)
  }
  t.like(await openEmbeddings(NUMBERS.flat(), { dim: DIM }), { rows: 2, dim: DIM, dtype: 'f64' })
  t.like(await openEmbeddings(NUMBERS, { dtype: 'f32', dim: DIM }), { rows: 2, dtype: 'f32' })
  const kinds = [Float32Array.of(1, 2), Float64Array.of(1, 2), Uint16Array.of(1, 2)] as const
  const held = [['f32'], ['f64'], ['f16', 'bf16']]
  for (const [i, rows] of kinds.entries()) {
    for (const dtype of ['f16', 'bf16', 'f32', 'f64'] as const) {
      const opened = openEmbeddings(rows, { dim: 2, dtype })
      if (held[i]?.includes(dtype)) {
        t.is((await opened).dtype, dtype)
      } else {
        await t.throwsAsync(opened, { code: 'BAD_OPTION', message: new RegExp(`holds .*, not ${dtype}`) })
      }
    }
  }
  const { buffer } = Float32Array.from(NUMBERS.flat())
  t.like(await openEmbeddings(buffer as never, { dim: DIM }), { rows: 2, dim: DIM, dtype: 'f32' })
})

test('what is not a row of numbers is refused with its place', async t => {
  const refused = (input: unknown, options = {}) => t.throwsAsync(openEmbeddings(input as never, options))
  t.like(await refused([[1, 2], [3]]), { code: 'BAD_SHAPE', row: 1 })
  t.like(
    await refused([
      [1, 2],
      [3, null],
    ]),
    { code: 'BAD_SHAPE', row: 1, column: 1 },
  )
  t.like(
    await refused([
      [1, 2],
      ['3', 4],
    ]),
    { code: 'BAD_SHAPE', row: 1, column: 0 },
  )
  t.like(await refused([1, 2, 3]), { code: 'BAD_SHAPE' })
  t.like(await refused(NUMBERS, { dim: 3 }), { code: 'BAD_SHAPE' })
  t.like(await refused(NUMBERS, { dtype: 'f16' }), { code: 'BAD_OPTION' })
  t.like(await refused(['a.npy', 3]), { code: 'BAD_OPTION' })
  t.like(await refused(join(FIXTURES, 'f32.npy'), { dim: 3 }), { code: 'BAD_OPTION' })
})

/** bfloat16 keeps the upper half of an f32, which these values fit into. */
const bf16 = (values: readonly number[]) =>
  Uint16Array.from(new Uint32Array(Float32Array.from(values).buffer), word => word >>> 16)

test('a tensor is read by its type', async t => {
  const values = [3, 4, 0, 0, 1, 0, -1, 0.5]
  const dims = [2, DIM]
  const bits = bf16(values)
  t.like(await openEmbeddings({ type: 'bfloat16', dims, data: bits }), { rows: 2, dtype: 'bf16' })
  // other libraries call it dtype
  t.like(await openEmbeddings({ dtype: 'bfloat16', dims, data: bits } as never), { rows: 2, dtype: 'bf16' })
  t.is((await inspect(await openEmbeddings({ type: 'bfloat16', dims, data: bits }))).norms?.max, 5)
  t.like(await openEmbeddings({ type: 'float16', dims, data: bits }), { dtype: 'f16' })
  t.like(await openEmbeddings({ dims, data: bits }), { dtype: 'f16' })
  t.like(await openEmbeddings({ type: 'float64', dims, data: Float64Array.from(values) }), { dtype: 'f64' })
  const refused = (tensor: object, options = {}) => t.throwsAsync(openEmbeddings(tensor as never, options))
  t.like(await refused({ type: 'uint16', dims, data: bits }), { code: 'UNSUPPORTED' })
  t.like(await refused({ dtype: 'int8', dims, data: new Int8Array(8) }), { code: 'UNSUPPORTED' })
  t.like(await refused({ type: 'float32', dims, data: bits }), { code: 'BAD_SHAPE' })
  t.like(await refused({ type: 'bfloat16', dims, data: bits }, { dtype: 'f16' }), { code: 'BAD_OPTION' })
  t.like(await refused({ type: 'bfloat16', dims, data: bits }, { dim: 8 }), { code: 'BAD_SHAPE' })
  t.like(await refused({ dims: [2, 1, DIM], data: bits }), { code: 'BAD_SHAPE' })
})

test('an aligner moves plain numbers and bfloat16 tensors as it moves f64 rows', async t => {
  const [target, source] = await Promise.all([1, 2].map(seed => openEmbeddings(someRows(60, DIM, seed), { dim: DIM })))
  const native = await Aligner.fit({ target, source } as never)
  for (const aligner of [native, new PortableAligner(native.toBytes())]) {
    const right = aligner.transform(Float64Array.from(NUMBERS.flat()))
    t.deepEqual(aligner.transform(NUMBERS.flat()), Array.from(right))
    t.deepEqual(aligner.transform(NUMBERS).flat(), Array.from(right))
    const moved = aligner.transform({ type: 'bfloat16', dims: [1, DIM], data: bf16([3, 4, 0, 0]) })
    t.is((moved as { type?: string }).type, 'bfloat16')
    const values = new Float32Array(Uint32Array.from(moved.data, half => half << 16).buffer)
    const exact = aligner.transform(Float64Array.of(3, 4, 0, 0))
    // half a unit in the last place of 8 bits, at values below 1
    t.true(largestDifference(values, exact) <= 2 ** -9)
    t.throws(() => aligner.transform([[1, 2]]), { code: 'BAD_SHAPE' })
    t.throws(() => aligner.transform(NUMBERS as never, new Float32Array(8) as never), { code: 'BAD_SHAPE' })
  }
})

test('an array that lost its memory is distinguished from an empty one', async t => {
  const rows = someRows(2, DIM, 1)
  structuredClone(rows.buffer, { transfer: [rows.buffer as ArrayBuffer] })
  await t.throwsAsync(openEmbeddings(rows, { dim: DIM }), { code: 'BAD_SHAPE', message: /transferred/ })
  t.like(await t.throwsAsync(openEmbeddings(new Float32Array(0), { dim: DIM })), { code: 'EMPTY' })
  const [target, source] = await Promise.all([1, 2].map(seed => openEmbeddings(someRows(60, DIM, seed), { dim: DIM })))
  const aligner = await Aligner.fit({ target, source } as never)
  t.throws(() => aligner.transform(rows), { code: 'BAD_SHAPE' })
  t.throws(() => aligner.transform(someRows(2, DIM, 1), rows), { code: 'BAD_SHAPE' })
})

/** Memory that can shrink, which the library of ES2022 does not know. */
const resizable = (bytes: number) =>
  Reflect.construct(ArrayBuffer, [bytes, { maxByteLength: bytes }]) as ArrayBuffer & { resize(bytes: number): void }

test('an array that outgrew its memory is distinguished from an empty one', async t => {
  const outgrown = () => {
    const buffer = resizable(8 * DIM)
    const rows = new Float32Array(buffer, 0, 2 * DIM)
    buffer.resize(4)
    return rows
  }
  await t.throwsAsync(openEmbeddings(outgrown(), { dim: DIM }), { code: 'BAD_SHAPE', message: /shrunk/ })
  const [target, source] = await Promise.all([1, 2].map(seed => openEmbeddings(someRows(60, DIM, seed), { dim: DIM })))
  const aligner = await Aligner.fit({ target, source } as never)
  t.throws(() => aligner.transform(outgrown()), { code: 'BAD_SHAPE' })
  t.throws(() => aligner.transform(someRows(2, DIM, 1), outgrown()), { code: 'BAD_SHAPE' })
  // one that follows its buffer has what is left
  const buffer = resizable(8 * DIM)
  const following = new Float32Array(buffer)
  following.set(someRows(2, DIM, 1))
  const whole = await openEmbeddings(following, { dim: DIM })
  buffer.resize(4 * DIM)
  t.is((await inspect(whole)).rows, 2)
  t.is((await inspect(await openEmbeddings(following, { dim: DIM }))).rows, 1)
})

test('rows that were disposed of are refused, and jobs that hold them end', async t => {
  const rows = await openEmbeddings(someRows(60, DIM, 1), { dim: DIM })
  const inspected = inspect(rows)
  rows.dispose()
  t.is((await inspected).rows, 60)
  await t.throwsAsync(inspect(rows), { code: 'BAD_OPTION', message: /disposed/ })
})

test('bad rows of plain numbers are dropped and counted where that was asked for', async t => {
  const good = [1, 2, 2]
  const cases: [string, unknown[], RegExp][] = [
    ['null', [good, null, good], /is null/],
    ['undefined', [good, undefined, good], /is null/],
    ['a hole', Object.assign(new Array(3), { 0: good, 2: good }), /is null/],
    ['empty', [good, [], good], /is empty/],
    ['short', [good, [1], good], /has 1 columns, the others 3/],
    ['long', [good, [1, 2, 3, 4], good], /has 4 columns, the others 3/],
    ['a null within', [good, [1, null, 3], good], /column 1 is null/],
    ['NaN', [good, [Number.NaN, 2, 3], good], /not finite/],
    ['zero', [good, [0, 0, 0], good], /length is zero/],
  ]
  for (const [name, rows, reason] of cases) {
    const opened = await openEmbeddings(rows as number[][], { onBadRow: 'drop' })
    t.like(opened, { rows: 3, dim: 3 }, name)
    const { badRows, norms } = await inspect(opened)
    t.is(badRows.count, 1, name)
    t.is(badRows.first[0]?.row, 1, name)
    t.regex(badRows.first[0]?.reason ?? '', reason, name)
    t.is(norms?.max, 3, name)
    const other = await openEmbeddings(someRows(4, 3, 1), { dim: 3 })
    const aligner = await Aligner.fit({ target: other, source: opened } as never)
    t.is(aligner.report?.dropped.text, 1, name)
  }
  // a bad first row does not say how wide the others are
  for (const first of [null, [], [1]]) {
    t.like(await openEmbeddings([first, good, good] as number[][], { onBadRow: 'drop' }), { rows: 3, dim: 3 })
  }
  const flat = await openEmbeddings([3, 4, null, 1] as number[], { dim: 2, onBadRow: 'drop', dtype: 'f32' })
  t.regex((await inspect(flat)).badRows.first[0]?.reason ?? '', /column 0 is null/)
  const refused = (rows: unknown) => t.throwsAsync(openEmbeddings(rows as number[][], { onBadRow: 'drop' }))
  const ragged = openEmbeddings([1, 2, 3], { dim: 2, onBadRow: 'drop' })
  t.like(await t.throwsAsync(ragged), { code: 'BAD_SHAPE' })
  t.like(await refused([good, ['1', 2, 3]]), { code: 'BAD_SHAPE', row: 1, column: 0 })
  t.like(await refused([good, {}]), { code: 'BAD_SHAPE', row: 1 })
  t.like(await refused([null, []]), { code: 'BAD_ROW' })
})

test('a text among numbers is named as what it is', async t => {
  const error = await t.throwsAsync(openEmbeddings([1, '2', 3] as never, { dim: 3 }))
  t.like(error, { code: 'BAD_SHAPE', column: 1 })
  t.regex(error.message, /value 1 is String, not a number/)
})

test('what is made by a function says so when it is made with new', t => {
  const made = { Aligner, DualEncoder, Dataset, Embeddings, ReVision, VisionModel }
  for (const [name, Class] of Object.entries(made)) {
    for (const given of [[], ['x'], [null, null], [{ info: () => ({}) }], [Symbol('own')]]) {
      const error = t.throws(() => Reflect.construct(Class, given), undefined, name)
      t.like(error, { name: 'ModalityGapError', code: 'BAD_OPTION' })
      t.regex(error.message, new RegExp(`^${name} is not made with new; use .*\\(`))
    }
  }
})

test('of lengths that are as frequent the first is the usual one', async t => {
  const rows = await openEmbeddings(
    [
      [1, 2, 3],
      [4, 5],
    ],
    { onBadRow: 'drop' },
  )
  t.is(rows.dim, 3)
})
