/** A training step of the dual encoder against a PyTorch twin of the same shapes, f32, in one run. */
import { execFileSync } from 'node:child_process'
import { availableParallelism, loadavg } from 'node:os'
import { join } from 'node:path'
import { alternate, measure, median } from './child.mjs'
import { exampleOf, findPython } from './data.mjs'
import { peakOf } from './numerics.mjs'
import { record } from './results.mjs'

const root = join(import.meta.dirname, '..')
const twin = join(import.meta.dirname, 'peers', 'dual_encoder_torch.py')
const ours = exampleOf('step_time')
const STEPS = 20
/** Products and sums of a step. */
const OPERATIONS = 22e9

/** Prints a line per number of threads: medians of a step over alternating processes. */
export async function trainBench({ pairs }) {
  const build = ['build', '--release', '--workspace', '--exclude', 'modality-gap-node', '--example', 'step_time']
  execFileSync('cargo', build, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
  const python = findPython(['torch'])
  const peak = await peakOf(python)
  const step = async (command, args) => ({ seconds: JSON.parse((await measure(command, args)).stdout).median })
  const table = {}
  for (const threads of [1, 2]) {
    process.stderr.write(`training step, ${threads} threads: ${pairs} pairs\n`)
    const { first, second, ratio } = await alternate(
      () => step(ours, [`${STEPS}`, `${threads}`]),
      () => step(python, [twin, '--steps', `${STEPS}`, '--threads', `${threads}`]),
      pairs,
    )
    const [mine, theirs] = [first, second].map(runs => median(runs.map(run => run.seconds)))
    // NumPy multiplies on all cores
    const limit = OPERATIONS / (peak.f32 * 1e9 * Math.min(1, threads / availableParallelism()))
    record({ work: `training step, ${threads} threads`, peer: 'PyTorch', ours: mine, theirs, ratio, limit })
    const milliseconds = runs => (1000 * median(runs.map(run => run.seconds))).toFixed(0)
    table[`${threads} threads`] = {
      'PyTorch ms': milliseconds(second),
      'ours ms': milliseconds(first),
      'PyTorch / ours': ratio.toFixed(2),
    }
  }
  console.log(
    `\na step of 256 pairs; medians of ${STEPS} steps in alternating processes; load ${loadavg()[0].toFixed(1)}`,
  )
  console.table(table)
}
