/** An npy file, version 1.0, of f16 bits in C order. */
export function npyOfHalves(bits, shape) {
  const text = `{'descr': '<f2', 'fortran_order': False, 'shape': (${shape.join(', ')}), }`
  // magic, version, length and header have to fill whole blocks of 64 bytes
  const padded = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`
  const file = new Uint8Array(10 + padded.length + bits.length * 2)
  const view = new DataView(file.buffer)
  file.set([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0])
  view.setUint16(8, padded.length, true)
  file.set(new TextEncoder().encode(padded), 10)
  bits.forEach((value, i) => {
    view.setUint16(10 + padded.length + i * 2, value, true)
  })
  return file
}
