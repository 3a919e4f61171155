import { axis, type Chart, decades, drawing, gridOf, markLine, type Toggle, tip, tooltip } from '../chart.ts'
import { count, figure, isNumber } from '../format.ts'
import type { Tone } from '../palette.ts'

/** A number followed over the steps of a run. */
export interface Line {
  name: string
  tone: Tone
  /** What chance or a control gives. */
  dashed?: boolean
  /** Single points, such as the means of windows. */
  points?: boolean
  /** One for each step; null or nothing where it is not known. */
  values: readonly (number | null | undefined)[]
}

/** What a chart over steps shows. */
export interface OverSteps {
  id: string
  title: string
  text: string
  steps: readonly number[]
  lines: readonly Line[]
  /** Name of the upright axis. */
  name: string
  /** Whether that axis is logarithmic; from `least` on. */
  log?: boolean
  /** Lower end of a linear axis. */
  min?: number
  /** Upper end of a linear axis. */
  max?: number
  /** The step from which the frame stays. */
  frozenAt?: number
}

/** Lines over the steps of a run; nothing when fewer than two points are known. */
export function overSteps(of: OverSteps): Chart | undefined {
  const lines = of.lines.filter(({ values }) => values.some(isNumber))
  const known = lines.flatMap(({ values }) => values.filter(isNumber))
  if (of.steps.length < 2 || known.length < 2) {
    return undefined
  }
  const toggles: Toggle[] = lines.map(({ name, tone, dashed, points }) => ({
    name,
    colour: colours => colours[tone],
    shape: points ? 'diamond' : dashed ? 'dashed' : 'line',
  }))
  return {
    id: of.id,
    title: of.title,
    text: of.text,
    summary: lines.map(spoken).join('; '),
    toggles,
    marks: known.length,
    table: {
      head: ['step', ...lines.map(({ name }) => name)],
      rows: of.steps.map((step, i) => [step, ...lines.map(({ values }) => values[i] ?? null)]),
    },
    height: width => Math.min(400, Math.max(280, width * 0.42)),
    option: look => {
      const { colours } = look
      const scale = of.log ? ends(known) : { min: of.min, max: of.max }
      return drawing(look, toggles, {
        tooltip: tooltip(look, {
          trigger: 'axis',
          formatter: (at: { dataIndex: number; axisValue?: number; data?: [number, number] }[]) => {
            const step = at[0]?.data?.[0] ?? of.steps[0] ?? 0
            const i = of.steps.indexOf(step)
            return tip(
              `step ${count(step)}`,
              lines.map(({ name, values }) => [name, figure(values[i])]),
            )
          },
        }),
        grid: gridOf(look, { right: 30 }),
        xAxis: axis(look, 'value', 'step', { min: of.steps[0], max: of.steps.at(-1) }),
        yAxis: axis(look, of.log ? 'log' : 'value', of.name, { ...scale, nameGap: 46 }),
        series: lines.map(({ name, tone, dashed, points, values }, k) => ({
          type: points ? 'scatter' : 'line',
          name,
          symbol: points ? 'diamond' : 'circle',
          symbolSize: points ? 9 : 5,
          showSymbol: points || of.steps.length <= 40,
          lineStyle: { color: colours[tone], width: dashed ? 1.5 : 2.2, ...(dashed ? { type: [5, 4] } : {}) },
          itemStyle: { color: colours[tone] },
          z: dashed ? 2 : 3,
          data: of.steps.flatMap((step, i) => (isNumber(values[i]) ? [[step, values[i]]] : [])),
          ...(k === 0 && of.frozenAt !== undefined ? { markLine: markLine(look, of.frozenAt, 't₀') } : {}),
        })),
      })
    },
  }
}

function ends(values: readonly number[]): { min: number; max: number } {
  const [min, max] = decades(values, 1e-12)
  return { min, max }
}

function spoken({ name, values }: Line): string {
  const known = values.filter(isNumber)
  return `${name} from ${figure(known[0])} to ${figure(known.at(-1))}`
}
