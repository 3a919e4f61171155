/** What the options of commands become: each arrives under its own name, within its bounds. */
import test from 'ava'
import { Command } from 'commander'
import {
  addEngineOptions,
  addFitOptions,
  addGroupOptions,
  addOutputOptions,
  addReadingOptions,
  engineOf,
  fitOptionsOf,
  outputOptionsOf,
  readingOf,
} from '../src/cli/options.ts'

/** Options of a command line, as commander reads them. */
function parsed<T>(add: (command: Command) => Command, line: string): T {
  const command = add(new Command('try').exitOverride().configureOutput({ writeErr: () => {} }))
  return command.parse(line.split(' '), { from: 'user' }).opts() as T
}

const fitted = (line: string) => fitOptionsOf(parsed(addFitOptions, line))

test('every option of a fit arrives under its name', t => {
  const line =
    '--method c3 --steps anchor,trace --centroid solve --centroid-iterations 3 --tolerance 0.5 --compat official --paired ' +
    '--noise 0.25 --noise-seed 7 --ridge 0.125 --energy 0.75 --rank 9 --holdout 0.375 --seed 11 --encoder clip'
  t.deepEqual(fitted(`${line} --no-renormalize --no-centered`), {
    method: 'c3',
    steps: ['anchor', 'trace'],
    centroid: 'solve',
    centroidIterations: 3,
    tolerance: 0.5,
    compat: 'official',
    renormalize: false,
    paired: true,
    noise: 0.25,
    noiseSeed: 7,
    ridge: 0.125,
    centered: false,
    energy: 0.75,
    rank: 9,
    holdout: 0.375,
    seed: 11,
    encoder: 'clip',
  })
  t.like(fitted('--seed 11'), { seed: 11, noiseSeed: undefined, renormalize: undefined, centered: undefined })
  t.like(fitted('--renormalize --centered --noise 0'), { renormalize: true, centered: true, noise: 0 })
})

test('steps may have blanks around them, and unknown ones are named', t => {
  const steps = (list: string) => {
    const command = addFitOptions(new Command('try').exitOverride().configureOutput({ writeErr: () => {} }))
    return command.parse(['--steps', list], { from: 'user' }).opts().steps
  }
  t.deepEqual(steps('anchor, trace ,centroid'), ['anchor', 'trace', 'centroid'])
  t.throws(() => steps('anchor,spin'), { message: /unknown step `spin`; expected anchor, trace, centroid/ })
})

test('numbers are taken up to their bounds', t => {
  for (const [option, fits, others] of [
    ['centroid-iterations', ['1', '9007199254740991'], ['0', '-1', '1.5', '9007199254740992', 'x']],
    ['tolerance', ['1e-300', '2'], ['0', '-1', 'Infinity', 'NaN', 'x']],
    ['noise', ['0', '2'], ['-1e-9', 'Infinity', 'x']],
    ['noise-seed', ['0'], ['-1', '0.5']],
    ['ridge', ['1e-300'], ['0']],
    ['holdout', ['0', '0.999'], ['1', '-0.1', 'NaN']],
    ['rank', ['1'], ['0']],
  ] as const) {
    for (const value of fits) t.notThrows(() => fitted(`--${option}=${value}`), `${option} ${value}`)
    for (const value of others) t.throws(() => fitted(`--${option}=${value}`), undefined, `${option} ${value}`)
    t.throws(() => fitted(`--${option}=`), undefined, `${option} without a number`)
  }
})

test('options of reading, grouping and writing arrive under their names', t => {
  const reading = '--split train --on-bad-row drop --pool mean --dim 12 --in-dtype f16'
  t.deepEqual(readingOf(parsed(addReadingOptions, reading)), {
    split: 'train',
    onBadRow: 'drop',
    pool: 'mean',
    dim: 12,
    dtype: 'f16',
  })
  const grouping = '--image-ids a.txt --text-ids b.txt --captions-per-image 5'
  t.deepEqual(parsed(addGroupOptions, grouping), { imageIds: 'a.txt', textIds: 'b.txt', captionsPerImage: 5 })
  const written = (line: string) => outputOptionsOf(parsed(addOutputOptions, line))
  t.like(written('--dtype bf16 --format parquet --no-sync --overwrite'), {
    dtype: 'bf16',
    format: 'parquet',
    sync: false,
    overwrite: true,
  })
  t.like(written('--dtype f32'), { sync: undefined, overwrite: undefined })
})

test('an engine is a list of tasks, a cluster of Spark, or refused', async t => {
  const engine = (line: string) => engineOf(parsed(addEngineOptions, line))
  t.is(await engine('--worker x'), undefined)
  t.truthy(await engine('--on list:tasks.json'))
  t.truthy(await engine('--on local[2] --spark-conf a=b c=d=e'))
  await t.throwsAsync(() => engine('--on local[2] --spark-conf a'), {
    code: 'BAD_OPTION',
    message: /`a` is not a setting; expected KEY=VALUE/,
  })
  await t.throwsAsync(() => engine('--on slurm'), { code: 'BAD_OPTION', message: /unknown engine `slurm`/ })
})
