import { join } from 'node:path'
import test from 'ava'
import { Aligner } from '../src/align.ts'
import { convert } from '../src/convert.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import { inspect } from '../src/inspect.ts'
import { measureGap } from '../src/measure.ts'
import { openModelRows } from '../src/revision/rows.ts'
import { Tracker } from '../src/tracker/tracker.ts'
import { modalityGap } from './helpers/cli.ts'
import { readNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'

/** Files with rows that are null, empty, short, long or have a null among their components, see make_rows.py. */
const ROWS = join(import.meta.dirname, '..', 'crates', 'shards', 'tests', 'fixtures', 'rows')

/** File, bad rows and all rows. */
const FILES: [name: string, bad: number, rows: number, first: RegExp][] = [
  ['bad-list.parquet', 5, 8, /null/],
  ['bad-large-lz4.arrow', 5, 8, /null/],
  ['bad-list-uncompressed.arrow', 5, 8, /null/],
  ['bad-fixed.parquet', 2, 4, /null/],
  ['bad-5.pkl', 8, 10, /null/],
  ['bad-2.pkl', 8, 10, /null/],
]

for (const [name, bad, rows, first] of FILES) {
  const path = join(ROWS, name)

  test(`bad rows of ${name} are counted and named by inspect without an option`, async t => {
    const { badRows } = await inspect(await openEmbeddings(path))
    t.is(badRows.count, bad)
    t.like(badRows.first[0], { file: path, row: 0 })
    t.regex(badRows.first[0]?.reason ?? '', first)
    const { code, stdout } = await modalityGap(['inspect', path])
    t.is(code, 0)
    t.regex(stdout, new RegExp(`bad rows +${bad}`))
  })

  test(`bad rows of ${name} are named, or dropped and counted`, async t => {
    const folder = folderOf(t)
    const strict = await openEmbeddings(path)
    const other = await openEmbeddings(someRows(20, 4, 3), { dim: 4 })
    await t.throwsAsync(() => measureGap({ image: other, text: strict }), {
      code: 'BAD_ROW',
      message: /row 0: is null/,
    })
    await t.throwsAsync(() => convert(strict, join(folder, 'a.npy')), { code: 'BAD_ROW', message: /row 0: is null/ })
    const text = await openEmbeddings(path, { onBadRow: 'drop' })
    const aligner = await Aligner.fit({ target: other, source: text })
    t.is(aligner.report?.rows.text, rows - bad)
    t.is(aligner.report?.dropped.text, bad)
    const out = join(folder, `out-${name}`)
    const written = await aligner.transformTo(text, out)
    t.is(written.dropped, bad)
    const again = await openEmbeddings(out)
    t.is(again.rows, rows - bad)
    t.is((await inspect(again)).badRows.count, 0)
  })
}

test('a bad row drops its partner where rows are paired', async t => {
  const image = await openEmbeddings(someRows(8, 4, 3), { dim: 4, onBadRow: 'drop' })
  const text = await openEmbeddings(join(ROWS, 'bad-list.parquet'), { onBadRow: 'drop' })
  const { rows, dropped } = await measureGap({ image, text, paired: true, parts: [] })
  t.deepEqual(
    [rows, dropped],
    [
      { image: 3, text: 3 },
      { image: 5, text: 5 },
    ],
  )
})

test('rows that are picked by number and rows of a step name what their file lacks', async t => {
  const path = join(ROWS, 'bad-fixed.parquet')
  const text = await openEmbeddings(path, { onBadRow: 'drop' })
  const rows = await openModelRows(text, { cache: folderOf(t) })
  t.is(rows.rows, 2)
  const tracker = new Tracker({ dim: 4, freezeAt: 10 })
  const step = { step: 0, image: someRows(4, 4, 1), text: path }
  await t.throwsAsync(() => tracker.push(step), { code: 'BAD_ROW', message: /text row 0: is null/ })
})

test('a row that vanishes in another storage type is reported', async t => {
  const small = join(import.meta.dirname, 'fixtures', 'rows', 'vanishing.npy')
  const rows = await openEmbeddings(small)
  const out = join(folderOf(t), 'out.npy')
  await t.throwsAsync(() => convert(rows, out, { dtype: 'f16' }), {
    code: 'OVERFLOW',
    message: /row 0: .*too small for f16/,
  })
  t.is((await convert(rows, out, { dtype: 'bf16', format: 'safetensors' }).catch(error => error)).code, undefined)
  const { code, stderr } = await modalityGap([
    'convert',
    '--in',
    small,
    '--dtype',
    'f16',
    '--out',
    join(folderOf(t), 'o.npy'),
  ])
  t.is(code, 1)
  t.regex(stderr, /too small for f16/)
})

test('a conversion stops at a row without a length like everything else, unless rows are taken as they stand', async t => {
  const folder = folderOf(t)
  const values = Float64Array.from([1, 2, 0, 0, 1e-300, 0])
  const out = (name: string) => join(folder, name)
  const strict = await openEmbeddings(values, { dim: 2 })
  for (const dtype of ['f64', 'f32', 'f16'] as const) {
    const failed = { code: 'BAD_ROW', message: /row 1: length is zero/ }
    await t.throwsAsync(() => convert(strict, out('a.npy'), { dtype }), failed)
  }
  // a zero stays what it is; what becomes one is reported
  const raw = await openEmbeddings(values, { dim: 2, normalize: false })
  await convert(raw, out('raw.npy'))
  t.deepEqual([...readNpy(out('raw.npy')).values], [...values])
  await t.throwsAsync(() => convert(raw, out('b.npy'), { dtype: 'f32' }), { code: 'OVERFLOW', message: /row 2/ })
  const dropped = await openEmbeddings(values, { dim: 2, onBadRow: 'drop' })
  const report = await convert(dropped, out('c.npy'), { dtype: 'f32' })
  t.deepEqual([report.rows, report.dropped], [1, 2])
  const { code, stderr } = await modalityGap([
    'convert',
    '--in',
    out('raw.npy'),
    '--dtype',
    'f32',
    '--out',
    out('d.npy'),
  ])
  t.is(code, 1)
  t.regex(stderr, /raw\.npy.*row 1.*--on-bad-row drop/s)
})

test('a conversion that leaves bad rows out leaves out those without a length, too', async t => {
  const values = Float32Array.from([1, 0, 0, 0, Number.NaN, 1, 3, 4])
  const out = join(folderOf(t), 'o.npy')
  const report = await convert(await openEmbeddings(values, { dim: 2, onBadRow: 'drop' }), out)
  t.deepEqual([report.rows, report.dropped], [2, 2])
  t.deepEqual([...readNpy(out).values], [1, 0, 3, 4])
  const raw = await openEmbeddings(values, { dim: 2, onBadRow: 'drop', normalize: false })
  t.is((await convert(raw, join(folderOf(t), 'raw.npy'))).dropped, 1)
})
