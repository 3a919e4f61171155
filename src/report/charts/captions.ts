import { axis, type Chart, drawing, FONT, tip, tooltip } from '../chart.ts'
import type { CaptionsData } from '../data.ts'
import { figure, isNumber } from '../format.ts'

/** Corpora of captions beside each other. */
export function captionsChart({ corpora: texts, image }: CaptionsData): Chart | undefined {
  const corpora: CaptionsData['corpora'] = image ? [{ name: 'images', ...image }, ...texts] : texts
  const measures = (
    [
      ['effectiveRankBiased', 'effective rank of as many rows', 'cross'],
      ['trace', 'trace', 'image'],
      ['gap', 'gap to the images', 'text'],
    ] as const
  ).filter(([key]) => corpora.some(corpus => isNumber(corpus[key])))
  if (texts.length === 0 || measures.length === 0) {
    return undefined
  }
  const names = corpora.map(({ name }) => name)
  const columns = (width: number) => (width < 620 ? 1 : measures.length)
  const tall = corpora.length * 34
  const longest = Math.min(22, Math.max(...names.map(name => name.length)))
  return {
    id: 'captions',
    title: 'Corpora of captions',
    text: 'Spread of each corpus and its distance to the images. Long captions often have a richer spectrum and yet a wider gap.',
    summary: corpora
      .map(corpus => `${corpus.name}: ${measures.map(([key, label]) => `${label} ${figure(corpus[key])}`).join(', ')}`)
      .join('; '),
    toggles: [],
    marks: corpora.length * measures.length,
    table: {
      head: [
        'corpus',
        'rows',
        'effective rank',
        'effective rank of as many rows',
        'trace',
        'gap',
        'noise floor',
        'α',
        'α of as many rows',
        'captions',
        'words',
        'share over the limit',
        'share of non-visual words',
      ],
      rows: corpora.map(({ name, rows, trace, gap, floor, captions, ...of }) => [
        name,
        rows ?? null,
        of.effectiveRank ?? null,
        of.effectiveRankBiased ?? null,
        trace ?? null,
        gap ?? null,
        floor ?? null,
        of.alpha ?? null,
        of.alphaBiased ?? null,
        captions?.count ?? null,
        captions?.words ?? null,
        captions?.overLimit ?? null,
        captions?.nonVisual ?? null,
      ]),
    },
    height: width => (columns(width) === 1 ? measures.length : 1) * (tall + 44) + 12,
    option: look => {
      const { colours, width } = look
      const many = columns(width)
      const label = Math.min(160, 20 + longest * 7.5)
      const cell = (width - label) / many
      const place = measures.map((_, i) => ({
        left: many === 1 ? label : label + i * cell,
        top: (many === 1 ? i * (tall + 44) : 0) + 38,
        width: (many === 1 ? width - label : cell) - 70,
        height: tall,
        outerBoundsMode: 'none',
      }))
      return drawing(look, [], {
        tooltip: tooltip(look, {
          trigger: 'item',
          formatter: ({ seriesName, name, value }: { seriesName: string; name: string; value: number }) =>
            tip(name, [[seriesName, figure(value)]]),
        }),
        title: measures.map(([, text], i) => ({
          text,
          left: place[i]?.left,
          top: (place[i]?.top ?? 0) - 26,
          padding: 0,
          textStyle: { fontFamily: FONT, fontSize: 13, fontWeight: 600, color: colours.ink },
        })),
        grid: place,
        xAxis: measures.map((_, i) =>
          axis(look, 'value', '', {
            gridIndex: i,
            min: 0,
            splitNumber: 3,
            splitLine: { show: false },
            axisLabel: { show: false },
            axisLine: { show: false },
            axisTick: { show: false },
          }),
        ),
        yAxis: measures.map((_, i) =>
          axis(look, 'category', '', {
            gridIndex: i,
            data: names,
            inverse: true,
            axisTick: { show: false },
            axisLabel: {
              show: many === 1 || i === 0,
              color: colours.ink,
              fontSize: 12.5,
              width: label - 14,
              overflow: 'truncate',
              hideOverlap: false,
            },
          }),
        ),
        series: measures.map(([key, name, tone], i) => ({
          type: 'bar',
          name,
          xAxisIndex: i,
          yAxisIndex: i,
          barWidth: 16,
          itemStyle: { color: colours[tone], borderRadius: [0, 3, 3, 0] },
          label: {
            show: true,
            position: 'right',
            color: colours.ink,
            formatter: ({ value }: { value: number }) => figure(value),
          },
          data: corpora.map(corpus => corpus[key] ?? null),
        })),
      })
    },
  }
}
