/**
 * A full measurement against peers for the parts that they have, in one run: causes and similarity against NumPy with
 * scikit-learn, neighbours against faiss. Runs alternate; ours and theirs print the numbers both have.
 */
import { join } from 'node:path'
import { alternate, measure, median } from './child.mjs'
import { findPython, makeRows } from './data.mjs'

const cli = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js')
const peers = join(import.meta.dirname, 'peers')

/** Each part: the peer, and the same number on both sides. */
const PARTS = {
  causes: {
    peer: 'NumPy',
    command: ['metrics_numpy.py', 'causes'],
    ours: ({ decomposition, covariance }) => ({ pmb: decomposition.pmb, frechet: covariance.frechetBiased }),
    theirs: ({ pmb, frechet }) => ({ pmb, frechet }),
  },
  similarity: {
    peer: 'NumPy, scikit-learn',
    command: ['metrics_numpy.py', 'similarity'],
    ours: ({ similarity }) => ({ cka: similarity.cka, separability: similarity.separability }),
    theirs: ({ cka, separability }) => ({ cka, separability }),
  },
  'neighbours,retrieval': {
    peer: 'faiss',
    command: ['knn_faiss.py'],
    ours: ({ neighbours, retrieval }) => ({ mixing: neighbours.mixing.all, r1: retrieval.textToImage.r1 }),
    theirs: ({ mixing, r1 }) => ({ mixing, r1: r1.textToImage }),
  },
}

/** Prints one line per part and one for everything at once. */
export async function measureBench({ rows, pairs }) {
  const python = findPython(['numpy', 'sklearn', 'faiss'])
  const data = makeRows(python, rows)
  const [image, text] = [join(data, 'image'), join(data, 'text')]
  const command = [cli, 'measure', '--image', image, '--text', text, '--paired', '--json']
  const ours = parts => measure(process.execPath, parts ? [...command, '--parts', parts] : command)
  const table = {}
  for (const [part, { peer, command: script, ...numbers }] of Object.entries(PARTS)) {
    process.stderr.write(`${part} against ${peer}: ${pairs} pairs\n`)
    const [name, ...args] = script
    const { first, second, ratio } = await alternate(
      () => ours(part),
      () => measure(python, [join(peers, name), ...args, image, text]),
      pairs,
    )
    table[part] = { peer, ...line(second, 'peer'), ...line(first, 'our'), 'peer / ours': ratio.toFixed(2) }
    const [found, expected] = [numbers.ours(JSON.parse(first[0].stdout)), numbers.theirs(JSON.parse(second[0].stdout))]
    console.log(`${part}: ours ${shown(found)}; ${peer} ${shown(expected)}`)
  }
  const whole = []
  for (let i = 0; i < pairs; i++) whole.push(await ours())
  table.everything = line(whole, 'our')
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
