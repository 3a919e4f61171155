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
    // the loader, and the types of results, which pages without native code have as well
    ['src/native.ts', 'src/results.ts'],
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

/** Files below these folders. */
function filesOf(folders: readonly string[]): string[] {
  return folders.flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map(file =>
      posix.join(folder, file.split(sep).join('/')),
    ),
  )
}

/** What stands in backticks in a text and has the form of a path or a file's name. */
function filesNamed(text: string): string[] {
  // FORMAT stands for the name of a new one
  return [...text.matchAll(/`([\w./-]+)`/g)]
    .map(([, name]) => name as string)
    .filter(
      name =>
        /^(crates|src|scripts|docs|__test__|benches)\/|\.(rs|ts|mjs|py|md)$/.test(name) && !name.includes('FORMAT'),
    )
}

for (const [page, least] of [
  ['ARCHITECTURE.md', 150],
  ['__test__/README.md', 60],
] as const) {
  test(`files that ${page} names are there`, t => {
    const files = filesOf(['crates', 'src', 'scripts', 'docs', '__test__', 'benches', 'examples'])
    const named = filesNamed(read(page))
    t.true(named.length > least, `${named.length}`)
    for (const name of named) {
      const found = existsSync(join(root, name)) || files.some(file => file.endsWith(`/${name}`))
      t.true(found, `${page} names ${name}`)
    }
  })
}

test('the index of the specification has a file for every subject of its twelve sections', t => {
  const [, index = ''] = read('ARCHITECTURE.md').match(/^## Index of the specification\n(.*?)^## /ms) ?? []
  const rows = [...index.matchAll(/^\| (.*?) ?\| (.*?) \| (.*?) \|$/gm)].slice(2)
  const sections = rows.map(([, section]) => section as string).filter(section => section !== '')
  t.deepEqual(
    sections.map(section => Number.parseInt(section, 10)),
    Array.from({ length: 12 }, (_, i) => i + 1),
  )
  for (const [row, , , files] of rows) {
    t.true(filesNamed(files as string).length > 0, row)
  }
})
