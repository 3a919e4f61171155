// Zip and PNG as far as a campaign needs them: a part is changed, and sizes and checksums fit again.
import { crc32, inflateRawSync } from 'node:zlib'

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])

export function isPng(bytes) {
  return bytes.subarray(0, 8).equals(PNG)
}

/** A PNG with the checksums that its chunks should have; what follows a broken length stays. */
export function withSums(bytes) {
  const out = Buffer.from(bytes)
  for (let at = 8; at + 12 <= out.length; ) {
    const length = out.readUInt32BE(at)
    if (at + 12 + length > out.length) break
    out.writeUInt32BE(crc32(out.subarray(at + 4, at + 8 + length)), at + 8 + length)
    at += 12 + length
  }
  return out
}

export function isZip(bytes) {
  return bytes.length > 4 && bytes.readUInt32LE(0) === 0x04034b50
}

/** The files of a zip archive, as its central directory names them; those that can be taken out. */
export function entriesOf(bytes) {
  const entries = []
  const end = bytes.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'))
  if (end === -1 || end + 22 > bytes.length) return entries
  for (let at = bytes.readUInt32LE(end + 16); at + 46 <= bytes.length && bytes.readUInt32LE(at) === 0x02014b50; ) {
    const [method, size, name, extra, comment] = [10, 20, 28, 30, 32].map((place, i) =>
      i === 1 ? bytes.readUInt32LE(at + place) : bytes.readUInt16LE(at + place),
    )
    const local = bytes.readUInt32LE(at + 42)
    if (local + 30 > bytes.length) break
    const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28)
    const packed = bytes.subarray(start, start + size)
    try {
      const data = method === 8 ? inflateRawSync(packed, { maxOutputLength: 1 << 26 }) : packed
      entries.push({ name: bytes.toString('latin1', at + 46, at + 46 + name), data: Buffer.from(data) })
    } catch {
      // broken by a change before
    }
    at += 46 + name + extra + comment
  }
  return entries
}

/** The archive with another content of one of its files; all are stored. */
export function withEntry(bytes, name, data) {
  return zipped(entriesOf(bytes).map(each => (each.name === name ? { name, data } : each)))
}

/** A zip archive of stored files. */
export function zipped(entries) {
  const [files, directory] = [[], []]
  let at = 0
  for (const { name, data } of entries) {
    const path = Buffer.from(name, 'latin1')
    const head = Buffer.alloc(30)
    head.writeUInt32LE(0x04034b50, 0)
    head.writeUInt16LE(20, 4)
    head.writeUInt32LE(crc32(data), 14)
    head.writeUInt32LE(data.length, 18)
    head.writeUInt32LE(data.length, 22)
    head.writeUInt16LE(path.length, 26)
    const central = Buffer.alloc(46)
    central.writeUInt32LE(0x02014b50, 0)
    central.writeUInt16LE(20, 4)
    head.copy(central, 6, 4, 30)
    central.writeUInt32LE(at, 42)
    files.push(head, path, data)
    directory.push(central, path)
    at += 30 + path.length + data.length
  }
  const list = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(list.length, 12)
  end.writeUInt32LE(at, 16)
  return Buffer.concat([...files, list, end])
}
