import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'

const MAIN = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js')
/** Files of each side, and how many a process may have open. */
const [SHARDS, HANDLES] = [400, 128]

/** Runs a command in a process that may not have as many files open as there are shards. */
function limited(args: readonly string[]): { status: number | null; stderr: string } {
  const line = `ulimit -n ${HANDLES}; exec "$0" "$@"`
  const { status, stderr } = spawnSync('/bin/sh', ['-c', line, process.execPath, MAIN, ...args], { encoding: 'utf8' })
  return { status, stderr }
}

// Windows has no such limit
if (process.platform !== 'win32') {
  test.serial('more shards than a process may open are no limit to any command', t => {
    const folder = folderOf(t)
    for (const side of ['image', 'text']) {
      mkdirSync(join(folder, side))
      for (let k = 0; k < SHARDS; k++) {
        writeNpy(join(folder, side, `${side}_${k}.npy`), someRows(2, 4, k + (side === 'text' ? 7 : 0)), [2, 4])
      }
    }
    const [image, text] = [join(folder, 'image'), join(folder, 'text')]
    const pair = ['--image', image, '--text', text]
    for (const args of [
      ['inspect', text],
      ['measure', ...pair, '--paired'],
      ['fit', ...pair, '--method', 'bca', '--out', join(folder, 'a.safetensors')],
      ['fit', ...pair, '--method', 'procrustes', '--paired', '--out', join(folder, 'p.safetensors')],
      [
        'transform',
        '--aligner',
        join(folder, 'a.safetensors'),
        '--in',
        text,
        '--out',
        join(folder, 'moved'),
        '--no-sync',
      ],
      ['analyze', 'sample-size', ...pair, '--sizes', '100', '--trials', '1'],
      ['align', ...pair, '--out', join(folder, 'aligned'), '--no-sync'],
      ['convert', '--in', text, '--out', join(folder, 'parquet'), '--format', 'parquet', '--no-sync'],
      ['compare', ...pair, '--paired', '--methods', 'none,realign'],
    ]) {
      const { status, stderr } = limited(args)
      t.is(status, 0, `${args[0]}: ${stderr}`)
    }
  })

  test.serial('records may lie in more files than a process may open', t => {
    const folder = folderOf(t)
    const files = Array.from({ length: SHARDS }, (_, k) => {
      const path = join(folder, `records_${k}.jsonl`)
      writeFileSync(path, `{"id": "${k}", "caption": "a fox"}\n`)
      return path
    })
    const source = new URL('../src/revision/data/training-set.ts', import.meta.url).href
    const script = `
      const { TrainingSet } = await import(${JSON.stringify(source)})
      const set = await TrainingSet.open({ data: ${JSON.stringify(files)} })
      const ids = await Promise.all(Array.from({ length: ${SHARDS} }, async (_, i) => (await set.train.at(i)).id))
      if (ids.join() !== Array.from({ length: ${SHARDS} }, (_, i) => String(i)).join()) throw new Error(ids.join())
      await set.close()`
    const loader = process.execArgv.filter(argument => argument.startsWith('--import'))
    const line = `ulimit -n ${HANDLES}; exec "$0" "$@"`
    const args = ['-c', line, process.execPath, ...loader, '--input-type=module', '-e', script]
    const { status, stderr } = spawnSync('/bin/sh', args, { encoding: 'utf8' })
    t.is(status, 0, stderr)
  })
}
