/** All that the evidence asks of the package, in one place. */
import { Aligner, analyzeDomains, analyzeSampleSize, measureGap, openEmbeddings } from '../../dist/index.js'

/** Options of each strategy; the seed decides the noise of c3 only. */
const STRATEGIES = {
  none: () => undefined,
  'mean-shift': () => ({ method: 'mean-shift' }),
  c3: seed => ({ method: 'c3', noiseSeed: seed }),
  'c3-small': seed => ({ method: 'c3', noise: 0.02, noiseSeed: seed }),
  bca: () => ({ method: 'bca' }),
  'bca-printed': () => ({ method: 'bca', centered: false }),
  realign: () => ({ method: 'realign' }),
}

export const strategyNames = Object.keys(STRATEGIES)

/** Opened pairs: `image` and `text` are arrays of rows of `dim` columns, or paths. */
export async function openPairs({ image, text, dim }) {
  const options = dim === undefined ? {} : { dim }
  return { image: await openEmbeddings(image, options), text: await openEmbeddings(text, options) }
}

/** What a measurement says about the pairs, everything unless `parts` are given, the text moved by a strategy that was fitted on them. */
export async function measureStrategy(sides, name, seed, parts) {
  const options = STRATEGIES[name](seed)
  const aligner = options && (await fitted(sides, options))
  return measureGap({ ...sides, paired: true, exact: true, aligner, seed, parts })
}

/** Text rows moved by ReAlign and the gap it leaves, after some number of centroid passes. */
export async function iterate(sides, centroidIterations, text) {
  const aligner = await fitted(sides, { method: 'realign', centroidIterations })
  return { gap: aligner.report.gap.after, rows: text && aligner.transform(text) }
}

/** The gap of ReAlign on the rows of its fit and on rows that it has not seen, each with its floor. */
export async function inAndOut(sides, seed, holdout) {
  const { gap } = (await fitted(sides, { method: 'realign', holdout, seed })).report
  const { after, floor, held } = gap
  return { inSample: after, inSampleFloor: floor, held: held.after, heldFloor: held.floor }
}

export function sampleSize(sides, options) {
  return analyzeSampleSize({ target: sides.image, source: sides.text, ...options })
}

export function domains(named, options) {
  return analyzeDomains({ domains: named, ...options })
}

function fitted({ image, text }, options) {
  return Aligner.fit({ target: image, source: text, ...options })
}
