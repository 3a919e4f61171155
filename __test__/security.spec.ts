import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'

const root = join(import.meta.dirname, '..')

test('every promise of SECURITY.md names a test that is there', t => {
  const rows = readFileSync(join(root, 'SECURITY.md'), 'utf8')
    .split('\n')
    .filter(line => line.startsWith('| '))
    .slice(2)
  t.true(rows.length > 10)
  for (const row of rows) {
    const tests = [...(row.split('|')[3] ?? '').matchAll(/`([\w./-]+\.\w+)`/g)].map(([, path]) => path as string)
    t.true(tests.length > 0, row)
    for (const path of tests) {
      t.true(existsSync(join(root, path)), path)
    }
  }
})
