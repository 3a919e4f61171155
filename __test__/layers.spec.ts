import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix, sep } from 'node:path'
import test from 'ava'
import ts from 'typescript'
import { rustImports } from './helpers/rust-imports.ts'

/** The list of layers stands in ARCHITECTURE.md, from the top down; imports point downwards. */
const root = join(import.meta.dirname, '..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const layers = [...read('ARCHITECTURE.md').matchAll(/^(crates\/\w+|src\/\w*\/?|native\/) {2,}/gm)].map(
  ([, name]) => name as string,
)
const crates = layers.filter(layer => layer.startsWith('crates/'))

/** Files of `src` with the files of `src` that they import, for types or for values. */
const imports = new Map(
  readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.ts'))
    .map(file => {
      const from = posix.join('src', file.split(sep).join('/'))
      const named = ts.preProcessFile(read(from)).importedFiles.map(({ fileName }) => fileName)
      return [from, named.filter(name => name.startsWith('.')).map(name => posix.join(posix.dirname(from), name))]
    }),
)

/** A way from a file back to itself, if there is one (depth first). */
function circleIn(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>()
  const way: string[] = []
  const visit = (file: string): string[] | undefined => {
    if (way.includes(file)) {
      return [...way.slice(way.indexOf(file)), file]
    }
    if (done.has(file)) {
      return undefined
    }
    way.push(file)
    for (const next of graph.get(file) ?? []) {
      const found = visit(next)
      if (found) {
        return found
      }
    }
    way.pop()
    done.add(file)
    return undefined
  }
  for (const file of graph.keys()) {
    const found = visit(file)
    if (found) {
      return found
    }
  }
  return undefined
}

test('a circle is found, and a diamond is none', t => {
  const diamond = new Map([
    ['a', ['b', 'c']],
    ['b', ['d']],
    ['c', ['d']],
    ['d', [] as string[]],
  ])
  t.is(circleIn(diamond), undefined)
  t.deepEqual(circleIn(new Map(diamond).set('d', ['c'])), ['d', 'c', 'd'])
})

test('no file of src imports itself over others', t => {
  t.true(imports.size > 200)
  t.deepEqual(circleIn(imports), undefined)
})

for (const crate of crates) {
  test(`no file of ${crate} imports itself over others`, t => {
    const graph = rustImports(join(root, crate))
    t.true(graph.size > 1 && [...graph.values()].some(files => files.length > 0))
    t.deepEqual(circleIn(graph), undefined)
  })
}

test('only commands import commands, and only the façade reaches the native module', t => {
  const into = (folder: string) => [...imports].filter(([, named]) => named.some(name => name.startsWith(folder)))
  t.deepEqual(
    into('src/cli/')
      .map(([file]) => file)
      .filter(file => !file.startsWith('src/cli/')),
    [],
  )
  t.deepEqual(
    into('native/').map(([file]) => file),
    ['src/native.ts'],
  )
})

test('crates depend on crates below them, in the order of ARCHITECTURE.md', t => {
  const manifests = readdirSync(join(root, 'crates')).map(name => `crates/${name}`)
  t.deepEqual(crates.toSorted(), manifests.toSorted())
  for (const crate of crates) {
    const manifest = read(`${crate}/Cargo.toml`)
    const below = crates.slice(crates.indexOf(crate) + 1)
    for (const [, name] of manifest.matchAll(/^modality-gap-(\w+)\b/gm)) {
      t.true(below.includes(`crates/${name}`), `${crate} depends on ${name}, which stands above it`)
    }
    t.is(/^napi\b/m.test(manifest), crate === 'crates/node', crate)
  }
})

test('files that ARCHITECTURE.md names are there', t => {
  const named = [...read('ARCHITECTURE.md').matchAll(/`((?:crates|src|scripts|docs|__test__)\/[\w./-]+)`/g)]
  t.true(named.length > 60)
  // FORMAT stands for the name of a new one
  for (const [, path] of named.filter(([whole]) => !whole.includes('FORMAT'))) {
    t.true(existsSync(join(root, path as string)), path)
  }
})
