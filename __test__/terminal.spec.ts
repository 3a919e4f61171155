import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { table } from '../src/cli/print.ts'
import { printable, printableLine } from '../src/cli/printable.ts'
import { evaluationText } from '../src/cli/revision-table.ts'
import { MAIN, modalityGap, node } from './helpers/cli.ts'
import { writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'

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

test('the worth of an image is what others’ images lose', t => {
  const record = { name: 'held', count: 4, loss: 2, perplexity: Math.exp(2), accuracy: 0.5, shuffledLoss: 2.75 }
  const text = evaluationText({ evaluation: { records: [record], benchmarks: [], groups: [] } })
  t.regex(text, /worth of the image\n.* 2\.750 +0\.7500$/)
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

/** What prints, in TypeScript and in Rust, and the only files that it stands in. */
const PRINTS: [RegExp, string[]][] = [
  [/process\.std(?:out|err)\.write|process\.std(?:out|err)\[|\bconsole\.\w/, ['src/cli/output.ts']],
  [/process\.stdout\b(?!\.isTTY)/, ['src/cli/output.ts']],
  // bars, whose words are made printable there
  [/process\.stderr\b(?!\.isTTY)|'cli-progress'/, ['src/cli/output.ts', 'src/cli/progress.ts']],
  // the command line prints warnings by `tell`
  [/emitWarning/, ['src/revision/model.ts', 'src/spark.ts']],
  [/\.on\('warning'/, ['src/cli/main.ts']],
  // Commander's own messages
  [/configureOutput|writeErr|writeOut/, ['src/cli/main.ts']],
  [/writeSync\((?:1|2)\b|\/dev\/(?:tty|stdout|stderr)|createWriteStream/, []],
  // panics, written out; JSON of the worker for its scheduler
  [
    /\b(?:e?print(?:ln)?|dbg)!|io::(?:stdout|stderr)\(|std(?:out|err)\(\)/,
    ['crates/node/src/lib.rs', 'crates/worker/src/main.rs'],
  ],
]

test('everything that is printed goes through one place', t => {
  const root = join(import.meta.dirname, '..')
  const sources = ['src', 'crates'].flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .map(name => `${folder}/${name.replaceAll('\\', '/')}`)
      .filter(name => /\.(?:ts|rs)$/.test(name) && !/\/(?:tests|benches|examples|page)\/|\/tests\.rs$/.test(name)),
  )
  t.true(sources.length > 300, `${sources.length}`)
  const texts = new Map(
    sources.map(name => {
      const [code = ''] = readFileSync(join(root, name), 'utf8').split('#[cfg(test)]\nmod tests {')
      return [name, code.replaceAll(/^\s*(?:\/\/|\*|\/\*\*).*$/gm, '')]
    }),
  )
  for (const [prints, files] of PRINTS) {
    const found = [...texts].filter(([, text]) => prints.test(text)).map(([name]) => name)
    t.deepEqual(found.sort(), [...files].sort(), String(prints))
  }
  // where it is made printable
  t.is(texts.get('src/cli/output.ts')?.match(/process\.stderr\.write\(`\$\{printable\(line\)\}\\n`\)/g)?.length, 1)
  t.is(texts.get('src/cli/output.ts')?.match(/process\.std(?:out|err)\.write/g)?.length, 1)
})

test('notes about a model reach the terminal written out', async t => {
  const { stderr } = await node([
    '--import',
    'data:text/javascript,setImmediate(() => process.emitWarning("a\\u001b[31m note\\u202e", "ModelWarning"))',
    MAIN,
    'inspect',
    '--help',
  ])
  t.true(stderr.includes(String.raw`ModelWarning: a\x1b[31m note\u202e`), stderr)
  t.notRegex(stderr, OBEYED)
})

test('JSON is what was found, character by character', async t => {
  const folder = folderOf(t)
  const name = 'rows\u202e\u001b[31m.npy'
  writeNpy(
    join(folder, name),
    Float32Array.from({ length: 32 }, (_, i) => Math.sin(i)),
    [8, 4],
  )
  const { stdout, code } = await modalityGap(['inspect', join(folder, name), '--json'])
  t.is(code, 0)
  t.true(stdout.includes('\u202e') && stdout.includes(String.raw`\u001b[31m`), stdout)
  t.true(JSON.stringify(JSON.parse(stdout)).includes(JSON.stringify(name).slice(1, -1)))
})
