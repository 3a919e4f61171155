// Wheels from the Python registry, in a cache folder outside the repository.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { requirement, WHEELS_ONLY } from '../pinned.mjs'

/** The folder where what is fetched is kept. */
export function cacheFolder() {
  return process.env.MODALITY_GAP_CACHE || join(homedir(), '.cache', 'modality-gap')
}

/**
 * Makes a folder of the cache, unless it is there.
 *
 * @param {string} name its name
 * @param {(partial: string) => void} fill what writes into it, under another name
 * @returns {string} its path
 */
export function cached(name, fill) {
  const folder = join(cacheFolder(), name)
  if (!existsSync(folder)) {
    // of its own, so that two processes do not write one folder
    const partial = `${folder}-${process.pid}.tmp`
    mkdirSync(partial, { recursive: true })
    try {
      fill(partial)
      if (!existsSync(folder)) renameSync(partial, folder)
    } finally {
      rmSync(partial, { recursive: true, force: true })
    }
  }
  return folder
}

/**
 * Installs wheels, the one that is meant and what it imports, unless they are there.
 *
 * @param {string} what the one that is meant
 * @param {{ name: string, version: string, sha256: string[] }[]} wheels all of them
 * @returns {{ python: string, folder: string }} the Python that reads them, and where they are
 */
export function installedWheels(what, wheels) {
  const python = ['python3', 'python'].find(name => spawnSync(name, ['--version']).status === 0)
  if (python === undefined) throw new Error(`${what} needs Python 3 with pip, and there is none`)
  const of = spawnSync(python, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], { encoding: 'utf8' })
  const { version } = wheels.find(({ name }) => name === what)
  const folder = cached(`${what}-${version}-python-${of.stdout.trim()}`, partial => {
    process.stderr.write(`installing ${what}==${version}\n`)
    const wanted = join(partial, 'requirements.txt')
    writeFileSync(wanted, wheels.map(requirement).join(''))
    const args = ['-m', 'pip', 'install', '--target', partial, ...WHEELS_ONLY, wanted]
    const { status } = spawnSync(python, args, { stdio: ['ignore', process.stderr, process.stderr] })
    if (status !== 0) throw new Error(`${what}==${version} cannot be installed`)
  })
  return { python, folder }
}
