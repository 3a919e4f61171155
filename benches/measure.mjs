/**
 * A full measurement against peers for the parts that they have, in one run: causes against NumPy and SciPy,
 * similarity against NumPy with scikit-learn, neighbours against faiss. Runs alternate; ours and theirs print the numbers both have.
 */
import { join } from 'node:path'
import { alternate, measure, median } from './child.mjs'
import { findPython, makeRows } from './data.mjs'
import { peakOf } from './numerics.mjs'
import { record } from './results.mjs'

const cli = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js')
const peers = join(import.meta.dirname, 'peers')

const DIM = 1280
/** Above so many rows a side a sample of so many asks for neighbours; so many rows are compared each with each. */
const [ALL_ASK, ASKING, COMPARED] = [20_000, 10_000, 5_000]

/** Each line: the part, the peer, and the same number on both sides. */
const LINES = {
  causes: {
    part: 'causes',
    peer: 'NumPy, f32 products, all numbers',
    command: ['causes_numpy.py', '--halves'],
    ours: ({ decomposition, covariance }) => ({ pmb: decomposition.pmb, frechet: covariance.frechetBiased }),
    theirs: ({ pmb, frechet }) => ({ pmb, frechet }),
  },
  'causes of all rows only': {
    part: 'causes',
    peer: 'NumPy, f32 products, without what halves say',
    command: ['causes_numpy.py'],
    ours: ({ decomposition, covariance }) => ({ pmb: decomposition.pmb, frechet: covariance.frechetBiased }),
    theirs: ({ pmb, frechet }) => ({ pmb, frechet }),
  },
  similarity: {
    part: 'similarity',
    peer: 'NumPy, scikit-learn',
    command: ['metrics_numpy.py', '--sample', `${COMPARED}`],
    ours: ({ similarity }) => ({ cka: similarity.ckaBiased, separability: similarity.separability }),
    theirs: ({ cka, separability }) => ({ cka, separability }),
  },
  neighbours: {
    part: 'neighbours,retrieval',
    peer: 'faiss',
    command: ['knn_faiss.py'],
    ours: ({ neighbours, retrieval }) => ({ mixing: neighbours.mixing.all, r1: retrieval.textToImage.r1 }),
    theirs: ({ mixing, r1 }) => ({ mixing, r1: r1.textToImage }),
  },
}

/**
 * Seconds that the products of a part take at the rates that NumPy reaches in this run, in billions a second. Of a symmetric product half
 * is needed, so a covariance of n rows takes n·d² operations; from 16,384 rows on covariances are products in f32.
 */
const LIMITS = {
  // covariances of both sides and of the differences, and eleven decompositions
  causes: (n, { f32, f64 }) => ((3 * n * DIM ** 2) / f32 + (11 * (14 / 3) * DIM ** 3) / f64) / 1e9,
  // cosines, the same covariances and Σxz, eight Newton steps of the probe on half of the rows that are compared
  similarity: (n, { f32 }) => {
    const compared = Math.min(n, COMPARED)
    return (4 * compared ** 2 * DIM + 5 * n * DIM ** 2 + 8 * compared * DIM ** 2) / f32 / 1e9
  },
  // each cosine once, at the rate of f32; products in 16 bits may be faster
  neighbours: (n, { f32 }) => (n <= ALL_ASK ? 4 * n ** 2 * DIM : 8 * ASKING * n * DIM) / f32 / 1e9,
}

/** What can be measured by itself. */
export const PARTS = ['causes', 'similarity', 'neighbours']

/** Prints one line per part and peer, and one for `everything` at once. */
export async function measureBench({ rows, pairs, parts, everything }) {
  const python = findPython(['numpy', 'scipy', 'sklearn', 'faiss'])
  const data = makeRows(python, rows)
  const [image, text] = [join(data, 'image'), join(data, 'text')]
  const command = [cli, 'measure', '--image', image, '--text', text, '--paired', '--json']
  const ours = parts => measure(process.execPath, parts ? [...command, '--parts', parts] : command)
  const peak = await peakOf(python)
  const table = {}
  for (const [name, { part, peer, command: script, ...numbers }] of Object.entries(LINES)) {
    if (!parts.some(wanted => part.startsWith(wanted))) continue
    process.stderr.write(`${name} against ${peer}: ${pairs} pairs\n`)
    const [file, ...args] = script
    const { first, second, ratio } = await alternate(
      () => ours(part),
      () => measure(python, [join(peers, file), ...args, image, text]),
      pairs,
    )
    const [mine, theirs] = [first, second].map(runs => median(runs.map(run => run.seconds)))
    const limit = LIMITS[PARTS.find(wanted => part.startsWith(wanted))](rows, peak)
    record({ work: `${name} ${rows}`, peer, ours: mine, theirs, ratio, limit })
    table[name] = { peer, ...line(second, 'peer'), ...line(first, 'our'), 'peer / ours': ratio.toFixed(2) }
    const [found, expected] = [numbers.ours(JSON.parse(first[0].stdout)), numbers.theirs(JSON.parse(second[0].stdout))]
    console.log(`${name}: ours ${shown(found)}; ${peer} ${shown(expected)}`)
  }
  if (everything) {
    const whole = []
    for (let i = 0; i < pairs; i++) whole.push(await ours())
    table.everything = line(whole, 'our')
    record({ work: `measure ${rows}`, peer: null, ours: median(whole.map(run => run.seconds)) })
  }
  console.log(`\nmeasure of ${rows} pairs × 1280 f16; medians of alternating runs; MB = highest anonymous memory`)
  console.table(table)
}

function line(runs, who) {
  return {
    [`${who} s`]: median(runs.map(run => run.seconds)).toFixed(1),
    [`${who} MB`]: (Math.max(...runs.map(run => run.peak ?? Number.NaN)) / 1e6).toFixed(0),
  }
}

function shown(numbers) {
  return Object.entries(numbers)
    .map(([name, value]) => `${name} ${value.toPrecision(6)}`)
    .join(', ')
}
