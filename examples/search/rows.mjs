import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { convert, openEmbeddings } from 'modality-gap'

/** All rows of a source in any format, as f32 in memory; a search index wants them there. */
export async function readRows(path, role) {
  const rows = await openEmbeddings(path, { role })
  const folder = mkdtempSync(join(tmpdir(), 'modality-gap-search-'))
  try {
    const { outputs } = await convert(rows, folder, { format: 'npy', dtype: 'f32' })
    // a folder with metadata keeps them
    const values = outputs.filter(path => path.endsWith('.npy')).map(readNpy)
    const all = new Float32Array(values.reduce((sum, shard) => sum + shard.length, 0))
    values.reduce((at, shard) => {
      all.set(shard, at)
      return at + shard.length
    }, 0)
    return { values: all, dim: rows.dim, count: all.length / rows.dim }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Every second row, from `first`. */
export function everySecond({ values, dim, count }, first) {
  const rows = Array.from({ length: Math.ceil((count - first) / 2) }, (_, i) => first + 2 * i)
  const half = new Float32Array(rows.length * dim)
  rows.forEach((row, i) => {
    half.set(values.subarray(row * dim, (row + 1) * dim), i * dim)
  })
  return half
}

function readNpy(path) {
  const file = readFileSync(path)
  const start = 10 + file.readUInt16LE(8)
  return new Float32Array(file.buffer.slice(file.byteOffset + start, file.byteOffset + file.length))
}
