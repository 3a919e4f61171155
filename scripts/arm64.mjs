// Runs the tests of the kernels and of the mathematics on 64-bit ARM under emulation, with the kernels for NEON and with the plain
// ones. Needs Rust's library for the platform, a cross compiler to link with, and qemu.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const target = 'aarch64-unknown-linux-gnu'
const linker = 'aarch64-linux-gnu-gcc'
const emulator = ['qemu-aarch64', 'qemu-aarch64-static'].find(works)

const library = spawnSync('rustc', ['--print', 'target-libdir', '--target', target], { encoding: 'utf8' })
if (library.error || !existsSync(library.stdout.trim()))
  stop(`Rust's library for ${target}`, `rustup target add ${target}`)
if (!works(linker)) stop('a cross compiler', 'apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross')
if (emulator === undefined) stop('qemu', 'apt-get install qemu-user')

const tests = ['kernels', 'geometry'].flatMap(crate => ['-p', `modality-gap-${crate}`])
for (const level of ['neon', 'scalar']) {
  const { status } = spawnSync('cargo', ['test', '--release', '--locked', '--target', target, ...tests], {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      MODALITY_GAP_SIMD: level,
      CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER: linker,
      CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER: `${emulator} -L /usr/aarch64-linux-gnu`,
    },
  })
  if (status !== 0) {
    process.stderr.write(`arm64: the tests with ${level} kernels failed\n`)
    process.exit(1)
  }
}

function works(command) {
  return spawnSync(command, ['--version']).status === 0
}

function stop(what, advice) {
  process.stderr.write(`arm64: ${what} is missing; install it: ${advice}\n`)
  process.exit(1)
}
