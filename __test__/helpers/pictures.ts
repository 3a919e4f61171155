import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'

/** A picture of the colour with this number. */
export function picture(i: number): Buffer {
  return png([i * 25, 255 - i * 25, (i * 97) % 256])
}

/** Ten one-coloured pictures with their captions as `pairs.jsonl`; the last two are held out. */
export function colours(folder: string): string {
  mkdirSync(folder, { recursive: true })
  const lines = Array.from({ length: 10 }, (_, i) => {
    writeFileSync(join(folder, `${i}.png`), picture(i))
    const pair = { image: `${i}.png`, caption: `colour ${i}`, split: i < 8 ? 'train' : 'test' }
    return `${JSON.stringify(pair)}\n`
  })
  const list = join(folder, 'pairs.jsonl')
  writeFileSync(list, lines.join(''))
  return list
}

/** An 8 × 8 picture of one colour, made by hand. */
function png(colour: readonly number[]): Buffer {
  const size = 8
  const line = Buffer.from([0, ...Array.from({ length: size }, () => colour).flat()])
  const header = Buffer.alloc(13)
  header.writeUInt32BE(size, 0)
  header.writeUInt32BE(size, 4)
  header.set([8, 2, 0, 0, 0], 8)
  const data = deflateSync(Buffer.concat(Array.from({ length: size }, () => line)))
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))])
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type), data])
  const out = Buffer.alloc(body.length + 8)
  out.writeUInt32BE(data.length, 0)
  body.copy(out, 4)
  out.writeUInt32BE(crc32(body), body.length + 4)
  return out
}

function crc32(bytes: Buffer): number {
  let crc = ~0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  }
  return ~crc >>> 0
}
