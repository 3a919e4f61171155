/** What charts draw and their tables hold, of results made by hand. */
import test from 'ava'
import { rounded } from '../src/report/chart.ts'
import { cosinesChart } from '../src/report/charts/cosines.ts'
import { matrixChart } from '../src/report/charts/matrix.ts'
import { pipelineChart } from '../src/report/charts/pipeline.ts'
import type { MeasureData } from '../src/report/data.ts'
import { PALETTES } from '../src/report/palette.ts'

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
  const { series } = chart?.option(look) as { series: { data: { value: number[] }[] }[] }
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
