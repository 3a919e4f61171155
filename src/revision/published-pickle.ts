import { join } from 'node:path'
import { writeWhole } from '../whole-file.ts'

/** Records of a file, as published. */
const RECORDS = 200_000
/** Records that are appended at a time, as Python does. */
const BATCH = 1000

/** A record of a published pickle: `{id, caption | image_path, embed}`. */
export interface PublishedRecord {
  /** Its texts. */
  texts: Readonly<Record<string, string>>
  /** Its row. */
  embed: Float32Array
}

/**
 * Writes records as published with arXiv 2602.07026: `NAME_0.pkl`, `NAME_1.pkl`, … of 200,000 each, a list of dicts with
 * `embed` as a NumPy array of f32. Plain `pickle.load` opens them, and so does `openEmbeddings`.
 *
 * @param columns values of every row
 * @returns the files
 * @throws {@link ModalityGapError} `WRITE_FAILED`
 */
export async function writePublished(
  folder: string,
  name: string,
  columns: number,
  records: AsyncIterator<PublishedRecord>,
): Promise<string[]> {
  const files: string[] = []
  let next = await records.next()
  while (!next.done) {
    const path = join(folder, `${name}_${files.length}.pkl`)
    await writeWhole(path, async file => {
      await file.append(beginning(columns))
      for (let count = 0; !next.done && count < RECORDS; ) {
        const batch: Buffer[] = [MARK]
        for (let i = 0; !next.done && i < BATCH && count < RECORDS; i++, count++) {
          batch.push(...pieces(next.value))
          next = await records.next()
        }
        await file.append(Buffer.concat([...batch, APPENDS]))
      }
      await file.append(STOP)
    })
    files.push(path)
  }
  return files
}

const MARK = Buffer.from('(')
const APPENDS = Buffer.from('e')
const STOP = Buffer.from('.')
/** Places in the memo of what all records share. */
const [RECONSTRUCT, ARGUMENTS, SHAPE, DTYPE] = [0, 1, 2, 3].map(place => Buffer.from([0x68, place])) as [
  Buffer,
  Buffer,
  Buffer,
  Buffer,
]

/** Protocol 4; what the records share goes into the memo and off the stack again, then the list begins. */
function beginning(columns: number): Buffer {
  const kept = Buffer.from('\x940', 'latin1')
  return Buffer.concat([
    Buffer.from('\x80\x04', 'latin1'),
    Buffer.from('cnumpy.core.multiarray\n_reconstruct\n'),
    kept,
    // the arguments of an array that is still empty: its class, shape (0,), type b'b'
    Buffer.from('cnumpy\nndarray\nK\x00\x85C\x01b\x87', 'latin1'),
    kept,
    int(columns),
    Buffer.from('\x85', 'latin1'),
    kept,
    // dtype('f4'), and its state: version 3, little-endian, no fields
    Buffer.from('cnumpy\ndtype\n'),
    text('f4'),
    Buffer.from('\x89\x88\x87R\x94(K\x03', 'latin1'),
    text('<'),
    Buffer.from('NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb0', 'latin1'),
    Buffer.from(']'),
  ])
}

/** A dict of texts and the row. */
function pieces({ texts, embed }: PublishedRecord): Buffer[] {
  const pairs = Object.entries(texts).flatMap(([key, value]) => [text(key), text(value)])
  return [Buffer.from('}('), ...pairs, text('embed'), ...array(embed), Buffer.from('u')]
}

function array(row: Float32Array): Buffer[] {
  const bytes = Buffer.alloc(row.byteLength)
  row.forEach((value, i) => {
    bytes.writeFloatLE(value, 4 * i)
  })
  const state = [Buffer.from('R(K\x01'), SHAPE, DTYPE, Buffer.from('\x89', 'latin1'), sized('C', 'B', bytes)]
  return [RECONSTRUCT, ARGUMENTS, ...state, Buffer.from('tb')]
}

function text(value: string): Buffer {
  return sized('\x8c', 'X', Buffer.from(value))
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(5, 'J')
  bytes.writeInt32LE(value, 1)
  return bytes
}

/** Bytes behind an opcode with their length in one byte, or behind its sister with four. */
function sized(short: string, long: string, bytes: Buffer): Buffer {
  const head = Buffer.from(bytes.length < 256 ? short : long, 'latin1')
  const length = Buffer.alloc(bytes.length < 256 ? 1 : 4)
  length.writeUIntLE(bytes.length, 0, length.length)
  return Buffer.concat([head, length, bytes])
}
