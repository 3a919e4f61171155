// Containers of rows, folders of them, ids and metadata beside them.
import { join } from 'node:path'
import { Aligner } from '../../../src/align.ts'
import { convert } from '../../../src/convert.ts'
import { openEmbeddings } from '../../../src/embeddings.ts'
import { inspect } from '../../../src/inspect.ts'
import { measureGap } from '../../../src/measure.ts'
import { idsIn } from '../../../src/revision/data/id-files.ts'
import { CASES, copied, SHARDS, written } from './material.mjs'

/** Everything that a reader of rows does with a path; what it finds are numbers. */
async function rowsOf(path, options = {}) {
  const rows = await openEmbeddings(path, options)
  const found = [await inspect(rows, { threads: 1 })]
  const { report } = await Aligner.fit({ target: rows, source: rows, method: 'mean-shift', threads: 1 })
  rows.dispose()
  return [...found, report]
}

const FILES = {
  npy: ['f16.npy', 'f32.npy', 'f64.npy', 'fortran.npy', 'bf16.npy', 'version3.npy', 'big.npy'],
  npz: ['deflated.npz', 'stored.npz'],
  parquet: [
    'list-f32.parquet',
    'fixed-f16.parquet',
    'large-f64.parquet',
    'zstd.parquet',
    'brotli.parquet',
    'gzip.parquet',
    'lz4.parquet',
  ],
  arrow: ['fixed-f32.arrow', 'list-f64.arrow', 'large-f16.arrow', 'layouts.arrow', 'lz4.feather', 'zstd.feather'],
  'arrow-stream': ['stream.arrows', 'lz4.arrows', 'zstd.arrows'],
  safetensors: ['f32.safetensors', 'bf16.safetensors', 'f64.safetensors', 'f16.safetensors'],
  pickle: [
    'protocol2.pkl',
    'protocol3.pkl',
    'protocol4.pkl',
    'protocol5.pkl',
    'shared.pkl',
    'lists.pkl',
    'numpy1-protocol5.pkl',
  ],
  json: [
    ...['polars.ndjson', 'lines.jsonl.zst', 'datasets.jsonl.gz', 'openai-batch.jsonl', 'records.json', 'openai.json'],
    ...['openai-base64.json', 'cohere.json'],
  ].map(file => `text/${file}`),
  csv: ['savetxt.csv', 'columns.csv', 'columns.csv.gz', 'lists.csv', 'pandas.csv', 'savetxt.tsv'].map(
    file => `text/${file}`,
  ),
  vectors: ['rows.fvecs', 'rows.bvecs', 'rows.fbin', 'rows.u8bin', 'rows.i8bin'].map(file => `text/${file}`),
  torch: [
    'f32.pt',
    'bf16.pt',
    'transposed.pt',
    'nested.pt',
    'dict.pt',
    'list.pt',
    'views.pt',
    'by-id.pt',
    'ids.pt',
  ].map(file => `torch/${file}`),
  tar: ['torch/rows.tar', 'torch/rows-pt.tar', 'torch/fields.tar'],
  raw: ['torch/rows.bin', 'torch/rows.dat'],
  states: [
    ...['states.npy', 'states-fortran.npy', 'states.npz', 'states-deflated.npz', 'states.safetensors', 'states.pt'],
    ...['states-tensor.parquet', 'states-nested.parquet', 'states-tensor.arrow'],
  ].map(file => `torch/${file}`),
}

/** What is chosen where a file holds several arrays of rows, or does not say what they are. */
const CHOSEN = {
  'stored.npz': '#image_emb',
  'torch/dict.pt': '#text',
  'torch/fields.tar': '#image',
  'torch/rows.bin': '#5:f32',
  'torch/rows.dat': '#5:f16',
}

/** How files of a kind are opened: arrays of states are pooled; `datasets` writes ten decimals, which leave zeros of some rows. */
const OPENED = { states: { pool: 'mean' }, json: { onBadRow: 'drop' } }

const containers = Object.entries(FILES).map(([id, files]) => ({
  id: `rows-${id}`,
  make: folder => copied(folder, Object.fromEntries(files.map(file => [file, join(SHARDS, file)]))),
  targets: files,
  read: async (folder, file) => await rowsOf(`${join(folder, file)}${CHOSEN[file] ?? ''}`, OPENED[id]),
}))

/** Rows in the layout of clip-retrieval, with their metadata as Arrow and parquet have it. */
const retrieval = {
  id: 'rows-folder',
  make(folder) {
    for (const part of [0, 3]) {
      const names = [
        `img_emb/img_emb_${part}.npy`,
        `text_emb/text_emb_${part}.npy`,
        `metadata/metadata_${part}.parquet`,
      ]
      copied(folder, Object.fromEntries(names.map(name => [`rows/${name}`, join(CASES, 'rows/shard-gap', name)])))
    }
    copied(folder, { 'saved/data-00000-of-00001.arrow': join(SHARDS, 'fixed-f32.arrow') })
    written(folder, {
      'saved/state.json': {
        _data_files: [{ filename: 'data-00000-of-00001.arrow' }],
        _fingerprint: 'a',
        _format_type: null,
      },
    })
  },
  targets: [
    'rows/img_emb/img_emb_0.npy',
    'rows/metadata/metadata_0.parquet',
    'rows/metadata/metadata_3.parquet',
    'saved/state.json',
    'saved/data-00000-of-00001.arrow',
  ],
  async read(folder, file) {
    if (file.startsWith('saved')) return await rowsOf(join(folder, 'saved'))
    const rows = join(folder, 'rows')
    const [image, text] = [await openEmbeddings(rows, { role: 'image' }), await openEmbeddings(rows, { role: 'text' })]
    const report = await measureGap({ image, text, paired: true, threads: 1 })
    const out = join(folder, 'out')
    return [report, (await convert(text, out, { threads: 1 })).rows]
  },
}

const ids = {
  id: 'ids',
  make(folder) {
    copied(folder, {
      'ids.parquet': join(CASES, 'rows/shard-gap/metadata/metadata_0.parquet'),
      'ids.pkl': join(SHARDS, 'many.pkl'),
      'numpy.pkl': join(CASES, 'pickle-ids-5.pkl'),
      'old.pkl': join(CASES, 'pickle-ids-2.pkl'),
      'ids.pt': join(SHARDS, 'torch/ids.pt'),
      'whole-ids.pt': join(SHARDS, 'torch/whole-ids.pt'),
      'ids.tar': join(SHARDS, 'torch/rows.tar'),
    })
    written(folder, {
      'ids.jsonl': [{ id: 'a' }, { id: 9007199254740991 }, { id: 'c', more: [1] }],
      'ids.json': '[{"image_id": 1}, {"image_id": "b"}, {"image_id": 12345678901234567890}]',
      'ids.csv': 'id,caption\n1,"a ""fox"""\n2,b\n',
      'ids.tsv': 'key\tcaption\n1\ta\n2\tb\n',
      'ids.txt': '\ufeffa\nb\r\nc\n\n',
    })
  },
  targets: [
    'ids.parquet',
    'ids.pkl',
    'numpy.pkl',
    'old.pkl',
    'ids.pt',
    'whole-ids.pt',
    'ids.tar',
    'ids.jsonl',
    'ids.json',
    'ids.csv',
    'ids.tsv',
    'ids.txt',
  ],
  async read(folder, file) {
    let count = 0
    // a dictionary of tensors, of which the ids are one
    const column = file === 'ids.pt' ? 'ids' : undefined
    for await (const id of idsIn(join(folder, file), column)) {
      if (typeof id !== 'string') throw new TypeError('an id is not text')
      count++
    }
    return count
  },
}

export const kinds = [...containers, retrieval, ids]
