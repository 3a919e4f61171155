/** A covariance, a decomposition and a frame by themselves, against NumPy and SciPy, in one run. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { alternate, measure, median } from './child.mjs'
import { exampleOf, findPython } from './data.mjs'
import { record } from './results.mjs'

const root = join(import.meta.dirname, '..')
const twin = join(import.meta.dirname, 'peers', 'numerics_numpy.py')
const ours = exampleOf('numerics')
const ROWS = 65_536

/** Billions of products and sums of a second in f32 and f64, and of bytes that are copied: the machine's limits. */
export async function peakOf(python) {
  return JSON.parse((await measure(python, [twin, 'peak', '1'])).stdout)
}

const WORKS = [
  // of a symmetric product half is needed; ours in f64, and in f32 as it is taken of many unit rows
  ...['covariance', 'covariance-f32'].map(mine => ({
    work: 'covariance',
    mine,
    dim: 1280,
    peer: 'NumPy f32',
    args: ['--dtype', 'f32'],
    operations: ROWS * 1280 ** 2,
  })),
  { work: 'covariance', dim: 1280, peer: 'NumPy f64', args: ['--dtype', 'f64'], operations: ROWS * 1280 ** 2 },
  // to tridiagonal form and back, and at most as much as the former between
  ...[512, 768, 1280, 2048].map(dim => ({
    work: 'eigen',
    dim,
    peer: 'SciPy, better of evd and evr',
    args: [],
    operations: (14 / 3) * dim ** 3,
  })),
  { work: 'frame', dim: 1280, peer: 'SciPy, better of evd and evr', args: [], operations: (14 / 3) * 1280 ** 3 },
]

export async function numericsBench({ pairs, wanted }) {
  const build = ['build', '--release', '--workspace', '--exclude', 'modality-gap-node', '--example', 'numerics']
  execFileSync('cargo', build, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  const python = findPython(['numpy', 'scipy'])
  const peak = await peakOf(python)
  const table = {}
  for (const { work, mine: name = work, dim, peer, args, operations } of WORKS.filter(({ work }) => wanted(work))) {
    process.stderr.write(`${name} ${dim} against ${peer}: ${pairs} pairs\n`)
    const inside = async (command, words) => ({ seconds: JSON.parse((await measure(command, words)).stdout).median })
    const { first, second, ratio } = await alternate(
      () => inside(ours, [name, `${dim}`]),
      () => inside(python, [twin, work, `${dim}`, ...args]),
      pairs,
    )
    const [mine, theirs] = [first, second].map(runs => median(runs.map(run => run.seconds)))
    const limit = operations / (name.endsWith('f32') ? peak.f32 : peak.f64) / 1e9
    record({ work: `${name} ${dim}`, peer, ours: mine, theirs, ratio, limit })
    table[`${name} ${dim}, ${peer}`] = {
      'peer ms': (1000 * theirs).toFixed(0),
      'our ms': (1000 * mine).toFixed(0),
      'peer / ours': ratio.toFixed(2),
      'of the limit': (limit / mine).toFixed(2),
    }
  }
  console.log(
    `\nof ${ROWS} f16 rows, and in f64; the limit is ${peak.f64.toFixed(0)} GFLOP/s in f64 and ${peak.f32.toFixed(0)} in f32, measured by NumPy`,
  )
  console.table(table)
}
