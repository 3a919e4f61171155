/**
 * Pairs of image and text rows that look like those arXiv 2602.07026 describes, in any number: f16 npy files, written block
 * by block. Generated, not real: no encoder, image or caption is involved.
 *
 *   node scripts/evidence/paper-like.mjs OUT [--rows 100000] [--dim 1280] [--seed 1] [--domain 1] [--kappaText 1000] …
 *
 * writes OUT/img_emb/img_emb_0.npy and OUT/text_emb/text_emb_0.npy; row i of one pairs with row i of the other. The same
 * options give the same bytes. Published figures it starts from: power laws 1.83 (image) and 1.33 (text), a condition
 * number of about 1e3 (text), gap 0.39, and from arXiv 2605.07825 an overlap of the 128 leading axes of 0.44 (0.10 by
 * chance). How far BCA fails on such rows is decided by that overlap more than by the condition number (`bca-cause`).
 */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { scriptOptions } from '../options.mjs'
import { toHalf } from './half.mjs'
import { npyHeader } from './npy.mjs'
import { gaussians } from './random.mjs'
import { rotation } from './rotation.mjs'

export const DEFAULTS = {
  rows: 100_000,
  dim: 1280,
  /** Of the rows. */
  seed: 1,
  /** Of the axes and means: two domains have nothing else in common. */
  domain: 1,
  /** Exponents of the power laws. */
  alphaImage: 1.83,
  alphaText: 1.33,
  /** Largest over smallest variance; the power law ends in a floor, 0 for none. The paper states one of the texts. */
  kappaImage: 0,
  kappaText: 1000,
  /** Length of either mean, and their distance. */
  mean: 0.35,
  gap: 0.39,
  /** Correlation of a pair's coordinates. */
  correlation: 0.6,
  /** Share of a text axis that lies along the image axis of the same rank; the rest is spread over all others. */
  overlap: 0.38,
}

const BLOCK = 512
/** Layers of plane rotations: enough that every coordinate meets every other. */
const LAYERS = 24
const TURNS = 6
const CALIBRATION = { rows: 1024, passes: 40 }

/** A generator of pairs; `block(i)` is always the same, whatever was asked for before. */
export function paperLike(options = {}) {
  const o = { ...DEFAULTS, ...options }
  const basis = rotation(o.dim, LAYERS, Math.PI, o.domain)
  // a plane rotation by θ leaves cos²θ of a coordinate's energy where it was
  const turn = rotation(o.dim, TURNS, Math.acos(o.overlap ** (1 / (2 * TURNS))), o.domain + 1_000_003)
  const scales = {
    image: deviations(o.dim, o.alphaImage, o.kappaImage, 1 - o.mean ** 2),
    text: deviations(o.dim, o.alphaText, o.kappaText, 1 - o.mean ** 2),
  }
  const means = meansWithGap(o)
  const generate = (seed, rows) => latents(o, scales, turn, gaussians(seed), rows)
  const centres = calibrated(means, generate(o.domain * 7919 + 13, CALIBRATION.rows), o.dim)

  return {
    ...o,
    /** Pairs `start` to `start + rows` of the stream, `start` a multiple of 512: f32 unit rows, row-major. */
    block(start, rows) {
      const residuals = generate(o.seed * 1_000_003 + start / BLOCK, rows)
      for (const side of ['image', 'text']) {
        eachRow(residuals[side], o.dim, row => {
          ontoSphere(row, centres[side])
          basis(row)
        })
      }
      return residuals
    },
    /** All rows of `count` pairs at once. */
    take(count) {
      const whole = { image: new Float32Array(count * o.dim), text: new Float32Array(count * o.dim) }
      for (let start = 0; start < count; start += BLOCK) {
        const { image, text } = this.block(start, Math.min(BLOCK, count - start))
        whole.image.set(image, start * o.dim)
        whole.text.set(text, start * o.dim)
      }
      return whole
    },
  }
}

/** Writes the pairs in the clip-retrieval layout, a block at a time. */
export function writePaperLike(folder, options = {}) {
  const generator = paperLike(options)
  const { rows, dim } = generator
  const open = path => {
    mkdirSync(dirname(path), { recursive: true })
    const file = openSync(path, 'w')
    writeSync(file, npyHeader([rows, dim]))
    return file
  }
  const files = {
    image: open(join(folder, 'img_emb', 'img_emb_0.npy')),
    text: open(join(folder, 'text_emb', 'text_emb_0.npy')),
  }
  for (let start = 0; start < rows; start += BLOCK) {
    const block = generator.block(start, Math.min(BLOCK, rows - start))
    for (const side of ['image', 'text']) {
      writeSync(files[side], new Uint8Array(Uint16Array.from(block[side], toHalf).buffer))
    }
  }
  Object.values(files).forEach(closeSync)
}

/** Residuals of both sides in the image's axes, before the sphere: the text's are turned against them. */
function latents({ dim, correlation }, scales, turn, normal, rows) {
  const own = Math.sqrt(1 - correlation ** 2)
  const image = new Float32Array(rows * dim)
  const text = new Float32Array(rows * dim)
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < dim; k++) {
      const shared = normal()
      image[i * dim + k] = shared * scales.image[k]
      text[i * dim + k] = (correlation * shared + own * normal()) * scales.text[k]
    }
    turn(text.subarray(i * dim, (i + 1) * dim))
  }
  return { image, text }
}

/** Standard deviations of a power law that ends in a floor, whose variances add up to a trace. */
function deviations(dim, alpha, kappa, trace) {
  const floor = kappa > 0 ? 1 / kappa : 0
  const variances = Float64Array.from({ length: dim }, (_, k) => Math.max((k + 1) ** -alpha, floor))
  const total = variances.reduce((a, b) => a + b, 0)
  return variances.map(variance => Math.sqrt((variance / total) * trace))
}

/** Means of one length that are `gap` apart; half of each lies along axes with content, so that the sphere drifts. */
function meansWithGap({ dim, mean, gap }) {
  const half = Math.asin(gap / (2 * mean))
  const at = angle => {
    const vector = new Float64Array(dim)
    vector[1] = vector[dim - 1] = (mean * Math.cos(angle)) / Math.SQRT2
    vector[3] = vector[dim - 2] = (mean * Math.sin(angle)) / Math.SQRT2
    return vector
  }
  return { image: at(half), text: at(-half) }
}

/**
 * Centres such that the rows, once on the sphere, have the wanted means: the sphere takes back a part, which a fixed set
 * of residuals, each with either sign, tells without the noise of their own mean.
 */
function calibrated(means, residuals, dim) {
  const centres = { image: means.image.slice(), text: means.text.slice() }
  const row = new Float32Array(dim)
  for (const side of ['image', 'text']) {
    const count = residuals[side].length / dim
    for (let pass = 0; pass < CALIBRATION.passes; pass++) {
      const found = new Float64Array(dim)
      eachRow(residuals[side], dim, residual => {
        for (const sign of [1, -1]) {
          for (let j = 0; j < dim; j++) row[j] = sign * residual[j]
          ontoSphere(row, centres[side])
          for (let j = 0; j < dim; j++) found[j] += row[j] / (2 * count)
        }
      })
      for (let j = 0; j < dim; j++) centres[side][j] += means[side][j] - found[j]
    }
  }
  return centres
}

function ontoSphere(row, centre) {
  let squares = 0
  for (let j = 0; j < row.length; j++) {
    row[j] += centre[j]
    squares += row[j] * row[j]
  }
  const inverse = 1 / Math.sqrt(squares)
  for (let j = 0; j < row.length; j++) row[j] *= inverse
}

function eachRow(rows, dim, work) {
  for (let first = 0; first < rows.length; first += dim) work(rows.subarray(first, first + dim))
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const options = Object.fromEntries(Object.keys(DEFAULTS).map(name => [name, { type: 'string' }]))
  const { values, positionals } = scriptOptions({ options, allowPositionals: true })
  if (positionals.length !== 1) throw new Error('give the folder to write to')
  writePaperLike(positionals[0], Object.fromEntries(Object.entries(values).map(([name, text]) => [name, Number(text)])))
}
