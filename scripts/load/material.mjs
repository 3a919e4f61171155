// What the workers of the load test read.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeNpy } from '../../__test__/helpers/npy.ts'
import { png } from '../../__test__/helpers/png.ts'
import { TINY } from '../../__test__/helpers/revision.ts'

export const COLUMNS = 64
export const ROWS = 4096

/** Rows that depend on their place only. */
export function rows(count, phase) {
  return Float32Array.from({ length: count * COLUMNS }, (_, i) => Math.sin(i * phase) + (i % COLUMNS) / COLUMNS)
}

export function makeMaterial(folder) {
  for (const [name, phase] of [
    ['image', 1.3],
    ['text', 2.1],
  ]) {
    writeNpy(join(folder, `${name}.npy`), rows(ROWS, phase), [ROWS, COLUMNS])
  }
  mkdirSync(join(folder, 'pictures'))
  const pairs = Array.from({ length: 12 }, (_, i) => {
    writeFileSync(join(folder, 'pictures', `${i}.png`), png([i * 20, 255 - i, 7]))
    return `${JSON.stringify({ image: `${i}.png`, caption: `colour ${i}` })}\n`
  })
  writeFileSync(join(folder, 'pictures', 'pairs.jsonl'), pairs.join(''))
  return { folder, model: TINY }
}
