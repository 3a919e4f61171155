// Azurite (MIT), a server of Azure's blobs, from the npm registry. Prints how to start it.
import { spawnSync } from 'node:child_process'
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cached } from './wheels.mjs'

/** What is installed: the lock file has the hash of every package. What it would send home, and drivers of databases, are left out. */
const PINS = join(import.meta.dirname, 'azurite')

/**
 * The script that Node runs, which is installed when it is not there yet.
 *
 * @returns {string}
 */
export function azureServer() {
  const { dependencies } = JSON.parse(readFileSync(join(PINS, 'package.json'), 'utf8'))
  const folder = cached(`azurite-${dependencies.azurite}`, partial => {
    process.stderr.write(`installing azurite@${dependencies.azurite}\n`)
    for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(PINS, name), join(partial, name))
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--silent']
    const shell = process.platform === 'win32'
    const { status } = spawnSync('npm', args, {
      cwd: partial,
      shell,
      stdio: ['ignore', process.stderr, process.stderr],
    })
    if (status !== 0) throw new Error(`azurite@${dependencies.azurite} cannot be installed`)
  })
  return join(folder, 'node_modules', 'azurite', 'dist', 'src', 'blob', 'main.js')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${azureServer()}\n`)
}
