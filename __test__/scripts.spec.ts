import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { PACKAGES } from '../scripts/data/emoji.mjs'
import { requirement, tarball } from '../scripts/pinned.mjs'
import { folderOf } from './helpers/place.ts'

const root = join(import.meta.dirname, '..')

test('a script that is called wrongly ends with one line and exit code 2', t => {
  const called = (...args: string[]) => spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' })
  for (const [args, message] of [
    [
      ['scripts/test.mjs', '--without', 'x'],
      'unknown part `x`; expected smollm2, browser, workflow-tools, s3-server, gcs-server, azure-server, git',
    ],
    [
      ['scripts/test.mjs', '--without', 'browser,y'],
      'unknown part `y`; expected smollm2, browser, workflow-tools, s3-server, gcs-server, azure-server, git',
    ],
    [['scripts/test.mjs', '--with', 'browser'], "Unknown option '--with'"],
    [['scripts/examples.mjs', '--short'], "Unknown option '--short'"],
    [['scripts/release/publish.mjs', '--regist', 'x'], "Unknown option '--regist'"],
  ] as const) {
    const { status, stdout, stderr } = called(...args)
    t.is(status, 2, stderr)
    t.true(stderr.startsWith(message), stderr)
    t.is(stderr.trim().split('\n').length, 1, stderr)
    t.is(stdout, '')
  }
})

test('a package of another hash than the pinned one is refused and not kept', t => {
  const folder = folderOf(t)
  const file = join(folder, 'scope-a-1.0.0.tgz')
  const integrity = `sha512-${createHash('sha512').update('packed').digest('base64')}`
  writeFileSync(file, 'packed')
  t.is(tarball(folder, { name: '@scope/a', version: '1.0.0', integrity }), file)
  writeFileSync(file, 'changed')
  t.throws(() => tarball(folder, { name: '@scope/a', version: '1.0.0', integrity }), {
    message: /^@scope\/a@1\.0\.0 is another package than expected: sha512-/,
  })
  t.false(existsSync(file))
})

test('what is fetched is named by exact version and hash, in one place', t => {
  for (const { version, integrity } of Object.values(PACKAGES)) {
    t.regex(version, /^\d+\.\d+\.\d+$/)
    t.is(Buffer.from(integrity.replace('sha512-', ''), 'base64').length, 64)
  }
  t.is(requirement({ name: 'a', version: '1.0', sha256: ['0f', '1e'] }), 'a==1.0 --hash=sha256:0f --hash=sha256:1e\n')
  // lock files apart, a registry is asked in scripts/pinned.mjs, or by its arguments of pip
  const scripts = readdirSync(join(root, 'scripts'), { recursive: true, encoding: 'utf8' })
  for (const name of scripts.filter(path => path.endsWith('.mjs') && !path.includes('node_modules'))) {
    const text = readFileSync(join(root, 'scripts', name), 'utf8')
    if (/'pack', '--silent'/.test(text)) t.is(name, 'pinned.mjs')
    if (/'pip', 'download'|'pip'\), \[/.test(text)) t.true(text.includes('WHEELS_ONLY'), name)
  }
})

test('cargo bench gives Criterion’s flags to benches only', t => {
  const folders = readdirSync(join(root, 'crates'))
  t.true(folders.length >= 8)
  for (const folder of folders) {
    const manifest = readFileSync(join(root, 'crates', folder, 'Cargo.toml'), 'utf8')
    const library = /^\[lib\]\n(?:(?!\[).*\n)*/m.exec(manifest)?.[0] ?? ''
    // a crate has a library, or an executable alone
    t.true(/^bench = false$/m.test(library) || /^\[\[bin\]\]$/m.test(manifest), folder)
    for (const [target] of manifest.matchAll(/^\[\[(?:bin|test|example)\]\]\n(?:(?!\[).*\n)*/gm)) {
      t.regex(target, /^bench = false$/m, folder)
    }
    for (const [target] of manifest.matchAll(/^\[\[bench\]\]\n(?:(?!\[).*\n)*/gm)) {
      t.regex(target, /^harness = false$/m, folder)
    }
  }
})
