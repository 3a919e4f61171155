// Bundles the command line into one file, dist/cli/main.js: read, compiled and run in a fraction of the time that a hundred modules take.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

// Where the bundle pretends to be: beside the binding, which `src/native.ts` requires at run time, and one level below the package as `src/place.ts` is.
const HERE = `'use strict'; const here = new URL('../../native/cli', require('node:url').pathToFileURL(__filename)).href`

const plugin = {
  name: 'command line',
  setup(building) {
    building.onResolve({ filter: /\/engine\.ts$/ }, () => ({ path: '../report/engine.js', external: true }))
    // commander starts programs of their own for subcommands that are files; ours are not, and loading this takes time
    building.onResolve({ filter: /^node:child_process$/ }, ({ path, importer }) =>
      importer.includes('commander') ? { path, namespace: 'unused' } : undefined,
    )
    building.onLoad({ filter: /./, namespace: 'unused' }, () => ({ contents: 'module.exports = {}' }))
  },
}

export async function bundleCommandLine(root) {
  const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['src/cli/main.ts'],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    target: ['node20'],
    // CommonJS starts faster: the loader of ES modules is not needed, as long as nothing else asks for it
    format: 'cjs',
    define: { 'import.meta.url': 'here' },
    banner: { js: HERE },
    // few commands need what users have installed as well
    external: Object.keys({ ...dependencies, ...peerDependencies }),
    plugins: [plugin],
    // text without other characters than ASCII, which is the default, is read and compiled faster
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    logLevel: 'warning',
  })
  const folder = join(root, 'dist', 'cli')
  // what tsc made of the same sources
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }\n')
  writeFileSync(join(folder, 'LICENSES.txt'), licences(root, Object.keys(metafile.inputs)))
  writeFileSync(join(folder, 'main.js'), outputFiles[0].text)
}

/** Licences of the packages that `inputs` come from. */
function licences(root, inputs) {
  const packages = inputs.map(input => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1]).filter(Boolean)
  const parts = [...new Set(packages)].sort().map(name => {
    const folder = join(root, 'node_modules', name)
    const file = readdirSync(folder).find(file => /^licen[cs]e/i.test(file))
    if (file === undefined) throw new Error(`${name} is bundled and has no licence file`)
    return `---- ${name}: ${file}\n\n${readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n').trim()}\n`
  })
  return parts.join('\n')
}
