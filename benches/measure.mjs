/**
 * A full measurement against peers for the parts that they have, in one run: causes against NumPy and SciPy,
 * similarity against NumPy with scikit-learn, neighbours against faiss. Runs alternate; ours and theirs print the numbers both have.
 */
import { join } from 'node:path'
import { alternate, measure, median } from './child.mjs'
import { findPython, makeRows } from './data.mjs'
import { record } from './results.mjs'

const cli = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js')
const peers = join(import.meta.dirname, 'peers')

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
    command: ['metrics_numpy.py'],
    ours: ({ similarity }) => ({ cka: similarity.cka, separability: similarity.separability }),
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

/** What can be measured by itself. */
export const PARTS = ['causes', 'similarity', 'neighbours']

/** Prints one line per part and peer, and one for `everything` at once. */
export async function measureBench({ rows, pairs, parts, everything }) {
  const python = findPython(['numpy', 'scipy', 'sklearn', 'faiss'])
  const data = makeRows(python, rows)
  const [image, text] = [join(data, 'image'), join(data, 'text')]
  const command = [cli, 'measure', '--image', image, '--text', text, '--paired', '--json']
  const ours = parts => measure(process.execPath, parts ? [...command, '--parts', parts] : command)
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
    record({ work: `${name} ${rows}`, peer, ours: mine, theirs, ratio })
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
