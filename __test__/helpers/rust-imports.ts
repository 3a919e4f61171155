import { readdirSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'

/** A file of a crate: its submodules, what it names of other modules, and what it exports again under which name. */
interface Module {
  file: string
  parent: string | undefined
  children: Set<string>
  paths: string[][]
  exports: Map<string, string[]>
  macros: Set<string>
}

/** Files of a crate with the files that they take something from, by `use` and by paths within the code, through re-exports. */
export function rustImports(crate: string): Map<string, string[]> {
  const modules = modulesOf(join(crate, 'src'))
  const graph = new Map<string, string[]>()
  for (const [name, { file, paths }] of modules) {
    const targets = paths.map(path => targetOf(modules, name, path)).filter(target => target !== undefined)
    const files = targets.map(target => modules.get(target)?.file as string)
    graph.set(
      file,
      [...new Set(files)].filter(other => other !== file),
    )
  }
  return graph
}

/** Modules by their path, as in `tracker::probe`; the root is `''`. */
function modulesOf(source: string): Map<string, Module> {
  const modules = new Map<string, Module>()
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).map(file => file.split(sep).join('/'))
  for (const file of files.filter(file => file.endsWith('.rs') && !/(^|\/)tests(\/|\.rs$)/.test(file))) {
    const name = file
      .replace(/(^|\/)(lib|mod)?\.rs$|\.rs$/, '')
      .split('/')
      .filter(Boolean)
      .join('::')
    const code = plain(readFileSync(join(source, file), 'utf8'))
    const uses = [...code.matchAll(/\b(pub(?:\([\w\s:]+\))?\s+)?use\s+([^;]+);/g)].flatMap(([, exported, tree = '']) =>
      expand(tree).map(({ path, as }) => ({ exported: exported !== undefined, path, as })),
    )
    const inline = [...code.replaceAll(/\buse\s+[^;]+;/g, '').matchAll(/\b(?:crate|super|self)(?:::\w+)+/g)]
    modules.set(name === 'lib' ? '' : name, {
      file: join(source, file),
      parent: name === 'lib' ? undefined : name.split('::').slice(0, -1).join('::'),
      children: new Set([...code.matchAll(/\bmod\s+(\w+);/g)].map(([, child]) => child as string)),
      paths: [...uses.map(({ path }) => path), ...inline.map(([path]) => path.split('::'))],
      macros: new Set(
        [...code.matchAll(/#\[macro_export\]\s*macro_rules!\s*(\w+)/g)].map(([, macro]) => macro as string),
      ),
      exports: new Map(uses.filter(({ exported }) => exported).map(({ path, as }) => [as, path])),
    })
  }
  return modules
}

/** Without comments, texts and tests. */
function plain(code: string): string {
  const bare = code.replaceAll(/\/\/.*$/gm, '').replaceAll(/"(?:\\.|[^"\\])*"/gs, '""')
  return bare
    .replaceAll(/#\[cfg\(test\)\]\s*(?:pub(?:\([\w\s:]+\))?\s+)?(?:use[^;]+;|mod\s+\w+;)/g, '')
    .split(/#\[cfg\(test\)\]\s*mod\s+\w+\s*\{/)[0] as string
}

/** The paths of a tree as `use` takes it, `a::{b, c::{self, d as e}}`. */
function expand(tree: string): { path: string[]; as: string }[] {
  const at = tree.indexOf('{')
  if (at < 0) {
    const [path = '', as] = tree.trim().split(/\s+as\s+/)
    const steps = path.split('::').map(step => step.trim())
    const whole = steps.at(-1) === 'self' && steps.length > 1 ? steps.slice(0, -1) : steps
    return [{ path: whole, as: as ?? (whole.at(-1) as string) }]
  }
  const head = tree.slice(0, at).trim()
  const parts: string[] = []
  let depth = 0
  let part = ''
  for (const sign of tree.slice(at + 1, tree.lastIndexOf('}'))) {
    depth += sign === '{' ? 1 : sign === '}' ? -1 : 0
    if (sign === ',' && depth === 0) {
      parts.push(part)
      part = ''
    } else {
      part += sign
    }
  }
  return [...parts, part].filter(each => each.trim() !== '').flatMap(each => expand(head + each.trim()))
}

/** The module that defines what a path names in `from`; undefined for what other crates define. */
function targetOf(modules: Map<string, Module>, from: string, path: string[], depth = 0): string | undefined {
  const here = modules.get(from) as Module
  let [first = '', ...rest] = path
  let at: string | undefined = from
  if (first === 'crate') {
    at = ''
  } else if (first === 'super') {
    at = here.parent
    while (rest[0] === 'super' && at !== undefined) {
      at = modules.get(at)?.parent
      rest = rest.slice(1)
    }
  } else if (first !== 'self') {
    if (!here.children.has(first)) {
      return undefined
    }
    rest = path
  }
  while (at !== undefined && rest.length > 0) {
    const module: Module | undefined = modules.get(at)
    const [next = ''] = rest
    const below: string = at === '' ? next : `${at}::${next}`
    if (module?.children.has(next) && modules.has(below)) {
      at = below
      rest = rest.slice(1)
      continue
    }
    const exported = module?.exports.get(next)
    if (exported) {
      return depth < 9 ? targetOf(modules, at, exported, depth + 1) : undefined
    }
    // an exported macro belongs to the root by its name, and to its file by its place
    return (at === '' && [...modules.keys()].find(name => modules.get(name)?.macros.has(next))) || at
  }
  return at
}
