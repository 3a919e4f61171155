// Rolls up the types of the package into one file per entry, index.d.ts and transform.d.ts, and formats them.
//   node scripts/declarations.mjs     writes both
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
  return Object.fromEntries(entries.map(({ outFile }, i) => [outFile, formatted(outFile, withLibraries(texts[i]))]))
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
