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

/** The rows below the last table head of a document. */
function promisesIn(path: string): string[] {
  const lines = readFileSync(join(root, path), 'utf8').split('\n')
  return lines.slice(lines.findLastIndex(line => line.startsWith('| ---')) + 1).filter(line => line.startsWith('| '))
}

test('every promise of SECURITY.md and of docs/formats.md names tests that are there', t => {
  const [security, formats] = [promisesIn('SECURITY.md'), promisesIn('docs/formats.md')]
  t.true(security.length > 15)
  t.true(formats.length > 8)
  for (const row of [...security, ...formats]) {
    const tests = [...(row.split('|').at(-2) ?? '').matchAll(/`([\w./-]+\.\w+)`: ((?:"[^"]+"(?:, )?)+)/g)]
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
