/**
 * End to end against other ways to do the same work, in one run on one machine.
 *
 *   npm run bench -- [--rows 100000] [--pairs 5] [--authors PATH/embed_ReAlign.py] [--large] [--json]
 *                    [--only row,align,moments,covariance,eigen,frame,measure,causes,similarity,neighbours,train]
 *
 * Runs alternate (ours, peer, ours, peer, …) and medians are printed with the median ratio of the pairs; without --only all of them
 * are made, which is long. Nothing is asserted: a ratio is read by people. Data are made once, in $MODALITY_GAP_CACHE or the temporary folder. On a busy Linux
 * machine `chrt -f 10 npm run bench`, as root, keeps other work away from the runs. With --json standard output holds
 * `{ machine, kernel, rows: [{ work, peer, oursSeconds, peerSeconds, ratio, limitShare }] }` and nothing else.
 */
import { execFileSync } from 'node:child_process'
import { Console } from 'node:console'
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { alternate, measure, median } from './child.mjs'
import { cache, findPython, makeRows } from './data.mjs'
import { measureMoments, measureRow } from './inside.mjs'
import { measureBench, PARTS } from './measure.mjs'
import { numericsBench } from './numerics.mjs'
import { record, written } from './results.mjs'
import { trainBench } from './train.mjs'

const root = join(import.meta.dirname, '..')
const cli = join(root, 'dist', 'cli', 'main.js')
const peers = join(root, 'benches', 'peers')

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '100000' },
    pairs: { type: 'string', default: '5' },
    authors: { type: 'string' },
    large: { type: 'boolean', default: false },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const rows = Number(options.rows)
const pairs = Number(options.pairs)
const wanted = options.only?.split(',')
const runs = section => wanted === undefined || wanted.includes(section)

const table = []
if (options.json) globalThis.console = new Console(process.stderr)

/** Without waiting for the disk, for no peer does; `synced` runs are timed on their own. */
async function ours(image, text, out, { synced = false } = {}) {
  rmSync(out, { recursive: true, force: true })
  const args = [cli, 'align', '--image', image, '--text', text, '--out', out, '--json']
  const run = await measure(process.execPath, synced ? args : [...args, '--no-sync'])
  return { ...run, report: JSON.parse(run.stdout) }
}

async function peer(command, args, out) {
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  return measure(command, args)
}

const seconds = all => median(all.map(run => run.seconds))

function line(what, first, second, ratio) {
  const peak = all => Math.max(...all.map(run => run.peak ?? Number.NaN))
  table.push({
    what,
    'peer s': seconds(second).toFixed(3),
    'peer MB': (peak(second) / 1e6).toFixed(0),
    'ours s': seconds(first).toFixed(3),
    'our MB': (peak(first) / 1e6).toFixed(0),
    'peer / ours': ratio.toFixed(2),
  })
}

async function against(what, data, side, count, command, args) {
  process.stderr.write(`${what}: ${count} pairs\n`)
  const out = name => join(cache, `out-${name}`)
  const image = join(data, side.image)
  const text = join(data, side.text)
  const { first, second, ratio } = await alternate(
    () => ours(image, text, out('ours')),
    () => peer(command, args(image, text, out('peer')), out('peer')),
    count,
  )
  line(what, first, second, ratio)
  return { work: what, ours: seconds(first), theirs: seconds(second), ratio }
}

async function align(python) {
  const npy = { image: 'image', text: 'text' }
  const data = makeRows(python, rows)
  const script = name => (image, text, out) => [join(peers, name), image, text, out]
  // once unmeasured, so that the files are in memory for every run
  await ours(join(data, 'image'), join(data, 'text'), join(cache, 'out-ours'))
  const best = await against('best NumPy, npy to npy', data, npy, pairs, python, script('numpy_align.py'))
  const plain = await against('plain NumPy, npy to npy', data, npy, pairs, python, script('numpy_align_simple.py'))
  const copy = 'cat "$0"/*.npy "$1"/*.npy > /dev/null && cp "$1"/*.npy "$2"'
  const copied = await against('cat all + cp texts', data, npy, pairs, 'sh', (image, text, out) => [
    '-c',
    copy,
    image,
    text,
    out,
  ])
  for (const { work, ...rest } of [best, plain]) {
    record({ ...rest, work: `align ${rows}`, peer: work, limit: copied.theirs })
  }
  const start = async (command, args) => {
    const runs = []
    for (let i = 0; i < pairs; i++) runs.push((await measure(command, args)).seconds)
    return median(runs).toFixed(3)
  }
  console.log(
    `\nOf these times, start-up alone: ours ${await start(process.execPath, [cli, '--version'])} s ` +
      `(node by itself ${await start(process.execPath, ['-e', '0'])} s), NumPy ${await start(python, ['-c', 'import numpy'])} s`,
  )
  const synced = []
  for (let i = 0; i < pairs; i++) {
    synced.push(await ours(join(data, 'image'), join(data, 'text'), join(cache, 'out-ours'), { synced: true }))
  }
  const report = select => median(synced.map(select)).toFixed(3)
  console.log(
    `\nOurs with every file on the disk before it gets its name: ${report(run => run.seconds)} s; of its report: ` +
      `fit ${report(run => run.report.seconds.fit)} s, transform ${report(run => run.report.seconds.transform)} s, ` +
      `sync ${report(run => run.report.seconds.sync)} s (threads added up)`,
  )
}

async function authors(script) {
  if (!existsSync(script)) throw new Error(`${script} is not there; give the path of embed_ReAlign.py`)
  const python = findPython(['numpy', 'tqdm'])
  const data = makeRows(python, rows, { pickle: true })
  const args = (image, text, out) => {
    const named = { input_dir: text, img_input_dir: image, output_dir: out, mean_file_path: join(out, 'mean.pkl') }
    return [script, ...Object.entries(named).flatMap(([name, value]) => [`--${name}`, value])]
  }
  const pickles = { image: 'image_pickle', text: 'text_pickle' }
  const count = Math.min(pairs, 3)
  await against('authors, pickle to pickle', data, pickles, count, python, args)
  process.stderr.write('authors on pickles, ours on npy\n')
  const out = join(cache, 'out-ours')
  const theirs = table.at(-1)
  const npy = []
  for (let i = 0; i < count; i++) npy.push(await ours(join(data, 'image'), join(data, 'text'), out))
  const seconds = median(npy.map(run => run.seconds))
  table.push({
    ...theirs,
    what: 'authors on pickles, ours npy to npy',
    'ours s': seconds.toFixed(3),
    'our MB': (Math.max(...npy.map(run => run.peak ?? Number.NaN)) / 1e6).toFixed(0),
    'peer / ours': (Number(theirs['peer s']) / seconds).toFixed(2),
  })
}

/** Ten times the rows: is the memory the same. */
async function large(python) {
  const data = makeRows(python, 10 * rows)
  const out = join(cache, 'out-ours')
  const copy = 'cat "$0"/*.npy "$1"/*.npy > /dev/null && cp "$1"/*.npy "$2"'
  const sides = { image: 'image', text: 'text' }
  const args = (image, text, out) => ['-c', copy, image, text, out]
  await against(`cat + cp, ${10 * rows} rows a side`, data, sides, Math.min(pairs, 3), 'sh', args)
  rmSync(out, { recursive: true, force: true })
}

/** One pass of moments over `count` rows in files. */
async function moments(python, count) {
  const image = join(makeRows(python, count), 'image')
  // once unmeasured, so that the files are in memory for every run
  await measureMoments(image)
  const cat = []
  const passes = []
  for (let i = 0; i < pairs; i++) {
    passes.push(await measureMoments(image))
    cat.push((await measure('sh', ['-c', 'cat "$0"/*.npy > /dev/null', image])).seconds)
  }
  const files = readdirSync(image).length
  console.log(
    `\nOne pass of moments over ${count} × 1280 f16 rows in ${files} files (cached): ` +
      `${median(passes.map(p => p.seconds)).toFixed(3)} s; anonymous memory of the process ` +
      `${(Math.max(...passes.map(p => p.peak ?? Number.NaN)) / 1e6).toFixed(0)} MB, ` +
      `${(median(passes.map(p => p.added ?? Number.NaN)) / 1e6).toFixed(0)} MB more than before the pass; ` +
      `cat of the same files ${median(cat).toFixed(3)} s.`,
  )
  const [ours, theirs] = [median(passes.map(p => p.seconds)), median(cat)]
  record({ work: `moments ${count}`, peer: 'cat', ours, theirs, ratio: theirs / ours, limit: theirs })
}

function machine() {
  const version = (command, args) => {
    try {
      return execFileSync(command, args, { encoding: 'utf8' }).trim()
    } catch {
      return `no ${command}`
    }
  }
  const cores = cpus()
  return [
    `${cores[0]?.model ?? 'unknown processor'}, ${cores.length} cores, ${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    `Node ${process.version}, ${version('rustc', ['--version'])}, ${process.platform} ${process.arch}`,
  ].join('\n')
}

if (!existsSync(cli)) throw new Error('dist/ is missing: npm run build')
console.log(machine())
if (runs('row')) {
  const { median: microseconds, p99, copy } = await measureRow(768)
  const numpy = JSON.parse((await measure(findPython(['numpy']), [join(peers, 'row_numpy.py')])).stdout).median
  console.log(
    `\nOne row of 768 through the call with a given out: median ${microseconds} µs, 99 % ${p99} µs; a copy of it ${copy} µs; NumPy ${(1e6 * numpy).toFixed(2)} µs`,
  )
  const ours = microseconds / 1e6
  record({ work: 'row 768', peer: 'NumPy', ours, theirs: numpy, ratio: numpy / ours, limit: copy / 1e6 })
}
const python = runs('align') || options.large || runs('moments') ? findPython(['numpy']) : undefined
if (runs('align')) await align(python)
if (options.authors !== undefined) await authors(options.authors)
if (runs('moments')) await moments(python, rows)
if (options.large) {
  await large(python)
  await moments(python, 10 * rows)
}
const some = sections => sections.some(runs)
if (some(['covariance', 'eigen', 'frame'])) await numericsBench({ pairs, wanted: runs })
if (some(['measure', ...PARTS])) {
  const parts = runs('measure') ? PARTS : PARTS.filter(runs)
  await measureBench({ rows, pairs: Math.min(pairs, 3), parts, everything: runs('measure') })
}
if (runs('train')) await trainBench({ pairs })
if (table.length > 0) {
  console.log(`\n${rows} × 1280 f16 rows a side; medians of alternating runs; MB = highest anonymous memory`)
  console.table(Object.fromEntries(table.map(({ what, ...rest }) => [what, rest])))
}
if (options.json) {
  const { native } = await import('../dist/native.js')
  process.stdout.write(`${written(machine(), native.supported().simd)}\n`)
}
