// Lays out the packages of a release in a folder of its own, by the tools that the release uses; the checkout stays
// as it is.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { LICENCES, NOTICES, napi, platforms, ROOT, readManifest } from './platforms.mjs'
import { placeWorkers, workers } from './workers.mjs'

/** The first line of a file that stands for a binary of another platform in a rehearsal. */
const STAND_IN = 'This is not native code: it stands for a binary in the rehearsal of a release.'

/**
 * Fills `into` with the root package and, below `npm/` and `workers/`, those of platforms and workers, and returns their folders: the
 * root last, as they are published.
 *
 * @param artifacts folder with the binaries of all platforms and workers, at any depth
 * @param notices licences of the crates in them
 */
export function stageRelease({ into, artifacts, notices }) {
  const manifest = readManifest(ROOT)
  const loose = readdirSync(ROOT).filter(name => /^(README|CHANGELOG|LICENSE)/.test(name))
  for (const name of new Set(['package.json', 'npm', 'workers', ...loose, ...existing(manifest.files)])) {
    cpSync(join(ROOT, name), join(into, name), { recursive: true, filter: path => !path.endsWith('.node') })
  }
  const all = platforms(into)
  const folders = [
    ...all.map(({ folder }) => join(into, 'npm', folder)),
    ...workers(into).map(({ folder }) => join(into, 'workers', folder)),
  ]
  for (const folder of folders) {
    for (const name of ['LICENSE', ...LICENCES]) cpSync(join(ROOT, name), join(folder, name))
    writeFileSync(join(folder, NOTICES), notices)
  }
  // copies every binary to its package and stops when one is missing
  napi(into, 'artifacts', '--output-dir', artifacts)
  placeWorkers(into, artifacts)
  // writes versions and the root's optionalDependencies, and looks whether every file that a manifest names is packed
  napi(into, 'pre-publish', '-t', 'npm', '--no-gh-release', '--skip-optional-publish')
  return [...folders, into]
}

/**
 * Fills `into` with the binaries below `from` and with a text in place of each that is not there, so that a release can
 * be rehearsed, and tested, on one machine.
 */
export function artifactsWithStandIns(from, into) {
  mkdirSync(into, { recursive: true })
  const names = readdirSync(from, { recursive: true, encoding: 'utf8' })
  for (const binary of [...platforms().map(({ binary }) => binary), ...workers().map(({ artifact }) => artifact)]) {
    const found = names.find(name => basename(name) === binary)
    if (found === undefined) writeFileSync(join(into, binary), `${STAND_IN}\n`)
    else cpSync(join(from, found), join(into, binary))
  }
}

/** Whether a staged package holds a stand-in instead of a binary; the root package has no binary at all. */
export function isStandIn(folder) {
  const { main, bin } = readManifest(folder)
  const binary = main?.endsWith('.node') ? main : bin?.['modality-gap-worker']
  return binary !== undefined && readFileSync(join(folder, binary), 'latin1').startsWith(STAND_IN)
}

/** The files and folders that `files` of a manifest begins with; which of their files are packed, npm decides. */
function existing(files) {
  return files.map(name => name.split('/*')[0]).filter(name => existsSync(join(ROOT, name)))
}
