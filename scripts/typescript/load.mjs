// What a TypeScript file is to Node's loader: compiled once by esbuild, then read from a cache in node_modules.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { transformSync, version } from 'esbuild'

const CACHE = join(dirname(dirname(import.meta.dirname)), 'node_modules', '.cache', 'typescript')

const OPTIONS = {
  loader: 'ts',
  format: 'esm',
  // the oldest Node that the package runs on
  target: 'node20.19',
  sourcemap: 'inline',
  tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
}

/** The hook itself; with Node 20's threaded loader under the name that it looks for. */
export function loadTypeScript(url, context, nextLoad) {
  if (!url.startsWith('file:') || !new URL(url).pathname.endsWith('.ts')) {
    return nextLoad(url, context)
  }
  return { format: 'module', source: compiled(fileURLToPath(url)), shortCircuit: true }
}

export { loadTypeScript as load }

function compiled(path) {
  const text = readFileSync(path, 'utf8')
  // the path is part of the source map
  const key = createHash('sha256')
    .update(JSON.stringify([version, OPTIONS, path, text]))
    .digest('hex')
  const cached = join(CACHE, `${key}.js`)
  try {
    return readFileSync(cached, 'utf8')
  } catch {
    const { code } = transformSync(text, { ...OPTIONS, sourcefile: path })
    mkdirSync(CACHE, { recursive: true })
    // test processes compile at the same time: a file appears whole
    const own = `${cached}.${process.pid}`
    writeFileSync(own, code)
    renameSync(own, cached)
    return code
  }
}
