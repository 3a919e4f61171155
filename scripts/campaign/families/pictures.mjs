// Pictures that announce more than they are, and places that are not pictures.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { crc32, deflateSync } from 'node:zlib'
import { DualEncoder, embedPairs } from '../../../src/encoder/encoder.ts'
import { withSums } from '../containers.mjs'
import { trained } from '../kinds/encoders.mjs'
import { ENCODERS, tar, written } from '../kinds/material.mjs'

const fixture = name => readFileSync(join(ENCODERS, 'pictures', name))

/** A black PNG; grey of one bit a pixel unless `colour` (of a header) and `bits` say more. */
function black(width, height, { colour = 0, bits = 1, depth = bits } = {}) {
  const line = Math.ceil((width * bits) / 8) + 1
  const data = deflateSync(Buffer.alloc(line * height))
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header[8] = depth
  header[9] = colour
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, sum])
}

/** A PNG of the fixtures that says that it is larger. */
function largerPng(name, width, height) {
  const bytes = Buffer.from(fixture(name))
  bytes.writeUInt32BE(width, 16)
  bytes.writeUInt32BE(height, 20)
  return withSums(bytes)
}

/** A JPEG of the fixtures that says that it is larger. */
function largerJpeg(name, width, height) {
  const bytes = Buffer.from(fixture(name))
  for (let at = 2; at + 9 < bytes.length; at += 2 + bytes.readUInt16BE(at + 2)) {
    if ([0xc0, 0xc1, 0xc2].includes(bytes[at + 1])) {
      bytes.writeUInt16BE(height, at + 5)
      bytes.writeUInt16BE(width, at + 7)
      return bytes
    }
  }
  throw new Error(`${name} has no frame`)
}

/** A lossless WebP of the fixtures that says that it is larger; a side has 14 bits. */
function largerWebp(name, width, height) {
  const bytes = Buffer.from(fixture(name))
  const at = bytes.indexOf('VP8L') + 9
  bytes.writeUInt32LE(((width - 1) | ((height - 1) << 14) | (bytes.readUInt32LE(at) & 0xf0000000)) >>> 0, at)
  return bytes
}

const FILES = {
  'a line of 40,000,000 pixels': ['p.png', () => black(1, 40_000_000)],
  'a line of 60,000 pixels': ['p.png', () => black(60_000, 1)],
  'a square of 22,000': ['p.png', () => black(22_000, 22_000)],
  'a PNG that says 4,294,967,295': ['p.png', () => largerPng('rgb.png', 0xffffffff, 0xffffffff)],
  'a PNG that says 9,400': ['p.png', () => largerPng('rgb.png', 9_400, 9_400)],
  'a PNG of 16 bits that says 8,000': ['p.png', () => largerPng('rgba-16.png', 8_000, 8_000)],
  'an animated PNG that says 9,000': ['p.png', () => largerPng('animated.png', 9_000, 9_000)],
  'a PNG without pixels': ['p.png', () => largerPng('rgb.png', 0, 0)],
  'a JPEG that says 65,535': ['p.jpg', () => largerJpeg('colour.jpg', 65_535, 65_535)],
  'a progressive JPEG that says 65,535': ['p.jpg', () => largerJpeg('progressive.jpg', 65_535, 65_535)],
  'a progressive JPEG that says 9,400': ['p.jpg', () => largerJpeg('progressive.jpg', 9_400, 9_400)],
  'a WebP that says 16,384': ['p.webp', () => largerWebp('lossless.webp', 16_384, 16_384)],
  'a WebP that says 9,400': ['p.webp', () => largerWebp('lossless.webp', 9_400, 9_400)],
}

/** Pictures within the bounds, as large as they may be. */
const LARGEST = {
  'a JPEG that says 9,400': ['p.jpg', () => largerJpeg('colour.jpg', 9_400, 9_400)],
  'a progressive JPEG that says 6,600': ['p.jpg', () => largerJpeg('progressive.jpg', 6_600, 6_600)],
  'the largest PNG with alpha': ['p.png', () => black(9_459, 9_459, { colour: 6, depth: 8, bits: 32 })],
  'the largest PNG of 16 bits': ['p.png', () => black(7_000, 7_000, { colour: 6, depth: 16, bits: 64 })],
}

const codes = ['BAD_IMAGE']

const files = Object.entries({ ...FILES, ...LARGEST }).map(([what, [name, make]]) => ({
  id: `picture: ${what}`,
  codes,
  mayBeRead: what in LARGEST,
  async make(folder) {
    await trained(folder)
    written(folder, { [name]: make() })
  },
  read: async folder => await (await DualEncoder.load(join(folder, 'out'))).embedImages([join(folder, name)]),
}))

/** Places that a list names, and what makes them. */
const PLACES = {
  'a device without an end': folder => symlinkSync('/dev/zero', join(folder, 'p.png')),
  'a pipe that nobody writes to': folder => execFileSync('mkfifo', [join(folder, 'p.png')]),
  'a folder': folder => mkdirSync(join(folder, 'p.png')),
}

const places = Object.entries(PLACES).map(([what, make]) => ({
  id: `picture: ${what}`,
  codes: ['BAD_IMAGE', 'UNREADABLE'],
  onlyOn: 'linux',
  async make(folder) {
    await trained(folder)
    await make(folder)
    written(folder, { 'list.jsonl': [{ image: 'p.png', caption: 'a' }] })
  },
  // the device is a link out of the folder
  read: async folder => await embedded(folder, 'list.jsonl', { allowOutsideImages: true }),
}))

const socket = {
  id: 'picture: a socket',
  codes: ['BAD_IMAGE', 'UNREADABLE'],
  onlyOn: 'linux',
  async make(folder) {
    await trained(folder)
    written(folder, { 'list.jsonl': [{ image: 'p.png', caption: 'a' }] })
  },
  async prepare(folder) {
    const server = createServer()
    await new Promise(resolve => server.listen(join(folder, 'p.png'), resolve))
    server.unref()
  },
  read: async folder => await embedded(folder, 'list.jsonl'),
}

const lists = Object.entries({
  'outside by its path': { image: '/dev/zero', caption: 'a' },
  'outside by a step up': { image: '../../../../../../../../dev/zero', caption: 'a' },
  'outside behind a folder': { image: 'x/../../p.png', caption: 'a' },
}).map(([what, record]) => ({
  id: `list: a picture ${what}`,
  codes: ['BAD_FORMAT'],
  says: /outside/,
  async make(folder) {
    await trained(folder)
    written(folder, { 'list.jsonl': [record] })
  },
  read: async folder => await embedded(folder, 'list.jsonl'),
}))

const archives = [
  {
    id: 'archive: members that announce more than the archive has',
    codes: ['BAD_FORMAT'],
    async make(folder) {
      await trained(folder)
      const bytes = tar({ 'a.png': fixture('rgb.png'), 'a.txt': 'a' })
      bytes.write('77777777777', 124)
      written(folder, { 'pairs.tar': bytes })
    },
    read: async folder => await embedded(folder, 'pairs.tar'),
  },
  {
    id: 'archive: a large picture inside',
    codes,
    async make(folder) {
      await trained(folder)
      written(folder, { 'pairs.tar': tar({ 'a.png': black(22_000, 22_000), 'a.txt': 'a' }) })
    },
    read: async folder => await embedded(folder, 'pairs.tar'),
  },
]

async function embedded(folder, list, options = {}) {
  return await embedPairs({
    encoder: join(folder, 'out'),
    data: join(folder, list),
    out: join(folder, 'rows'),
    threads: 2,
    ...options,
  })
}

export const families = [...files, ...places, socket, ...lists, ...archives]
