/** New rows against a fit on populations whose truth is known: how often they are called drifted, and the smallest drift that is found. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { population, repeated } from './populations.mjs'

/** Columns, and ρ of the residuals of captions with their image. */
const DIM = 32
const RHO = 0.7
const LAW = { dim: DIM, alpha: 1 }
const STEEP = { dim: DIM, alpha: 2 }

/** New rows against a fit: whether they are called drifted, at 1 %. */
const CHECKS = {
  'new rows of the same distribution': { draw: (seed, n) => population(LAW).samples(seed, n).text },
  'the same, steep spectrum': { shape: STEEP, draw: (seed, n) => population(STEEP).samples(seed, n).text },
  'every row twice': { draw: (seed, n) => repeated(population(LAW).samples(seed, n).text, DIM, 2) },
  'five captions an image, fitted by ids, new ones without': {
    captions: true,
    draw: (seed, n) => population(LAW).captions(seed, n, 5, RHO).text,
  },
  'another mean, .05 away': {
    power: true,
    draw: (seed, n) => population({ ...LAW, lean: 0.025 }).samples(seed, n).text,
    fitted: { ...LAW, lean: -0.025 },
  },
  'another covariance, the same trace': { power: true, draw: (seed, n) => population(STEEP).samples(seed, n).text },
}

/** How often new rows are called drifted. */
export async function checks(api, sizes, trials, each) {
  await inFolder(async folder => {
    for (const [name, check] of Object.entries(CHECKS)) {
      for (const n of sizes) {
        each({ name, n, share: await drifted(api, check, n, trials, folder), power: check.power ?? false })
      }
    }
  })
}

/** Distances of means that are tried, before the projection: each 1.19 times the one before. */
const DRIFTS = Array.from({ length: 21 }, (_, k) => 0.02 * 2 ** (k / 4))

/** The smallest distance of means along the direction that varies least that is found in four of five samples. */
export async function smallestDrift(api, n, trials) {
  const lean = await inFolder(async folder => {
    let [low, high] = [0, DRIFTS.length - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      const lean = DRIFTS[middle] / 2
      const draw = (seed, rows) => population({ ...LAW, lean }).samples(seed, rows).text
      const found = await drifted(api, { draw, fitted: { ...LAW, lean: -lean } }, n, trials, folder)
      ;[low, high] = found >= 0.8 ? [low, middle] : [middle + 1, high]
    }
    return DRIFTS[low] / 2
  })
  return Math.sqrt(population({ ...LAW, lean }).gapSquared())
}

/** Share of samples of `n` items that are called drifted. */
async function drifted(api, { draw, shape = LAW, fitted = shape, captions }, n, trials, folder) {
  const open = rows => api.openEmbeddings(rows, { dim: DIM })
  let found = 0
  for (let trial = 0; trial < trials; trial++) {
    const seed = 10_000 * trial + n
    const of = population(fitted)
    const rows = captions ? of.captions(seed + 5_000, n, 5, RHO) : of.samples(seed + 5_000, n)
    const aligner = await api.Aligner.fit({
      target: await open(rows.image),
      source: await open(rows.text),
      threads: 1,
      ...(captions ? { captionsPerImage: 5 } : {}),
    })
    const out = join(folder, 'moved')
    const report = await aligner.transformTo(await open(draw(seed, n)), out, { threads: 1 })
    found += report.fits.verdict === 'drifted' ? 1 : 0
    await rm(out, { recursive: true, force: true })
  }
  return found / trials
}

async function inFolder(work) {
  const folder = await mkdtemp(join(tmpdir(), 'statistics-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
