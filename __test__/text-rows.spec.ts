/**
 * Rows in text through the package: as numbers, with the ids beside them, and written.
 */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import test from 'ava'
import { Aligner, convert, inspect, measureGap, openEmbeddings } from '../src/index.ts'

const PAIRS = 60
const DIM = 6
const folder = mkdtempSync(join(tmpdir(), 'modality-gap-text-'))

/** Numbers between -1 and 1 that every run has. */
function numbers(seed: number, count: number): number[] {
  let state = seed
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  })
}

const image = numbers(1, PAIRS * DIM)
const text = numbers(2, PAIRS * DIM).map((value, i) => value * 0.3 + (image[i] as number))
const row = (rows: readonly number[], i: number) => rows.slice(i * DIM, (i + 1) * DIM)

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const lines = (rows: readonly number[], beside: (i: number) => object = () => ({})) =>
  Array.from({ length: PAIRS }, (_, i) => `${JSON.stringify({ ...beside(i), embedding: row(rows, i) })}\n`).join('')

const measured = async (image: string, text: string) =>
  await measureGap({ image: await openEmbeddings(image), text: await openEmbeddings(text), paired: true })

const inMemory = async (rows: readonly number[]) => await openEmbeddings(Float32Array.from(rows), { dim: DIM })

test('rows of every kind of text measure as those in memory do', async t => {
  const expected = await measureGap({ image: await inMemory(image), text: await inMemory(text), paired: true })
  const header = Array.from({ length: DIM }, (_, i) => `d${i}`).join('\t')
  const cells = (rows: readonly number[], between: string) =>
    Array.from({ length: PAIRS }, (_, i) => `${row(rows, i).join(between)}\n`).join('')
  const answer = (rows: readonly number[]) =>
    JSON.stringify({ data: Array.from({ length: PAIRS }, (_, index) => ({ index, embedding: row(rows, index) })) })
  const files: [string, (rows: readonly number[]) => string | Uint8Array][] = [
    ['rows.jsonl', lines],
    ['rows.jsonl.gz', rows => gzipSync(lines(rows))],
    ['rows.json', answer],
    ['rows.csv', rows => cells(rows, ',')],
    ['rows.tsv', rows => `${header}\n${cells(rows, '\t')}`],
  ]
  for (const [name, content] of files) {
    const sides = [write(`image-${name}`, content(image)), write(`text-${name}`, content(text))] as const
    const found = await measured(...sides)
    t.deepEqual(found.gap, expected.gap, name)
    t.deepEqual(found.retrieval, expected.retrieval, name)
    const { rows, dim, dtype, format } = await inspect(await openEmbeddings(sides[0]))
    t.deepEqual([rows, dim, dtype], [PAIRS, DIM, 'f32'], name)
    t.is(format, name.includes('jsonl') ? 'jsonl' : name.endsWith('json') ? 'json' : 'csv', name)
  }
})

test('captions of one image belong together by the key beside their rows', async t => {
  // five captions for each of twelve images
  const image_id = (i: number) => ({ image_id: `${2n ** 60n + BigInt(Math.floor(i / 5))}`, caption: `caption ${i}` })
  const ids = Array.from({ length: PAIRS }, (_, i) => image_id(i).image_id)
  const open = async (rows: readonly number[]) => await openEmbeddings(Float32Array.from(rows), { dim: DIM, ids })
  const expected = await measureGap({ image: await open(image), text: await open(text), paired: true })
  for (const name of ['captions.jsonl', 'captions.jsonl.gz', 'captions.csv']) {
    const of = (rows: readonly number[]) => {
      if (name.endsWith('.csv')) {
        const cells = Array.from({ length: PAIRS }, (_, i) => {
          const { image_id: id, caption } = image_id(i)
          return `${id},"a ""${caption}"",\nof two lines","${JSON.stringify(row(rows, i))}"\n`
        })
        return `image_id,caption,embedding\n${cells.join('')}`
      }
      return name.endsWith('.gz') ? gzipSync(lines(rows, image_id)) : lines(rows, image_id)
    }
    const files = [write(`image-${name}`, of(image)), write(`text-${name}`, of(text))] as const
    const found = await measured(...files)
    t.is(found.groups?.image, 12, name)
    t.deepEqual(found.gap, expected.gap, name)
    t.deepEqual(found.retrieval, expected.retrieval, name)
  }
})

test('aligned rows are written as lines that keep their other keys', async t => {
  const beside = (i: number) => ({ id: i, caption: `a "${i}"` })
  const sides = [write('a.jsonl', lines(image)), write('b.jsonl', lines(text, beside))] as const
  const out = join(folder, 'aligned')
  await Aligner.alignTo({ target: await openEmbeddings(sides[0]), source: await openEmbeddings(sides[1]), out })
  const written = readFileSync(join(out, 'b.jsonl'), 'utf8').trimEnd().split('\n')
  const memory = join(folder, 'aligned-memory')
  await Aligner.alignTo({ target: await inMemory(image), source: await inMemory(text), out: memory })
  const rows = await openEmbeddings(join(memory, 'rows.npy'))
  const same = await openEmbeddings(join(out, 'b.jsonl'))
  t.deepEqual((await measureGap({ image: same, text: rows })).gap.centroid, 0)
  t.deepEqual(
    written.map(line => {
      const { embedding: _, ...others } = JSON.parse(line)
      return others
    }),
    Array.from({ length: PAIRS }, (_, i) => beside(i)),
  )
  const other = await convert(same, join(folder, 'b.npy'))
  t.deepEqual(other.notCarried, [{ file: join(out, 'b.jsonl'), files: 1, names: ['caption', 'id'] }])
})

test('a table is read and not written', async t => {
  const rows = await inMemory(image)
  await t.throwsAsync(() => convert(rows, join(folder, 'out.csv')), {
    code: 'BAD_OPTION',
    message: /csv is read and not written; choose npy/,
  })
  const csv = await openEmbeddings(write('plain.csv', `${row(image, 0).join(',')}\n${row(image, 1).join(',')}\n`))
  await convert(csv, join(folder, 'from-csv'))
  t.is((await openEmbeddings(join(folder, 'from-csv', 'plain.npy'))).rows, 2)
})

test('records that hold several rows are refused, wherever they come', async t => {
  const embedded = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => ({ embedding: row(image, from + i), index: i }))
  const lines: Record<string, (rows: { embedding: number[] }[]) => object> = {
    // a line of OpenAI's batch interface, and the chunks of a document
    'batch.jsonl': data => ({ custom_id: 'a', response: { status_code: 200, body: { data } } }),
    'chunks.jsonl': chunks => ({ doc: 'a', chunks }),
  }
  for (const [name, record] of Object.entries(lines)) {
    const single = write(name, [0, 1, 2].map(i => `${JSON.stringify(record(embedded(i, 1)))}\n`).join(''))
    t.is((await openEmbeddings(single)).rows, 3)
    for (const counts of [
      [1, 2, 2],
      [2, 1, 2],
      [1, 1, 40],
    ]) {
      const path = write(name, counts.map(count => `${JSON.stringify(record(embedded(0, count)))}\n`).join(''))
      for (const onBadRow of ['error', 'drop'] as const) {
        const read = async () => await convert(await openEmbeddings(path, { onBadRow }), join(folder, `${name}.npy`))
        const error = await t.throwsAsync(read, { message: /hold(s)? several rows/ }, `${name} ${counts}`)
        t.regex((error as { code?: string } | undefined)?.code ?? '', /BAD_FORMAT|BAD_ROW|BAD_SELECTOR/)
      }
    }
  }
})

test('rows without an id make no item together', async t => {
  const ids = (id: (i: number) => unknown) => Array.from({ length: PAIRS }, (_, i) => (i % 4 === 0 ? id(i) : `id${i}`))
  const files: Record<string, string> = {
    'empty.csv': `id,k\n${ids(() => '')
      .map((id, i) => `${id},${i}\n`)
      .join('')}`,
    'nan.csv': `id,k\n${ids(() => 'nan')
      .map((id, i) => `${id},${i}\n`)
      .join('')}`,
    'ids.jsonl': ids(() => '')
      .map(id => `${JSON.stringify({ id })}\n`)
      .join(''),
    'ids.txt': `first\n${ids(() => '').join('\n')}`,
  }
  for (const [name, content] of Object.entries(files)) {
    const path = write(`missing-${name}`, content)
    const opened = openEmbeddings(Float32Array.from(image), { dim: DIM, ids: path })
    await t.throwsAsync(opened, { code: 'BAD_FORMAT', message: /missing-.*has no id/ }, name)
  }
})

test('a first line of whole numbers names columns, or is refused', async t => {
  const table = (header: string) =>
    `${header}\n${Array.from({ length: 4 }, (_, i) => `${row(image, i).join(',')}\n`).join('')}`
  for (const header of ['0,1,2,3,4,5', '1,2,3,4,5,6', '100,101,102,103,104,105', '00,01,02,03,04,05']) {
    t.is((await openEmbeddings(write('numbered.csv', table(header)))).rows, 4, header)
  }
  for (const header of ['0,2,4,6,8,10', '3,1,0,2,5,4']) {
    await t.throwsAsync(openEmbeddings(write('numbered.csv', table(header))), { code: 'BAD_SELECTOR' }, header)
  }
})
