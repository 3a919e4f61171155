import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { folderOf } from './helpers/place.ts'

const SCRIPT = join(import.meta.dirname, '..', 'scripts', 'mutants.mjs')
const SUM = 'export const sum = (a, b) => a + b\n'

/** Stands in for ava: a test of the sum of two and three, and one that notices nothing. */
const RUNNER = `
import { sum } from '../../../src/sum.mjs'
process.exit(process.argv.at(-1).includes('blind') || sum(2, 3) === 5 ? 0 : 1)
`

const PLUS = { file: 'src/sum.mjs', find: 'a + b', replace: 'a - b', test: 'ava sum' }

/** A project of one function under git. */
function project(t: ExecutionContext, mutants: readonly object[]): string {
  const folder = folderOf(t)
  const files = {
    'src/sum.mjs': SUM,
    'scripts/mutants/src.json': JSON.stringify(mutants),
    'node_modules/ava/entrypoints/cli.mjs': RUNNER,
    '.gitignore': 'node_modules\n',
  }
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  const git = (...args: string[]) => spawnSync('git', args, { cwd: folder, encoding: 'utf8' })
  git('init', '-q')
  git('add', '.')
  const identity = ['-c', 'user.name=t', '-c', 'user.email=t@example.org', '-c', 'commit.gpgsign=false']
  t.is(git(...identity, 'commit', '-qm', 'test: sum').status, 0)
  return folder
}

function mutants(folder: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, '--root', folder, ...args], {
    encoding: 'utf8',
  })
  return { status, said: `${stdout}${stderr}` }
}

const sumOf = (folder: string) => readFileSync(join(folder, 'src', 'sum.mjs'), 'utf8')

test('a mutant that a test notices is killed, one that it does not survives, and the file is as it was', t => {
  const folder = project(t, [PLUS, { ...PLUS, replace: 'b + a' }, { ...PLUS, test: 'ava blind' }])
  const { status, said } = mutants(folder)
  t.is(status, 1)
  t.regex(said, /1\/3 killed: src\/sum\.mjs/)
  t.regex(said, /2\/3 survived: src\/sum\.mjs \(ava sum\)\n {2}"a \+ b"\n {2}"b \+ a"/)
  t.regex(said, /1 of 3 killed, 2 survived, 0 do not build/)
  t.is(sumOf(folder), SUM)
  t.is(spawnSync('git', ['status', '--porcelain'], { cwd: folder, encoding: 'utf8' }).stdout, '')
})

test('all killed is success, and a choice by seed is the same each time', t => {
  const folder = project(
    t,
    ['a - b', 'a * b', 'a', 'b', '0'].map(replace => ({ ...PLUS, replace })),
  )
  t.is(mutants(folder).status, 0)
  const [one, again] = [
    mutants(folder, '--sample', '2', '--seed', '4'),
    mutants(folder, '--sample', '2', '--seed', '4'),
  ]
  t.regex(one.said, /2 of 2 killed/)
  t.is(one.said, again.said)
  t.like(mutants(folder, '--only', 'crates'), { status: 1 })
})

test('changes that are not committed are left alone', t => {
  const folder = project(t, [PLUS])
  const changed = `${SUM}// mine\n`
  writeFileSync(join(folder, 'src', 'sum.mjs'), changed)
  const { status, said } = mutants(folder)
  t.is(status, 2)
  t.regex(said, /not committed/)
  t.is(sumOf(folder), changed)
})

test('a text that is not in its file, or there twice, is stale', t => {
  const folder = project(t, [PLUS, { ...PLUS, find: 'a % b' }, { ...PLUS, find: 'a' }])
  const { status, said } = mutants(folder, '--check')
  t.is(status, 1)
  t.regex(said, /"a % b"/)
  t.regex(said, /2 of 3 are to be written anew/)
})

test('tests that fail without a mutant say nothing', t => {
  const folder = project(t, [PLUS])
  writeFileSync(join(folder, 'node_modules/ava/entrypoints/cli.mjs'), 'console.log("broken"); process.exit(1)')
  const { status, said } = mutants(folder)
  t.is(status, 2)
  t.regex(said, /broken\n+ava sum fails before anything was changed/)
})

test('every mutant of the lists stands in its file', t => {
  const { status, said } = mutants(join(import.meta.dirname, '..'), '--check')
  t.is(status, 0, said)
})
