// moto (Apache-2.0), a server of S3's interface, from the Python registry, in a cache folder outside the repository.
// Prints how to start it.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { requirement, WHEELS_ONLY } from '../pinned.mjs'

/** The wheels that its S3 part imports, each with the hashes of those for CPython 3.11 to 3.14. */
const WHEELS = JSON.parse(readFileSync(join(import.meta.dirname, 's3-server.json'), 'utf8'))
const SERVER = 'import sys; from moto.server import main; main(sys.argv[1:])'

/**
 * How to start the server, which is installed when it is not there yet.
 *
 * @returns {{ command: string, args: string[], env: Record<string, string> }}
 */
export function s3Server() {
  const cache = process.env.MODALITY_GAP_CACHE ?? join(homedir(), '.cache', 'modality-gap')
  const python = ['python3', 'python'].find(name => spawnSync(name, ['--version']).status === 0)
  if (python === undefined) throw new Error('moto runs on Python 3, and there is none')
  const of = spawnSync(python, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], { encoding: 'utf8' })
  const version = WHEELS.find(({ name }) => name === 'moto').version
  const folder = join(cache, `moto-${version}-python-${of.stdout.trim()}`)
  if (!existsSync(folder)) {
    // of its own, so that two processes do not write one folder
    const partial = `${folder}-${process.pid}.tmp`
    mkdirSync(partial, { recursive: true })
    try {
      process.stderr.write(`s3-server: installing moto==${version}\n`)
      const wanted = join(partial, 'requirements.txt')
      writeFileSync(wanted, WHEELS.map(requirement).join(''))
      const args = ['-m', 'pip', 'install', '--target', partial, ...WHEELS_ONLY, wanted]
      const { status } = spawnSync(python, args, { stdio: ['ignore', process.stderr, process.stderr] })
      if (status !== 0) throw new Error(`moto==${version} cannot be installed`)
      if (!existsSync(folder)) renameSync(partial, folder)
    } finally {
      rmSync(partial, { recursive: true, force: true })
    }
  }
  return { command: python, args: ['-c', SERVER], env: { PYTHONPATH: folder } }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${JSON.stringify(s3Server())}\n`)
}
