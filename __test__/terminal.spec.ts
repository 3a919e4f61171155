import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { table } from '../src/cli/print.ts'
import { printable, printableLine } from '../src/cli/printable.ts'
import { modalityGap } from './helpers/cli.ts'
import { folderOf } from './helpers/place.ts'

const CLI = join(import.meta.dirname, '..', 'src', 'cli')
/** What a terminal obeys, or shows in another order; tab and line feed are passed on. */
const OBEYED = /(?![\t\n])[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\u{e0041}/u

test('what a terminal would obey is written out, and nothing else is changed', t => {
  const changed: [string, string][] = [
    ['\u001b[2J', String.raw`\x1b[2J`],
    ['\u009b31m', String.raw`\x9b31m`],
    ['a\rb\bc\u0000', String.raw`a\x0db\x08c\x00`],
    ['\u202eabc\u2066', String.raw`\u202eabc\u2066`],
    ['\u{e0041}', String.raw`\u{e0041}`],
    ['\u2028', String.raw`\u2028`],
  ]
  for (const [text, shown] of changed) {
    t.is(printable(text), shown)
    t.is(printable(shown), shown)
    t.notRegex(printable(text), OBEYED)
  }
  for (const text of ['a fox\n\tand snow', 'größer → 東京 ≥ 3', '👩‍🚀 and 👍🏽', 'שלום', String.raw`C:\x1b`]) {
    t.is(printable(text), text)
  }
  t.is(printableLine('a\nb\tc'), String.raw`a\nb\tc`)
})

test('a cell of a table is one line, and columns stay in line', t => {
  const shown = table([
    ['na\nme', '1'],
    ['\u001b]0;x\u0007', '22'],
  ])
  t.is(shown.split('\n').length, 2)
  t.notRegex(shown, OBEYED)
  t.is(new Set(shown.split('\n').map(({ length }) => length)).size, 1)
})

test('foreign names reach the terminal written out: files, columns, keys of a configuration, arguments', async t => {
  const folder = folderOf(t)
  const evil = '\u001b[31mred\u202e'
  const config = join(folder, 'c.yaml')
  writeFileSync(config, JSON.stringify({ [`key${evil}`]: 1, model: { path: `m${evil}` }, output: 'o' }))
  const log = join(folder, `log${evil}.jsonl`)
  writeFileSync(log, '{}\n')
  const commands = [
    ['inspect', join(folder, `gone${evil}.npy`)],
    ['inspect', `${log}#${evil}`],
    ['revision', 'run', config],
    ['track', log],
    ['inspect', '--unknown', evil],
    [`--${evil}`],
    [evil],
  ]
  for (const args of commands) {
    const { stdout, stderr, code } = await modalityGap(args)
    t.not(code, 0, args.join(' '))
    t.notRegex(stdout + stderr, OBEYED, args.join(' '))
  }
  const { stderr } = await modalityGap(['inspect', join(folder, `gone${evil}.npy`)])
  t.true(stderr.includes(String.raw`gone\x1b[31mred\u202e.npy`), stderr)
})

test('everything that the commands print goes through one place', t => {
  for (const file of readdirSync(CLI).filter(name => name.endsWith('.ts') && name !== 'output.ts')) {
    const source = readFileSync(join(CLI, file), 'utf8')
    t.notRegex(source, /process\.(?:stdout|stderr)\.write|console\./, file)
  }
})
