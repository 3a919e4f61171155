/** An npy file, version 1.0, of f16 bits in C order. */
export function npyOfHalves(bits, shape) {
  const header = npyHeader(shape)
  const file = new Uint8Array(header.length + bits.length * 2)
  const view = new DataView(file.buffer)
  file.set(header)
  bits.forEach((value, i) => {
    view.setUint16(header.length + i * 2, value, true)
  })
  return file
}

/** What stands before the f16 bits of such a file. */
export function npyHeader(shape) {
  const text = `{'descr': '<f2', 'fortran_order': False, 'shape': (${shape.join(', ')}), }`
  // magic, version, length and header have to fill whole blocks of 64 bytes
  const padded = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`
  const header = new Uint8Array(10 + padded.length)
  header.set([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0])
  new DataView(header.buffer).setUint16(8, padded.length, true)
  header.set(new TextEncoder().encode(padded), 10)
  return header
}
