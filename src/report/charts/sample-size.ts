import { rowsSentence } from '../../sentences.ts'
import { axis, type Chart, drawing, gridOf, rounded, type Toggle, tip, tooltip } from '../chart.ts'
import type { SampleSizeData } from '../data.ts'
import { count, figure, isNumber } from '../format.ts'

/** The gap that a fit on n rows leaves, with its spread over trials. */
export function sampleSizeChart({ curve, model, rowsFor }: SampleSizeData): Chart | undefined {
  const points = curve
    .filter(({ n, mean }) => isNumber(n) && isNumber(mean) && n > 0)
    .map(point => ({ ...point, sd: point.sd ?? 0 }))
    .sort((a, b) => a.n - b.n)
  const first = points[0]
  if (first === undefined || points.length < 2) {
    return undefined
  }
  const scale = model?.slope && model.slope > 0 ? model.slope : first.mean ** 2 * first.n
  const sizes = points.map(({ n }) => n)
  const names = [
    'mean over trials',
    'mean ± sd',
    'noise floor',
    model?.slope && model.slope > 0 ? '√(T/N)' : '∝ 1/√N',
  ] as const
  const toggles: Toggle[] = [
    { name: names[0], colour: colours => colours.moved, shape: 'line' },
    { name: names[1], colour: colours => colours.moved },
    { name: names[2], colour: colours => colours.floor, shape: 'dashed' },
    { name: names[3], colour: colours => colours.cross, shape: 'dashed' },
  ]
  const low = ({ mean, sd }: (typeof points)[number]) => Math.max(mean - sd, mean / 100)
  const [min, max] = rounded(
    points.flatMap(point => [low(point), point.mean + point.sd, point.floor ?? point.mean, Math.sqrt(scale / point.n)]),
  )
  return {
    id: 'sample-size',
    title: 'How many rows a fit needs',
    text: `Gap on held-out rows after a fit on N rows. With N the curve falls like the line of sampling noise until it reaches what more rows do not close${model ? `, here ${figure(model.limit)}` : ''}.${
      rowsFor ? ` ${capital(rowsSentence(rowsFor, model?.limit))}.` : ''
    }`,
    summary: points
      .map(({ n, mean, sd }) => `${count(Math.round(n))} rows: ${figure(mean)} ± ${figure(sd)}`)
      .join('; '),
    toggles,
    marks: points.length * 4,
    table: {
      head: ['rows', 'mean gap', 'sd', 'noise floor', names[3]],
      rows: points.map(({ n, mean, sd, floor }) => [n, mean, sd, floor ?? null, Math.sqrt(scale / n)]),
    },
    height: width => Math.min(420, Math.max(300, width * 0.46)),
    option: look => {
      const { colours } = look
      const line = (name: string, colour: string, data: [number, number][], style: object = {}) => ({
        type: 'line',
        name,
        showSymbol: false,
        lineStyle: { color: colour, width: 1.5, type: 'dashed', ...style },
        itemStyle: { color: colour },
        data,
      })
      return drawing(look, toggles, {
        tooltip: tooltip(look, {
          trigger: 'axis',
          formatter: (at: { dataIndex: number }[]) => {
            const { n, mean, sd, floor } = points[at[0]?.dataIndex ?? 0] as (typeof points)[number]
            return tip(`${count(Math.round(n))} rows`, [
              ['mean', figure(mean)],
              ['sd', figure(sd)],
              ['noise floor', figure(floor)],
              [names[3], figure(Math.sqrt(scale / n))],
            ])
          },
        }),
        grid: gridOf(look),
        xAxis: axis(look, 'log', 'rows of the fit N', {
          min: first.n,
          max: points.at(-1)?.n,
          axisTick: { customValues: sizes },
          axisLabel: { customValues: sizes, formatter: (n: number) => count(Math.round(n)) },
        }),
        yAxis: axis(look, 'log', 'held-out gap', { min, max, nameGap: 44 }),
        series: [
          {
            ...line(
              names[0],
              colours.moved,
              points.map(({ n, mean }) => [n, mean]),
              { type: 'solid', width: 2.5 },
            ),
            showSymbol: true,
            symbolSize: 7,
            z: 5,
          },
          {
            type: 'custom',
            name: names[1],
            silent: true,
            itemStyle: { color: colours.moved },
            renderItem: band(points, low),
            data: [points.length],
            z: 1,
          },
          line(
            names[2],
            colours.floor,
            points.flatMap(({ n, floor }): [number, number][] => (floor === undefined ? [] : [[n, floor]])),
          ),
          line(
            names[3],
            colours.cross,
            points.map(({ n }) => [n, Math.sqrt(scale / n)]),
          ),
        ],
      })
    },
  }
}

interface Point {
  n: number
  mean: number
  sd: number
}

/** The area between mean − sd and mean + sd as one polygon. */
function band(points: readonly Point[], low: (point: Point) => number) {
  return (_: unknown, api: { coord: (at: [number, number]) => number[]; visual: (what: string) => string }) => ({
    type: 'polygon',
    shape: {
      points: [
        ...points.map(point => api.coord([point.n, point.mean + point.sd])),
        ...points.toReversed().map(point => api.coord([point.n, low(point)])),
      ],
    },
    style: { fill: api.visual('color'), opacity: 0.18 },
  })
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
