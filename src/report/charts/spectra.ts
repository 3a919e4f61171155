import { axis, type Chart, decades, drawing, gridOf, type Toggle, tip, tooltip, zoom } from '../chart.ts'
import type { MeasureData } from '../data.ts'
import { figure, isNumber, percent } from '../format.ts'

type Side = NonNullable<MeasureData['spectrum']>['image']
type Point = [number, number]

const SIDES = ['image', 'text'] as const

/** Eigenvalues of both modalities on two logarithmic axes, with the power law of each. */
export function spectraChart({ spectrum }: MeasureData): Chart | undefined {
  const shown = SIDES.flatMap(side => {
    const of = spectrum?.[side]
    return of?.eigenvalues && of.eigenvalues.length > 1 ? [{ side, of, points: positive(of.eigenvalues) }] : []
  })
  if (shown.length === 0) {
    return undefined
  }
  const toggles = shown.flatMap(({ side, of }): Toggle[] => [
    { name: side, colour: colours => colours[side], shape: 'line' },
    ...(isNumber(of.alphaBiased)
      ? [
          {
            name: fitName(side, of.alphaBiased),
            colour: (colours: { image: string; text: string }) => colours[side],
            shape: 'dashed' as const,
          },
        ]
      : []),
  ])
  const longest = Math.max(...shown.map(({ points }) => points.length))
  const said = shown.map(
    ({ side, of }) =>
      `${side}: α ${figure(of.alphaBiased)} over ranks ${of.alphaRange[0]} to ${of.alphaRange[1]}, effective rank of these rows ${figure(of.effectiveRankBiased)}`,
  )
  return {
    id: 'spectra',
    title: 'Spectra',
    text: `Eigenvalues of each modality’s covariance by rank. A straight line is a power law λ ∝ k⁻ᵅ; broken lines are the fits. ${said.join('; ')}.`,
    summary: said.join('; '),
    toggles,
    zoom: 'xy',
    marks: shown.length * longest,
    table: {
      head: ['rank', ...shown.map(({ side }) => `${side} eigenvalue`)],
      rows: Array.from({ length: Math.max(...shown.map(({ of }) => of.eigenvalues?.length ?? 0)) }, (_, k) => [
        k + 1,
        ...shown.map(({ of }) => of.eigenvalues?.[k] ?? null),
      ]),
    },
    height: width => Math.min(440, Math.max(300, width * 0.5)),
    option: look => {
      const tops = shown.map(({ points }) => points[0]?.[1] ?? 1)
      // what rounding leaves at the end would squeeze everything else
      const least = Math.max(...tops) * 1e-8
      const [min, max] = decades(
        shown.flatMap(({ points }) => points.map(([, value]) => value)),
        least,
      )
      return drawing(look, toggles, {
        tooltip: tooltip(look, {
          trigger: 'axis',
          formatter: (at: { seriesName: string; value: Point }[]) =>
            tip(
              `rank ${figure(at[0]?.value[0])}`,
              at.map(({ seriesName, value }) => [seriesName, figure(value[1])]),
            ),
        }),
        grid: gridOf(look),
        dataZoom: zoom('xy'),
        xAxis: axis(look, 'log', 'rank k', { min: 1, max: longest }),
        yAxis: axis(look, 'log', 'eigenvalue λ', { min, max, nameGap: 44 }),
        series: shown.flatMap(({ side, of, points }) => [
          {
            type: 'line',
            name: side,
            showSymbol: false,
            lineStyle: { color: look.colours[side], width: 2 },
            itemStyle: { color: look.colours[side] },
            data: points.filter(([, value]) => value >= min),
          },
          ...(isNumber(of.alphaBiased)
            ? [
                {
                  type: 'line',
                  name: fitName(side, of.alphaBiased),
                  showSymbol: false,
                  silent: true,
                  lineStyle: { color: look.colours[side], width: 1.5, type: 'dashed' },
                  itemStyle: { color: look.colours[side] },
                  data: fitted(points, of.alphaBiased, of.alphaRange),
                },
              ]
            : []),
        ]),
      })
    },
  }
}

/** Share of the spread in the leading directions. */
export function energyChart({ spectrum, residual, frame, dim }: MeasureData): Chart | undefined {
  const lines: { name: string; tone: 'image' | 'text' | 'cross'; points: Point[] }[] = SIDES.flatMap(side => {
    const eigenvalues = spectrum?.[side]?.eigenvalues
    return eigenvalues && eigenvalues.length > 1
      ? [{ name: side, tone: side, points: cumulative(eigenvalues, dim ?? eigenvalues.length) }]
      : []
  })
  if (residual && residual.energy.k.length > 1) {
    const d = dim ?? Math.max(...residual.energy.k)
    const points = residual.energy.k.map((k, i): Point => [k / d, residual.energy.share[i] ?? 0])
    lines.push({ name: 'differences of pairs', tone: 'cross', points })
  }
  if (lines.length === 0) {
    return undefined
  }
  const toggles: Toggle[] = lines.map(({ name, tone }) => ({ name, colour: colours => colours[tone], shape: 'line' }))
  const said = lines.map(
    ({ name, points }) => `${name}: ${percent(at(points, 0.1))} in the first tenth of the directions`,
  )
  return {
    id: 'energy',
    title: 'Cumulative energy',
    text: `Share E(K) of the spread that the K leading of d directions hold. The diagonal would be an equal spread in all directions.${
      frame && dim
        ? ` The frame U has ${frame.rank} of ${dim} dimensions and holds ${percent(frame.energy)} of both covariances.`
        : ''
    }`,
    summary: said.join('; '),
    toggles,
    zoom: 'x',
    marks: lines.reduce((sum, { points }) => sum + points.length, 0),
    table: {
      head: ['series', 'K/d', 'E(K)'],
      rows: lines.flatMap(({ name, points }) => points.map(([x, y]) => [name, x, y])),
    },
    height: width => Math.min(380, Math.max(280, width * 0.45)),
    option: look =>
      drawing(look, toggles, {
        tooltip: tooltip(look, {
          trigger: 'axis',
          formatter: (at: { seriesName: string; value: Point }[]) =>
            tip(
              `K/d ${figure(at[0]?.value[0])}`,
              at.map(({ seriesName, value }) => [seriesName, percent(value[1])]),
            ),
        }),
        grid: gridOf(look),
        dataZoom: zoom('x'),
        xAxis: axis(look, 'value', 'share of the directions K/d', { min: 0, max: 1 }),
        yAxis: axis(look, 'value', 'share of the spread E(K)', { min: 0, max: 1, nameGap: 40 }),
        series: [
          ...lines.map(({ name, tone, points }) => ({
            type: 'line',
            name,
            showSymbol: false,
            lineStyle: { color: look.colours[tone], width: 2 },
            itemStyle: { color: look.colours[tone] },
            data: [[0, 0], ...points],
          })),
          diagonal(look.colours.floor, frame && dim ? frame.rank / dim : undefined),
        ],
      }),
  }
}

/** How far the leading directions of both modalities agree. */
export function overlapChart({ covariance, dim }: MeasureData): Chart | undefined {
  const { q = [], oBiased: o = [] } = covariance?.overlap ?? {}
  const d = dim ?? q.at(-1)
  if (q.length < 2 || d === undefined) {
    return undefined
  }
  const points = q.flatMap((value, i): Point[] => {
    const found = o[i]
    return isNumber(found) ? [[value, found]] : []
  })
  if (points.length === 0) {
    return undefined
  }
  const toggles: Toggle[] = [
    { name: 'overlap O_q', colour: colours => colours.cross, shape: 'line' },
    { name: 'random directions q/d', colour: colours => colours.floor, shape: 'dashed' },
  ]
  return {
    id: 'overlap',
    title: 'Overlap of the leading directions',
    text: 'O_q is the overlap of the q leading directions of image and of text, of these rows: 1 where both span the same space, less where rows are few. Random directions overlap by q/d, the broken line.',
    summary: points.map(([x, y]) => `q ${x}: ${figure(y)} (random ${figure(x / d)})`).join('; '),
    toggles,
    marks: points.length,
    table: { head: ['q', 'O_q', 'q/d'], rows: points.map(([x, y]) => [x, y, x / d]) },
    height: width => Math.min(380, Math.max(280, width * 0.45)),
    option: look =>
      drawing(look, toggles, {
        tooltip: tooltip(look, {
          trigger: 'axis',
          formatter: (at: { seriesName: string; value: Point }[]) =>
            tip(
              `q = ${figure(at[0]?.value[0])}`,
              at.map(({ seriesName, value }) => [seriesName, figure(value[1])]),
            ),
        }),
        grid: gridOf(look),
        xAxis: axis(look, 'log', 'leading directions q', {
          min: q[0],
          max: d,
          logBase: 2,
          axisLabel: { formatter: figure },
        }),
        yAxis: axis(look, 'value', 'overlap', { min: 0, max: 1, nameGap: 40 }),
        series: [
          {
            type: 'line',
            name: toggles[0]?.name,
            symbolSize: 7,
            lineStyle: { color: look.colours.cross, width: 2 },
            itemStyle: { color: look.colours.cross },
            data: points,
          },
          {
            type: 'line',
            name: toggles[1]?.name,
            showSymbol: false,
            lineStyle: { color: look.colours.floor, width: 1.5, type: 'dashed' },
            itemStyle: { color: look.colours.floor },
            data: q.map(x => [x, x / d]),
          },
        ],
      }),
  }
}

function fitName(side: string, alpha: number): string {
  return `${side}, fit α = ${figure(alpha)}`
}

function positive(eigenvalues: readonly number[]): Point[] {
  return eigenvalues.flatMap((value, k): Point[] => (value > 0 ? [[k + 1, value]] : []))
}

/** The line of slope −α through the middle of the fitted points: the least-squares line. */
function fitted(points: readonly Point[], alpha: number, [first, last]: Side['alphaRange']): Point[] {
  const used = points.filter(([k]) => k >= first && k <= last)
  const mean = (of: (point: Point) => number) => used.reduce((sum, point) => sum + of(point), 0) / used.length
  const height = mean(([, value]) => Math.log(value)) + alpha * mean(([k]) => Math.log(k))
  return [first, last].map(k => [k, Math.exp(height - alpha * Math.log(k))])
}

function cumulative(eigenvalues: readonly number[], d: number): Point[] {
  const total = eigenvalues.reduce((sum, value) => sum + Math.max(value, 0), 0)
  let sum = 0
  return eigenvalues.map((value, k) => {
    sum += Math.max(value, 0)
    return [(k + 1) / d, sum / total]
  })
}

function at(points: readonly Point[], x: number): number {
  return points.findLast(point => point[0] <= x)?.[1] ?? 0
}

function diagonal(colour: string, frame: number | undefined): object {
  return {
    type: 'line',
    silent: true,
    showSymbol: false,
    tooltip: { show: false },
    lineStyle: { color: colour, width: 1, type: 'dotted' },
    itemStyle: { color: colour },
    data: [
      [0, 0],
      [1, 1],
    ],
    ...(frame === undefined
      ? {}
      : {
          markLine: {
            silent: true,
            symbol: 'none',
            lineStyle: { color: colour, type: [5, 4], width: 1.5 },
            label: { formatter: 'U', color: colour, position: 'insideStartTop', rotate: 0 },
            data: [{ xAxis: frame }],
          },
        }),
  }
}
