import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'

interface Entry {
  name?: string
  version?: string
  resolved?: string
  integrity?: string
  link?: boolean
  os?: string[]
  cpu?: string[]
  libc?: string[]
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
}

const root = join(import.meta.dirname, '..')
const entries: Record<string, Entry> = read('package-lock.json').packages
/** Folders whose packages have lock files of their own. */
const OTHERS = ['scripts/release/tools', 'examples/search', 'examples/transformers-js']
const TARGETS = [
  { os: 'linux', cpu: 'x64', libc: 'glibc' },
  { os: 'linux', cpu: 'arm64', libc: 'glibc' },
  { os: 'linux', cpu: 'x64', libc: 'musl' },
  { os: 'linux', cpu: 'arm64', libc: 'musl' },
  { os: 'darwin', cpu: 'x64' },
  { os: 'darwin', cpu: 'arm64' },
  { os: 'win32', cpu: 'x64' },
  { os: 'win32', cpu: 'arm64' },
]

// npm adds no entry that a lock file leaves out, so a missing one shuts a platform out for good
test('every optional dependency in the lock file has an entry of its own, at the version that is asked for', t => {
  const others = OTHERS.map(place => read(`${place}/package-lock.json`).packages as Record<string, Entry>)
  const all = [entries, ...others].flatMap(lock => Object.entries(lock).map(item => [lock, ...item] as const))
  for (const [lock, place, { optionalDependencies = {} }] of all) {
    for (const [name, wanted] of Object.entries(optionalDependencies)) {
      const entry = resolve(place, name, lock)
      t.truthy(entry, `${place} asks for ${name}, which has no entry`)
      if (/^\d/.test(wanted)) t.is(entry?.version, wanted, `${place}: ${name}`)
    }
  }
})

test('every package with a binding for one of our targets has one for all eight', t => {
  const packages = Object.entries(entries).filter(([place, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).some(name => TARGETS.some(target => isFor(resolve(place, name), target))),
  )
  const names = packages.map(([place]) => place.replace('node_modules/', ''))
  // what builds, checks and runs the tests
  for (const tool of ['esbuild', '@biomejs/biome', '@resvg/resvg-js']) t.true(names.includes(tool), tool)
  for (const [place, { optionalDependencies = {} }] of packages) {
    for (const target of TARGETS) {
      const fitting = Object.keys(optionalDependencies).filter(name => isFor(resolve(place, name), target))
      t.is(fitting.length, 1, `${place} for ${Object.values(target).join(' ')}: ${fitting}`)
    }
  }
})

test('every lock file is that of its package.json, pins every tarball by hash and names no other registry', t => {
  for (const place of OTHERS) {
    const lock: Record<string, Entry> = read(`${place}/package-lock.json`).packages
    t.deepEqual(lock['']?.dependencies, read(`${place}/package.json`).dependencies, place)
  }
  const all = ['.', ...OTHERS].flatMap(place => Object.entries<Entry>(read(`${place}/package-lock.json`).packages))
  for (const [place, { resolved, link, integrity }] of all.filter(([place]) => place.includes('node_modules/'))) {
    if (link) continue
    t.regex(integrity ?? '', /^sha512-/, place)
    t.true(resolved === undefined || resolved.startsWith('https://registry.npmjs.org/'), place)
  }
  const manifest: Entry = read('package.json')
  const locked = entries['']
  t.is(locked?.version, manifest.version)
  for (const kind of ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'] as const) {
    t.deepEqual(locked?.[kind], manifest[kind], kind)
  }
})

/** The entry that Node would find for `name` from the package at `place`. */
function resolve(place: string, name: string, lock = entries): Entry | undefined {
  for (let folder = place; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1))) {
    const entry = lock[`${folder === '' ? '' : `${folder}/`}node_modules/${name}`]
    if (entry !== undefined || folder === '') return entry
  }
}

/** Whether a package is a binding for this platform; one that names no processor is for all and is none. */
function isFor(entry: Entry | undefined, target: { os: string; cpu: string; libc?: string }): boolean {
  const { os, cpu, libc } = entry ?? {}
  return (
    os?.includes(target.os) === true &&
    cpu?.includes(target.cpu) === true &&
    (libc === undefined || target.libc === undefined || libc.includes(target.libc))
  )
}

function read(name: string) {
  return JSON.parse(readFileSync(join(root, name), 'utf8'))
}
