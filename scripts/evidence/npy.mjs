/** What stands before the f16 bits of an npy file, version 1.0, in C order. */
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
