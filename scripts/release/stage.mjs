// Lays out the nine packages of a release in a folder of its own, by the tools that the release uses; the checkout stays
// as it is.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LICENCES, napi, platforms, ROOT, readManifest } from './platforms.mjs'

/** The first line of a file that stands for a binary of another platform in a rehearsal. */
const STAND_IN = 'This is no native code: it stands for a binary in the rehearsal of a release.'

/**
 * Fills `into` with the root package and, below `npm/`, the platform packages, and returns their folders: the platforms
 * first, as they are published.
 *
 * @param artifacts folder with the binaries, at any depth; without `standIns` all eight are asked for
 * @param standIns fills places of binaries that are not there with a text; never to be published outside of loopback
 */
export function stageRelease({ into, artifacts, standIns = false }) {
  const manifest = readManifest(ROOT)
  const loose = readdirSync(ROOT).filter(name => /^(README|CHANGELOG|LICENSE)/.test(name))
  for (const name of new Set(['package.json', 'npm', ...loose, ...looked(manifest.files)])) {
    cpSync(join(ROOT, name), join(into, name), { recursive: true, filter: path => !path.endsWith('.node') })
  }
  const collected = join(into, 'artifacts')
  mkdirSync(collected)
  const found = new Map(binaries(artifacts).map(path => [path.split(/[\\/]/).at(-1), path]))
  const all = platforms(into)
  for (const { folder, binary } of all) {
    for (const name of ['LICENSE', ...LICENCES]) cpSync(join(ROOT, name), join(into, 'npm', folder, name))
    const path = found.get(binary)
    if (path !== undefined) cpSync(path, join(collected, binary))
    else if (standIns) writeFileSync(join(collected, binary), `${STAND_IN}\n`)
  }
  // copies every binary to its package and stops when one is missing
  napi(into, 'artifacts', '--output-dir', 'artifacts')
  // writes versions and the root's optionalDependencies, looks whether every file that a manifest names is packed
  napi(into, 'pre-publish', '-t', 'npm', '--no-gh-release', '--skip-optional-publish')
  return [...all.map(({ folder }) => join(into, 'npm', folder)), into]
}

/** Whether a staged platform package holds a stand-in instead of a binary. */
export function isStandIn(folder) {
  return (
    readFileSync(join(folder, readManifest(folder).main))
      .subarray(0, STAND_IN.length)
      .toString() === STAND_IN
  )
}

/** The first folder of a pattern such as `docs/*.md`; npm picks the files itself. */
function looked(files) {
  return files.map(name => name.split('/*')[0]).filter(name => existsSync(join(ROOT, name)))
}

function binaries(folder) {
  return readdirSync(folder, { recursive: true })
    .filter(name => name.endsWith('.node'))
    .map(name => join(folder, name))
}
