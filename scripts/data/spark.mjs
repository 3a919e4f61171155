// Apache Spark 4 (Apache-2.0) with what its workers and clients of Spark Connect import, from the Python registry, in a cache folder
// outside the repository. Java 17 or newer has to be there.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { requirement, WHEELS_ONLY } from '../pinned.mjs'
import { cacheFolder } from './wheels.mjs'

/** Wheels for Linux and CPython 3.11 to 3.14; the source of pyspark, which has no wheel, and what builds one of it. */
const PINNED = readFileSync(join(import.meta.dirname, 'spark.json'), 'utf8')
const PINS = JSON.parse(PINNED)

/**
 * Where Spark is; it is installed when it is not there yet.
 *
 * @returns {{ python: string, env: Record<string, string>, home: string }}
 */
export function installSpark() {
  if (spawnSync('java', ['-version']).status !== 0) throw new Error('Spark runs on Java 17 or newer, and there is none')
  const python = 'python3'
  const of = spawnSync(python, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], { encoding: 'utf8' })
  if (of.status !== 0) throw new Error('pyspark runs on Python 3, and there is none')
  const cache = cacheFolder()
  const pins = createHash('sha256').update(PINNED).digest('hex').slice(0, 8)
  const folder = join(cache, `pyspark-${PINS.source.version}-${pins}-python-${of.stdout.trim()}`)
  if (!existsSync(folder)) {
    // of its own, so that two processes do not write one folder
    const partial = `${folder}-${process.pid}.tmp`
    mkdirSync(partial, { recursive: true })
    try {
      install(python, partial, PINS.wheels, WHEELS_ONLY)
      // built by the pinned wheels, and by nothing else
      const source = ['--no-build-isolation', '--quiet', '--no-deps', '--require-hashes', '--requirement']
      install(python, partial, [PINS.source], source)
      if (!existsSync(folder)) renameSync(partial, folder)
    } finally {
      rmSync(partial, { recursive: true, force: true })
    }
  }
  const home = join(folder, 'pyspark')
  return { python, env: { PYTHONPATH: folder, PYSPARK_PYTHON: python, SPARK_HOME: home }, home }
}

function install(python, folder, pins, options) {
  const names = pins.map(({ name, version }) => `${name}==${version}`).join(' ')
  process.stderr.write(`spark: installing ${names}\n`)
  const wanted = join(folder, 'requirements.txt')
  writeFileSync(wanted, pins.map(requirement).join(''))
  const args = ['-m', 'pip', 'install', '--target', folder, ...options, wanted]
  const env = { ...process.env, PYTHONPATH: folder }
  const { status } = spawnSync(python, args, { env, stdio: ['ignore', process.stderr, process.stderr] })
  if (status !== 0) throw new Error(`${names} cannot be installed`)
}
