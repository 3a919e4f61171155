import { cpSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { Aligner, convert, openEmbeddings, runTask } from '../src/index.ts'
import { idsIn } from '../src/revision/data/id-files.ts'
import { modalityGap } from './helpers/cli.ts'
import { readNpy, writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'

/** Six rows with columns of many types beside them, see make_beside.py. */
const BESIDE = join(import.meta.dirname, '..', 'crates', 'shards', 'tests', 'fixtures', 'beside')
const TABLE = join(BESIDE, 'table.parquet')
const ROWS = 6
const DIM = 4
const IDS = Array.from({ length: ROWS }, (_, i) => String(2n ** 60n + BigInt(i)))
const COLUMNS = ['id', 'caption', 'kind', 'big', 'score', 'good', 'raw', 'tags', 'box', 'when', 'price', 'pairs']
/** What only a library of Python has values for. */
const LEFT = ['when', 'price', 'pairs']

async function ids(path: string): Promise<string[]> {
  const all: string[] = []
  for await (const id of idsIn(path)) {
    all.push(id)
  }
  return all
}

test('the ids of a table go into a pickle, whichever command writes it', async t => {
  const folder = folderOf(t)
  const text = await openEmbeddings(TABLE)
  const image = await openEmbeddings(someRows(40, DIM, 1), { dim: DIM })
  const converted = await convert(text, join(folder, 'a.pkl'))
  const aligner = await Aligner.alignTo({ target: image, source: text, out: join(folder, 'b'), format: 'pickle' })
  const moved = await aligner.transformTo(text, join(folder, 'c'), { format: 'pickle' })
  for (const report of [converted, aligner.report, moved]) {
    t.deepEqual(await ids(report?.outputs[0] as string), IDS)
    t.deepEqual(report?.notCarried, [{ names: LEFT, files: 1, file: TABLE }])
  }
  const file = join(folder, 'aligner.safetensors')
  await aligner.save(file)
  const task = { task: 'transform', version: 1, shard: { path: TABLE }, aligner: file } as const
  const receipt = await runTask({ ...task, out: join(folder, 'd'), format: 'pickle' })
  t.deepEqual(await ids(receipt.output), IDS)
  t.deepEqual(receipt.notCarried, [{ names: LEFT, files: 1, file: TABLE }])
})

test('what an output has no place for is named in the report and on the terminal', async t => {
  const folder = folderOf(t)
  for (const format of ['npy', 'npz', 'safetensors'] as const) {
    const report = await convert(await openEmbeddings(TABLE), join(folder, format), { format })
    t.deepEqual(report.notCarried, [{ names: COLUMNS, files: 1, file: TABLE }], format)
  }
  for (const format of ['parquet', 'arrow'] as const) {
    const report = await convert(await openEmbeddings(TABLE), join(folder, format), { format })
    t.is(report.notCarried, undefined, format)
  }
  const { stdout } = await modalityGap(['convert', '--in', TABLE, '--out', join(folder, 'o.npy')])
  t.regex(stdout, /not carried along: id, caption, .* of .*table\.parquet/)
  const json = await modalityGap(['convert', '--in', TABLE, '--out', join(folder, 'p.npy'), '--json'])
  t.deepEqual(JSON.parse(json.stdout).notCarried[0].names, COLUMNS)
  // files that lose the same are reported together
  const shards = join(folder, 'shards')
  mkdirSync(shards)
  for (const i of [0, 1, 2]) {
    cpSync(TABLE, join(shards, `${i}.parquet`))
  }
  const many = await convert(await openEmbeddings(shards), join(folder, 'many'), { format: 'pickle' })
  t.deepEqual(many.notCarried, [{ names: LEFT, files: 3, file: join(shards, '0.parquet') }])
})

test('metadata beside rows is carried with a folder and named for a file', async t => {
  const folder = folderOf(t)
  const source = join(folder, 'clip')
  for (const name of ['img_emb', 'metadata']) {
    mkdirSync(join(source, name), { recursive: true })
  }
  writeNpy(join(source, 'img_emb', 'img_emb_0.npy'), someRows(ROWS, DIM, 1), [ROWS, DIM])
  cpSync(TABLE, join(source, 'metadata', 'metadata_0.parquet'))
  const rows = await openEmbeddings(join(source, 'img_emb'))
  const whole = await convert(rows, join(folder, 'whole'))
  t.is(whole.notCarried, undefined)
  t.deepEqual(readdirSync(join(folder, 'whole')).sort(), ['img_emb', 'metadata'])
  const single = await convert(rows, join(folder, 'single.npy'))
  t.is(single.notCarried?.length, 1)
  t.deepEqual(single.notCarried?.[0]?.names, ['metadata/metadata_0.parquet'])
})

test('a table in memory loses its other columns with a word', async t => {
  const { readFileSync } = await import('node:fs')
  const rows = await openEmbeddings(readFileSync(join(BESIDE, 'table.arrow')))
  const out = join(folderOf(t), 'o.npy')
  const report = await convert(rows, out)
  t.deepEqual(report.notCarried, [{ names: COLUMNS, files: 1 }])
  t.deepEqual(readNpy(out).shape, [ROWS, DIM])
})
