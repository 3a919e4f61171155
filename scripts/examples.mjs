// Runs the examples as a reader would, from their own instructions, and stops at the first that fails.
//   node scripts/examples.mjs [--long]     --long adds the one that trains a language model, twenty minutes on two cores
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { scriptOptions } from './options.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const { values } = scriptOptions({ options: { long: { type: 'boolean', default: false } } })
const COCO_CLIP = join(root, 'samples', 'coco-clip')
const scratch = mkdtempSync(join(tmpdir(), 'modality-gap-examples-'))

const EXAMPLES = [
  ['npm', 'start', '--prefix', 'examples/search'],
  ['npm', 'start', '--prefix', 'examples/search', '--', '--image', COCO_CLIP, '--text', COCO_CLIP],
  ['npm', 'test', '--prefix', 'examples/transformers-js'],
  ['node', 'examples/why-the-gap-persists.mjs'],
  ['node', 'examples/train-and-track.mjs', join(scratch, 'train-and-track')],
  ...(values.long ? [['node', 'examples/emoji-captions.mjs']] : []),
]

try {
  for (const [command, ...args] of EXAMPLES) {
    process.stdout.write(`\n== ${[command, ...args].join(' ')}\n`)
    const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' })
    if (status !== 0) {
      process.stderr.write(`examples: ${[command, ...args].join(' ')} failed\n`)
      process.exitCode = 1
      break
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
