// Makes samples/paper-like: rows with the spectrum and the gap that the paper reports, from a seed. Generated, not real.
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { toHalf } from './sample/half.mjs'
import { npyOfHalves } from './sample/npy.mjs'
import { gaussians, orthogonal } from './sample/random.mjs'

const ROWS = 2000
const DIM = 256
const SEED = 20260207
/** Lengths of the means, and the distance between them (paper: 0.39 on Bunny). */
const MEAN = { image: 0.37, text: 0.33 }
const GAP = 0.39
/** Power laws of the eigenvalues (paper: images 1.83, long captions 1.33). */
const ALPHA = { image: 1.83, text: 1.33 }
/** Correlation of a pair's coordinates in the directions that both sides share. */
const PAIRED = 0.6

const normal = gaussians(SEED)
const basis = orthogonal(DIM, normal)
const shared = matrix(ROWS, DIM, normal)
const own = matrix(ROWS, DIM, normal)
const paired = shared.map((row, i) => row.map((z, k) => PAIRED * z + Math.sqrt(1 - PAIRED ** 2) * own[i][k]))

const means = meansWithGap()
const root = fileURLToPath(new URL('../samples/paper-like/', import.meta.url))
write('img_emb/img_emb_0.npy', rowsAround(means.image, shared, ALPHA.image))
write('text_emb/text_emb_0.npy', rowsAround(means.text, paired, ALPHA.text))

/** Means of the given lengths that are GAP apart; half of each lies in directions with content, so that the sphere drifts. */
function meansWithGap() {
  const u = unit(basis[1].map((value, j) => value + basis[DIM - 1][j]))
  const v = unit(basis[3].map((value, j) => value + basis[DIM - 2][j]))
  const { image, text } = MEAN
  const half = Math.acos((image ** 2 + text ** 2 - GAP ** 2) / (2 * image * text)) / 2
  const at = (length, angle) => u.map((value, j) => length * (Math.cos(angle) * value + Math.sin(angle) * v[j]))
  return { image: at(image, half), text: at(text, -half) }
}

/** Unit rows with the given mean; the centre is corrected until the sphere has taken back what it added. */
function rowsAround(mean, latent, alpha) {
  const scales = deviations(alpha, 1 - mean.reduce((sum, m) => sum + m * m, 0))
  const residuals = latent.map(row => combine(row, scales))
  const centre = [...mean]
  let rows
  for (let pass = 0; pass < 30; pass++) {
    rows = residuals.map(residual => unit(residual.map((value, j) => value + centre[j])))
    for (let j = 0; j < DIM; j++) {
      const found = rows.reduce((sum, row) => sum + row[j], 0) / ROWS
      centre[j] += mean[j] - found
    }
  }
  return rows
}

/** Standard deviations of a power law whose variances add up to a trace. */
function deviations(alpha, trace) {
  const powers = Array.from({ length: DIM }, (_, k) => (k + 1) ** -alpha)
  const total = powers.reduce((a, b) => a + b, 0)
  return powers.map(power => Math.sqrt((power / total) * trace))
}

function combine(coordinates, scales) {
  const sum = new Array(DIM).fill(0)
  for (const [k, direction] of basis.entries()) {
    const weight = coordinates[k] * scales[k]
    for (let j = 0; j < DIM; j++) {
      sum[j] += weight * direction[j]
    }
  }
  return sum
}

function matrix(rows, columns, next) {
  return Array.from({ length: rows }, () => Array.from({ length: columns }, next))
}

function unit(row) {
  const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0))
  return row.map(value => value / length)
}

function write(name, rows) {
  const path = `${root}${name}`
  mkdirSync(path.slice(0, path.lastIndexOf('/')), { recursive: true })
  writeFileSync(path, npyOfHalves(Uint16Array.from(rows.flat(), toHalf), [ROWS, DIM]))
}
