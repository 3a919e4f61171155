import { ModalityGapError } from '../../errors.ts'
import { openRegular } from '../../regular-file.ts'
import { unreadable } from '../../unreadable.ts'

/** Bytes of a header at most; NumPy's own limit is ten thousand. */
const MAX_HEADER = 2 ** 16
/** Bytes that are read at once. */
const BLOCK = 2 ** 20

/** What a header says of the array. */
interface Header {
  /** Where the values begin. */
  start: number
  count: number
  bytes: number
  idAt: (view: DataView, at: number) => string
}

/**
 * Ids of an array that `numpy.save` wrote: one dimension of whole numbers (`i1` to `u8`) or of texts (`U`, `S`).
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`; `BAD_FORMAT` for what is no such file or cut, `UNSUPPORTED` for
 * an array of other values or of more dimensions
 */
export async function* npyIds(path: string): AsyncGenerator<string> {
  const file = await openRegular(path)
  try {
    const read = async (at: number, length: number) => {
      const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, at)
      return buffer.subarray(0, bytesRead)
    }
    const { start, count, bytes, idAt } = await headerOf(path, read)
    const size = (await file.stat()).size
    if (size !== start + count * bytes) {
      const message = `${path}: its header promises ${count * bytes} bytes of ids, and ${size - start} follow`
      throw new ModalityGapError('BAD_FORMAT', message, { file: path })
    }
    const atOnce = Math.max(1, Math.floor(BLOCK / bytes))
    for (let first = 0; first < count; first += atOnce) {
      const wanted = Math.min(atOnce, count - first) * bytes
      const block = await read(start + first * bytes, wanted)
      if (block.length !== wanted) {
        throw new ModalityGapError('BAD_FORMAT', `${path}: it became shorter while it was read`, { file: path })
      }
      const view = new DataView(block.buffer, block.byteOffset, block.byteLength)
      for (let at = 0; at + bytes <= block.length; at += bytes) {
        yield idAt(view, at)
      }
    }
  } catch (cause) {
    throw cause instanceof ModalityGapError ? cause : unreadable(path, cause)
  } finally {
    await file.close()
  }
}

async function headerOf(path: string, read: (at: number, length: number) => Promise<Uint8Array>): Promise<Header> {
  const refuse = (code: 'BAD_FORMAT' | 'UNSUPPORTED', why: string): never => {
    throw new ModalityGapError(code, `${path}: ${why}`, { file: path })
  }
  const lead = await read(0, 12)
  const version = lead[6] ?? 0
  if (lead.length < 12 || Buffer.from(lead.subarray(0, 6)).toString('latin1') !== '\x93NUMPY' || version > 3) {
    return refuse('BAD_FORMAT', 'is not an npy file')
  }
  const view = new DataView(lead.buffer, lead.byteOffset)
  const [from, length] = version === 1 ? [10, view.getUint16(8, true)] : [12, view.getUint32(8, true)]
  const text = length > MAX_HEADER ? '' : new TextDecoder().decode(await read(from, length))
  const descr = /'descr'\s*:\s*'([^']*)'/.exec(text)?.[1]
  const shape = /'shape'\s*:\s*\(([^)]*)\)/.exec(text)?.[1]?.match(/\d+/g)?.map(Number)
  if (shape === undefined || !shape.every(Number.isSafeInteger)) {
    return refuse('BAD_FORMAT', 'has no header of an array')
  }
  const count = shape.reduce((a, b) => a * b, 1)
  if (shape.length !== 1 && count !== shape[0]) {
    return refuse('UNSUPPORTED', `has the shape (${shape.join(', ')}); ids are an array of one dimension`)
  }
  const [, order, kind = '', size] = /^([<>=|])([iuUS])(\d+)$/.exec(descr ?? '') ?? []
  const idAt = reader(kind, Number(size), order !== '>')
  if (idAt === undefined) {
    const what = descr ?? 'several columns'
    return refuse('UNSUPPORTED', `holds values of type ${what}; ids are whole numbers or texts: save ids.astype(str)`)
  }
  return { start: from + length, count, bytes: Number(size) * (kind === 'U' ? 4 : 1), idAt }
}

/** How a value of so many bytes, or of so many letters, becomes an id. */
function reader(kind: string, size: number, little: boolean): Header['idAt'] | undefined {
  if (size === 0 || size > MAX_HEADER) {
    return undefined
  }
  switch (`${kind}${size}`) {
    case 'i1':
      return (view, at) => String(view.getInt8(at))
    case 'u1':
      return (view, at) => String(view.getUint8(at))
    case 'i2':
      return (view, at) => String(view.getInt16(at, little))
    case 'u2':
      return (view, at) => String(view.getUint16(at, little))
    case 'i4':
      return (view, at) => String(view.getInt32(at, little))
    case 'u4':
      return (view, at) => String(view.getUint32(at, little))
    case 'i8':
      return (view, at) => String(view.getBigInt64(at, little))
    case 'u8':
      return (view, at) => String(view.getBigUint64(at, little))
  }
  if (kind === 'S') {
    const decoder = new TextDecoder()
    return (view, at) => withoutZeros(decoder.decode(new Uint8Array(view.buffer, view.byteOffset + at, size)))
  }
  if (kind === 'U') {
    const letter = (view: DataView, at: number) => {
      const code = view.getUint32(at, little)
      return code > 0x10ffff ? '\ufffd' : String.fromCodePoint(code)
    }
    return (view, at) => withoutZeros(Array.from({ length: size }, (_, i) => letter(view, at + 4 * i)).join(''))
  }
  return undefined
}

/** A text without what fills its place behind it. */
function withoutZeros(text: string): string {
  let end = text.length
  while (end > 0 && text.charCodeAt(end - 1) === 0) {
    end--
  }
  return text.slice(0, end)
}
