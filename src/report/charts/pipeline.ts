import { axis, type Chart, drawing, FONT, type Look, type Toggle, tip, tooltip, zoom } from '../chart.ts'
import type { MeasureData } from '../data.ts'
import { figure } from '../format.ts'
import type { RowLabels } from '../row-labels.ts'
import { type Cloud, cloudsOf, nameOf, type Point, placeOf, square } from './cloud.ts'

const HEAD = 28
const FOOT = 46
const SPACE = 14

const TOGGLES: Toggle[] = [
  { name: 'image', colour: colours => colours.image, shape: 'circle' },
  { name: 'text', colour: colours => colours.text, shape: 'diamond' },
  { name: 'centroids', colour: colours => colours.ink, shape: 'line' },
]

/** Every stage of the map beside the others: clouds and centroids in one plane, gap and trace under each. */
export function pipelineChart({ figures }: MeasureData, labels?: RowLabels): Chart | undefined {
  const clouds = cloudsOf(figures)
  if (clouds.length < 2) {
    return undefined
  }
  const range = square(
    clouds.flatMap(({ points, centroids }) => [
      ...points.image.map(placeOf),
      ...points.text.map(placeOf),
      ...Object.values(centroids).filter(at => at !== undefined),
    ]),
  )
  const columns = (width: number) => (width >= 600 ? Math.min(clouds.length, 5) : width >= 420 ? 3 : 2)
  const side = (width: number) => Math.floor((width - SPACE) / columns(width)) - SPACE
  const rows = (width: number) => Math.ceil(clouds.length / columns(width))
  return {
    id: 'pipeline',
    title: 'The map, stage by stage',
    text: 'All stages in one plane with the same axes. The gap is the distance of the centroids in all dimensions, of which the plane shows two; the trace is the spread of the text rows.',
    summary: clouds.map(({ name, gap, trace }) => `${name}: gap ${figure(gap)}, trace ${figure(trace)}`).join('; '),
    toggles: TOGGLES,
    zoom: 'xy',
    marks: clouds.reduce((sum, { points }) => sum + points.image.length + points.text.length, 0),
    table: {
      head: ['stage', 'gap', 'trace', 'text centroid x', 'text centroid y', 'image centroid x', 'image centroid y'],
      rows: clouds.map(({ name, gap, trace, centroids: { text, image } }) => [
        name,
        gap ?? null,
        trace ?? null,
        text?.[0] ?? null,
        text?.[1] ?? null,
        image?.[0] ?? null,
        image?.[1] ?? null,
      ]),
    },
    height: width => rows(width) * (side(width) + HEAD + FOOT) + 8,
    option: look => {
      const { width, legend, colours } = look
      const size = side(width)
      const place = clouds.map((_, i) => ({
        left: SPACE + (i % columns(width)) * (size + SPACE),
        top: legend + HEAD + Math.floor(i / columns(width)) * (size + HEAD + FOOT),
      }))
      const mute = { axisLabel: { show: false }, axisTick: { show: false }, axisLine: { show: false } }
      return drawing(look, TOGGLES, {
        tooltip: tooltip(look, {
          trigger: 'item',
          formatter: ({ data }: { data: { point?: Point; says?: string } }) =>
            data.point
              ? tip(nameOf(labels, data.point.modality, data.point.row), [['stage', data.point.stage]])
              : tip(data.says ?? '', []),
        }),
        title: clouds.flatMap((cloud, i) => titles(look, cloud, place[i] as { left: number; top: number }, size)),
        grid: place.map(at => ({
          ...at,
          width: size,
          height: size,
          show: true,
          borderColor: colours.line,
          borderWidth: 1,
          outerBoundsMode: 'none',
        })),
        dataZoom: zoom('xy', clouds.length),
        xAxis: clouds.map((_, i) =>
          axis(look, 'value', '', { gridIndex: i, min: range.x[0], max: range.x[1], ...mute }),
        ),
        yAxis: clouds.map((_, i) =>
          axis(look, 'value', '', { gridIndex: i, min: range.y[0], max: range.y[1], ...mute }),
        ),
        series: clouds.flatMap((cloud, i) => series(look, cloud, i)),
      })
    },
  }
}

function titles(
  { colours, width }: Look,
  cloud: Cloud,
  { left, top }: { left: number; top: number },
  size: number,
): object[] {
  const middle = left + size / 2
  const small = width < 520 ? 12 : 12.5
  const under = [`gap ${figure(cloud.gap)}`, `trace ${figure(cloud.trace)}`]
  const text = { fontFamily: FONT, textAlign: 'center' }
  return [
    {
      text: cloud.name,
      left: middle,
      top: top - 25,
      textAlign: 'center',
      padding: 0,
      itemGap: 0,
      textStyle: { ...text, fontSize: 13.5, fontWeight: 600, color: colours.ink },
    },
    ...under.map((line, i) => ({
      text: line,
      left: middle,
      top: top + size + 6 + i * 17,
      textAlign: 'center',
      padding: 0,
      textStyle: {
        ...text,
        fontSize: small,
        fontWeight: i === 0 ? 600 : 400,
        color: i === 0 ? colours.ink : colours.muted,
      },
    })),
  ]
}

function series({ colours }: Look, { name, points, centroids }: Cloud, i: number): object[] {
  const where = { xAxisIndex: i, yAxisIndex: i, type: 'scatter' }
  const both = (['image', 'text'] as const).flatMap(modality => {
    const at = centroids[modality]
    return at ? [{ modality, at }] : []
  })
  return [
    ...(['image', 'text'] as const).map(modality => ({
      ...where,
      name: modality,
      symbol: modality === 'image' ? 'circle' : 'diamond',
      symbolSize: modality === 'image' ? 4 : 5,
      itemStyle: { color: colours[modality], opacity: 0.5 },
      data: points[modality].map(point => ({ value: placeOf(point), point })),
    })),
    {
      ...where,
      type: 'line',
      name: 'centroids',
      z: 4,
      silent: true,
      showSymbol: false,
      lineStyle: { color: colours.ink, width: 2 },
      itemStyle: { color: colours.ink },
      data: both.map(({ at }) => at),
    },
    {
      ...where,
      name: 'centroids',
      z: 5,
      symbolSize: 11,
      data: both.map(({ modality, at }) => ({
        value: at,
        says: `mean of the ${modality} rows, ${name}`,
        symbol: modality === 'image' ? 'circle' : 'diamond',
        itemStyle: { color: colours[modality], borderColor: colours.paper, borderWidth: 2 },
      })),
    },
  ]
}
