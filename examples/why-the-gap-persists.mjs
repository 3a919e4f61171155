// Why the gap persists: three conditions, watched while a small dual encoder trains on emoji.
//
//   1. There is a gap at initialisation.
//   2. Embeddings are projected onto the sphere, which moves their mean even where no gradient points.
//   3. The gradient of the contrastive loss at an embedding is a combination of the batch's embeddings. With 2B ≤ d/4
//      its residual outside of their span is rounding, while a random vector keeps sqrt(1 − 2B/d) of its length there.
//
// And where the drift of the orthogonal bias γ = P_V m comes from, in two ways that are ours:
//   rotation: with V frozen at the start and V_t of the moment, γ(t) − γ(0) = (P_V − P_Vt) m(t) + (P_Vt m(t) − P_V m(0));
//     the first part is the subspace that has turned, the rest is what changed in the complement that moves along.
//   normalisation: a step of a tenth of a row's length against the gradient, z → π(z − ηg), moves the batch's m by −ηg
//     and by the way back onto the sphere; their parts in V.
// Shares are along the whole, so they may lie outside of [0, 1] where the parts oppose each other.
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
  start ??= { frame, gamma: outside(frame, m) }
  const gamma = outside(start.frame, m)
  const drift = difference(gamma, start.gamma)
  const row = {
    gap: norm(m),
    'gradient outside the span': residual(batch, rowsOf(probe.gradImage)),
    'random outside the span': residual(batch, randomRows(BATCH)),
    γ: norm(gamma),
    'drift of γ': norm(drift) / norm(start.gamma),
    'share of rotation': share(difference(gamma, outside(frame, m)), drift),
    'share of normalisation': normalisation(probe, start.frame),
  }
  const rounded = Object.entries(row).map(([name, value]) => [name, value && Number(value.toPrecision(4))])
  rows.push({ step: probe.step, ...Object.fromEntries(rounded) })
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

/** Part of the whole that lies along it. */
function share(part, whole) {
  const total = dot(whole, whole)
  return total === 0 ? null : dot(part, whole) / total
}

/** Share of the way back onto the sphere in what one step does to P_V m of the batch. */
function normalisation({ batchImage, batchText, gradImage, gradText }, frame) {
  const sides = [
    [rowsOf(batchImage), rowsOf(gradImage)],
    [rowsOf(batchText), rowsOf(gradText)],
  ]
  const squares = sides.flatMap(([, gradients]) => gradients.map(g => dot(g, g)))
  const eta = 0.1 / Math.sqrt(squares.reduce((a, b) => a + b, 0) / squares.length)
  const [byGradient, bySphere] = [g => g.map(value => -eta * value), (g, z) => backToSphere(z, g, eta)].map(move =>
    outside(frame, difference(...sides.map(([z, gradients]) => mean(gradients.map((g, i) => move(g, z[i])))))),
  )
  return share(
    bySphere,
    byGradient.map((value, i) => value + bySphere[i]),
  )
}

/** π(z − ηg) − (z − ηg). */
function backToSphere(z, g, eta) {
  const moved = z.map((value, i) => value - eta * g[i])
  const length = norm(moved)
  return moved.map(value => value / length - value)
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
