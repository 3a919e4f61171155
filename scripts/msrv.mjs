// Checks that the workspace builds with the lowest Rust that Cargo.toml promises (`rust-version`), which rustup installs
// where it is missing.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const manifest = readFileSync(join(root, 'Cargo.toml'), 'utf8')
const version = /^rust-version = "([\d.]+)"$/m.exec(manifest)?.[1]
if (version === undefined) throw new Error('Cargo.toml names no rust-version')

if (spawnSync('rustup', ['run', version, 'cargo', '--version']).status !== 0) {
  run('rustup', 'toolchain', 'install', version, '--profile', 'minimal', '--no-self-update')
}
// a folder of its own, or every change of the compiler would build everything anew
run('rustup', 'run', version, 'cargo', 'check', '--workspace', '--locked', '--release', '--target-dir', 'target/msrv')

function run(command, ...args) {
  process.stderr.write(`msrv: ${[command, ...args].join(' ')}\n`)
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
  if (status !== 0) {
    process.stderr.write(`msrv: ${command} failed${error ? `: ${error.message}` : ''}\n`)
    process.exit(1)
  }
}
