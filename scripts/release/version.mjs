// npm's hook `version`: brings the version that `npm version X.Y.Z` wrote to package.json into every other file that
// carries it, and adds them to the commit that npm makes.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, readManifest } from './platforms.mjs'

const { version } = readManifest(ROOT)

replace('Cargo.toml', /(\[workspace\.package\]\nversion = ")[^"]+/)
replace('CITATION.cff', /(^version: )\S+/m)
// what the next build writes, without the build
replace('native/binding.cjs', /(bindingPackageVersion !== ')[^']+/g)
replace('native/binding.cjs', /(package version mismatch, expected )\S+/g)
run('npm', ['run', 'build:npm'])
// the versions of our own crates, and of nothing else
run('cargo', ['update', '--workspace', '--offline'])
run('git', ['add', 'Cargo.toml', 'Cargo.lock', 'CITATION.cff', 'npm', 'workers', 'native/binding.cjs'])

function replace(name, pattern) {
  const path = join(ROOT, name)
  const text = readFileSync(path, 'utf8')
  if (text.search(pattern) < 0) throw new Error(`${name} has no version where ${pattern} looks for it`)
  writeFileSync(
    path,
    text.replace(pattern, (_, before) => `${before}${version}`),
  )
}

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', shell: process.platform === 'win32' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed`)
}
