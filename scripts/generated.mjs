// Compares the committed files that are generated with a fresh generation in a temporary folder.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { declarations } from './declarations.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

const GENERATED = [
  { command: 'npm run build:native', make: binding },
  { command: 'npm run build:dts', make: declarations },
]

for (const { command, make } of GENERATED) {
  for (const [file, text] of Object.entries(make())) {
    const line = firstDifference(read(join(root, file)), text)
    if (line !== undefined) {
      process.stderr.write(
        `${normalize(file)} is not what its sources give, first in line ${line}; write it anew: ${command}\n`,
      )
      process.exitCode = 1
    }
  }
}

/** The loader and the types of the native module, of the addon that cargo has built before. */
function binding() {
  const folder = mkdtempSync(join(tmpdir(), 'modality-gap-generated-'))
  try {
    run('npm', ['run', 'build:native', '--', '--output-dir', folder])
    return Object.fromEntries(['binding.cjs', 'binding.d.ts'].map(name => [`native/${name}`, read(join(folder, name))]))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function run(command, args) {
  const shell = process.platform === 'win32'
  const { status } = spawnSync(command, args, { cwd: root, shell, stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) throw new Error(`${[command, ...args].join(' ')} failed`)
}

function read(file) {
  return readFileSync(file, 'utf8')
}

/** Number of the first line in which two texts differ, whatever their line ends are; undefined where none does. */
function firstDifference(a, b) {
  const [one, other] = [a, b].map(text => text.replaceAll('\r\n', '\n').split('\n'))
  const at = Array.from({ length: Math.max(one.length, other.length) }).findIndex((_, i) => one[i] !== other[i])
  return at < 0 ? undefined : at + 1
}
