/**
 * Why the gap persists, measured on the probes of a training: the three conditions, and where the drift of the orthogonal
 * bias γ = P_V m comes from, in two ways that are ours.
 *
 *   rotation: with V frozen at the start and V_t of the moment, γ(t) − γ(0) = (P_V − P_Vt) m(t) + (P_Vt m(t) − P_V m(0));
 *     the first part is the subspace that has turned, the rest is what changed in the complement that moves along.
 *   normalisation: a step of a tenth of a row's length against the gradient, z → π(z − ηg), moves the batch's m by −ηg
 *     and by the way back onto the sphere; their parts in V.
 *
 * Shares are along the whole, so they may lie outside of [0, 1] where the parts oppose each other. Beside each stands what
 * chance gives: a frame of the same rank that has nothing to do with the rows, steps of the same lengths in random directions.
 */
import { difference, dot, mean, norm, orthonormal, outside, principal, randomRows, rowsOf } from './vectors.mjs'

const ENERGY = 0.99
/** Length of a step against the gradient, root mean square over the rows of a batch. */
const STEP = 0.1

/** A function from each probe in turn to its numbers. */
export function persistence() {
  let start
  return probe => {
    const rows = name => rowsOf(probe[name], probe.dim)
    const [image, text] = [rows('image'), rows('text')]
    const m = difference(mean(image), mean(text))
    const frame = principal([image, text], ENERGY)
    start ??= { frame, gamma: outside(frame, m) }
    const gamma = outside(start.frame, m)
    const drift = difference(gamma, start.gamma)
    const batch = orthonormal([...rows('batchImage'), ...rows('batchText')])
    const random = randomRows(probe.gradImage.length / probe.dim, probe.dim, 1)
    const sides = [
      { z: rows('batchImage'), g: rows('gradImage') },
      { z: rows('batchText'), g: rows('gradText') },
    ]
    return {
      step: probe.step,
      gap: norm(m),
      gradientOutside: residual(batch, sides[0].g),
      randomOutside: residual(batch, random),
      gamma: norm(gamma),
      drift: norm(drift) / norm(start.gamma),
      rotation: share(difference(gamma, outside(frame, m)), drift),
      // P_R keeps (d − r)/d of any vector on average over frames R of rank r
      rotationByChance: share(
        gamma.map(value => (value * start.frame.length) / probe.dim),
        drift,
      ),
      normalisation: normalisation(sides, start.frame),
      normalisationByChance: normalisation(randomised(sides, probe.dim), start.frame),
    }
  }
}

/** Part of the whole that lies along it. */
function share(part, whole) {
  const total = dot(whole, whole)
  return total === 0 ? null : dot(part, whole) / total
}

/** Share of the way back onto the sphere in what one step does to P_V m of the batch. */
function normalisation(sides, frame) {
  const gradients = sides.flatMap(({ g }) => g)
  const eta = STEP / Math.sqrt(gradients.reduce((sum, g) => sum + dot(g, g), 0) / gradients.length)
  const moved = move => {
    const means = sides.map(({ z, g }) => mean(z.map((row, i) => move(row, g[i]))))
    return outside(frame, difference(...means))
  }
  const byGradient = moved((_, g) => g.map(value => -eta * value))
  const bySphere = moved((z, g) => backToSphere(z, g, eta))
  return share(
    bySphere,
    byGradient.map((value, i) => value + bySphere[i]),
  )
}

/** The same rows with directions of chance in place of the gradients, as long as those. */
function randomised(sides, dim) {
  return sides.map(({ z, g }, side) => {
    const random = randomRows(g.length, dim, 2 + side)
    return { z, g: random.map((row, i) => row.map(value => (value * norm(g[i])) / norm(row))) }
  })
}

/** π(z − ηg) − (z − ηg). */
function backToSphere(z, g, eta) {
  const moved = z.map((value, i) => value - eta * g[i])
  const length = norm(moved)
  return moved.map(value => value / length - value)
}

/** Root of the energy outside of the span over all energy. */
function residual(basis, vectors) {
  const energy = list => list.reduce((sum, vector) => sum + dot(vector, vector), 0)
  return Math.sqrt(energy(vectors.map(vector => outside(basis, vector))) / energy(vectors))
}
