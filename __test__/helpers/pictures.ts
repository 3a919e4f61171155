import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { png } from './png.ts'

/** A picture of the colour with this number. */
export function picture(i: number): Buffer {
  return png([i * 25, 255 - i * 25, (i * 97) % 256])
}

/** One-coloured pictures with their captions as `pairs.jsonl`; the last two are held out. */
export function colours(folder: string, count = 10): string {
  mkdirSync(folder, { recursive: true })
  const lines = Array.from({ length: count }, (_, i) => {
    writeFileSync(join(folder, `${i}.png`), picture(i))
    const pair = { image: `${i}.png`, caption: `colour ${i}`, split: i < count - 2 ? 'train' : 'test' }
    return `${JSON.stringify(pair)}\n`
  })
  const list = join(folder, 'pairs.jsonl')
  writeFileSync(list, lines.join(''))
  return list
}
