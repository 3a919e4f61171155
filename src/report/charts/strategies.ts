import { axis, type Chart, decades, drawing, FONT, gridOf, markLine, type Toggle, tip, tooltip } from '../chart.ts'
import type { CompareData, MeasureData } from '../data.ts'
import { figure, isNumber } from '../format.ts'
import { placed } from './labels.ts'

interface Metric {
  key: string
  label: string
  of: (one: MeasureData) => number | null | undefined
  log?: boolean
}

/** What a strategy keeps of the text rows: more is better. */
const PRESERVATION: Metric[] = [
  { key: 'retention', label: 'neighbour retention Ω', of: one => one.neighbours?.retention ?? one.preservation?.omega },
  { key: 'psi', label: 'correlation of cosines Ψ', of: one => one.preservation?.psi },
  { key: 'phi', label: 'mean product with the original Φ', of: one => one.preservation?.phi },
  { key: 't2i1', label: 'R@1, text to image', of: one => one.retrieval?.textToImage?.r1 },
  { key: 'i2t1', label: 'R@1, image to text', of: one => one.retrieval?.imageToText?.r1 },
]

/** How well the moved text fits the images. */
const COMPATIBILITY: Metric[] = [
  { key: 'gap', label: 'centroid gap (smaller is better)', of: one => one.gap.after ?? one.gap.centroid, log: true },
  {
    key: 'mixing',
    label: 'share of the other modality among neighbours (larger is better)',
    of: one => one.neighbours?.mixing?.all,
  },
  {
    key: 'mixingText',
    label: 'directional mixing of text (larger is better)',
    of: one => one.neighbours?.mixing?.text,
  },
  {
    key: 'mixingImage',
    label: 'directional mixing of images (larger is better)',
    of: one => one.neighbours?.mixing?.image,
  },
  {
    key: 'frechet',
    label: 'Fréchet distance of these rows, squared (smaller is better)',
    of: one => one.covariance?.frechetBiased,
    log: true,
  },
  { key: 'separability', label: 'separability (0.5 is mixed)', of: one => one.similarity?.separability },
  { key: 'imageShare', label: 'images among the first of a mixed search', of: one => one.retrieval?.mixed?.imageShare },
]

/** Every strategy between what it keeps and how well the result fits. */
export function strategiesChart({ strategies: all, recommended = {} }: CompareData): Chart | undefined {
  const strategies = presentOf(all)
  const names = Object.keys(strategies)
  const best = [recommended.search?.method, recommended.substitution?.method].filter(name => name !== undefined)
  const known = (metrics: Metric[]) =>
    metrics.filter(({ of }) => names.filter(name => isNumber(of(strategies[name] as MeasureData))).length > 1)
  const [xs, ys] = [known(COMPATIBILITY), known(PRESERVATION)]
  if (xs.length === 0 || ys.length === 0) {
    return undefined
  }
  const value = (metric: Metric, name: string) => metric.of(strategies[name] as MeasureData) ?? null
  const every = [...ys, ...xs]
  const height = (width: number) => Math.min(480, Math.max(340, width * 0.5))
  const toggles: Toggle[] = [
    ...(best.length > 0
      ? [{ name: 'recommended', colour: (colours: { moved: string }) => colours.moved, shape: 'circle' as const }]
      : []),
    { name: best.length > 0 ? 'other strategies' : 'strategies', colour: colours => colours.image, shape: 'circle' },
  ]
  return {
    id: 'strategies',
    title: 'Preservation against compatibility',
    text: 'Each strategy between what it keeps of the text rows and how well the moved rows fit the images, on held-out rows. Choose what either axis shows.',
    summary: names
      .map(
        name =>
          `${name}: ${(xs[0] as Metric).key} ${figure(value(xs[0] as Metric, name))}, ${(ys[0] as Metric).key} ${figure(value(ys[0] as Metric, name))}`,
      )
      .join('; '),
    toggles,
    choices: [
      { name: 'x', label: 'Compatibility', from: xs.map(({ key, label }) => ({ value: key, label })) },
      { name: 'y', label: 'Preservation', from: ys.map(({ key, label }) => ({ value: key, label })) },
    ],
    marks: names.length,
    table: {
      head: ['strategy', ...every.map(({ label }) => label)],
      rows: names.map(name => [
        best.includes(name) ? `${name} (recommended)` : name,
        ...every.map(metric => value(metric, name)),
      ]),
    },
    height,
    option: (look, choice = {}) => {
      const x = xs.find(({ key }) => key === choice.x) ?? (xs[0] as Metric)
      const y = ys.find(({ key }) => key === choice.y) ?? (ys[0] as Metric)
      const shown = names.flatMap(name => {
        const [a, b] = [value(x, name), value(y, name)]
        return isNumber(a) && isNumber(b) ? [{ name, x: a, y: b }] : []
      })
      const floor = x.key === 'gap' ? Object.values(strategies)[0]?.gap.floor : undefined
      const grid = gridOf(look, { right: 40, top: 28 })
      const across = x.log
        ? ends(decades([...shown.map(point => point.x), ...(floor ? [floor] : [])]))
        : roomy(shown.map(point => point.x))
      const up = roomy(shown.map(point => point.y))
      const size = [look.width - grid.left - grid.right, height(look.width) - grid.top - grid.bottom] as const
      const drawnX = (value: number) => (x.log ? Math.max(value, across.min) : value)
      const scaled = (value: number) => (x.log ? Math.log(value) : value)
      const labels = placed(
        shown.map(point => ({
          text: point.name,
          x: ((scaled(drawnX(point.x)) - scaled(across.min)) / (scaled(across.max) - scaled(across.min))) * size[0],
          y: ((up.max - point.y) / (up.max - up.min)) * size[1],
        })),
        size[0] + grid.right,
      )
      const group = (taken: boolean) => shown.filter(({ name }) => best.includes(name) === taken)
      const series = (name: string, colour: string, points: typeof shown, size: number) => ({
        type: 'scatter',
        name,
        symbolSize: size,
        itemStyle: { color: colour, borderColor: look.colours.paper, borderWidth: 1.5 },
        data: points.map(point => ({
          name: point.name,
          value: [drawnX(point.x), point.y],
          at: point,
          label: {
            show: true,
            ...labels[shown.indexOf(point)],
            color: look.colours.ink,
            fontFamily: FONT,
            fontSize: 12.5,
            formatter: point.name,
          },
        })),
      })
      const rest = series(toggles.at(-1)?.name ?? '', look.colours.image, group(false), 11)
      return drawing(look, toggles, {
        tooltip: tooltip(look, {
          trigger: 'item',
          formatter: ({ data }: { data: { name: string; at: { x: number; y: number } } }) =>
            tip(data.name, [
              [x.label, figure(data.at.x)],
              [y.label, figure(data.at.y)],
            ]),
        }),
        grid: { ...grid, outerBoundsMode: 'none' },
        xAxis: axis(look, x.log ? 'log' : 'value', x.label, across),
        yAxis: axis(look, 'value', y.label, { ...up, nameGap: 44 }),
        series: [
          floor === undefined ? rest : { ...rest, markLine: markLine(look, floor, 'noise floor') },
          ...(best.length > 0 ? [series('recommended', look.colours.moved, group(true), 15)] : []),
        ],
      })
    },
  }
}

function ends([min, max]: [number, number]): { min: number; max: number } {
  return { min, max }
}

/** The strategies that were measured. */
export function presentOf(strategies: CompareData['strategies']): Record<string, MeasureData> {
  return Object.fromEntries(Object.entries(strategies).flatMap(([name, one]) => (one ? [[name, one]] : [])))
}

/** Round ends of an axis with room for marks at both. */
function roomy(values: readonly number[]): { min: number; max: number; interval?: number } {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const span = (high - low || Math.abs(high) || 1) * 1.06
  const power = 10 ** Math.floor(Math.log10(span))
  const step = [0.2, 0.5, 1, 2].map(one => one * power).find(one => span / one <= 6) ?? power
  return {
    min: Math.floor((low - span * 0.03) / step) * step,
    max: Math.ceil((high + span * 0.03) / step) * step,
    interval: step,
  }
}
