// Why the gap persists: three conditions, watched while a small dual encoder trains on emoji.
//
//   1. There is a gap at initialisation.
//   2. Embeddings are projected onto the sphere, which moves their mean even where no gradient points.
//   3. The gradient of the contrastive loss at an embedding is a combination of the batch's embeddings. With 2B ≤ d/4
//      its residual outside of their span is rounding, while a random vector keeps sqrt(1 − 2B/d) of its length there.
//
// And where the drift of the orthogonal bias γ = P_V m comes from. With V frozen at the start and V_t of the moment,
// γ(t) − γ(0) = (P_V − P_Vt) m(t) + (P_Vt m(t) − P_V m(0)): rotation of the subspace, and what is left in the moving
// subspace's own complement, which no gradient reaches, so that normalisation moves it. Shares are along the drift.
//
// Usage: npm run build && node examples/why-the-gap-persists.mjs   (about two minutes; downloads emoji once)
import { Console } from 'node:console'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DualEncoder } from '../dist/index.js'
import { prepareEmoji } from '../scripts/data/emoji.mjs'

const DIM = 192
const BATCH = DIM / 8
const STEPS = 600
const ENERGY = 0.99

const { list } = prepareEmoji()
const out = mkdtempSync(join(tmpdir(), 'modality-gap-persists-'))
const rows = []
let start
const onProbe = probe => {
  const batch = orthonormal([...rowsOf(probe.batchImage), ...rowsOf(probe.batchText)])
  const m = difference(mean(rowsOf(probe.image)), mean(rowsOf(probe.text)))
  const frame = principal(probe)
  start ??= { m, frame, gamma: outside(frame, m) }
  const gamma = outside(start.frame, m)
  const drift = difference(gamma, start.gamma)
  const rotation = difference(gamma, outside(frame, m))
  const total = dot(drift, drift)
  rows.push({
    step: probe.step,
    gap: norm(m),
    'residual of the gradient': residual(batch, rowsOf(probe.gradImage)),
    'residual of a random vector': residual(batch, randomRows(BATCH)),
    γ: norm(gamma),
    'drift of γ': Math.sqrt(total) / norm(start.gamma),
    'share of rotation': total === 0 ? null : dot(rotation, drift) / total,
    'share of normalisation': total === 0 ? null : 1 - dot(rotation, drift) / total,
  })
}
const options = { batchSize: BATCH, steps: STEPS, learningRate: 5e-4, probeEvery: STEPS / 6, probeRows: 1000, seed: 0 }
await DualEncoder.train({ ...options, data: list, out }, { onProbe })
rmSync(out, { recursive: true })

process.stdout.write(
  `d = ${DIM}, B = ${BATCH}; a random vector is expected at ${Math.sqrt(1 - (2 * BATCH) / DIM).toFixed(4)}\n`,
)
new Console(process.stdout).table(rows)

function rowsOf(values) {
  return Array.from({ length: values.length / DIM }, (_, i) =>
    Float64Array.from(values.subarray(i * DIM, (i + 1) * DIM)),
  )
}

/** The leading directions of Cov(x) + Cov(y) with 99 % of the energy. */
function principal({ image, text }) {
  const sum = Array.from({ length: DIM }, () => new Float64Array(DIM))
  for (const side of [rowsOf(image), rowsOf(text)]) {
    const centre = mean(side)
    for (const row of side) {
      const e = difference(row, centre)
      for (let i = 0; i < DIM; i++) for (let j = 0; j < DIM; j++) sum[i][j] += (e[i] * e[j]) / side.length
    }
  }
  const { values, vectors } = eigen(sum)
  const total = values.reduce((a, b) => a + b, 0)
  let kept = 0
  let energy = 0
  while (energy < ENERGY * total) energy += values[kept++]
  return vectors.slice(0, kept)
}

/** Eigenvalues, falling, and eigenvectors of a symmetric matrix by Jacobi's rotations. */
function eigen(a) {
  const n = a.length
  const v = Array.from({ length: n }, (_, i) => Float64Array.from({ length: n }, (_, j) => Number(i === j)))
  for (let sweep = 0; sweep < 12; sweep++) {
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        if (Math.abs(a[p][q]) < 1e-15) continue
        const theta = (a[q][q] - a[p][p]) / (2 * a[p][q])
        const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.hypot(theta, 1))
        const c = 1 / Math.hypot(t, 1)
        const s = t * c
        for (let k = 0; k < n; k++) [a[k][p], a[k][q]] = [c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]]
        for (let k = 0; k < n; k++) [a[p][k], a[q][k]] = [c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]]
        for (let k = 0; k < n; k++) [v[p][k], v[q][k]] = [c * v[p][k] - s * v[q][k], s * v[p][k] + c * v[q][k]]
      }
    }
  }
  const order = Array.from({ length: n }, (_, i) => i).sort((i, j) => a[j][j] - a[i][i])
  return { values: order.map(i => a[i][i]), vectors: order.map(i => v[i]) }
}

/** An orthonormal basis of the span, Gram and Schmidt twice over. */
function orthonormal(vectors) {
  const basis = []
  for (const vector of vectors) {
    let rest = vector
    for (let pass = 0; pass < 2; pass++) rest = outside(basis, rest)
    const length = norm(rest)
    if (length > 1e-6) basis.push(rest.map(value => value / length))
  }
  return basis
}

/** The part of a vector that is orthogonal to an orthonormal basis. */
function outside(basis, vector) {
  const rest = Float64Array.from(vector)
  for (const direction of basis) {
    const along = dot(direction, vector)
    for (let i = 0; i < rest.length; i++) rest[i] -= along * direction[i]
  }
  return rest
}

/** Root of the energy outside of the span over all energy. */
function residual(basis, vectors) {
  const energy = list => list.reduce((sum, vector) => sum + dot(vector, vector), 0)
  return Math.sqrt(energy(vectors.map(vector => outside(basis, vector))) / energy(vectors))
}

/** Normal numbers from a fixed seed, by twelve uniform ones each. */
function randomRows(count) {
  let state = 1
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  const normal = () => Array.from({ length: 12 }, uniform).reduce((a, b) => a + b, -6)
  return Array.from({ length: count }, () => Float64Array.from({ length: DIM }, normal))
}

function mean(list) {
  return list[0].map((_, j) => list.reduce((sum, row) => sum + row[j], 0) / list.length)
}

function difference(a, b) {
  return a.map((value, i) => value - b[i])
}

function dot(a, b) {
  return a.reduce((sum, value, i) => sum + value * b[i], 0)
}

function norm(a) {
  return Math.sqrt(dot(a, a))
}
