// Tables and packed files of which a few bytes stand for gigabytes, for each reader of tables.
import { join } from 'node:path'
import { brotliCompressSync, constants, deflateRawSync, gzipSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { convert } from '../../../src/convert.ts'
import { openEmbeddings } from '../../../src/embeddings.ts'
import { inspect } from '../../../src/inspect.ts'
import { idsIn } from '../../../src/revision/data/id-files.ts'
import { TrainingSet } from '../../../src/revision/data/training-set.ts'
import { zipped } from '../containers.mjs'
import { copied, npy, SHARDS, written } from '../kinds/material.mjs'

/** The column of texts. */
const COLUMN = 'caption'

/** What reads a table. */
const READERS = {
  rows: async path => await inspect(await openEmbeddings(path), { threads: 1 }),
  companions: async (path, folder) =>
    await convert(await openEmbeddings(path), join(folder, 'out.parquet'), { threads: 1 }),
  records: async (path, folder) => (await TrainingSet.open({ data: path, cache: join(folder, 'cache') })).report,
  async ids(path) {
    for await (const id of idsIn(path, COLUMN)) if (id === undefined) return 1
    return 0
  },
}

const list = (name, type) => [
  { name, num_children: 1, repetition_type: 'REQUIRED', converted_type: 'LIST', logical_type: { type: 'LIST' } },
  { name: 'list', num_children: 1, repetition_type: 'REPEATED' },
  { name: 'element', type, repetition_type: 'REQUIRED' },
]
const text = name => ({ name, type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' })

/** A table with a column of texts under each of the names, and one of rows where `rows` says so. */
function table(texts, { codec = 'GZIP', compress = gzipSync, rows = true } = {}) {
  const count = Math.max(...Object.values(texts).map(({ length }) => length))
  const columns = Object.keys(texts)
  return Buffer.from(
    parquetWriteBuffer({
      codec,
      compressors: { [codec]: bytes => new Uint8Array(compress(Buffer.from(bytes))) },
      schema: [
        { name: 'root', num_children: columns.length + Number(rows) },
        ...columns.map(text),
        ...(rows ? list('embedding', 'FLOAT') : []),
      ],
      columnData: [
        ...columns.map(name => ({ name, data: texts[name] })),
        ...(rows ? [{ name: 'embedding', data: Array.from({ length: count }, (_, i) => [i, 1, 2, 3]) }] : []),
      ],
    }),
  )
}

const MARK = 'longer than it says'
/** What a page becomes that says to be short: more than a reader may take. */
const UNPACKED = 1.2e9
/** Packed zeros in the place of pages that hold the mark: the header says the length of the page. */
const longer = {
  gzip: {
    codec: 'GZIP',
    // members that follow each other
    compress: bytes =>
      bytes.includes(MARK) ? Buffer.concat(Array(12).fill(gzipSync(Buffer.alloc(UNPACKED / 12)))) : gzipSync(bytes),
  },
  brotli: {
    codec: 'BROTLI',
    compress: bytes =>
      brotliCompressSync(bytes.includes(MARK) ? Buffer.alloc(UNPACKED) : bytes, {
        params: { [constants.BROTLI_PARAM_QUALITY]: 1, [constants.BROTLI_PARAM_LGWIN]: 22 },
      }),
  },
}

/** Tables by what is wrong with the column of texts. */
const TABLES = {
  'texts that grow': () => table({ [COLUMN]: Array.from({ length: 600 }, (_, i) => String(i).padEnd(1e6, 'a')) }),
  'a text of 100 MB that a dictionary holds once': () => table({ [COLUMN]: Array(1_000).fill('x'.repeat(1e8)) }),
  'a text of 50 MB that a dictionary holds once': () => table({ [COLUMN]: Array(1_000).fill('x'.repeat(5e7)) }),
  'a text of 5 MB that a dictionary holds once': () => table({ [COLUMN]: Array(5_000).fill('x'.repeat(5e6)) }),
  'a page of gzip that is longer than it says': () => table({ [COLUMN]: Array(16).fill(MARK) }, longer.gzip),
  'a page of brotli that is longer than it says': () => table({ [COLUMN]: Array(16).fill(MARK) }, longer.brotli),
}

/** Tables that each reader opens, whatever it looks at. */
const WIDE = {
  '20,000 columns': () => table(Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`c${i}`, ['a', 'b']]))),
  'a column with a name of 20 MB': () => table({ ['n'.repeat(2e7)]: ['a', 'b'] }),
}

/** The bytes of a table: every reader is given the same. */
const made = new Map()
const bytesOf = (what, make) => {
  if (!made.has(what)) made.set(what, make())
  return made.get(what)
}

const tables = Object.entries(READERS).flatMap(([reader, read]) => {
  // rows are made of numbers
  const own = reader === 'rows' ? {} : TABLES
  return [...Object.entries(own), ...Object.entries(WIDE)].map(([what, make]) => ({
    id: `parquet, ${reader}: ${what}`,
    // columns beside those that are looked at do no harm
    mayBeRead: what in WIDE,
    codes: ['BAD_FORMAT', 'UNSUPPORTED', 'BAD_SELECTOR'],
    make: folder => written(folder, { 'table.parquet': bytesOf(what, make) }),
    read: async folder => await read(join(folder, 'table.parquet'), folder),
  }))
})

const rows = [
  {
    id: 'parquet, rows: a row of 40,000,000 zeros',
    codes: ['BAD_FORMAT'],
    says: /1000 times the file/,
    make: folder => copied(folder, { 'table.parquet': join(SHARDS, 'rows/bomb-row.parquet') }),
    read: async folder => await READERS.rows(join(folder, 'table.parquet')),
  },
  {
    id: 'parquet, metadata of a layout: a text of 50 MB that a dictionary holds once',
    codes: ['BAD_FORMAT'],
    make: folder =>
      written(folder, {
        'img_emb/img_emb_0.npy': npy(1_000, 4),
        'metadata/metadata_0.parquet': table({ id: Array(1_000).fill('x'.repeat(5e7)) }, { rows: false }),
      }),
    read: async folder => await inspect(await openEmbeddings(folder, { role: 'image', ids: 'id' }), { threads: 1 }),
    mayBeRead: true,
  },
]

const packed = [
  {
    id: 'gzip that grows',
    codes: ['BAD_FORMAT'],
    make: folder => written(folder, { 'records.jsonl.gz': gzipSync(Buffer.alloc(500e6, '{"caption": "a"}\n')) }),
    read: async folder =>
      (await TrainingSet.open({ data: join(folder, 'records.jsonl.gz'), cache: join(folder, 'cache') })).report,
  },
  {
    id: 'npz that grows',
    make(folder) {
      const bytes = npy(16, 4)
      const [name, all] = [
        Buffer.from('emb.npy'),
        Buffer.concat([
          Buffer.from(
            bytes.toString('latin1').replace('(16, 4)', '(99999999, 4)').padEnd(bytes.length),
            'latin1',
          ).subarray(0, 128),
          Buffer.alloc(400e6),
        ]),
      ]
      const packed = deflateRawSync(all)
      const zip = zipped([{ name: name.toString(), data: packed }])
      // stored becomes deflated, in both places
      for (const at of [8, zip.indexOf('PK\x01\x02') + 10]) zip.writeUInt16LE(8, at)
      written(folder, { 'rows.npz': zip })
    },
    read: async folder => await inspect(await openEmbeddings(join(folder, 'rows.npz')), { threads: 1 }),
  },
]

export const families = [...tables, ...rows, ...packed]
