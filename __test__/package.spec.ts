import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { LICENCES, NOTICES, readManifest } from '../scripts/release/platforms.mjs'
import { BINARY, PackedRelease, PLATFORM } from './helpers/packed.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..')

let packages: PackedRelease

test.before(() => {
  packages = new PackedRelease()
})

test.after.always(() => packages?.remove())

test('the root package holds the façade, its types, the sample and the licences, and nothing native', t => {
  const { files } = packages.root
  for (const needed of [
    'dist/index.js',
    'dist/transform.js',
    'dist/cli/main.js',
    'native/binding.cjs',
    'native/binding.d.ts',
    'index.d.ts',
    'transform.d.ts',
    'README.md',
    'LICENSE',
    'LICENSE-MIT',
    'LICENSE-APACHE',
  ]) {
    t.true(files.includes(needed), needed)
  }
  t.true(files.some(file => file.startsWith('samples/')))
  const unwanted = files.filter(file => /\.node$|(?<!\.d)\.ts$|^(src|crates|__test__|benches|target)\//.test(file))
  t.deepEqual(unwanted, [])
})

test('the platform package holds the binary, the licences and no code of ours beside it', t => {
  t.deepEqual(
    [...packages.platform.files].sort(),
    ['LICENSE', ...LICENCES, NOTICES, 'README.md', BINARY, 'package.json'].sort(),
  )
})

test('an installed pair works by import, by require and as a command, without cargo and without install scripts', async t => {
  const folder = packages.install('pair')
  for (const name of ['modality-gap', `@modality-gap/binding-${PLATFORM}`]) {
    const { scripts = {} } = readManifest(join(folder, 'node_modules', name))
    t.deepEqual(
      Object.keys(scripts).filter(script => ['preinstall', 'install', 'postinstall', 'prepare'].includes(script)),
      [],
    )
  }
  const { optionalDependencies } = readManifest(join(folder, 'node_modules', 'modality-gap'))
  t.is(optionalDependencies[`@modality-gap/binding-${PLATFORM}`], readManifest(root).version)

  writeFileSync(join(folder, 'use.mjs'), `import { Aligner, openEmbeddings } from 'modality-gap'\n${USE}`)
  writeFileSync(
    join(folder, 'use.cjs'),
    `const { Aligner, openEmbeddings } = require('modality-gap')\nmain()\nasync function main() {\n${USE}}\n`,
  )
  for (const script of ['use.mjs', 'use.cjs']) {
    const { gap, length } = JSON.parse(await node(folder, script))
    t.true(gap.after < gap.before, `${script}: ${JSON.stringify(gap)}`)
    t.true(Math.abs(length - 1) < 1e-6, `${script}: length ${length}`)
  }

  const command = join(folder, 'node_modules', '.bin', 'modality-gap')
  const shell = process.platform === 'win32'
  const { stdout } = await run(command, ['--version'], { cwd: folder, env: packages.env, shell })
  t.is(stdout.trim(), readManifest(root).version)
  const demo = await run(command, ['demo'], { cwd: folder, env: packages.env, shell })
  t.regex(demo.stdout, /gap/i)
})

test('every entry has its types, and an entry for a part holds what the root holds under that name', async t => {
  const { exports } = readManifest(root)
  const entries = Object.entries(exports).filter(([, target]) => typeof target === 'object')
  for (const [, target] of entries) {
    t.true(packages.root.files.includes((target as { types: string }).types.slice(2)))
  }
  const folder = packages.install('entries')
  const parts = entries.map(([name]) => name.slice(1)).filter(name => !['', '/transform'].includes(name))
  t.deepEqual(parts, ['/report', '/revision', '/text-metrics'])
  for (const part of parts) {
    const code = `const [whole, part] = await Promise.all(['', '${part}'].map(name => import('modality-gap' + name)))
      const names = Object.keys(part)
      console.log(names.length > 0 && names.every(name => part[name] === whole[name]))`
    t.is(await node(folder, '--input-type=module', '-e', code), 'true', part)
    const types = readFileSync(join(folder, 'node_modules', 'modality-gap', `${part.slice(1)}.d.ts`), 'utf8')
    t.regex(types, /^export \{[\s\w,]+\} from '\.\/index\.js'\n$/)
  }
})

test('the root package alone says what is missing and what to do, and its dependency-free entry still works', async t => {
  const folder = packages.install('alone', [packages.root])
  const failure = await t.throwsAsync(node(folder, '-e', `import('modality-gap')`))
  const { stderr } = failure as unknown as { stderr: string }
  t.regex(stderr, /NATIVE_UNAVAILABLE/)
  t.true(stderr.includes(`@modality-gap/binding-${PLATFORM}`), stderr)
  t.regex(stderr, /what to do: .*install/)
  t.is(await node(folder, '-e', `import('modality-gap/transform').then(m => console.log(typeof m))`), 'object')
})

/** The same small fit for both kinds of module; ends by printing one line of JSON. */
const USE = `
const dim = 8
const rows = (n, shift) => Float32Array.from({ length: n * dim }, (_, i) => Math.sin(i * 1.7 + shift) + (i % dim === shift ? 2 : 0))
const target = await openEmbeddings(rows(40, 1), { dim })
const source = await openEmbeddings(rows(50, 5), { dim })
const aligner = await Aligner.fit({ target, source })
const row = aligner.transform(rows(1, 5))
console.log(JSON.stringify({ gap: aligner.report.gap, length: Math.hypot(...row) }))
`

async function node(folder: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, args, { cwd: folder, env: packages.env })
  return stdout.trim()
}
