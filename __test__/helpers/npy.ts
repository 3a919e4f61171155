import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { halfToNumber, numberToHalf } from '../../src/half.ts'

type Numbers = Float32Array | Float64Array | Uint16Array

const DESCRIPTORS = { Float32Array: '<f4', Float64Array: '<f8', Uint16Array: '<f2' }

/** Writes an npy file; `Uint16Array` holds f16 bits, and `header` replaces the true one to make files that lie. */
export function writeNpy(path: string, rows: Numbers, shape: readonly number[], header?: string): string {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const text =
    header ?? `{'descr': '${DESCRIPTORS[rows[Symbol.toStringTag]]}', 'fortran_order': False, 'shape': (${tuple}), }`
  const padded = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`
  const prefix = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, padded.length & 0xff, padded.length >> 8])
  const data = Buffer.from(rows.buffer, rows.byteOffset, rows.byteLength)
  writeFileSync(path, Buffer.concat([prefix, Buffer.from(padded), data]))
  return path
}

/** Reads an npy file of this machine's byte order into f64. */
export function readNpy(path: string): { values: Float64Array; shape: number[] } {
  const file = readFileSync(path)
  const start = 10 + file.readUInt16LE(8)
  const header = file.subarray(10, start).toString()
  const shape = (/'shape': \(([^)]*)\)/.exec(header)?.[1] ?? '').split(',').filter(Boolean).map(Number)
  const bytes = file.buffer.slice(file.byteOffset + start, file.byteOffset + file.length)
  return { values: toF64(bytes as ArrayBuffer, /'descr': '([^']+)'/.exec(header)?.[1]), shape }
}

function toF64(bytes: ArrayBuffer, descriptor: string | undefined): Float64Array {
  switch (descriptor) {
    case '<f2':
      return Float64Array.from(new Uint16Array(bytes), halfToNumber)
    case '<f4':
      return Float64Array.from(new Float32Array(bytes))
    case '<f8':
      return new Float64Array(bytes)
    default:
      throw new Error(`no reader for ${descriptor}`)
  }
}

/** The bits of the nearest f16 values. */
export function halves(values: Iterable<number>): Uint16Array {
  return Uint16Array.from([...values].map(numberToHalf))
}

/** A file of the golden values, which `make_realign.py` computes with NumPy. */
export function fixture(name: string): string {
  return join(import.meta.dirname, '..', 'fixtures', name)
}
