import { axis, type Chart, drawing, gridOf, type Toggle, tip, tooltip, zoom } from '../chart.ts'
import type { MeasureData } from '../data.ts'
import { figure } from '../format.ts'
import type { Tone } from '../palette.ts'

const KINDS: ['paired' | 'cross' | 'imageImage' | 'textText', string, Tone][] = [
  ['paired', 'pairs', 'moved'],
  ['cross', 'image–text unpaired', 'cross'],
  ['imageImage', 'image–image', 'image'],
  ['textText', 'text–text', 'text'],
]

/** Densities of cosines within and between the modalities. */
export function cosinesChart({ similarity }: MeasureData): Chart | undefined {
  const histograms = similarity?.histograms
  const shown = KINDS.flatMap(([key, name, tone]) => {
    const shares = histograms?.[key]
    return shares && shares.length > 1 ? [{ key, name, tone, shares }] : []
  })
  if (histograms === undefined || shown.length === 0) {
    return undefined
  }
  const { bins } = histograms
  const middle = (bin: number) => -1 + (2 * (bin + 0.5)) / bins
  const filled = Array.from({ length: bins }, (_, bin) => bin).filter(bin =>
    shown.some(({ shares }) => (shares[bin] ?? 0) > 0),
  )
  const first = Math.max((filled[0] ?? 0) - 2, 0)
  const last = Math.min((filled.at(-1) ?? bins - 1) + 2, bins - 1)
  const range = Array.from({ length: last - first + 1 }, (_, i) => first + i)
  const toggles: Toggle[] = shown.map(({ name, tone }) => ({ name, colour: colours => colours[tone], shape: 'line' }))
  const means = shown.map(
    ({ name, shares }) => `${name}: mean ${figure(shares.reduce((sum, share, bin) => sum + share * middle(bin), 0))}`,
  )
  return {
    id: 'cosines',
    title: 'Cosines within and between the modalities',
    text: `Densities of the cosine between two rows. Where the modalities are mixed, the three curves of unpaired rows lie on each other.`,
    summary: means.join('; '),
    toggles,
    zoom: 'x',
    marks: shown.length * range.length,
    table: {
      head: ['cosine', ...shown.map(({ name }) => `${name} (share of bin)`)],
      rows: range.map(bin => [Number(middle(bin).toFixed(6)), ...shown.map(({ shares }) => shares[bin] ?? 0)]),
    },
    height: width => Math.min(380, Math.max(280, width * 0.42)),
    option: look =>
      drawing(look, toggles, {
        tooltip: tooltip(look, {
          trigger: 'axis',
          formatter: (at: { seriesName: string; value: [number, number] }[]) =>
            tip(
              `cosine ${figure(at[0]?.value[0])}`,
              at.map(({ seriesName, value }) => [seriesName, figure(value[1])]),
            ),
        }),
        grid: gridOf(look),
        dataZoom: zoom('x'),
        xAxis: axis(look, 'value', 'cosine', {
          min: middle(first),
          max: middle(last),
          axisLabel: { showMinLabel: false, showMaxLabel: false },
        }),
        yAxis: axis(look, 'value', 'density', { min: 0, nameGap: 40 }),
        series: shown.map(({ name, tone, shares }) => ({
          type: 'line',
          name,
          showSymbol: false,
          lineStyle: { color: look.colours[tone], width: 2 },
          itemStyle: { color: look.colours[tone] },
          areaStyle: { color: look.colours[tone], opacity: 0.13 },
          data: range.map(bin => [middle(bin), ((shares[bin] ?? 0) * bins) / 2]),
        })),
      }),
  }
}

/** Two kinds of cosines in words. */
export function spoken(pair: string): string {
  return pair
    .split('/')
    .map(key => KINDS.find(([kind]) => kind === key)?.[1] ?? key)
    .join(' – ')
}
