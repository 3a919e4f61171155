import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { LICENCES, NOTICES, productionPackages, readManifest } from '../scripts/release/platforms.mjs'
import { artifactsWithStandIns, stageRelease } from '../scripts/release/stage.mjs'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..')
const platform = platformName()
const binary = `modality-gap.${platform}.node`

interface Packed {
  tarball: string
  files: string[]
}

let scratch: string
let packages: { root: Packed; platform: Packed; dependencies: string[] }

test.before(() => {
  if (!existsSync(join(root, 'native', binary)) || !existsSync(join(root, 'dist', 'index.js'))) {
    throw new Error(`native/${binary} or dist/ is missing; run "npm run build" first`)
  }
  scratch = mkdtempSync(join(tmpdir(), 'modality-gap-package-'))
  packages = packAll()
})

test.after.always(() => {
  if (scratch !== undefined) rmSync(scratch, { recursive: true, force: true })
})

test('the root package holds the façade, its types, the sample and the licences, and nothing native', t => {
  const { files } = packages.root
  for (const needed of [
    'dist/index.js',
    'dist/transform.js',
    'dist/cli/main.js',
    'native/binding.js',
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
    ['LICENSE', ...LICENCES, NOTICES, 'README.md', binary, 'package.json'].sort(),
  )
})

test('an installed pair works by import, by require and as a command, without cargo and without install scripts', async t => {
  const folder = install('pair', [packages.root.tarball, packages.platform.tarball])
  for (const name of ['modality-gap', `@modality-gap/binding-${platform}`]) {
    const { scripts = {} } = readManifest(join(folder, 'node_modules', name))
    t.deepEqual(
      Object.keys(scripts).filter(script => ['preinstall', 'install', 'postinstall', 'prepare'].includes(script)),
      [],
    )
  }
  const { optionalDependencies } = readManifest(join(folder, 'node_modules', 'modality-gap'))
  t.is(optionalDependencies[`@modality-gap/binding-${platform}`], readManifest(root).version)

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
  const { stdout } = await run(command, ['--version'], { cwd: folder, env: withoutCargo(), shell })
  t.is(stdout.trim(), readManifest(root).version)
  const demo = await run(command, ['demo'], { cwd: folder, env: withoutCargo(), shell })
  t.regex(demo.stdout, /gap/i)
})

test('the root package alone says what is missing and what to do, and its dependency-free entry still works', async t => {
  const folder = install('alone', [packages.root.tarball])
  const failure = await t.throwsAsync(node(folder, '-e', `import('modality-gap')`))
  const { stderr } = failure as unknown as { stderr: string }
  t.regex(stderr, /NATIVE_UNAVAILABLE/)
  t.true(stderr.includes(`@modality-gap/binding-${platform}`), stderr)
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

/** Packs the root, this platform's package and the run-time dependencies from a copy; nothing in the checkout changes. */
function packAll(): typeof packages {
  const stage = join(scratch, 'stage')
  // the other platforms' binaries come from the release workflow; here it only matters that files of their names are there
  const artifacts = join(scratch, 'artifacts')
  artifactsWithStandIns(join(root, 'native'), artifacts)
  stageRelease({ into: stage, artifacts, notices: 'the licences of the crates' })
  return {
    root: pack(stage),
    platform: pack(join(stage, 'npm', platform)),
    dependencies: packEach(
      stage,
      productionPackages().map(({ folder }) => folder),
    ).map(({ tarball }) => tarball),
  }
}

function pack(folder: string): Packed {
  const [packed] = packEach(folder, [])
  if (packed === undefined) throw new Error(`npm packed nothing in ${folder}`)
  return packed
}

/** Packs `folders`, or the working folder when there are none. */
function packEach(cwd: string, folders: string[]): Packed[] {
  const output = npm(cwd, 'pack', '--json', '--ignore-scripts', '--pack-destination', scratch, ...folders)
  const packed = Object.values<{ filename: string; files: { path: string }[] }>(JSON.parse(output))
  return packed.map(({ filename, files }) => ({
    tarball: join(scratch, filename),
    files: files.map(({ path }) => path),
  }))
}

/** A new folder with the tarballs installed and no registry asked: their dependencies are given as tarballs too. */
function install(name: string, tarballs: string[]): string {
  const folder = join(scratch, name)
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{ "name": "user", "private": true }')
  npm(folder, 'install', '--offline', '--no-audit', '--no-fund', ...tarballs, ...packages.dependencies)
  return folder
}

async function node(folder: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, args, { cwd: folder, env: withoutCargo() })
  return stdout.trim()
}

function npm(folder: string, ...args: string[]): string {
  return execFileSync(process.execPath, [npmScript(), ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: withoutCargo(),
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim()
}

function npmScript(): string {
  const beside = dirname(process.execPath)
  const { npm_execpath: running = '' } = process.env
  const candidates = [
    running,
    join(beside, '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    join(beside, 'node_modules', 'npm', 'bin', 'npm-cli.js'),
  ]
  const found = candidates.find(path => path.endsWith('.js') && existsSync(path))
  if (found === undefined) throw new Error('npm was not found beside node; run this through "npm test"')
  return found
}

/** The environment of a user who has Node and no Rust. */
function withoutCargo(): NodeJS.ProcessEnv {
  const bin = join(scratch, 'bin')
  const hasCargo = (folder: string) => ['cargo', 'cargo.exe'].some(name => existsSync(join(folder, name)))
  const { PATH = '' } = process.env
  const folders = [dirname(process.execPath), ...PATH.split(delimiter)].filter(folder => !hasCargo(folder))
  if (process.platform !== 'win32' && !existsSync(bin)) {
    // node alone, should it stand in one folder with cargo
    mkdirSync(bin)
    symlinkSync(process.execPath, join(bin, 'node'))
  }
  const kept = Object.entries(process.env).filter(([name]) => !/^(npm_|CARGO|RUSTUP|NODE_OPTIONS|INIT_CWD)/.test(name))
  return { ...Object.fromEntries(kept), PATH: [bin, ...folders].join(delimiter) }
}

/** The name that napi gives this platform's package. */
function platformName(): string {
  const { arch } = process
  if (process.platform === 'win32') return `win32-${arch}-msvc`
  if (process.platform !== 'linux') return `${process.platform}-${arch}`
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  return `linux-${arch}-${header.glibcVersionRuntime === undefined ? 'musl' : 'gnu'}`
}
