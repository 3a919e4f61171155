import { join } from 'node:path'
import test from 'ava'
import { openEmbeddings } from '../src/embeddings.ts'
import { measureGap } from '../src/measure.ts'
import { near, SMOOTH } from './helpers/golden.ts'
import { SAMPLE } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'

const driftOf = async (image: Float32Array | string, text: Float32Array | string, dim?: number) => {
  const open = (rows: Float32Array | string, role: 'image' | 'text') =>
    typeof rows === 'string' ? openEmbeddings(rows, { role }) : openEmbeddings(rows, { dim })
  const { phantomDrift, scale } = await measureGap({
    image: await open(image, 'image'),
    text: await open(text, 'text'),
    parts: ['causes'],
  })
  return { drift: phantomDrift as NonNullable<typeof phantomDrift>, scale }
}

test('on real embeddings the drift and its prediction are those of the specification, section 6', async t => {
  // lengths of the tangential parts, measured and predicted, and their cosine, by NumPy, as printed there
  for (const [sample, tangential, predictedTangential, cosine] of [
    [SAMPLE, 3.3667e-3, 3.3644e-3, 0.99987],
    [join(SAMPLE, '..', 'coco-clip'), 5.727e-3, 6.0768e-3, 0.9996],
  ] as const) {
    const { drift } = await driftOf(sample, sample)
    // half a unit of the last digit
    near(t, drift, { tangential, predictedTangential }, { relative: 0, absolute: 5e-8 }, sample)
    near(t, drift, { cosine }, { relative: 0, absolute: 5e-6 }, sample)
  }
})

const [COUNT, DIM] = [3000, 24]

type Vector = readonly number[]
const dot = (a: Vector, b: Vector) => a.reduce((sum, value, k) => sum + value * (b[k] as number), 0)
const unit = (a: Vector) => a.map(value => value / Math.sqrt(dot(a, a)))
const meanOf = (rows: readonly Vector[]) =>
  Array.from({ length: DIM }, (_, k) => rows.reduce((sum, row) => sum + (row[k] as number), 0) / rows.length)

/** Rows around a mean, whose spread falls from column to column. */
function cloud(seed: number, spread: number, mean: number): { stored: Float32Array; rows: Vector[] } {
  const noise = someRows(COUNT, DIM, seed)
  const stored = noise.map((value, at) => {
    const column = at % DIM
    return mean * Math.cos(seed + column) + spread * value * (column + 1) ** -0.7
  })
  const rows = Array.from({ length: COUNT }, (_, i) => unit([...stored.subarray(i * DIM, (i + 1) * DIM)]))
  return { stored, rows }
}

/** Measured and predicted drift by the definitions, the long way. */
function byDefinition(x: readonly Vector[], y: readonly Vector[]) {
  const [mx, my] = [meanOf(x), meanOf(y)]
  const traceOf = (rows: readonly Vector[], mean: Vector) =>
    rows.reduce((sum, row) => sum + row.reduce((square, v, k) => square + (v - (mean[k] as number)) ** 2, 0), 0) /
    rows.length
  const [tx, ty] = [traceOf(x, mx), traceOf(y, my)]
  const s = Math.sqrt(tx / (ty + 1e-10))
  const z = y.map(row => row.map((v, k) => (mx[k] as number) + s * (v - (my[k] as number))))
  const a = unit(mx)
  const along = (v: Vector) => v.map((value, k) => value - dot(v, a) * (a[k] as number))
  const c = mx.map((value, k) => value - s * (my[k] as number))
  // Σc without Σ
  const sigmaC = meanOf(
    z.map(row => {
      const zeta = row.map((v, k) => v - (mx[k] as number))
      return zeta.map(v => v * dot(zeta, c))
    }),
  )
  const square = dot(mx, mx) + s * s * ty
  const mean = meanOf(z.map(unit))
  const measured = along(mean.map((v, k) => v - (a[k] as number)))
  const predicted = along(sigmaC.map(v => -v / square ** 1.5))
  const lengths = [measured, predicted].map(v => Math.sqrt(dot(v, v))) as [number, number]
  return {
    tangential: lengths[0],
    predictedTangential: lengths[1],
    cosine: dot(measured, predicted) / (lengths[0] * lengths[1]),
    parameter: Math.sqrt(dot(c, sigmaC)) / square,
    scale: s,
  }
}

for (const [spread, shrunk] of [
  [0.1, 0.5],
  [0.4, 0.25],
  [1.5, 1],
  [2, 0.5],
  [4, 4],
] as const) {
  test(`rows with spreads ${spread} and ${shrunk} drift as the exact expansion for unit rows says`, async t => {
    const [x, y] = [cloud(1, spread, 0.3), cloud(2, shrunk, 0.35)]
    const right = byDefinition(x.rows, y.rows)
    const { drift, scale } = await driftOf(x.stored, y.stored, DIM)
    const { scale: s, ...expected } = right
    near(t, drift, expected, SMOOTH, 'drift')
    near(t, scale, s, SMOOTH, 'scale')
    t.true((drift.cosine ?? 0) >= 0.995, `${drift.cosine} at s = ${scale}, parameter ${drift.parameter}`)
  })
}
