/** Time and memory of the main job on ever more rows: the command line in a process of its own, files of repeated blocks. */
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { measure, median } from '../../benches/child.mjs'
import { toHalf } from './half.mjs'
import { npyHeader } from './npy.mjs'

const cli = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js')
const BLOCK = 2048
const REPEATS = 3

/** `align` on BLOCK·k rows a side for each k: medians of seconds and the highest anonymous memory. */
export async function scaling(generator, factors) {
  const folder = mkdtempSync(join(tmpdir(), 'modality-gap-evidence-'))
  try {
    const block = generator.take(BLOCK)
    const found = []
    for (const factor of factors) {
      const paths = ['image', 'text'].map(side => write(join(folder, side), block[side], generator.dim, factor))
      const args = [cli, 'align', '--image', paths[0], '--text', paths[1], '--out', join(folder, 'out'), '--no-sync']
      const runs = []
      for (let i = 0; i < REPEATS; i++) {
        rmSync(join(folder, 'out'), { recursive: true, force: true })
        runs.push(await measure(process.execPath, [...args, '--json']))
      }
      found.push({
        rows: BLOCK * factor,
        seconds: median(runs.map(run => run.seconds)),
        peak: Math.max(...runs.map(run => run.peak ?? Number.NaN)),
      })
    }
    return found
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function write(folder, rows, dim, factor) {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, 'rows.npy')
  const bytes = new Uint8Array(Uint16Array.from(rows, toHalf).buffer)
  const file = openSync(path, 'w')
  writeSync(file, npyHeader([BLOCK * factor, dim]))
  for (let i = 0; i < factor; i++) writeSync(file, bytes)
  closeSync(file)
  return path
}
