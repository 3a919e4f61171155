import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { napi, platforms, readManifest, writePlatformFolders } from '../scripts/release/platforms.mjs'
import { workers, writeWorkerFolders } from '../scripts/release/workers.mjs'
import { workerPackage } from '../src/worker-executable.ts'

const root = join(import.meta.dirname, '..')

test('the folders in npm/ and workers/ are those that the targets in package.json make', t => {
  const scratch = mkdtempSync(join(tmpdir(), 'modality-gap-npm-'))
  t.teardown(() => rmSync(scratch, { recursive: true }))
  cpSync(join(root, 'package.json'), join(scratch, 'package.json'))
  writePlatformFolders(scratch)
  writeWorkerFolders(scratch)
  for (const folder of ['npm', 'workers']) {
    t.deepEqual(texts(join(root, folder)), texts(join(scratch, folder)), 'run "npm run build:npm"')
  }
})

test('every platform has a package of the executable for workers, under the name that is fetched', t => {
  const fetched = platforms().map(({ os, cpu }) => workerPackage(os, cpu))
  t.deepEqual(
    [...new Set(fetched)].sort(),
    workers().map(({ name }) => name),
  )
  t.is(new Set(workers().map(({ artifact }) => artifact)).size, workers().length)
  for (const { folder, executable, version } of workers()) {
    const { os, cpu, bin } = readManifest(join(root, 'workers', folder))
    t.is(executable, os[0] === 'win32' ? 'modality-gap-worker.exe' : 'modality-gap-worker')
    t.deepEqual(bin, { 'modality-gap-worker': executable })
    t.is(workerPackage(os[0], cpu[0]), `@modality-gap/worker-${folder}`)
    t.is(version, readManifest(root).version)
  }
})

test('every target has one package, under the name and file that the loader asks for', t => {
  const loader = readFileSync(join(root, 'native', 'binding.cjs'), 'utf8')
  const all = platforms()
  t.is(all.length, readManifest(root).napi.targets.length)
  t.is(new Set(all.map(({ os, cpu, libc }) => `${os} ${cpu} ${libc}`)).size, all.length)
  for (const { name, binary, version } of all) {
    t.true(loader.includes(`require('${name}')`), name)
    t.true(loader.includes(`require('./${binary}')`), binary)
    t.is(version, readManifest(root).version)
  }
})

test('one version stands in every file that carries it', t => {
  const { version } = readManifest(root)
  const cargo = readFileSync(join(root, 'Cargo.toml'), 'utf8')
  t.is(/\[workspace\.package\]\nversion = "([^"]+)"/.exec(cargo)?.[1], version)
  const loader = readFileSync(join(root, 'native', 'binding.cjs'), 'utf8')
  const carried = [...loader.matchAll(/bindingPackageVersion !== '([^']+)'/g)].map(match => match[1])
  t.deepEqual([...new Set(carried)], [version])
  t.is(/^version: (\S+)$/m.exec(readFileSync(join(root, 'CITATION.cff'), 'utf8'))?.[1], version)
})

test('publishing by hand from a checkout is refused, for the binaries are not there', t => {
  const scratch = mkdtempSync(join(tmpdir(), 'modality-gap-publish-'))
  t.teardown(() => rmSync(scratch, { recursive: true }))
  cpSync(join(root, 'package.json'), join(scratch, 'package.json'))
  writePlatformFolders(scratch)
  const [tool, ...args] = readManifest(root).scripts.prepublishOnly.split(' ')
  t.is(tool, 'napi')
  // without it the hook publishes the platform packages, and does so in a dry run, too
  t.true(args.includes('--skip-optional-publish'))
  const error = t.throws(() => napi(scratch, ...args))
  t.regex(error?.message ?? '', /is incomplete: missing modality-gap\.[\w-]+\.node/)
})

/** The text files below a folder; binaries are built, not committed. */
function texts(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  const files = names.filter(name => /\.(json|md)$/.test(name))
  return Object.fromEntries(files.map(name => [name.replaceAll('\\', '/'), readFileSync(join(folder, name), 'utf8')]))
}
