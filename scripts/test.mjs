// Every check of the project, in order of cost; stops at the first that fails. The runners' own summaries come last, then
// what was left out and why, then one line with the tests of all runners.
//   node scripts/test.mjs [--without smollm2,browser]     leaves out the tests that need these, even where CI is set
import { spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EXTRAS, missingExtras, missingTools } from './needs.mjs'
import { scriptOptions, wrongUsage } from './options.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const shell = process.platform === 'win32'

/** How each runner closes, with its counts; `filtered out` is what libtest says of tests that `--skip` leaves out. */
const SUMMARIES = [
  { line: /^test result: .*?(\d+) passed; (\d+) failed.*?(\d+) filtered out/, passed: 1, failed: 2, skipped: 3 },
  { line: /^(\d+) tests? passed/, passed: 1 },
  { line: /^(\d+) (?:tests?|hooks?) failed/, failed: 1 },
]

const { values: options } = scriptOptions({ options: { without: { type: 'string', default: '' } } })
const without = options.without.split(',').filter(Boolean)
const parts = EXTRAS.map(({ id }) => id)
const unknown = without.find(id => !parts.includes(id))
if (unknown !== undefined) wrongUsage(`unknown part \`${unknown}\`; expected ${parts.join(', ')}`)
const closing = []
const total = { passed: 0, failed: 0, skipped: 0 }
const failure = await check()
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : ''
process.stdout.write(`\n${closing.join('\n')}\n${total.passed} passed, ${total.failed} failed${skipped}\n`)
if (failure) {
  process.stderr.write(`${failure}\n`)
  process.exitCode = 1
}

/** Runs everything and returns what failed, if anything did. */
async function check() {
  process.stdout.write('== needs\n')
  const tools = missingTools()
  for (const { name, install } of tools) process.stdout.write(`missing: ${name}; install: ${install}\n`)
  if (tools.length > 0) return `nothing can be checked without ${namesOf(tools)}`
  const extras = await missingExtras(without)
  for (const { name, why } of extras) process.stdout.write(`missing: ${name}: ${why}\n`)
  const unwanted = extras.filter(({ id }) => !without.includes(id))
  if (process.env.CI && unwanted.length > 0) {
    return `CI is set, so no test may be left out for want of ${namesOf(unwanted)}`
  }
  for (const [name, command, ...args] of stepsFor(extras)) {
    process.stdout.write(`\n== ${name}\n`)
    const failed = (await run(command, args)) !== 0
    // the specs run last, and what was left out of them is said whether they pass or not
    if (name === 'ava') countLeftOut(extras)
    if (failed) return `${name} failed: ${[command, ...args].join(' ').slice(0, 200)}`
  }
  return undefined
}

function countLeftOut(extras) {
  for (const extra of extras) {
    // libtest has counted the cargo tests
    const tests = countTests(specsOf(extra)) + (extra.cargo ? total.skipped : 0)
    closing.push(`${tests} skipped, which need ${extra.name}: ${extra.why}`)
  }
  total.skipped += countTests(extras.flatMap(specsOf))
}

function stepsFor(extras) {
  const leftOut = extras.flatMap(specsOf)
  const cargoFilters = extras.flatMap(({ cargo }) => (cargo ? ['--skip', cargo] : []))
  return [
    ['setup', 'node', 'scripts/setup.mjs'],
    ['rustfmt', 'cargo', 'fmt', '--all', '--check'],
    ['clippy', 'cargo', 'clippy', '--release', '--workspace', '--all-targets', '--', '-D', 'warnings'],
    // the binding crate needs symbols that exist in Node only; its tests are those in __test__
    [
      'cargo test',
      'cargo',
      'test',
      '--release',
      '--workspace',
      '--exclude',
      'modality-gap-node',
      '--',
      ...cargoFilters,
    ],
    ['types', 'npm', 'run', 'typecheck'],
    ['biome', 'npx', 'biome', 'check', '--error-on-warnings'],
    ['generated files', 'node', 'scripts/generated.mjs'],
    ['documentation', 'npx', 'typedoc'],
    ['ava', 'npx', 'ava', ...(leftOut.length > 0 ? specs().filter(spec => !leftOut.includes(spec)) : [])],
  ]
}

function specs() {
  return readdirSync(join(root, '__test__'))
    .filter(name => name.endsWith('.spec.ts'))
    .map(name => `__test__/${name}`)
}

function specsOf(extra) {
  return specs().filter(spec => spec.endsWith(extra.specs))
}

/** How many tests some spec files register. */
function countTests(files) {
  if (files.length === 0) return 0
  const { nodeArguments } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).ava
  const args = [...nodeArguments, 'scripts/count-tests.mjs', ...files]
  const { status, stdout } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (status !== 0) throw new Error(`the tests of ${files.join(', ')} could not be counted`)
  return Number(stdout)
}

/** Runs a step, shows what it prints, and notes the lines in which a test runner closes. */
function run(command, args) {
  return new Promise(resolve => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], shell })
    let rest = ''
    child.stdout.on('data', chunk => {
      process.stdout.write(chunk)
      const lines = (rest + chunk).split('\n')
      rest = lines.pop()
      lines.forEach(note)
    })
    child.on('error', error => {
      process.stderr.write(`${error.message}\n`)
      resolve(1)
    })
    child.on('close', status => {
      note(rest)
      resolve(status)
    })
  })
}

function note(raw) {
  const text = stripColours(raw).trim()
  for (const { line, ...counts } of SUMMARIES) {
    const match = line.exec(text)
    if (match) {
      closing.push(text)
      for (const [what, group] of Object.entries(counts)) total[what] += Number(match[group])
    }
  }
}

function namesOf(list) {
  return list.map(({ name }) => name).join(', ')
}

function stripColours(text) {
  return text.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g'), '')
}
