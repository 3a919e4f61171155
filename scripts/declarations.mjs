// Writes the types of the package's entries: those of the root and of `transform` rolled up, the others by name from the root's.
//   node scripts/declarations.mjs     writes all of them
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)
const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Texts by file name. */
export function declarations() {
  const { generateDtsBundle } = require('dts-bundle-generator')
  const { compilationOptions, entries } = require('../dts.config.cjs')
  const texts = generateDtsBundle(entries, compilationOptions)
  const whole = entries.map(({ outFile }, i) => [outFile, withLibraries(texts[i])])
  return Object.fromEntries([...whole, ...parts()].map(([file, text]) => [file, formatted(file, text)]))
}

/** One declaration for each type of the package: an entry for a part names what it takes from the root. */
function parts() {
  const ts = require('typescript')
  const { config } = ts.readConfigFile(join(root, 'tsconfig.build.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  const { parts } = require('../dts.config.cjs')
  const sources = Object.values(parts).map(source => join(root, source))
  const program = ts.createProgram(sources, options)
  const checker = program.getTypeChecker()
  return Object.keys(parts).map((outFile, i) => {
    const names = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(sources[i])))
    const list = names.map(({ name }) => name).sort((a, b) => a.localeCompare(b, 'en'))
    return [outFile, `export { ${list.join(', ')} } from './index.js'\n`]
  })
}

/** Declares by itself what it needs beyond the standard library of ES2022, or a user's own `lib` would have to name it. */
function withLibraries(text) {
  return /\bSymbol\.(?:asyncD|d)ispose\b/.test(text) ? `/// <reference lib="esnext.disposable" />\n${text}` : text
}

function formatted(outFile, input) {
  const args = ['biome', 'format', `--stdin-file-path=${outFile}`]
  const shell = process.platform === 'win32'
  const stdio = ['pipe', 'pipe', 'inherit']
  const { status, stdout } = spawnSync('npx', args, { cwd: root, input, shell, encoding: 'utf8', stdio })
  if (status !== 0) throw new Error(`npx ${args.join(' ')} failed`)
  return stdout
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [file, text] of Object.entries(declarations())) writeFileSync(join(root, file), text)
}
