import { axis, type Chart, decades, drawing, gridOf, markLine, tip, tooltip } from '../chart.ts'
import type { CompareData, MeasureData } from '../data.ts'
import { figure, isNumber } from '../format.ts'
import type { Tone } from '../palette.ts'
import { presentOf } from './strategies.ts'

interface Bar {
  name: string
  gap: number
  floor?: number
  tone: Tone
}

/** The gap before and after, or step by step, with the noise floor. */
export function gapChart({ gap, figures, inSample }: MeasureData): Chart | undefined {
  const bars = stages(figures?.stages) ?? beforeAfter(gap)
  if (bars.length === 0) {
    return undefined
  }
  const last = bars.at(-1) as Bar
  const said = `${bars.map(({ name, gap }) => `${name} ${figure(gap)}`).join(', ')}; noise floor ${figure(gap.floor)}.`
  return barsOf({
    id: 'gap',
    title: bars.length > 1 ? 'The gap, step by step' : 'The gap and its noise floor',
    text: `Distance between the mean image and the mean text, on a logarithmic axis. Two samples of one distribution are as far apart as the broken line says: what lies left of it is noise.${
      (inSample ?? gap.inSample) && last.gap < gap.floor
        ? ' These are the rows of the fit, whose gap after it always lies below the floor; held-out rows tell more.'
        : ''
    }`,
    summary: said,
    floor: gap.floor,
    bars,
  })
}

/** The gap that each strategy leaves. */
export function strategyGapChart({ strategies }: CompareData): Chart | undefined {
  const bars = Object.entries(presentOf(strategies))
    .map(([name, { gap }]) => ({
      name,
      gap: gap.after ?? gap.centroid ?? Number.NaN,
      floor: gap.floor,
      tone: name === 'none' ? ('text' as const) : ('moved' as const),
    }))
    .filter(({ gap }) => isNumber(gap))
    .sort((a, b) => b.gap - a.gap)
  if (bars.length === 0) {
    return undefined
  }
  return barsOf({
    id: 'strategies-gap',
    title: 'What each strategy leaves of the gap',
    text: 'Gap on held-out rows, logarithmic. The short upright line is each strategy’s own noise floor: bars that end near it leave nothing that can be distinguished from noise.',
    summary: bars.map(({ name, gap, floor }) => `${name} ${figure(gap)} (floor ${figure(floor)})`).join(', '),
    bars,
  })
}

function stages(list: NonNullable<MeasureData['figures']>['stages']): Bar[] | undefined {
  return list && list.length > 1
    ? list.map(({ name, gap }, i) => ({ name, gap, tone: i === 0 ? 'text' : 'moved' }))
    : undefined
}

function beforeAfter(gap: MeasureData['gap']): Bar[] {
  const { before, after, stored, centroid, held } = gap
  const bars: [string, number | undefined, Tone][] =
    before === undefined && after === undefined
      ? [['gap', centroid, 'text']]
      : [
          ['before', before, 'text'],
          ['after', after, 'moved'],
          ['after, as stored', stored, 'moved'],
          ['held out, before', held?.before, 'text'],
          ['held out, after', held?.after, 'moved'],
        ]
  return bars.flatMap(([name, value, tone]) => (isNumber(value) ? [{ name, gap: value, tone }] : []))
}

/** Horizontal bars on a logarithmic axis; what is as good as zero has no bar and says so. */
function barsOf(parts: {
  id: string
  title: string
  text: string
  summary: string
  floor?: number
  bars: Bar[]
}): Chart {
  const { bars, floor, ...words } = parts
  const floors = bars.flatMap(bar => (bar.floor === undefined ? [] : [bar.floor]))
  const [min, max] = decades([...bars.map(bar => bar.gap), ...floors, ...(floor === undefined ? [] : [floor])])
  const longest = Math.max(...bars.map(bar => bar.name.length))
  return {
    ...words,
    toggles: [],
    marks: bars.length,
    table: {
      head: ['step', 'gap', 'noise floor'],
      rows: bars.map(bar => [bar.name, bar.gap, bar.floor ?? floor ?? null]),
    },
    height: () => 40 + 52 + bars.length * 34,
    option: look => ({
      ...drawing(look, [], {
        tooltip: tooltip(look, {
          trigger: 'item',
          formatter: ({ dataIndex }: { dataIndex: number }) => {
            const bar = bars[dataIndex] as Bar
            const own = bar.floor ?? floor
            return tip(bar.name, [
              ['gap', figure(bar.gap)],
              ['noise floor', figure(own)],
              ...(own ? [['gap over floor', figure(bar.gap / own)] as const] : []),
            ])
          },
        }),
        grid: gridOf(look, { left: Math.min(170, 30 + longest * 7.5), right: 84, top: 26 }),
        xAxis: axis(look, 'log', 'centroid gap', { min, max, startValue: min, nameGap: 28 }),
        yAxis: axis(look, 'category', '', {
          data: bars.map(bar => bar.name),
          inverse: true,
          axisTick: { show: false },
          axisLabel: { color: look.colours.ink, fontSize: 13, width: 150, overflow: 'truncate', hideOverlap: false },
        }),
        series: [
          {
            type: 'bar',
            barWidth: 16,
            data: bars.map(bar => ({
              value: Math.max(bar.gap, min),
              itemStyle: { color: look.colours[bar.tone], borderRadius: [0, 3, 3, 0] },
              label: { formatter: figure(bar.gap) },
            })),
            // the background keeps the floor's line out of the number
            label: {
              show: true,
              position: 'right',
              color: look.colours.ink,
              fontSize: 13,
              backgroundColor: look.colours.paper,
              padding: [2, 3],
            },
            ...(floor === undefined
              ? {}
              : { markLine: markLine(look, floor, `noise floor ${figure(floor)}`, 'start') }),
          },
          ...(floors.length === 0
            ? []
            : [
                {
                  type: 'scatter',
                  silent: true,
                  z: 1,
                  symbol: 'rect',
                  symbolSize: [3, 24],
                  itemStyle: { color: look.colours.ink, borderColor: look.colours.paper, borderWidth: 1 },
                  data: bars.map((bar, i) => [bar.floor, i]),
                },
              ]),
        ],
      }),
    }),
  }
}
