// The platform packages, as their manifests in npm/ say; `node scripts/release/platforms.mjs` writes that folder anew from
// the targets in package.json.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = dirname(dirname(import.meta.dirname))

/** Texts that every package carries beside LICENSE, which npm packs by itself; a release copies them in. */
export const LICENCES = ['LICENSE-APACHE', 'LICENSE-MIT']

/** The licences of the crates in a binary; pack.mjs writes it. */
export const NOTICES = 'THIRD-PARTY.txt'

/** What a target runs on, in words, with the oldest system that the release workflow builds for. */
const SYSTEMS = {
  'x86_64-unknown-linux-gnu': 'Linux on x64 with glibc 2.28 or newer',
  'aarch64-unknown-linux-gnu': 'Linux on arm64 with glibc 2.28 or newer',
  'x86_64-unknown-linux-musl': 'Linux on x64 with musl (Alpine)',
  'aarch64-unknown-linux-musl': 'Linux on arm64 with musl (Alpine)',
  'x86_64-apple-darwin': 'macOS 11 or newer on Intel processors',
  'aarch64-apple-darwin': 'macOS 11 or newer on Apple silicon',
  'x86_64-pc-windows-msvc': 'Windows on x64',
  'aarch64-pc-windows-msvc': 'Windows on arm64',
}

/** Name, binary and `os`, `cpu`, `libc` of every platform package below `root`, by the names of their folders. */
export function platforms(root = ROOT) {
  return readdirSync(join(root, 'npm'))
    .sort()
    .map(folder => {
      const { name, version, main, os, cpu, libc } = readManifest(join(root, 'npm', folder))
      return { folder, name, version, binary: main, os: os[0], cpu: cpu[0], libc: libc?.[0] }
    })
}

/** Packages that users get with ours, as the lock file has them: what is for development, or optional, is left out. */
export function productionPackages() {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'))
  return Object.entries(packages)
    .filter(([, { dev, optional, devOptional }]) => !dev && !optional && !devOptional)
    .filter(([place]) => place !== '')
    .map(([place, entry]) => ({ ...entry, name: place.split('node_modules/').at(-1), folder: join(ROOT, place) }))
}

/** Writes `npm/` below `root`, whose package.json names the targets. */
export function writePlatformFolders(root) {
  rmSync(join(root, 'npm'), { recursive: true, force: true })
  napi(root, 'create-npm-dirs')
  const folders = readdirSync(join(root, 'npm')).map(name => join(root, 'npm', name))
  for (const target of readManifest(root).napi.targets) {
    const system = SYSTEMS[target]
    // the tool's own README is the only file that names the target
    const folder = folders.find(path => readFileSync(join(path, 'README.md'), 'utf8').includes(`**${target}**`))
    if (system === undefined || folder === undefined) {
      throw new Error(`${target} has no description in ${import.meta.filename}, or no folder in npm/`)
    }
    const manifest = readManifest(folder)
    manifest.files.push(...LICENCES, NOTICES)
    writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`)
    writeFileSync(join(folder, 'README.md'), readme(manifest.name, target, system))
  }
}

/** Runs the napi tool of this checkout in `cwd` and returns what it prints. */
export function napi(cwd, ...args) {
  const manifest = createRequire(import.meta.url).resolve('@napi-rs/cli/package.json')
  const { bin } = readManifest(dirname(manifest))
  const program = join(dirname(manifest), bin.napi)
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { cwd, encoding: 'utf8' })
  if (status !== 0) {
    throw new Error(`napi ${args[0]} failed\n${stdout}${stderr}`)
  }
  return stdout
}

export function readManifest(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
}

function readme(name, target, system) {
  return `# ${name}

The native code of [modality-gap](https://www.npmjs.com/package/modality-gap) for ${system} (\`${target}\`).

npm, pnpm and yarn choose it by themselves when you install \`modality-gap\`; do not install or import it directly. If the
package that fits your system is missing, optional dependencies were left out: install again without \`--omit=optional\`.

Licensed under MIT or Apache-2.0, at your option.
`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writePlatformFolders(ROOT)
}
