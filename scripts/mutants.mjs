// Breaks the code in one place at a time and looks whether the named test notices:
//   npm run mutants                          all mutants of scripts/mutants/*.json
//   npm run mutants -- --only src            those of files whose path begins so; may be repeated
//   npm run mutants -- --sample 12 --seed 5  a random choice of as many
//   npm run mutants -- --check               only whether every text to replace stands in its file exactly once
//
// A list holds { file, find, replace, test }. `test` is `ava NAME` for __test__/NAME.spec.ts, or `cargo NAME` for the
// integration tests NAME of a crate, or `lib FILTER` for unit tests, or `built NAME` for __test__/NAME.spec.ts once the native code and
// `dist` are built anew, which takes a while: a mutant of a crate names one of the last three, one that only a command shows the last.
// `ava` and `built` may name several. The working tree must be clean; each file is put back from memory, and a copy of it lies in a
// temporary folder until then; after Ctrl-C on a `built` one `npm run build` makes the rest as it was.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
    check: { type: 'boolean', default: false },
    root: { type: 'string', default: dirname(dirname(fileURLToPath(import.meta.url))) },
    timeout: { type: 'string', default: '600' },
  },
})
const root = resolve(values.root)
/** Builds what is older than its sources. */
const SETUP = [process.execPath, join(root, 'scripts', 'setup.mjs')]
/** Crates that are one unit for the sake of their speed are compiled in parts, so that a mutant is built in seconds. */
const COMPILED_APART = ['geometry', 'nn'].flatMap(name => [
  '--config',
  `profile.release.package.modality-gap-${name}.codegen-units=16`,
])
const say = text => process.stdout.write(`${text}\n`)

const all = readLists().filter(
  ({ file }) => values.only.length === 0 || values.only.some(only => file.startsWith(only)),
)
const stale = all.filter(mutant => !standsOnce(mutant))
for (const { file, find } of stale) say(`stale: ${file} does not hold exactly once: ${JSON.stringify(find)}`)
if (stale.length > 0 || all.length === 0) {
  say(all.length === 0 ? 'no mutants of that path' : `${stale.length} of ${all.length} are to be written anew`)
  process.exit(1)
}
if (values.check) {
  say(`${all.length} mutants stand in their files`)
  process.exit(0)
}
if (!isClean()) {
  say('the working tree has changes that are not committed; commit or stash them first')
  process.exit(2)
}
process.exit(run(chosen(all)))

function readLists() {
  const folder = join(root, 'scripts', 'mutants')
  const lists = readdirSync(folder).filter(name => name.endsWith('.json'))
  return lists.sort().flatMap(name => JSON.parse(readFileSync(join(folder, name), 'utf8')))
}

function standsOnce({ file, find, replace }) {
  const text = readFileSync(join(root, file), 'utf8')
  return find !== replace && text.split(find).length === 2
}

function isClean() {
  const { status, stdout } = spawnSync('git', ['status', '--porcelain', '--untracked-files=no'], { cwd: root })
  return status === 0 && stdout.length === 0
}

/** All, or a choice by seed: the order of hashes (FNV-1a). */
function chosen(mutants) {
  if (values.sample === undefined) {
    return mutants
  }
  const hash = text => {
    let h = 0x811c9dc5
    for (const byte of Buffer.from(text)) h = Math.imul(h ^ byte, 0x01000193) >>> 0
    return h
  }
  const key = ({ file, find }) => hash(`${values.seed} ${file} ${find}`)
  const taken = new Set([...mutants].sort((a, b) => key(a) - key(b)).slice(0, Number(values.sample)))
  return mutants.filter(mutant => taken.has(mutant))
}

/** Exit code: 0 when all were killed. */
function run(mutants) {
  for (const test of new Set(mutants.map(({ test }) => test))) {
    const { passed, output } = tried(test)
    if (!passed) {
      say(`${output}\n${test} fails before anything was changed`)
      return 2
    }
  }
  const counts = { killed: 0, survived: 0, broken: 0 }
  for (const [i, mutant] of mutants.entries()) {
    const found = withMutant(mutant, () => verdict(mutant.test))
    // what was built of it is built of the code again
    if (mutant.test.startsWith('built ')) execute(SETUP)
    counts[found]++
    const { file, find, replace, test } = mutant
    say(`${i + 1}/${mutants.length} ${found}: ${file} (${test})`)
    if (found !== 'killed') say(`  ${JSON.stringify(find)}\n  ${JSON.stringify(replace)}`)
  }
  say(`${counts.killed} of ${mutants.length} killed, ${counts.survived} survived, ${counts.broken} do not build`)
  return counts.killed === mutants.length ? 0 : 1
}

/** Does `work` while the mutant stands in its file; whatever ends the process, the file is put back. */
function withMutant({ file, find, replace }, work) {
  const path = join(root, file)
  const original = readFileSync(path, 'utf8')
  const folder = mkdtempSync(join(tmpdir(), 'modality-gap-mutant-'))
  copyFileSync(path, join(folder, basename(file)))
  const restore = () => writeFileSync(path, original)
  const stop = () => {
    restore()
    process.exit(130)
  }
  process.on('exit', restore)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop)
  try {
    writeFileSync(
      path,
      original.replace(find, () => replace),
    )
    return work()
  } finally {
    restore()
    process.off('exit', restore)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(signal, stop)
    rmSync(folder, { recursive: true })
  }
}

function verdict(test) {
  const builder = builderOf(test)
  if (builder !== undefined && !execute(builder).passed) {
    return 'broken'
  }
  return tried(test).passed ? 'survived' : 'killed'
}

/** What builds the code that a test runs; TypeScript needs nothing. */
function builderOf(test) {
  const kind = test.split(' ')[0]
  if (kind === 'ava') return undefined
  return kind === 'built' ? SETUP : [...cargo(test), '--no-run']
}

function tried(test) {
  return execute(/^(ava|built) /.test(test) ? ava(test) : [...cargo(test), ...filterOf(test)])
}

function ava(test) {
  const names = test.split(' ').slice(1)
  const files = names.map(name => join('__test__', `${name}.spec.ts`))
  return [process.execPath, join('node_modules', 'ava', 'entrypoints', 'cli.mjs'), '--fail-fast', ...files]
}

function cargo(test) {
  const [kind, name] = test.split(' ')
  // one set of features, or the dependencies are compiled anew
  const command = ['cargo', 'test', '--release', '--workspace', '--exclude', 'modality-gap-node', ...COMPILED_APART]
  return kind === 'lib' ? [...command, '--lib'] : [...command, '--test', name]
}

function filterOf(test) {
  const [kind, filter] = test.split(' ')
  return kind === 'lib' ? ['--', filter] : []
}

function execute([command, ...args]) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    env: { ...process.env, CARGO_INCREMENTAL: '1' },
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    timeout: 1000 * Number(values.timeout),
  })
  return { passed: status === 0, output: `${stdout}${stderr}` }
}
