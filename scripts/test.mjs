// Every check of the project, in order of cost; stops at the first that fails. The runners' own summaries come last.
import { spawn } from 'node:child_process'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

const STEPS = [
  ['setup', 'node', 'scripts/setup.mjs'],
  ['rustfmt', 'cargo', 'fmt', '--all', '--check'],
  ['clippy', 'cargo', 'clippy', '--release', '--workspace', '--all-targets', '--', '-D', 'warnings'],
  // the binding crate needs symbols that exist in Node only; its tests are those in __test__
  ['cargo test', 'cargo', 'test', '--release', '--workspace', '--exclude', 'modality-gap-node'],
  ['types', 'npm', 'run', 'typecheck'],
  ['biome', 'npx', 'biome', 'check', '--error-on-warnings'],
  ['index.d.ts', 'npm', 'run', 'check:dts'],
  ['native/binding', 'git', 'diff', '--exit-code', '--', 'native/binding.js', 'native/binding.d.ts'],
  ['documentation', 'npx', 'typedoc'],
  ['browser', 'node', 'scripts/browser.mjs'],
  ['ava', 'npx', 'ava'],
]

/** How each runner closes, with its counts of passed and failed tests. */
const SUMMARIES = [
  { line: /^test result: .*?(\d+) passed; (\d+) failed/, passed: 1, failed: 2 },
  { line: /^(\d+) tests? passed/, passed: 1 },
  { line: /^(\d+) tests? failed/, failed: 1 },
]

const closing = []
const total = { passed: 0, failed: 0 }
let failure
for (const [name, command, ...args] of STEPS) {
  process.stdout.write(`\n== ${name}\n`)
  const status = await run(command, args)
  if (status !== 0) {
    failure = `${name} failed: ${[command, ...args].join(' ')}`
    break
  }
}
process.stdout.write(`\n${closing.join('\n')}\n${total.passed} passed, ${total.failed} failed\n`)
if (failure) {
  process.stderr.write(`${failure}\n`)
  process.exitCode = 1
}

/** Runs a step, shows what it prints, and notes the lines in which a test runner closes. */
function run(command, args) {
  return new Promise(resolve => {
    const shell = process.platform === 'win32'
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
  for (const { line, passed, failed } of SUMMARIES) {
    const match = line.exec(text)
    if (match) {
      closing.push(text)
      total.passed += Number(match[passed] ?? 0)
      total.failed += Number(match[failed] ?? 0)
    }
  }
}

function stripColours(text) {
  return text.replaceAll(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g'), '')
}
