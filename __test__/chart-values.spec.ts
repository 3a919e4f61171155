/** What charts draw and their tables hold, of results made by hand. */
import test from 'ava'
import { axis, rounded } from '../src/report/chart.ts'
import { cosinesChart } from '../src/report/charts/cosines.ts'
import { matrixChart } from '../src/report/charts/matrix.ts'
import { pipelineChart } from '../src/report/charts/pipeline.ts'
import { trackPanels } from '../src/report/charts/track.ts'
import type { MeasureData } from '../src/report/data.ts'
import { PALETTES } from '../src/report/palette.ts'
import type { TrackRecord } from '../src/results.ts'
import { golden } from './helpers/track.ts'

test('an axis of positive values ends at round numbers around them', t => {
  for (const [values, expected] of [
    [
      [3, 7],
      [2, 10],
    ],
    [
      [20, 450],
      [20, 500],
    ],
    [
      [0.5, 1],
      [0.5, 1],
    ],
    [
      [1.5, -1, 0, 120],
      [1, 200],
    ],
  ] as [number[], [number, number]][]) {
    t.deepEqual(rounded(values), expected, String(values))
  }
})

test('an axis of few decades has ticks at 1, 2 and 5, or where its chart puts them', t => {
  const look = { colours: PALETTES.light, width: 800, legend: 0 }
  const ticks = (parts: object) => {
    const { axisTick } = axis(look, 'log', 'rows', { min: 100, max: 1000, ...parts }) as { axisTick: object }
    return (axisTick as { customValues?: number[] }).customValues
  }
  t.deepEqual(ticks({}), [100, 200, 500, 1000])
  t.deepEqual(ticks({ axisTick: { customValues: [100, 300] } }), [100, 300])
})

test('the gap of a row and a column of a matrix stands beside their names', t => {
  const chart = matrixChart(
    {
      names: ['news', 'art'],
      gap: [
        [0.1, 0.2],
        [0.3, 0.4],
      ],
      floor: [
        [0.01, 0.02],
        [0.03, 0.04],
      ],
      verdict: [
        ['noise', 'real'],
        ['real', 'real'],
      ],
    },
    'domains',
  )
  t.deepEqual(
    chart?.table.rows.map(row => row.slice(0, 4)),
    [
      ['news', 'news', 0.1, 0.01],
      ['news', 'art', 0.2, 0.02],
      ['art', 'news', 0.3, 0.03],
      ['art', 'art', 0.4, 0.04],
    ],
  )
  t.is(chart?.summary, 'news on news: 0.1; news on art: 0.2; art on news: 0.3; art on art: 0.4')
  // the domain of a fit is a row, the one it is used on a column
  const look = { colours: PALETTES.light, width: 800, legend: 0 }
  const { series } = (chart?.option(look) ?? { series: [] }) as { series: { data: { value: number[] }[] }[] }
  t.deepEqual(
    series[0]?.data.map(({ value: [column, row, log = 0] }) => [row, column, Math.round(10 ** log * 10) / 10]),
    [
      [0, 0, 0.1],
      [0, 1, 0.2],
      [1, 0, 0.3],
      [1, 1, 0.4],
    ],
  )
})

test('no line of a run repeats another one, and each is of the step that it stands at', t => {
  // a record of which no two numbers are equal
  const apart = (value: unknown, next: () => number): unknown => {
    if (typeof value === 'number') return next()
    if (Array.isArray(value)) return value.map(each => apart(each, next))
    const entries = Object.entries((value ?? {}) as object)
    return typeof value === 'object' && value !== null
      ? Object.fromEntries(entries.map(([key, each]) => [key, apart(each, next)]))
      : value
  }
  const records = golden.records.slice(0, 2).map((record, i) => {
    let count = 0
    const numbered = apart(record, () => 1000 * (i + 1) + count++ / 1024) as TrackRecord
    return { ...numbered, step: i }
  })
  const charts = trackPanels(records).flatMap(panel => panel.charts.filter(chart => chart !== undefined))
  t.true(charts.length > 5)
  for (const { id, table } of charts) {
    for (const [step, ...values] of table.rows) {
      const known = values.filter(value => value !== null)
      t.is(new Set(known).size, known.length, `${id}: ${table.head}`)
      if (id === 'run-gap' || id === 'run-vmf') {
        t.true(
          known.every(value => Math.floor((value as number) / 1000) === (step as number) + 1),
          id,
        )
      }
    }
  }
})

test('a bin of a histogram stands at its middle', t => {
  const shares = [0, 0, 0.25, 0.75]
  const similarity = { histograms: { bins: 4, cross: shares, imageImage: shares, textText: shares } }
  const chart = cosinesChart({ similarity } as unknown as MeasureData)
  t.deepEqual(
    chart?.table.rows.map(([cosine]) => cosine),
    [-0.75, -0.25, 0.25, 0.75],
  )
  // .25 · .25 + .75 · .75
  t.regex(chart?.summary ?? '', /image–image: mean 0\.625/)
})

test('the stages of a map are drawn where there is a map', t => {
  const point = (modality: string, stage: string) => ({ modality, stage, row: 0, x: 1, y: 2 })
  const of = (...stages: string[]) => ({
    figures: {
      projection: { points: [point('image', 'original'), ...stages.map(stage => point('text', stage))] },
      stages: stages.map(name => ({ name, gap: 0.5, trace: 0.25, centroid: [3, 4], imageCentroid: [5, 6] })),
    },
  })
  t.is(pipelineChart(of('original') as unknown as MeasureData), undefined)
  const chart = pipelineChart(of('original', 'anchor') as unknown as MeasureData)
  t.deepEqual(chart?.table.head.slice(3), [
    'text centroid x',
    'text centroid y',
    'image centroid x',
    'image centroid y',
  ])
  t.deepEqual(chart?.table.rows, [
    ['original', 0.5, 0.25, 3, 4, 5, 6],
    ['anchor', 0.5, 0.25, 3, 4, 5, 6],
  ])
})
