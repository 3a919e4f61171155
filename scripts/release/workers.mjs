// The packages of the executable for the workers of a cluster, as their manifests in workers/ say: one for each platform, and one
// for every Linux of a processor, which is linked without the system's library.
//
//     node scripts/release/workers.mjs                    writes workers/ anew from npm/
//     node scripts/release/workers.mjs --build TARGET [-x] builds the executable of a target into native/, for a release
import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { scriptOptions } from '../options.mjs'
import { LICENCES, NOTICES, platforms, ROOT, readManifest } from './platforms.mjs'

/** The executable, as it is called in its package; Windows adds `.exe`. */
const NAME = 'modality-gap-worker'

/** Name, executable and artifact of every worker package below `root`, by the names of their folders. */
export function workers(root = ROOT) {
  return readdirSync(join(root, 'workers'))
    .sort()
    .map(folder => {
      const { name, version, files } = readManifest(join(root, 'workers', folder))
      const executable = files.find(file => file.startsWith(NAME))
      return { folder, name, version, executable, artifact: `${NAME}.${folder}${executable.slice(NAME.length)}` }
    })
}

/** Writes `workers/` below `root` from the platform packages there; glibc is left out, for the executable of musl runs there, too. */
export function writeWorkerFolders(root = ROOT) {
  rmSync(join(root, 'workers'), { recursive: true, force: true })
  for (const { folder, name, os, libc } of platforms(root).filter(({ libc }) => libc !== 'glibc')) {
    const place = join(root, 'workers', folder)
    const executable = os === 'win32' ? `${NAME}.exe` : NAME
    const { main, libc: _, engines, ...manifest } = readManifest(join(root, 'npm', folder))
    manifest.name = name.replace('/binding-', '/worker-')
    manifest.description = 'Runs shard tasks of modality-gap on machines that have no Node'
    manifest.bin = { [NAME]: executable }
    manifest.files = [executable, ...LICENCES, NOTICES]
    mkdirSync(place, { recursive: true })
    writeFileSync(join(place, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`)
    writeFileSync(join(place, 'README.md'), readme(manifest.name, libc === 'musl' ? 'any Linux' : os))
  }
}

/** Copies every executable from `artifacts`, at any depth, to its package below `root`, and stops when one is missing. */
export function placeWorkers(root, artifacts) {
  const found = readdirSync(artifacts, { recursive: true, encoding: 'utf8' })
  for (const { folder, executable, artifact } of workers(root)) {
    const from = found.find(path => path.split(/[\\/]/).at(-1) === artifact)
    if (from === undefined) throw new Error(`${artifact} is not among the artifacts`)
    const to = join(root, 'workers', folder, executable)
    cpSync(join(artifacts, from), to)
    // what passes through an archive of artifacts loses it
    chmodSync(to, 0o755)
  }
}

/** The folder of the worker package that a target of Rust is for; undefined for one that another one's serves. */
function folderOf(target) {
  const [cpu, , , abi] = target.split('-')
  const os = { linux: 'linux', darwin: 'darwin', windows: 'win32' }[target.split('-')[2]]
  const arch = { x86_64: 'x64', aarch64: 'arm64' }[cpu]
  const folder = [os, arch, ...(os === 'darwin' ? [] : [abi])].join('-')
  return workers().find(worker => worker.folder === folder)
}

/** Builds the executable of a target; with `cross` by cargo-zigbuild. */
function build(target, cross) {
  const worker = folderOf(target)
  if (worker === undefined) {
    process.stdout.write(`the executable for ${target} is that of musl\n`)
    return
  }
  const command = [cross ? 'zigbuild' : 'build', '--release', '-p', NAME, '--target', target]
  const { status } = spawnSync('cargo', command, { cwd: ROOT, stdio: 'inherit' })
  if (status !== 0) throw new Error(`cargo ${command.join(' ')} failed`)
  copyFileSync(join(ROOT, 'target', target, 'release', worker.executable), join(ROOT, 'native', worker.artifact))
}

function readme(name, system) {
  return `# ${name}

The executable of [modality-gap](https://www.npmjs.com/package/modality-gap) for the workers of a cluster that run on ${system}: it takes one
shard task as JSON and prints its receipt. It needs neither Node nor Rust. The commands that run on a cluster fetch it by themselves.

Licensed under MIT or Apache-2.0, at your option.
`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = scriptOptions({ options: { build: { type: 'string' }, cross: { type: 'boolean', short: 'x' } } })
  if (values.build === undefined) writeWorkerFolders()
  else build(values.build, values.cross)
}
