/** Data and the Python that the peers need, made once and kept in a cache folder. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WHEELS_ONLY } from '../scripts/pinned.mjs'

export const cache = process.env.MODALITY_GAP_CACHE || join(tmpdir(), 'modality-gap-bench')
const peers = join(import.meta.dirname, 'peers')

/**
 * Packages of the peers by version and hash, wheels only. Written from the `.in` files beside them by `uv pip compile --universal
 * --python-version 3.11 --generate-hashes --only-binary :all: --no-header --no-annotate`; torch's takes the other one by `-c`.
 */
const REQUIREMENTS = ['requirements.txt', 'requirements-torch.txt']

/** Where cargo puts an example of a crate: it has a folder for each platform. */
export function exampleOf(name) {
  const platform = execFileSync('rustc', ['--print', 'host-tuple'], { encoding: 'utf8' }).trim()
  return join(import.meta.dirname, '..', 'target', platform, 'release', 'examples', name)
}

const say = text => process.stderr.write(`${text}\n`)

function has(python, modules) {
  try {
    execFileSync(python, ['-c', `import ${modules.join(', ')}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** A Python that has `modules`: the one on PATH, or a virtual environment in the cache. */
export function findPython(modules) {
  const onPath = process.platform === 'win32' ? 'python' : 'python3'
  if (has(onPath, modules)) return onPath
  const folder = join(cache, 'venv')
  const python = process.platform === 'win32' ? join(folder, 'Scripts', 'python.exe') : join(folder, 'bin', 'python')
  if (has(python, modules)) return python
  say(`installing ${modules.join(' and ')} into ${folder}`)
  if (!existsSync(python)) execFileSync(onPath, ['-m', 'venv', folder], { stdio: 'inherit' })
  for (const file of modules.includes('torch') ? REQUIREMENTS : REQUIREMENTS.slice(0, 1)) {
    execFileSync(python, ['-m', 'pip', 'install', ...WHEELS_ONLY, join(peers, file)], {
      stdio: ['ignore', 'inherit', 'inherit'],
    })
  }
  return python
}

/** Folder with image/ and text/ of `rows` rows each, and the same as pickles when asked. */
export function makeRows(python, rows, { pickle = false } = {}) {
  const folder = join(cache, `rows-${rows}${pickle ? '-pickle' : ''}`)
  if (existsSync(folder)) return folder
  mkdirSync(cache, { recursive: true })
  say(`making ${rows} rows a side in ${folder}`)
  const partial = `${folder}.partial`
  rmSync(partial, { recursive: true, force: true })
  execFileSync(
    python,
    [join(peers, 'make_rows.py'), partial, '--rows', String(rows), ...(pickle ? ['--pickle'] : [])],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  )
  renameSync(partial, folder)
  return folder
}
