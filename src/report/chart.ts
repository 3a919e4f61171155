import type { EChartsCoreOption } from 'echarts/core'
import { escaped } from './escape.ts'
import { figure, power } from './format.ts'
import type { Palette } from './palette.ts'
import type { Table } from './table.ts'

/** How a chart is drawn: colours and place. */
export interface Look {
  colours: Palette
  /** Width of the drawing in pixels. */
  width: number
  /** Height of the legend inside the drawing; 0 in a page, which has buttons instead and where one can hover. */
  legend: number
}

/** What a reader can choose about a chart, by the name of the choice. */
export type Choice = Record<string, string>

/** A series that a reader can hide. */
export interface Toggle {
  name: string
  /** Its colour in the palette at hand. */
  colour: (colours: Palette) => string
  shape?: 'circle' | 'diamond' | 'line' | 'dashed'
}

/** A chart, the same in a page and in a file. */
export interface Chart {
  /** Name of its file and of its place in the page. */
  id: string
  title: string
  /** What it shows and how to read it. */
  text: string
  /** What it says, for those who do not see it. */
  summary: string
  toggles: readonly Toggle[]
  /** Whether it can be zoomed, and along which axes. */
  zoom?: 'x' | 'xy'
  /** Selections beside the chart; the first of each is taken at first. */
  choices?: readonly { name: string; label: string; from: readonly { value: string; label: string }[] }[]
  /** Marks in it; many are drawn as pixels. */
  marks: number
  table: Table
  height: (width: number) => number
  option: (look: Look, choice?: Choice) => EChartsCoreOption
}

/** In single quotes, because the engine puts it into attributes of SVG as it is. */
export const FONT =
  "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', 'DejaVu Sans', Arial, sans-serif"

/** Room around the plot for axes and their names. */
export const GRID = { left: 64, right: 24, top: 16, bottom: 52 }

const ICONS = {
  circle: 'circle',
  diamond: 'diamond',
  line: 'path://M0 0H22V3H0Z',
  dashed: 'path://M0 0H6V3H0ZM8 0H14V3H8ZM16 0H22V3H16Z',
}

/** Wraps the parts that differ from chart to chart into what all charts share. */
export function drawing(look: Look, toggles: readonly Toggle[], parts: EChartsCoreOption): EChartsCoreOption {
  const { colours } = look
  const still = look.legend > 0
  return {
    animation: false,
    backgroundColor: still ? colours.paper : 'transparent',
    textStyle: { fontFamily: FONT, color: colours.ink, fontSize: 13 },
    legend: {
      show: still,
      top: 8,
      left: 'center',
      itemGap: 20,
      textStyle: { color: colours.ink, fontFamily: FONT, fontSize: 13 },
      data: toggles.map(({ name, shape }) => ({ name, icon: (shape && ICONS[shape]) ?? 'roundRect' })),
    },
    ...parts,
  }
}

/** The same room with the legend that files have. */
export function gridOf(look: Look, room: Partial<typeof GRID> = {}): typeof GRID {
  const grid = { ...GRID, ...room }
  return { ...grid, top: grid.top + look.legend }
}

/** Cells of a tooltip are not those of the page's tables. */
const CELL = 'padding:0 14px 0 0;border:0;font-variant-numeric:tabular-nums'

/** A tooltip of lines; their text is escaped here and nowhere else. */
export function tip(title: string, lines: readonly (readonly [string, string])[]): string {
  const rows = lines.map(
    ([name, value]) =>
      `<tr><td style="${CELL}">${escaped(name)}</td><td style="${CELL};padding-right:0;text-align:right">${escaped(value)}</td></tr>`,
  )
  return `<div style="max-width:340px;white-space:normal;overflow-wrap:anywhere"><strong>${escaped(title)}</strong><table>${rows.join('')}</table></div>`
}

/** The look of tooltips. */
export function tooltip({ colours }: Look, parts: EChartsCoreOption): EChartsCoreOption {
  return {
    confine: true,
    backgroundColor: colours.paper,
    borderColor: colours.line,
    textStyle: { color: colours.ink, fontFamily: FONT, fontSize: 12.5 },
    axisPointer: { lineStyle: { color: colours.muted }, label: { show: false } },
    ...parts,
  }
}

/** An axis; on a logarithmic one, labels are powers of ten. */
export function axis(
  { colours }: Look,
  type: 'value' | 'log' | 'category',
  name: string,
  parts: EChartsCoreOption = {},
): EChartsCoreOption {
  const { axisLabel, axisTick, ...rest } = parts as {
    axisLabel?: object
    axisTick?: object
    min?: number
    max?: number
  }
  const steps = type === 'log' ? { customValues: between(rest.min, rest.max) } : {}
  return {
    type,
    name,
    nameLocation: 'middle',
    nameGap: 32,
    nameTextStyle: { color: colours.muted, fontFamily: FONT, fontSize: 12.5 },
    axisLine: { show: true, lineStyle: { color: colours.line } },
    axisTick: { lineStyle: { color: colours.line }, ...steps, ...axisTick },
    axisLabel: {
      color: colours.muted,
      fontFamily: FONT,
      fontSize: 12,
      hideOverlap: true,
      ...(type === 'log' ? { formatter: power } : {}),
      ...(type === 'value' ? { formatter: figure } : {}),
      ...steps,
      ...axisLabel,
    },
    splitLine: { show: type !== 'category', lineStyle: { color: colours.grid } },
    minorSplitLine: { show: false },
    ...rest,
  }
}

/** Ticks of a short logarithmic axis, 1, 2 and 5 times powers of ten; a longer one has enough powers of its own. */
function between(min = 1, max = 1): number[] | undefined {
  const low = Math.floor(Math.log10(min))
  const decades = Math.log10(max / min)
  if (!(decades > 0 && decades < 2)) {
    return undefined
  }
  const all = Array.from({ length: Math.ceil(decades) + 1 }, (_, k) =>
    [1, 2, 5].map(step => step * 10 ** (low + k)),
  ).flat()
  return all.filter(value => value >= min * 0.9999 && value <= max * 1.0001)
}

/** A broken upright line with its name at the top, which is its start where the other axis runs downwards. */
export function markLine(
  { colours }: Look,
  value: number,
  name: string,
  end: 'start' | 'end' = 'end',
): EChartsCoreOption {
  return {
    silent: true,
    symbol: 'none',
    animation: false,
    lineStyle: { color: colours.floor, type: [5, 4], width: 1.5 },
    label: { formatter: name, color: colours.floor, fontFamily: FONT, fontSize: 12, position: end },
    data: [{ xAxis: value }],
  }
}

/** Whole powers of ten around positive values, with some room. */
export function decades(values: readonly number[], least = 1e-9): [number, number] {
  const seen = values.filter(value => value >= least)
  const low = Math.min(...seen)
  const high = Math.max(...seen)
  if (seen.length === 0) {
    return [0.1, 1]
  }
  const down = Math.floor(Math.log10(low * 0.9999))
  const up = Math.ceil(Math.log10(high))
  return [10 ** down, 10 ** (up === down ? up + 1 : up)]
}

/** Round numbers (1, 2 or 5 times a power of ten) around positive values. */
export function rounded(values: readonly number[]): [number, number] {
  const seen = values.filter(value => value > 0)
  const steps = (value: number) => [1, 2, 5, 10].map(step => step * 10 ** Math.floor(Math.log10(value)))
  const low = Math.min(...seen)
  const high = Math.max(...seen)
  return [steps(low).findLast(step => step <= low) ?? low, steps(high).find(step => step >= high) ?? high]
}

/** Zoom by pinch or with the Ctrl key, so that the page still scrolls; the page adds buttons. */
export function zoom(along: 'x' | 'xy', grids = 1): EChartsCoreOption[] {
  const all = Array.from({ length: grids }, (_, i) => i)
  const common = {
    type: 'inside',
    filterMode: 'none',
    zoomOnMouseWheel: 'ctrl',
    moveOnMouseWheel: false,
    moveOnMouseMove: true,
    preventDefaultMouseMove: false,
  }
  return along === 'x'
    ? [{ ...common, xAxisIndex: all }]
    : [
        { ...common, xAxisIndex: all },
        { ...common, yAxisIndex: all },
      ]
}
