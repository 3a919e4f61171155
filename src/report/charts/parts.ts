import { axis, type Chart, drawing, gridOf, type Toggle, tip, tooltip } from '../chart.ts'
import type { MeasureData } from '../data.ts'
import { figure, isNumber, percent } from '../format.ts'
import type { Tone } from '../palette.ts'

/** What the mean squared distance of the pairs is made of; without pairs, the squared gap. */
export function decompositionChart({ decomposition }: MeasureData): Chart | undefined {
  if (!decomposition) {
    return undefined
  }
  const { pmb, cob, traceU, traceV } = decomposition
  const named: [string, string, number | undefined, Tone][] = [
    ['PMB²', 'principal mean bias: the part of the gap in the frame U, where the modalities vary', pmb ** 2, 'beta'],
    ['COB²', 'constant orthogonal bias: the part of the gap in V, where they hardly vary', cob ** 2, 'gamma'],
    ['tr Σ_U', 'spread of the pairs’ differences in U', traceU, 'u'],
    ['tr Σ_V', 'spread of the pairs’ differences in V', traceV, 'v'],
  ]
  const parts = named.flatMap(([name, means, value, tone]) => (isNumber(value) ? [{ name, means, value, tone }] : []))
  const total = parts.reduce((sum, { value }) => sum + value, 0)
  const whole = parts.length === 4 ? 'E‖Δ‖², the mean squared distance of pairs' : '‖m‖², the squared gap'
  const toggles: Toggle[] = parts.map(({ name, value, tone }) => ({
    name: `${name}  ${figure(value)} (${percent(value / total)})`,
    colour: colours => colours[tone],
  }))
  return {
    id: 'decomposition',
    title: 'What the gap is made of',
    text: `${parts.map(({ name }) => name).join(' + ')} = ${figure(total)} = ${whole}. ${parts.map(({ name, means }) => `${name}: ${means}.`).join(' ')}`,
    summary: parts.map(({ name, value }) => `${name} ${figure(value)}, ${percent(value / total)}`).join('; '),
    toggles,
    marks: parts.length,
    table: {
      head: ['part', 'value', 'share', 'meaning'],
      rows: [...parts.map(({ name, value, means }) => [name, value, value / total, means]), ['sum', total, 1, whole]],
    },
    height: () => 132,
    option: look => ({
      ...drawing(look, toggles, {
        tooltip: tooltip(look, {
          trigger: 'item',
          formatter: ({ seriesIndex }: { seriesIndex: number }) => {
            const { name, means, value } = parts[seriesIndex] as (typeof parts)[number]
            return tip(name, [
              [means, ''],
              ['value', figure(value)],
              ['share', percent(value / total)],
            ])
          },
        }),
        grid: gridOf(look, { left: 24, top: 14, bottom: 48 }),
        xAxis: axis(look, 'value', whole, { min: 0, max: total, nameGap: 28, axisLabel: { showMaxLabel: true } }),
        yAxis: axis(look, 'category', '', { data: [''], axisLine: { show: false }, axisTick: { show: false } }),
        series: parts.map(({ value, tone }, i) => ({
          type: 'bar',
          name: toggles[i]?.name,
          stack: 'all',
          barWidth: 44,
          itemStyle: { color: look.colours[tone], borderColor: look.colours.paper, borderWidth: 1 },
          data: [value],
        })),
      }),
    }),
  }
}

/** How often the partner is found, both ways. */
export function retrievalChart({ retrieval }: MeasureData): Chart | undefined {
  const ways = [
    // results of older versions have no chance levels
    ['text asks, image answers', retrieval?.textToImage, retrieval?.chance?.textToImage, 'text'],
    ['image asks, text answers', retrieval?.imageToText, retrieval?.chance?.imageToText, 'image'],
  ] as const
  const shown = ways.flatMap(([name, way, random, tone]) => (way ? [{ name, way, random, tone }] : []))
  if (shown.length === 0) {
    return undefined
  }
  const measures = [
    ['R@1', 'r1'],
    ['R@5', 'r5'],
    ['R@10', 'r10'],
    ['MRR', 'mrr'],
  ] as const
  const toggles: Toggle[] = shown.map(({ name, tone }) => ({ name, colour: colours => colours[tone] }))
  return {
    id: 'retrieval',
    title: 'Retrieval',
    text: `Share of queries whose partner is among the first 1, 5 and 10 rows found, and the mean of one over its rank.${
      retrieval?.mixed
        ? ` When texts search a mixed corpus, ${percent(retrieval.mixed.imageShare)} of their ${retrieval.mixed.k} nearest rows are images.`
        : ''
    }`,
    summary: shown
      .map(({ name, way }) => `${name}: ${measures.map(([label, key]) => `${label} ${figure(way[key])}`).join(', ')}`)
      .join('; '),
    toggles,
    marks: 8,
    table: {
      head: ['direction', ...measures.map(([label]) => label)],
      rows: [
        ...shown.map(({ name, way }) => [name, ...measures.map(([, key]) => way[key])]),
        ...shown.flatMap(({ name, random }) =>
          random ? [[`${name}, by chance`, random.r1, random.r5, random.r10, null]] : [],
        ),
      ],
    },
    height: () => 260,
    option: look =>
      drawing(look, toggles, {
        tooltip: tooltip(look, {
          trigger: 'item',
          formatter: (at: { seriesName: string; name: string; value: number }) =>
            tip(at.seriesName, [[at.name, figure(at.value)]]),
        }),
        grid: gridOf(look, { bottom: 32 }),
        xAxis: axis(look, 'category', '', { data: measures.map(([label]) => label), axisTick: { show: false } }),
        yAxis: axis(look, 'value', 'share of queries', { min: 0, max: 1, nameGap: 40 }),
        series: shown.map(({ name, way, tone }) => ({
          type: 'bar',
          name,
          barMaxWidth: 44,
          itemStyle: { color: look.colours[tone], borderRadius: [3, 3, 0, 0] },
          label: {
            show: look.width > 480,
            position: 'top',
            color: look.colours.ink,
            formatter: ({ value }: { value: number }) => figure(value),
          },
          data: measures.map(([, key]) => way[key]),
        })),
      }),
  }
}
