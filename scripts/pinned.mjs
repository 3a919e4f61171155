// What tests, examples and the evidence fetch from package registries: by exact version and hash, and nothing that is
// fetched runs on the way.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** Arguments of pip that let it take wheels of known hashes only; those stand in a file of lines by `requirement`. */
export const WHEELS_ONLY = ['--quiet', '--no-deps', '--only-binary', ':all:', '--require-hashes', '--requirement']

/**
 * The tarball of an npm package, downloaded into `folder` unless it is there.
 *
 * @param {string} folder where it is kept
 * @param {{ name: string, version: string, integrity: string }} pin
 * @returns {string} its path
 * @throws when its hash is another one; it is removed then
 */
export function tarball(folder, { name, version, integrity }) {
  const file = join(folder, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`)
  if (!existsSync(file)) {
    process.stderr.write(`downloading ${name}@${version}\n`)
    run('npm', ['pack', '--silent', '--ignore-scripts', `${name}@${version}`], folder)
  }
  const found = `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}`
  if (found !== integrity) {
    rmSync(file)
    throw new Error(`${name}@${version} is another package than expected: ${found} instead of ${integrity}`)
  }
  return file
}

/** A line of a requirements file; a package with wheels for several platforms has a hash for each. */
export function requirement({ name, version, sha256 }) {
  return `${name}==${version} ${sha256.map(hash => `--hash=sha256:${hash}`).join(' ')}\n`
}

/** Unpacks members of a tarball into `target`, without the folder `package/` that they stand in. */
export function unpack(file, target, members) {
  run('tar', ['-xzf', file, '-C', target, '--strip-components=1', ...members], target)
}

function run(command, args, cwd) {
  const shell = process.platform === 'win32' && command === 'npm'
  const { status, error } = spawnSync(command, args, { cwd, shell, stdio: ['ignore', process.stderr, process.stderr] })
  if (status !== 0) throw new Error(`${command} ${args[0]} failed${error ? `: ${error.message}` : ''}`)
}
