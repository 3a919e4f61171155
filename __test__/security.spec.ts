import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'

const root = join(import.meta.dirname, '..')

/** Names of the tests in a file; what is put into a name stands for anything. */
function testsIn(path: string): RegExp[] {
  const text = readFileSync(join(root, path), 'utf8')
  if (path.endsWith('.rs')) {
    return [...text.matchAll(/#\[test\]\s+fn (\w+)/g)].map(([, name]) => new RegExp(`^${name}$`))
  }
  const calls = text.matchAll(
    /(?<![.\w])test(?:\.serial)?\(\s*(?:'((?:\\.|[^'\\])*)'|"((?:\\.|[^"\\])*)"|`((?:\\.|[^`\\])*)`)/g,
  )
  return [...calls].map(([, single, double, template = '']) => {
    const fixed = single ?? double
    const parts = (fixed === undefined ? template.split(/\$\{[^}]*\}/) : [fixed]).map(part =>
      part.replaceAll(/\\(.)/g, '$1'),
    )
    return new RegExp(`^${parts.map(part => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)).join('.+')}$`)
  })
}

test('names of tests are found, and others are not', t => {
  const own = testsIn('__test__/security.spec.ts')
  t.true(own.some(name => name.test('names of tests are found, and others are not')))
  t.false(own.some(name => name.test('names of tests')))
  t.true(testsIn('__test__/campaign.spec.ts').some(name => name.test('files by design: pictures')))
})

test('every promise of SECURITY.md names tests that are there', t => {
  const rows = readFileSync(join(root, 'SECURITY.md'), 'utf8')
    .split('\n')
    .filter(line => line.startsWith('| '))
    .slice(2)
  t.true(rows.length > 15)
  for (const row of rows) {
    const tests = [...(row.split('|')[3] ?? '').matchAll(/`([\w./-]+\.\w+)`: ((?:"[^"]+"(?:, )?)+)/g)]
    t.true(tests.length > 0, row)
    for (const [, path = '', names = ''] of tests) {
      t.true(existsSync(join(root, path)), path)
      for (const [, name = ''] of names.matchAll(/"([^"]+)"/g)) {
        t.true(
          testsIn(path).some(test => test.test(name)),
          `${path}: ${name}`,
        )
      }
    }
  }
})
