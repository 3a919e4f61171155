import { verdictWord } from '../../sentences.ts'
import { axis, type Chart, drawing, FONT, gridOf, tip, tooltip } from '../chart.ts'
import type { MatrixData } from '../data.ts'
import { figure, isNumber } from '../format.ts'

/** A matrix of gaps as a heat map. */
export function matrixChart(
  { names, gap, floor, verdict }: MatrixData,
  kind: 'domains' | 'modalities',
): Chart | undefined {
  const cells = names.flatMap((_, i) =>
    names.map((_, j) => ({
      i,
      j,
      gap: gap[i]?.[j] ?? null,
      floor: floor?.[i]?.[j] ?? null,
      verdict: verdictWord(verdict?.[i]?.[j] ?? undefined),
    })),
  )
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
    summary: shown
      .map(cell => `${names[cell.i]} ${domains ? 'on' : 'and'} ${names[cell.j]}: ${figure(cell.gap)}`)
      .join('; '),
    toggles: [],
    marks: cells.length,
    table: {
      head: [
        domains ? 'fitted on' : 'modality',
        domains ? 'used on' : 'other modality',
        'gap',
        'noise floor',
        'the gap is',
      ],
      rows: cells.map(cell => [names[cell.i] ?? '', names[cell.j] ?? '', cell.gap, cell.floor, cell.verdict]),
    },
    height: () => 90 + longest * 3 + names.length * 52,
    option: look => {
      const { colours, width } = look
      const names24 = {
        color: colours.ink,
        fontSize: 12.5,
        hideOverlap: false,
        interval: 0,
        width: 150,
        overflow: 'truncate',
      }
      const cell = (width - 40 - Math.min(170, longest * 8)) / names.length
      return drawing(look, [], {
        tooltip: tooltip(look, {
          trigger: 'item',
          formatter: ({ dataIndex }: { dataIndex: number }) => {
            const at = shown[dataIndex] as (typeof shown)[number]
            return tip(`${names[at.i]} → ${names[at.j]}`, [
              ['gap', figure(at.gap)],
              ['noise floor', figure(at.floor)],
              ['the gap is', at.verdict],
            ])
          },
        }),
        grid: gridOf(look, {
          left: Math.min(180, 60 + longest * 7),
          top: 6,
          bottom: 40 + (cell < longest * 8 ? longest * 4 : 16),
          right: 16,
        }),
        xAxis: axis(look, 'category', domains ? 'used on' : '', {
          data: names,
          position: 'bottom',
          nameGap: cell < longest * 8 ? 24 + longest * 4 : 28,
          axisTick: { show: false },
          axisLabel: { ...names24, rotate: cell < longest * 8 ? 35 : 0 },
        }),
        yAxis: axis(look, 'category', domains ? 'fitted on' : '', {
          data: names,
          inverse: true,
          nameGap: Math.min(140, 24 + longest * 7),
          axisTick: { show: false },
          axisLabel: names24,
        }),
        visualMap: {
          show: false,
          min: least,
          max: most === least ? most + 1 : most,
          dimension: 2,
          inRange: { color: [...colours.heat] },
        },
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
