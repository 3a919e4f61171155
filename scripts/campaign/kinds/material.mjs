// Where the files of the kinds come from: the fixtures of the tests, and what the package writes itself.
import { copyFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../', import.meta.url))

export const SHARDS = join(root, 'crates/shards/tests/fixtures')
export const MODELS = join(root, 'crates/revision/tests/fixtures')
export const ENCODERS = join(root, 'crates/encoder/tests/fixtures')
export const CASES = join(root, '__test__/fixtures')

/** Copies files or folders under new names. */
export function copied(folder, files) {
  for (const [name, from] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    cpSync(from, join(folder, name), { recursive: true })
  }
}

/** Copies a file under a name. */
export function copiedAs(from) {
  return (folder, name) => copyFileSync(from, join(folder, name))
}

/** Writes texts, objects as JSON, and lists as JSON lines. */
export function written(folder, files) {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    const text = Array.isArray(content) ? content.map(line => JSON.stringify(line)).join('\n') : content
    writeFileSync(join(folder, name), typeof text === 'string' || Buffer.isBuffer(text) ? text : JSON.stringify(text))
  }
}

/** An archive of files, as ustar. */
export function tar(files) {
  const blocks = Object.entries(files).flatMap(([name, content]) => {
    const [head, data] = [Buffer.alloc(512), Buffer.from(content)]
    head.write(`${name}`, 0)
    head.write(
      `0000644\0${'0000000\0'.repeat(2)}${data.length.toString(8).padStart(11, '0')}\0${'0'.repeat(11)}\0        0`,
      100,
    )
    head.write('ustar\x0000', 257)
    const sum = head.reduce((all, byte) => all + byte, 0)
    head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
    return [head, data, Buffer.alloc(-data.length & 511)]
  })
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}

/** The bytes of safetensors with more rows in the matrices of these names: copies of the first. */
export function withRows(bytes, rows, names) {
  const length = Number(bytes.readBigUInt64LE(0))
  const { __metadata__, ...entries } = JSON.parse(bytes.toString('utf8', 8, 8 + length))
  const [header, parts] = [{ __metadata__ }, []]
  let at = 0
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [from, to],
    },
  ] of Object.entries(entries)) {
    const data = bytes.subarray(8 + length + from, 8 + length + to)
    const row = data.length / shape[0]
    const more = names.includes(name) ? Array(rows - shape[0]).fill(data.subarray(0, row)) : []
    const all = Buffer.concat([data, ...more])
    header[name] = { dtype, shape: [all.length / row, ...shape.slice(1)], data_offsets: [at, at + all.length] }
    parts.push(all)
    at += all.length
  }
  const text = Buffer.from(JSON.stringify(header))
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([size, text, ...parts])
}

/** Rows by chance, as npy. */
export function npy(rows, dim, salt = 1) {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${dim}), }`
  const text = `${header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11)}\n`
  const values = Float32Array.from({ length: rows * dim }, (_, i) => Math.sin(salt + 1.7 * i) + 0.3 * (i % dim))
  const head = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, text.length & 255, text.length >> 8])
  return Buffer.concat([head, Buffer.from(text), Buffer.from(values.buffer)])
}
