// Makes a clone ready to use: installs packages, builds the native code, compiles TypeScript; each only when out of date.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

if (changed('package-lock.json') > changed('node_modules/.package-lock.json')) {
  // not `npm ci`, which would remove all that is installed, and the caches of tools with it, when only the time has changed
  run('npm', ['install', '--no-save', '--ignore-scripts'], 'installing packages')
}
if (changed('crates', 'Cargo.toml', 'Cargo.lock') > changed(...addons())) {
  if (spawnSync('cargo', ['--version']).status !== 0) {
    stop('Rust is needed to build the native code; install it from rustup.rs')
  }
  buildNative()
}
// the last file that is written
if (
  changed(
    'src',
    'tsconfig.json',
    'tsconfig.build.json',
    'scripts/bundle.mjs',
    'scripts/bundle-cli.mjs',
    'native/binding.cjs',
  ) > changed('dist/report/LICENSES.txt')
) {
  // a file that is gone from src has to go from dist as well
  rmSync(join(root, 'dist'), { recursive: true, force: true })
  run('npm', ['run', 'build:ts'], 'compiling TypeScript')
}

/** Builds the addon only: the loader and the types beside it are committed, and `npm run build:native` writes them anew. */
function buildNative() {
  const folder = mkdtempSync(join(root, 'native', 'build-'))
  try {
    run('npm', ['run', 'build:native', '--', '--output-dir', folder], 'building the native code')
    for (const name of readdirSync(folder)) {
      const [made, kept] = [join(folder, name), join(root, 'native', name)]
      if (name.endsWith('.node')) {
        renameSync(made, kept)
      } else if (read(made) !== read(kept)) {
        process.stderr.write(`setup: native/${name} is out of date; write it anew with: npm run build:native\n`)
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Time of the latest change among files and whole folders; before all time when there is none. */
function changed(...paths) {
  const times = paths.map(path => {
    const full = join(root, path)
    if (!existsSync(full)) {
      return 0
    }
    const stat = statSync(full)
    return stat.isDirectory() ? changed(...readdirSync(full).map(name => join(path, name))) : stat.mtimeMs
  })
  return Math.max(0, ...times)
}

function addons() {
  const folder = join(root, 'native')
  const names = existsSync(folder) ? readdirSync(folder) : []
  return names.filter(name => name.endsWith('.node')).map(name => join('native', name))
}

function read(file) {
  return readFileSync(file, 'utf8').replaceAll('\r\n', '\n')
}

function run(command, args, what) {
  process.stderr.write(`setup: ${what}\n`)
  // what a tool prints is not a result of the command that setup runs for
  const stdio = ['ignore', process.stderr, process.stderr]
  const { status } = spawnSync(command, args, { cwd: root, stdio, shell: process.platform === 'win32' })
  if (status !== 0) {
    stop(`${what} failed`)
  }
}

function stop(why) {
  process.stderr.write(`setup: ${why}\n`)
  process.exit(1)
}
