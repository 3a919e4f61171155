import { existsSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { MAIN, modalityGap, node } from './helpers/cli.ts'
import { folderOf, SAMPLE } from './helpers/place.ts'

const SIDES = ['--image', 'x', '--text', 'y', '--out', 'z']

const WRONG: [args: string[], message: RegExp][] = [
  [['algin'], /unknown command 'algin'\n\(Did you mean align\?\)/],
  [['align', '--imge', 'x', '--out', 'z'], /unknown option '--imge'\n\(Did you mean --image\?\)/],
  [['align', '--image', 'x', '--text', 'y'], /required option '--out <dir>' not specified/],
  [['align', '--image', 'x', '--out', 'z'], /give both --image and --text/],
  [['align', '--image', 'x', '--target', 'y', '--out', 'z'], /cannot be used with option/],
  [['align', '--target', 'x', '--out', 'z'], /or both --target and --source/],
  [
    ['align', ...SIDES, '--method', 'magic'],
    /Allowed choices are realign, mean-shift, centering, c3, bca, procrustes, bures, aniso-init, none/,
  ],
  [['align', ...SIDES, '--threads', '0'], /whole number of at least 1/],
  [['align', ...SIDES, '--threads', 'two'], /whole number of at least 1/],
  [['align', ...SIDES, '--seed', '1.5'], /whole number of at least 0/],
  [['align', ...SIDES, '--holdout', '1'], /from 0 up to/],
  [['align', ...SIDES, '--tolerance', '0'], /above zero/],
  [['align', ...SIDES, '--steps', 'anchor,dance'], /unknown step `dance`/],
  [['align', ...SIDES, '--dtype', 'int8'], /Allowed choices are f16, bf16, f32, f64/],
  [['align', ...SIDES, 'more'], /too many arguments/],
  [['transform', '--in', 'x', '--out', 'y'], /required option '--aligner <file>'/],
  [['inspect'], /missing required argument 'src'/],
  [['task'], /missing required argument 'spec'/],
]

for (const [args, message] of WRONG) {
  test(`wrong usage: ${args.join(' ')}`, async t => {
    const { code, stdout, stderr } = await modalityGap(args)
    t.is(code, 2)
    t.is(stdout, '')
    t.regex(stderr, /^modality-gap: /)
    t.regex(stderr, message)
  })
}

test('no command at all is wrong usage, with the list of commands', async t => {
  const { code, stdout, stderr } = await modalityGap([])
  t.is(code, 2)
  t.is(stdout, '')
  t.regex(stderr, /Commands:/)
})

test('options that only make no sense together are wrong usage too', async t => {
  const out = join(folderOf(t), 'out')
  const args = ['align', '--image', SAMPLE, '--text', SAMPLE, '--out', out, '--method', 'none']
  const { code, stderr } = await modalityGap([...args, '--centroid', 'solve'])
  t.is(code, 2)
  t.false(existsSync(out))
  t.regex(stderr, /^modality-gap: .*realign\n$/)
})

test('help and version are results', async t => {
  const help = await modalityGap(['--help'])
  t.is(help.code, 0)
  for (const name of ['demo', 'align', 'fit', 'transform', 'measure', 'inspect', 'convert', 'task']) {
    t.regex(help.stdout, new RegExp(`^ {2}${name} `, 'm'))
    t.is((await modalityGap([name, '--help'])).code, 0)
  }
  t.regex((await modalityGap(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/)
})

/** Writes the packages that were loaded, when the process ends. */
const LOADED = `
  import Module from 'node:module'
  const load = Module._load
  const packages = new Set()
  Module._load = (name, ...rest) => {
    if (!name.startsWith('.') && !name.startsWith('/') && !Module.isBuiltin(name)) packages.add(name)
    return load(name, ...rest)
  }
  process.on('exit', () => process.stderr.write(JSON.stringify([...packages])))
`

/** A package takes as long to load as a small alignment. */
test('a command waits for no package that it does not need', async t => {
  const place = folderOf(t)
  const preload = ['--import', `data:text/javascript,${encodeURIComponent(LOADED)}`]
  const align = ['align', '--image', SAMPLE, '--text', SAMPLE, '--out', join(place, 'aligned')]
  for (const args of [['--version'], align]) {
    const { code, stderr } = await node([...preload, MAIN, ...args])
    t.is(code, 0, stderr)
    t.regex(stderr, /\[\]$/, args[0])
  }
  const set = ['revision', 'run', join(place, 'none.yaml'), '--set', 'stage1.steps=1']
  t.regex((await node([...preload, MAIN, ...set])).stderr, /"yaml"/, 'one that is needed is noticed')
})
