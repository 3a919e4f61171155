import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import { Aligner } from '../src/align.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import { measureGap } from '../src/measure.ts'
import type { MeasureData } from '../src/report/data.ts'
import { figure, percent } from '../src/report/format.ts'
import { projectionParquet } from '../src/report/parquet.ts'
import { writeCharts, writeReport } from '../src/report/report.ts'
import { csv, flat } from '../src/report/table.ts'
import type { FitReport } from '../src/results.ts'
import { modalityGap, node } from './helpers/cli.ts'
import { SAMPLE } from './helpers/place.ts'
import { analyses, result, scratch, tidy } from './helpers/report-page.ts'

test.after.always(tidy)

const aligned = () => result('aligned') as MeasureData

test('equal data give equal bytes', async t => {
  const [a, b] = [join(scratch(), 'a.html'), join(scratch(), 'b.html')]
  await writeReport(result('raw'), a)
  await writeReport(result('raw'), b)
  t.deepEqual(readFileSync(a), readFileSync(b))
})

test('a report is written as a whole or not at all', async t => {
  const folder = scratch()
  await writeReport(result('raw'), join(folder, 'deep', 'down', 'report.html'))
  t.deepEqual(readdirSync(join(folder, 'deep', 'down')), ['report.html'])
  writeFileSync(join(folder, 'file'), '')
  const path = join(folder, 'file', 'report.html')
  t.like(await t.throwsAsync(writeReport(result('raw'), path)), { code: 'WRITE_FAILED', file: path })
  t.like(await t.throwsAsync(writeReport(result('raw'), join(folder, 'deep'))), { code: 'WRITE_FAILED' })
  t.deepEqual(readdirSync(folder).sort(), ['deep', 'file'])
})

test('what the functions return can be shown as it is', async t => {
  const sides = {
    target: await openEmbeddings(SAMPLE, { role: 'image' }),
    source: await openEmbeddings(SAMPLE, { role: 'text' }),
  }
  const { report } = await Aligner.fit({ ...sides, holdout: 0.5 })
  const measured = await measureGap({ image: sides.target, text: sides.source })
  const path = join(scratch(), 'report.html')
  await writeReport([report as FitReport, measured], path)
  const html = readFileSync(path, 'utf8')
  t.true(html.includes('On rows kept out of the fit it is'))
  t.true(html.includes('id="chart-gap"') && html.includes('id="chart-gap-2"'))
})

test('what is not a result is refused', async t => {
  const path = join(scratch(), 'report.html')
  for (const wrong of [{}, [], null, 5, 'gap', { gap: 3 }, [result('raw'), { names: ['a'] }]]) {
    t.like(
      await t.throwsAsync(writeReport(wrong as never, path)),
      { code: 'BAD_OPTION' },
      JSON.stringify(wrong)?.slice(0, 50),
    )
  }
})

test('every chart is a file of its own, in words too', async t => {
  const folder = scratch()
  const paths = await writeCharts([result('aligned'), result('compare'), ...analyses()], folder)
  t.deepEqual(paths, [...new Set(paths)])
  t.deepEqual(readdirSync(folder).sort(), paths.map(path => path.slice(folder.length + 1)).sort())
  t.is(paths.length, 15)
  for (const path of paths) {
    const svg = readFileSync(path, 'utf8')
    t.regex(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/, path)
    t.regex(svg, /<title id="title">[^<]+<\/title><desc id="desc">[^<]*\d[^<]*<\/desc>/, path)
    t.notRegex(svg, /NaN|undefined|Infinity/, path)
    t.true((svg.match(/<path/g) ?? []).length > 5, path)
  }
  const gap = readFileSync(join(folder, 'gap.svg'), 'utf8')
  for (const said of ['original', 'anchor', '0.8514', 'noise floor 0.03582']) t.true(gap.includes(said), said)
})

test('two results of one kind have charts of different names', async t => {
  const paths = await writeCharts([result('raw'), result('raw')], scratch())
  t.true(paths.some(path => path.endsWith('gap.svg')) && paths.some(path => path.endsWith('gap-2.svg')))
})

test('names in a chart are text', async t => {
  const folder = scratch()
  const name = '<script>alert(1)</script>&"'
  await writeCharts(
    {
      names: [name, 'b'],
      gap: [
        [0.1, 0.2],
        [0.3, 0.4],
      ],
    },
    folder,
  )
  const svg = readFileSync(join(folder, 'domains.svg'), 'utf8')
  t.false(svg.includes('<script>'))
  t.true(svg.includes('&lt;script&gt;'))
})

test('every chart becomes PNG of twice the pixels, so every SVG is well-formed', async t => {
  const data = [result('aligned'), result('compare'), ...analyses()]
  for (const path of await writeCharts(data, scratch(), { format: 'png', width: 600, theme: 'dark' })) {
    const png = readFileSync(path)
    t.is(png.subarray(1, 4).toString(), 'PNG', path)
    t.is(png.readUInt32BE(16), 1200, path)
  }
})

test('odd wishes for charts are refused', async t => {
  t.like(await t.throwsAsync(writeCharts(result('raw'), scratch(), { format: 'gif' as 'svg' })), { code: 'BAD_OPTION' })
  t.like(await t.throwsAsync(writeCharts(result('raw'), scratch(), { width: 10 })), { code: 'BAD_OPTION' })
})

test('the projection comes back from parquet with neighbours that are rows of the table', async t => {
  const data = aligned()
  const path = join(scratch(), 'atlas.parquet')
  const points = data.figures?.projection?.points ?? []
  t.is(await projectionParquet(data, path), points.length)
  const file = new Uint8Array(readFileSync(path)).buffer
  const { schema } = await parquetMetadataAsync(file)
  t.deepEqual(
    schema
      .slice(1)
      .filter(({ num_children, type }) => num_children === 2 || type)
      .map(({ name }) => name),
    ['x', 'y', 'modality', 'pair', 'stage', 'neighbours', 'element', 'element'],
  )
  const rows = (await parquetReadObjects({ file })) as unknown as Row[]
  t.deepEqual(
    rows.map(({ x, y, modality, pair, stage }) => ({ row: Number(pair), modality, stage, x, y })),
    points,
  )
  const asked = data.figures?.neighbours?.find(({ queryModality }) => queryModality === 'text')
  const at = (stage: string) =>
    rows.find(row => row.modality === 'text' && row.stage === stage && Number(row.pair) === asked?.query)
  for (const [stage, list] of [
    ['original', asked?.before],
    ['final', asked?.after],
  ] as const) {
    const { ids, distances } = at(stage)?.neighbours ?? { ids: [], distances: [] }
    const found = ids.map((id, i) => {
      const { pair, modality } = rows[Number(id)] as Row
      return { row: Number(pair), modality, cosine: 1 - (distances[i] as number) }
    })
    const projected = new Set(points.map(({ row }) => row))
    const expected = (list ?? []).filter(({ row }) => projected.has(row))
    t.true(expected.length > 0)
    t.deepEqual(
      found.map(({ row, modality }) => ({ row, modality })),
      expected.map(({ row, modality }) => ({ row, modality })),
    )
    // 1 − (1 − c) is c up to one rounding of numbers below 1
    t.true(found.every(({ cosine }, i) => Math.abs(cosine - (expected[i]?.cosine ?? 0)) <= 1e-15))
  }
  t.deepEqual(rows.find(row => row.stage === 'trace')?.neighbours, { ids: [], distances: [] })
})

test('there is no parquet without a projection', async t => {
  t.like(await t.throwsAsync(projectionParquet(result('raw') as MeasureData, join(scratch(), 'x.parquet'))), {
    code: 'BAD_OPTION',
  })
})

test('CSV quotes what has to be quoted and disarms formulas', t => {
  const rows = [
    ['a,b', 1, null],
    ['say "x"', -2.5, '=1+1'],
    ['two\nlines', 1e-20, '@cmd'],
  ]
  t.is(
    csv({ head: ['one', 'two', 'three'], rows }),
    `one,two,three\r\n"a,b",1,\r\n"say ""x""",-2.5,'=1+1\r\n"two\nlines",1e-20,'@cmd\r\n`,
  )
  t.deepEqual(flat({ a: [1, { b: null }], c: { d: 'x', e: true } }).rows, [
    ['a[0]', 1],
    ['a[1].b', null],
    ['c.d', 'x'],
    ['c.e', 'true'],
  ])
})

test('a lone carriage return is quoted, and whatever a spreadsheet would run is disarmed', t => {
  const cells = ['a\rb', '+1', '-1', '\tx', '\rx', '=x', '@x', '1+1', ' =x']
  const text = csv({ head: ['cell'], rows: cells.map(cell => [cell]) })
  const said = ['"a\rb"', "'+1", "'-1", "'\tx", `"'\rx"`, "'=x", "'@x", '1+1', ' =x']
  t.is(text, `cell\r\n${said.map(cell => `${cell}\r\n`).join('')}`)
  t.is(csv({ head: ['number'], rows: [[-1]] }), 'number\r\n-1\r\n', 'numbers keep their sign')
})

test('shares are shown with three digits', t => {
  const shown = [0.123456, 0.9876, 1, 0.05, 0.00123456, 0.0001, 0.00005, 0, null]
  t.deepEqual(shown.map(percent), [
    ...['12.3 %', '98.8 %', '100 %', '5 %', '0.123 %', '0.01 %', '< 0.01 %', '0 %', '–'],
  ])
  t.deepEqual(
    [1234.5678, 0.000123456, 12, -0.5, 1e-14].map(figure),
    ['1,235', '1.23e−4', '12', '−0.5', '≈ 0'],
    'numbers with four',
  )
})

const sides = ['--image', SAMPLE, '--text', SAMPLE]

test('measure writes the report and the charts that it is asked for, and still prints its result', async t => {
  const folder = scratch()
  const html = join(folder, 'report.html')
  const json = await modalityGap(['measure', ...sides, '--paired', '--json', '--html', html])
  t.is(json.code, 0, json.stderr)
  const embedded = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(readFileSync(html, 'utf8'))?.[1]
  t.deepEqual(JSON.parse(embedded ?? '').data, JSON.parse(json.stdout))
  const found = await modalityGap(['measure', ...sides, '--charts', join(folder, 'charts')])
  t.is(found.code, 0, found.stderr)
  t.true(found.stdout.includes(join(folder, 'charts', 'gap.svg')))
})

test('measure refuses at once what it cannot write later', async t => {
  const { code, stderr } = await modalityGap(['measure', ...sides, '--charts-format', 'png'])
  t.is(code, 2)
  t.regex(stderr, /--charts-format goes with --charts/)
})

test('PNG without its package says what to install', async t => {
  const hook = `export async function resolve(name, context, next) {
    if (name.startsWith('@resvg/')) throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' })
    return next(name, context)
  }`
  const register = `import { register } from 'node:module'; register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hook)}`)})`
  const main = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js')
  const preload = `data:text/javascript,${encodeURIComponent(register)}`
  const { code, stderr } = await node([
    '--import',
    preload,
    main,
    'measure',
    ...sides,
    '--charts',
    scratch(),
    '--charts-format',
    'png',
  ])
  t.is(code, 1)
  t.regex(stderr, /npm install @resvg\/resvg-js/)
})

interface Row {
  x: number
  y: number
  modality: 'image' | 'text'
  pair: bigint
  stage: string
  neighbours: { ids: bigint[]; distances: number[] }
}

test('an image that no map moves is a neighbour at every stage', async t => {
  const point = (modality: 'image' | 'text', stage: string, x: number) => ({ modality, row: 0, stage, x, y: 0 })
  const points = [point('image', 'original', 1), point('text', 'original', 2), point('text', 'final', 3)]
  const near = (cosine: number) => [{ modality: 'image', row: 0, cosine }]
  const neighbours = [{ query: 0, queryModality: 'text', before: near(0.25), after: near(0.75) }]
  const path = join(scratch(), 'still.parquet')
  await projectionParquet({ figures: { projection: { points }, neighbours } } as never, path)
  const file = new Uint8Array(readFileSync(path)).buffer
  const rows = (await parquetReadObjects({ file })) as unknown as Row[]
  t.deepEqual(
    rows.map(({ neighbours: { ids, distances } }) => [ids.map(Number), distances]),
    [
      [[], []],
      [[0], [0.75]],
      [[0], [0.25]],
    ],
  )
})
