import { axis, type Chart, drawing, FONT, gridOf, rounded, type Toggle, tip, tooltip } from '../chart.ts'
import type { CaptionsData, MatrixData, SampleSizeData } from '../data.ts'
import { count, figure, isNumber, power } from '../format.ts'

/** The gap that a fit on n rows leaves, with its spread over trials. */
export function sampleSizeChart({ curve, trace, rowsFor }: SampleSizeData): Chart | undefined {
  const points = curve.filter(({ n, mean }) => isNumber(n) && isNumber(mean) && n > 0).sort((a, b) => a.n - b.n)
  const first = points[0]
  if (first === undefined || points.length < 2) {
    return undefined
  }
  const scale = trace ?? first.mean ** 2 * first.n
  const names = ['mean over trials', 'mean ± sd', 'noise floor', trace === undefined ? '∝ 1/√N' : '√(T/N)'] as const
  const toggles: Toggle[] = [
    { name: names[0], colour: colours => colours.moved, shape: 'line' },
    { name: names[1], colour: colours => colours.moved },
    { name: names[2], colour: colours => colours.floor, shape: 'dashed' },
    { name: names[3], colour: colours => colours.cross, shape: 'dashed' },
  ]
  const low = ({ mean, sd }: (typeof points)[number]) => Math.max(mean - sd, mean / 100)
  const [min, max] = rounded(points.flatMap(point => [low(point), point.mean + point.sd, point.floor ?? point.mean, Math.sqrt(scale / point.n)]))
  return {
    id: 'sample-size',
    title: 'How many rows a fit needs',
    text: `Gap on held-out rows after a fit on N rows. With N the curve falls like the line of sampling noise until it reaches the floor of the held-out rows.${
      rowsFor ? ` A gap of ${figure(rowsFor.gap)} ${rowsFor.rows === null ? 'is not reached' : `takes about ${count(rowsFor.rows)} rows`}.` : ''
    }`,
    summary: points.map(({ n, mean, sd }) => `${count(n)} rows: ${figure(mean)} ± ${figure(sd)}`).join('; '),
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
            return tip(`${count(n)} rows`, [
              ['mean', figure(mean)],
              ['sd', figure(sd)],
              ['noise floor', figure(floor)],
              [names[3], figure(Math.sqrt(scale / n))],
            ])
          },
        }),
        grid: gridOf(look),
        xAxis: axis(look, 'log', 'rows of the fit N', { min: first.n, max: points.at(-1)?.n, axisLabel: { formatter: (value: number) => (value < 1e5 ? count(value) : power(value)) } }),
        yAxis: axis(look, 'log', 'held-out gap', { min, max, nameGap: 44 }),
        series: [
          { ...line(names[0], colours.moved, points.map(({ n, mean }) => [n, mean]), { type: 'solid', width: 2.5 }), showSymbol: true, symbolSize: 7, z: 5 },
          {
            type: 'custom',
            name: names[1],
            silent: true,
            itemStyle: { color: colours.moved },
            renderItem: band(points, low),
            data: [points.length],
            z: 1,
          },
          line(names[2], colours.floor, points.flatMap(({ n, floor }): [number, number][] => (floor === undefined ? [] : [[n, floor]]))),
          line(names[3], colours.cross, points.map(({ n }) => [n, Math.sqrt(scale / n)])),
        ],
      })
    },
  }
}

/** The area between mean − sd and mean + sd as one polygon. */
function band(points: SampleSizeData['curve'], low: (point: SampleSizeData['curve'][number]) => number) {
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

/** A matrix of gaps as a heat map. */
export function matrixChart({ names, gap, floor }: MatrixData, kind: 'domains' | 'modalities'): Chart | undefined {
  const cells = names.flatMap((_, i) => names.map((_, j) => ({ i, j, gap: gap[i]?.[j] ?? null, floor: floor?.[i]?.[j] ?? null })))
  const shown = cells.filter(cell => isNumber(cell.gap) && cell.gap > 0)
  if (shown.length === 0) {
    return undefined
  }
  const logs = shown.map(cell => Math.log10(cell.gap as number))
  const [least, most] = [Math.min(...logs), Math.max(...logs)]
  const domains = kind === 'domains'
  const longest = Math.min(24, Math.max(...names.map(name => name.length)))
  return {
    id: kind,
    title: domains ? 'Transfer between domains' : 'Gaps between modalities',
    text: domains
      ? 'The aligner fitted on the domain of a row, used on the domain of a column: the gap it leaves there. On the diagonal, held-out rows of its own domain.'
      : 'Distance between the means of each two modalities.',
    summary: shown.map(cell => `${names[cell.i]} ${domains ? 'on' : 'and'} ${names[cell.j]}: ${figure(cell.gap)}`).join('; '),
    toggles: [],
    marks: cells.length,
    table: {
      head: [domains ? 'fitted on' : 'modality', domains ? 'used on' : 'other modality', 'gap', 'noise floor'],
      rows: cells.map(cell => [names[cell.i] ?? '', names[cell.j] ?? '', cell.gap, cell.floor]),
    },
    height: () => 90 + longest * 3 + names.length * 52,
    option: look => {
      const { colours, width } = look
      const names24 = { color: colours.ink, fontSize: 12.5, hideOverlap: false, width: 150, overflow: 'truncate' }
      const cell = (width - 40 - Math.min(170, longest * 8)) / names.length
      return drawing(look, [], {
        tooltip: tooltip(look, {
          trigger: 'item',
          formatter: ({ dataIndex }: { dataIndex: number }) => {
            const at = shown[dataIndex] as (typeof shown)[number]
            return tip(`${names[at.i]} → ${names[at.j]}`, [
              ['gap', figure(at.gap)],
              ['noise floor', figure(at.floor)],
            ])
          },
        }),
        grid: gridOf(look, { left: Math.min(180, 60 + longest * 7), top: 6, bottom: 40 + (cell < longest * 8 ? longest * 4 : 16), right: 16 }),
        xAxis: axis(look, 'category', domains ? 'used on' : '', { data: names, position: 'bottom', nameGap: cell < longest * 8 ? 24 + longest * 4 : 28, axisTick: { show: false }, axisLabel: { ...names24, rotate: cell < longest * 8 ? 35 : 0 } }),
        yAxis: axis(look, 'category', domains ? 'fitted on' : '', { data: names, inverse: true, nameGap: Math.min(140, 24 + longest * 7), axisTick: { show: false }, axisLabel: names24 }),
        visualMap: { show: false, min: least, max: most === least ? most + 1 : most, dimension: 2, inRange: { color: [...colours.heat] } },
        series: [
          {
            type: 'heatmap',
            itemStyle: { borderColor: colours.paper, borderWidth: 2 },
            label: { show: true, fontFamily: FONT, fontSize: 13 },
            data: shown.map((at, k) => {
              const strength = most === least ? 0 : ((logs[k] as number) - least) / (most - least)
              return {
                value: [at.j, at.i, logs[k]],
                label: { formatter: figure(at.gap), color: inkOn(colours.heat, strength) },
              }
            }),
          },
        ],
      })
    },
  }
}

/** The one of black and white that is easier to read on the colour at a place between 0 and 1 of a scale. */
function inkOn(scale: readonly string[], at: number): string {
  const place = at * (scale.length - 1)
  const [low, high] = [scale[Math.floor(place)], scale[Math.ceil(place)]].map(rgb)
  const [r, g, b] = [0, 1, 2].map(i => {
    const mixed = ((low?.[i] ?? 0) * (1 - (place % 1)) + (high?.[i] ?? 0) * (place % 1)) / 255
    return mixed <= 0.04045 ? mixed / 12.92 : ((mixed + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? '#14181d' : '#ffffff'
}

function rgb(colour: string | undefined): number[] {
  return [1, 3, 5].map(i => Number.parseInt((colour ?? '#000000').slice(i, i + 2), 16))
}

/** Corpora of captions beside each other. */
export function captionsChart({ corpora }: CaptionsData): Chart | undefined {
  const measures = (
    [
      ['effectiveRank', 'effective rank', 'cross'],
      ['trace', 'trace', 'image'],
      ['gap', 'gap to the images', 'text'],
    ] as const
  ).filter(([key]) => corpora.some(corpus => isNumber(corpus[key])))
  if (corpora.length === 0 || measures.length === 0) {
    return undefined
  }
  const names = corpora.map(({ name }) => name)
  const columns = (width: number) => (width < 620 ? 1 : measures.length)
  const tall = 48 + corpora.length * 34
  const longest = Math.min(22, Math.max(...names.map(name => name.length)))
  return {
    id: 'captions',
    title: 'Corpora of captions',
    text: 'Spread of each corpus and its distance to the images. Long captions often have a richer spectrum and yet a wider gap.',
    summary: corpora.map(corpus => `${corpus.name}: ${measures.map(([key, label]) => `${label} ${figure(corpus[key])}`).join(', ')}`).join('; '),
    toggles: [],
    marks: corpora.length * measures.length,
    table: {
      head: ['corpus', 'rows', 'effective rank', 'trace', 'gap', 'noise floor', 'α', 'captions', 'words', 'share over the limit', 'share of non-visual words'],
      rows: corpora.map(({ name, rows, effectiveRank, trace, gap, floor, alpha, captions }) => [
        name,
        rows ?? null,
        effectiveRank ?? null,
        trace ?? null,
        gap ?? null,
        floor ?? null,
        alpha ?? null,
        captions?.count ?? null,
        captions?.words ?? null,
        captions?.overLimit ?? null,
        captions?.nonVisual ?? null,
      ]),
    },
    height: width => (columns(width) === 1 ? measures.length : 1) * (tall + 34),
    option: look => {
      const { colours, width } = look
      const many = columns(width)
      const label = Math.min(160, 20 + longest * 7.5)
      const cell = (width - (many === 1 ? label : label)) / many
      const place = measures.map((_, i) => ({
        left: many === 1 ? label : label + i * cell,
        top: many === 1 ? i * (tall + 34) + 30 : 30,
        width: (many === 1 ? width - label : cell) - 70,
        height: tall - 40,
        outerBoundsMode: 'none',
      }))
      return drawing(look, [], {
        tooltip: tooltip(look, {
          trigger: 'item',
          formatter: ({ seriesName, name, value }: { seriesName: string; name: string; value: number }) => tip(name, [[seriesName, figure(value)]]),
        }),
        title: measures.map(([, text], i) => ({ text, left: place[i]?.left, top: (place[i]?.top ?? 0) - 26, padding: 0, textStyle: { fontFamily: FONT, fontSize: 13, fontWeight: 600, color: colours.ink } })),
        grid: place,
        xAxis: measures.map((_, i) => axis(look, 'value', '', { gridIndex: i, min: 0, splitNumber: 3, splitLine: { show: false }, axisLabel: { show: false }, axisLine: { show: false }, axisTick: { show: false } })),
        yAxis: measures.map((_, i) =>
          axis(look, 'category', '', {
            gridIndex: i,
            data: names,
            inverse: true,
            axisTick: { show: false },
            axisLabel: { show: many === 1 || i === 0, color: colours.ink, fontSize: 12.5, width: label - 14, overflow: 'truncate', hideOverlap: false },
          }),
        ),
        series: measures.map(([key, name, tone], i) => ({
          type: 'bar',
          name,
          xAxisIndex: i,
          yAxisIndex: i,
          barWidth: 16,
          itemStyle: { color: colours[tone], borderRadius: [0, 3, 3, 0] },
          label: { show: true, position: 'right', color: colours.ink, formatter: ({ value }: { value: number }) => figure(value) },
          data: corpora.map(corpus => corpus[key] ?? null),
        })),
      })
    },
  }
}
