import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { Aligner } from '../src/align.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import type { FitOptions } from '../src/options.ts'
import { PortableAligner } from '../src/transform.ts'
import { alignerBytes, goldenParts, smallParts } from './helpers/aligner-file.ts'
import { fixture, halves, readNpy } from './helpers/npy.ts'
import { largestDifference, someRows } from './helpers/rows.ts'

/** A dozen f64 operations per component on numbers below 1. */
const ROUNDING = 1e-14

function goldenRows(method: string): { every: number; rows: Float64Array } {
  const { rowsOf } = JSON.parse(readFileSync(fixture('realign.json'), 'utf8'))
  const { values, shape } = readNpy(fixture('realign_rows.npy'))
  const [, count, dim] = shape as [number, number, number]
  const at = rowsOf.methods.indexOf(method)
  return { every: rowsOf.every, rows: values.subarray(at * count * dim, (at + 1) * count * dim) }
}

test('the golden rows of three centroid passes', t => {
  const text = readNpy(fixture('realign_text.npy'))
  const { every, rows } = goldenRows('iterations3')
  const moved = new PortableAligner(alignerBytes(goldenParts())).transform(text.values)
  for (let row = 0; row * every * 48 < moved.length; row++) {
    const found = moved.subarray(row * every * 48, (row * every + 1) * 48)
    t.true(largestDifference(found, rows.subarray(row * 48, (row + 1) * 48)) <= ROUNDING)
  }
})

test('a map that can be done by hand', t => {
  const aligner = new PortableAligner(alignerBytes(smallParts()))
  t.is(aligner.dim, 2)
  // (0, 3) has the unit row (0, 1); plus the shift (0.5, −0.5) that is (0.5, 0.5), on the sphere √½ each
  const [a, b] = aligner.transform(Float64Array.of(0, 3))
  t.true(Math.abs((a as number) - Math.SQRT1_2) <= ROUNDING && Math.abs((b as number) - Math.SQRT1_2) <= ROUNDING)
})

test('what is only rounding after the map has no direction', t => {
  // (−√½, √½) is moved to (left, 0)
  for (const [left, refused] of [
    [9e-13, true],
    [2e-12, false],
  ] as const) {
    const parts = smallParts()
    parts.tensors.shift = { shape: [2], values: [Math.SQRT1_2 + left, -Math.SQRT1_2] }
    const move = () => new PortableAligner(alignerBytes(parts)).transform(Float64Array.of(-1, 1))
    refused ? t.throws(move, { code: 'BAD_ROW', message: /onto the origin/ }) : t.notThrows(move)
  }
})

test('off the sphere nothing is renormalised', t => {
  const parts = smallParts()
  parts.info.renormalize = false
  t.deepEqual([...new PortableAligner(alignerBytes(parts)).transform(Float64Array.of(0, 3))], [0.5, 0.5])
})

test('bytes may come as an ArrayBuffer', t => {
  const bytes = alignerBytes(smallParts())
  t.is(new PortableAligner(bytes.buffer as ArrayBuffer).dim, 2)
})

test('rows that cannot be moved are named', t => {
  const aligner = new PortableAligner(alignerBytes(smallParts()))
  const bad = (message: RegExp, ...values: number[]) =>
    t.throws(() => aligner.transform(Float64Array.from(values)), { code: 'BAD_ROW', message })
  t.like(bad(/^row 1: component in column 1 is not finite$/, 1, 1, 2, Number.NaN), { row: 1, column: 1 })
  t.like(bad(/length is zero/, 1, 1, 0, 0), { row: 1, column: undefined })
  t.like(bad(/beyond 1e150/, 1e200, 0), { row: 0 })
  t.like(bad(/not finite/, Number.NEGATIVE_INFINITY, 0), { row: 0, column: 0 })
  const half = Uint16Array.of(0x3c00, 0x7c00)
  t.like(
    t.throws(() => aligner.transform(half)),
    { code: 'BAD_ROW', row: 0, column: 1 },
  )
})

test('a row that the map sends to the origin has no direction', t => {
  const parts = smallParts()
  parts.tensors.shift = { shape: [2], values: [-1, 0] }
  const aligner = new PortableAligner(alignerBytes(parts))
  t.throws(() => aligner.transform(Float64Array.of(5, 0)), { code: 'BAD_ROW', message: /origin/ })
})

test('rows of another width are refused', t => {
  const aligner = new PortableAligner(alignerBytes(smallParts()))
  t.throws(() => aligner.transform(new Float32Array(3)), { code: 'BAD_SHAPE' })
})

test('the entry needs no dependency and no module of Node', t => {
  const seen = new Set<string>()
  const visit = (file: string) => {
    if (seen.has(file)) return
    seen.add(file)
    const source = readFileSync(join(import.meta.dirname, '..', 'src', file), 'utf8')
    for (const [statement, from] of source.matchAll(/^(?:import|export)\s[^'"]*?from '([^']+)'/gm)) {
      if (/^(import|export) type /.test(statement)) continue
      t.regex(from as string, /^\.\/[a-z-]+\.ts$/, `${file} imports ${from}`)
      visit((from as string).slice(2))
    }
  }
  visit('transform.ts')
  t.true(seen.size > 2)
  t.false(seen.has('native.ts'))
})

/** Both compute in f64; the native way sums in another order and fuses, far below the promised 1e-6. */
const PROMISED = 1e-6

const FITS: FitOptions[] = [
  { method: 'realign' },
  { method: 'realign', centroidIterations: 10 },
  { method: 'realign', centroid: 'solve' },
  { method: 'realign', steps: ['anchor'] },
  { method: 'realign', compat: 'official' },
  { method: 'mean-shift' },
  { method: 'centering' },
  { method: 'none' },
  { method: 'realign', renormalize: false },
  { method: 'c3', noise: 0.2, noiseSeed: 9 },
  { method: 'c3', renormalize: false },
  { method: 'bca', energy: 0.7 },
  { method: 'bca', centered: false },
  { method: 'procrustes', paired: true },
  { method: 'bures' },
  { method: 'aniso-init', rank: 13 },
]

for (const options of FITS) {
  test(`equal to the native aligner: ${JSON.stringify(options)}`, async t => {
    const dim = 24
    const target = await openEmbeddings(someRows(200, dim, 1), { dim })
    const source = await openEmbeddings(someRows(200, dim, 2), { dim })
    const native = await Aligner.fit({ target, source, ...options })
    const portable = new PortableAligner(native.toBytes())
    t.deepEqual(portable.info, native.info)
    const rows = Float64Array.from(someRows(50, dim, 3), value => value * 3)
    t.true(largestDifference(portable.transform(rows), native.transform(rows)) <= 1e-13)
    // further out than any row of the fit, and less far out
    const axes = Float64Array.from({ length: dim * dim }, (_, i) => (i % (dim + 1) === 0 ? 1 : 0))
    t.true(largestDifference(portable.transform(axes), native.transform(axes)) <= 1e-13, 'axes')
    const single = Float32Array.from(rows)
    t.true(largestDifference(portable.transform(single), native.transform(single)) <= PROMISED)
    const bits = halves(rows)
    // both round the same f64 value to f16; the last bit may differ where it lies next to a tie
    t.true(largestDifference(portable.transform(bits), native.transform(bits)) <= 1)
  })
}
