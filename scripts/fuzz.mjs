/**
 * Fuzzes the readers of files with libFuzzer (targets in fuzz/fuzz_targets): no panic, no hang, no allocation beyond a bound.
 *
 *   npm run fuzz [-- --seconds 60] [--only rows,ids] [--keep]
 *
 * Each target runs for so many seconds, from the fixtures of the tests and fuzz/corpus on. What it finds beyond them stays in
 * target/fuzz; with --keep the smallest inputs that reach more code are added to fuzz/corpus. An input that fails is kept in
 * fuzz/artifacts. Rust's nightly toolchain and cargo-fuzz are needed: `cargo install cargo-fuzz --locked`.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { scriptOptions, wrongUsage } from './options.mjs'

const ROOT = join(import.meta.dirname, '..')
const FUZZ = join(ROOT, 'fuzz')
const WORK = join(ROOT, 'target', 'fuzz')
/** Bytes of an input: what is longer repeats itself. */
const LONGEST = 1 << 16
/** Bytes of an input of the committed corpus. */
const KEPT = 1 << 11
/** Inputs that the committed corpus has of each target at most. */
const MOST_KEPT = 30
/** Bounds of one input: megabytes at once and altogether, seconds. */
const BOUNDS = ['-malloc_limit_mb=512', '-rss_limit_mb=3072', '-timeout=20', `-max_len=${LONGEST}`]

/** Folders whose files are the first inputs of a target. */
const SEEDS = {
  rows: ['crates/shards/tests/fixtures', '__test__/fixtures/published'],
  ids: ['crates/shards/tests/fixtures', '__test__/fixtures', '__test__/fixtures/records'],
  card: ['crates/shards/tests/fixtures/cards', 'crates/shards/tests/fixtures/splits'],
  states: [],
  specs: [],
  picture: ['crates/encoder/tests/fixtures/pictures'],
  pairs: ['crates/encoder/tests/fixtures', '__test__/fixtures/captions'],
  gguf: ['crates/revision/tests/fixtures/gguf'],
  model: [
    'crates/revision/tests/fixtures/qwen2',
    'crates/revision/tests/fixtures/text',
    'crates/revision/tests/fixtures/theirs',
  ],
  projector: ['crates/revision/tests/fixtures/theirs', 'crates/revision/tests/fixtures/ours'],
  template: ['crates/revision/tests/fixtures/text/templates'],
  encoder: ['crates/encoder/tests/fixtures/clip', 'crates/encoder/tests/fixtures'],
}
const TARGETS = Object.keys(SEEDS)

const { values } = scriptOptions({
  options: {
    seconds: { type: 'string', default: '60' },
    only: { type: 'string', default: TARGETS.join(',') },
    keep: { type: 'boolean', default: false },
  },
})
const targets = values.only.split(',')
const unknown = targets.find(target => !TARGETS.includes(target))
if (unknown !== undefined) wrongUsage(`unknown target \`${unknown}\`; expected ${TARGETS.join(', ')}`)
if (!(Number(values.seconds) > 0)) wrongUsage(`unknown number of seconds \`${values.seconds}\`; expected one above 0`)
if (cargo(['fuzz', '--version'], 'ignore') !== 0) {
  wrongUsage(
    'cargo-fuzz or the nightly toolchain is not there: rustup toolchain install nightly; cargo install cargo-fuzz --locked',
  )
}
if (cargo(['fuzz', 'build', '--fuzz-dir', FUZZ, '--target-dir', join(WORK, 'build')]) !== 0) process.exit(1)

const failed = targets.filter(target => !holds(target))
if (failed.length > 0) process.stderr.write(`fuzz: ${failed.join(', ')} failed; the inputs are in fuzz/artifacts\n`)
process.exitCode = failed.length > 0 ? 1 : 0

function holds(target) {
  const [seeds, found, corpus] = [
    join(WORK, 'seeds', target),
    join(WORK, 'found', target),
    join(FUZZ, 'corpus', target),
  ]
  for (const folder of [seeds, found, corpus]) mkdirSync(folder, { recursive: true })
  sow(target, seeds)
  process.stderr.write(
    `fuzz: ${target}, ${readdirSync(seeds).length + readdirSync(corpus).length} inputs to begin with\n`,
  )
  const run = [...fuzz('run', target), found, seeds, corpus, '--', ...BOUNDS, `-max_total_time=${values.seconds}`]
  const passed = cargo([...run, '-print_final_stats=1', '-verbosity=0']) === 0
  if (passed && values.keep) keep(target, [found, seeds, corpus])
  return passed
}

/** Adds the smallest inputs that reach code which the fixtures do not. */
function keep(target, [found, seeds, corpus]) {
  const merged = join(WORK, 'merged', target)
  rmSync(merged, { recursive: true, force: true })
  mkdirSync(merged, { recursive: true })
  const before = new Set([...readdirSync(seeds), ...readdirSync(corpus)])
  cargo([...fuzz('run', target), merged, corpus, seeds, found, '--', '-merge=1', ...BOUNDS], 'ignore')
  const fresh = readdirSync(merged).filter(name => !before.has(name))
  const small = fresh
    .map(name => ({ name, size: statSync(join(merged, name)).size }))
    .filter(({ size }) => size <= KEPT)
    .sort((a, b) => a.size - b.size || a.name.localeCompare(b.name))
  for (const { name } of small.slice(0, Math.max(0, MOST_KEPT - readdirSync(corpus).length))) {
    writeFileSync(join(corpus, name), readFileSync(join(merged, name)))
  }
}

function fuzz(command, target) {
  return ['fuzz', command, '--fuzz-dir', FUZZ, '--target-dir', join(WORK, 'build'), target]
}

/** Writes the fixtures that a target can read, each behind the byte that names its kind where the target asks for one. */
function sow(target, folder) {
  const source = readFileSync(join(FUZZ, 'fuzz_targets', `${target}.rs`), 'utf8')
  const list = /const (ENDINGS|FILES): \[[^=]*= \[([^\]]*)\]/.exec(source)
  const kinds = list === null ? undefined : [...list[2].matchAll(/"([^"]+)"/g)].map(([, kind]) => kind)
  for (const path of SEEDS[target].flatMap(from => filesOf(join(ROOT, from)))) {
    const name = basename(path)
    const kind = kinds?.findIndex(one => (list[1] === 'FILES' ? name === one : name.endsWith(`.${one}`)))
    const bytes = readFileSync(path)
    if (kind === -1 || bytes.length > LONGEST) continue
    const input = kind === undefined ? bytes : Buffer.concat([Buffer.from([kind]), bytes])
    // names by content, as libFuzzer gives them
    writeFileSync(join(folder, createHash('sha1').update(input).digest('hex')), input)
  }
}

function filesOf(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
}

function cargo(args, stdio = 'inherit') {
  return spawnSync('cargo', ['+nightly', ...args], { cwd: ROOT, stdio }).status
}
