import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'

const script = join(import.meta.dirname, '..', 'scripts', 'release', 'publish.mjs')

// the whole way, with a registry, is rehearsed by scripts/release/rehearse.mjs
test('a stand-in for a binary never leaves this machine, and a file that was changed after packing is refused', t => {
  const folder = mkdtempSync(join(tmpdir(), 'modality-gap-publish-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'a.tgz'), 'packed')
  const integrity = `sha512-${createHash('sha512').update('packed').digest('base64')}`
  const publish = (entry: object, ...args: string[]) => {
    const item = { name: 'a', version: '1.0.0', file: 'a.tgz', integrity, ...entry }
    writeFileSync(join(folder, 'packages.json'), JSON.stringify([item]))
    return spawnSync(process.execPath, [script, folder, ...args], { encoding: 'utf8' })
  }
  const standIn = publish({ standIn: true }, '--dry-run')
  t.is(standIn.status, 1)
  t.regex(standIn.stderr, /a holds a stand-in for a binary, which goes to a registry on loopback only/)
  const elsewhere = publish({ standIn: true }, '--registry', 'https://127.0.0.1.example.org')
  t.regex(elsewhere.stderr, /on loopback only/)
  const changed = publish({ standIn: false, integrity: 'sha512-other' }, '--dry-run')
  t.is(changed.status, 1)
  t.regex(changed.stderr, /a\.tgz is not the file that was packed/)
})
