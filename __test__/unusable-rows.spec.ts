import { join } from 'node:path'
import test from 'ava'
import { Aligner } from '../src/align.ts'
import { analyzeCaptions } from '../src/analyze/captions.ts'
import { analyzeDomains, analyzeModalities } from '../src/analyze/matrices.ts'
import { analyzeSampleSize } from '../src/analyze/sample-size.ts'
import { compareStrategies } from '../src/compare.ts'
import { convert } from '../src/convert.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import type { ModalityGapError } from '../src/errors.ts'
import { inspect } from '../src/inspect.ts'
import { measureGap } from '../src/measure.ts'
import { openModelRows } from '../src/revision/rows.ts'
import { runTask } from '../src/task.ts'
import { Tracker } from '../src/tracker/tracker.ts'
import { modalityGap } from './helpers/cli.ts'
import { readNpy, writeNpy } from './helpers/npy.ts'
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
  const { rows: written } = await convert(rows, join(folderOf(t), 'out.safetensors'), { dtype: 'bf16' })
  t.is(written, rows.rows)
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

const [COUNT, WIDE] = [1100, 4]
/** Row 3 and every fortieth after it, in three blocks: of length zero, with a NaN, with an infinite component, and so on. */
const BAD = Array.from({ length: 25 }, (_, i) => 3 + 40 * i)

/** Rows the bad ones of which a scan meets in any order. */
function withBadRows(seed: number, bad: readonly number[] = BAD): Float32Array {
  const values = someRows(COUNT, WIDE, seed)
  for (const [i, row] of bad.entries()) {
    const kinds = [[0, 0, 0, 0], [Number.NaN], [1, Number.POSITIVE_INFINITY]]
    values.set(kinds[i % kinds.length] as number[], row * WIDE)
  }
  return values
}

const REASONS = [
  'length is zero, so the row has no direction',
  'component in column 0 is not finite',
  'component in column 1 is not finite',
]

test('every job names all bad rows in one go: the first twenty, and how many more there are', async t => {
  const folder = folderOf(t)
  const path = (name: string) => join(folder, name)
  const good = await openEmbeddings(someRows(COUNT, WIDE, 1), { dim: WIDE })
  const file = writeNpy(path('bad.npy'), withBadRows(2), [COUNT, WIDE])
  const bad = await openEmbeddings(file)
  const aligner = await Aligner.fit({ target: good, source: good, method: 'mean-shift' })
  await aligner.save(path('a.safetensors'))
  const both = { image: good, text: bad }
  const shard = { path: file }
  const jobs: Record<string, () => Promise<unknown>> = {
    fit: () => Aligner.fit({ target: good, source: bad }),
    'fit to the bad side': () => Aligner.fit({ target: bad, source: good }),
    align: () => Aligner.alignTo({ target: good, source: bad, out: path('aligned') }),
    transform: () => aligner.transformTo(bad, path('moved')),
    measure: () => measureGap(both),
    'measure pairs': () => measureGap({ ...both, paired: true }),
    compare: () => compareStrategies({ ...both, methods: ['none', 'realign'] }),
    convert: () => convert(bad, path('c.npy')),
    'convert to f16': () => convert(bad, path('c.npy'), { dtype: 'f16' }),
    'sample size': () => analyzeSampleSize({ target: good, source: bad, sizes: [50] }),
    domains: () =>
      analyzeDomains({
        domains: [
          { name: 'a', image: good, text: good },
          { name: 'b', ...both },
        ],
      }),
    modalities: () => analyzeModalities({ modalities: { good, bad } }),
    captions: () => analyzeCaptions({ image: good, corpora: [{ name: 'a', text: bad }] }),
    'task moments': () => runTask({ task: 'moments', version: 1, shard, out: path('m.safetensors') }),
    'task transform': () =>
      runTask({ task: 'transform', version: 1, shard, aligner: path('a.safetensors'), out: path('t') }),
  }
  const lines = BAD.slice(0, 20).map((row, i) => `  ${file}: row ${row}: ${REASONS[i % 3]}`)
  const named = ['25 rows cannot be used:', ...lines, '  … and 5 more'].join('\n')
  for (const [job, run] of Object.entries(jobs)) {
    const error = (await t.throwsAsync(run(), { code: 'BAD_ROW' }, job)) as ModalityGapError
    t.is(error.message, `${named}; repair them, or drop such rows with onBadRow 'drop'`, job)
    t.like(error, { file, row: 3 }, job)
  }
  // the command has its own word for the option
  const { code, stderr } = await modalityGap(['convert', '--in', file, '--out', path('c.npy')])
  t.is(code, 1)
  t.true(
    stderr.includes(`modality-gap: ${named}\nrepair the row, or leave such rows out with --on-bad-row drop`),
    stderr,
  )
  const tracker = new Tracker({ freezeAt: 0, dim: WIDE })
  const tracked = await t.throwsAsync(tracker.push({ step: 0, image: good, text: bad }), { code: 'BAD_ROW' })
  t.is(tracked.message, named.replaceAll('.npy: row', '.npy: text row'))
  const inMemory = t.throws(() => aligner.transform(withBadRows(2)), { code: 'BAD_ROW' })
  t.true(inMemory.message.startsWith(named.replaceAll(`${file}: `, '')))
})

test('bad rows of both sides are named, and those of one that may lose them are not', async t => {
  const image = await openEmbeddings(withBadRows(1, [9]), { dim: WIDE, label: 'pictures' })
  const text = await openEmbeddings(withBadRows(2, [4, 700]), { dim: WIDE, label: 'captions' })
  const named = ['  pictures row 9: ', '  captions row 4: ', '  captions row 700: ']
  const { message } = await t.throwsAsync(measureGap({ image, text, parts: [] }), { code: 'BAD_ROW' })
  const lines = message.split('\n')
  t.is(lines[0], '3 rows cannot be used:')
  for (const [i, start] of named.entries()) {
    t.true(lines[i + 1]?.startsWith(start), message)
  }
  const lax = await openEmbeddings(withBadRows(2, [4, 700]), { dim: WIDE, onBadRow: 'drop' })
  // a single one is named as it always was
  await t.throwsAsync(measureGap({ image, text: lax, parts: [] }), {
    code: 'BAD_ROW',
    message: /^row 9: length is zero/,
  })
})

test('two bad rows are named both, of more the first ones with their number', async t => {
  for (const bad of [[3], [3, 7], Array.from({ length: 40 }, (_, i) => i)]) {
    const values = someRows(50, 4, 1)
    for (const row of bad) values[4 * row] = Number.NaN
    const rows = await openEmbeddings(values, { dim: 4 })
    const { message } = (await t.throwsAsync(convert(rows, join(folderOf(t), 'out.npy')))) as Error
    for (const row of bad.slice(0, 2)) {
      t.regex(message, new RegExp(`row ${row}\\b`))
    }
    t.is(message.includes('40'), bad.length === 40, message)
  }
})
