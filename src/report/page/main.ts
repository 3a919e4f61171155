// the script of the report: draws the charts into the places that the page holds, and makes its buttons work

import type { Chart, Choice } from '../chart.ts'
import type { ReportData } from '../data.ts'
import { type EChartsType, init } from '../engine.ts'
import { PALETTES, type Theme } from '../palette.ts'
import { sorted } from '../results.ts'
import type { RowLabels } from '../row-labels.ts'
import { sectionsOf } from '../sections.ts'
import { csv, flat } from '../table.ts'
import { follow } from './live.ts'

/** From so many marks on, a chart is drawn as pixels. */
const MANY_MARKS = 4000
/** Width of the plots on paper, in pixels. */
const PRINT_WIDTH = 640

interface Drawn {
  chart: Chart
  figure: HTMLElement
  plot: HTMLElement
  drawing: EChartsType
  choice: Choice
  hidden: Set<string>
}

const { data: loaded, labels } = JSON.parse(element('#data').textContent ?? '') as {
  data: ReportData | ReportData[]
  labels?: RowLabels
}
let data = loaded
const dark = matchMedia('(prefers-color-scheme: dark)')
const paper = matchMedia('print')
const drawn = sectionsOf(sorted(data), labels).flatMap(({ charts }) => charts.map(start))

watchTheme()
watchSize()
watchDownloads()
follow(show)

function start(chart: Chart): Drawn {
  const figure = element(`[data-chart="${chart.id}"]`)
  const plot = element('.plot', figure)
  const one: Drawn = {
    chart,
    figure,
    plot,
    drawing: init(plot, null, { renderer: chart.marks > MANY_MARKS ? 'canvas' : 'svg', width: 1, height: 1 }),
    choice: {},
    hidden: new Set(),
  }
  for (const toggle of chart.toggles) {
    element('.toggles', figure).append(toggleButton(one, toggle))
  }
  for (const select of figure.querySelectorAll<HTMLSelectElement>('select[data-choice]')) {
    select.addEventListener('change', () => {
      one.choice[select.dataset.choice ?? ''] = select.value
      draw(one)
    })
  }
  for (const button of figure.querySelectorAll<HTMLElement>('[data-zoom]')) {
    button.addEventListener('click', () => zoom(one, button.dataset.zoom ?? ''))
  }
  plot.addEventListener('keydown', event => step(one, event))
  plot.addEventListener('blur', () => one.drawing.dispatchAction({ type: 'hideTip' }))
  draw(one)
  return one
}

/** Draws the same charts with other data. */
function show(next: ReportData): void {
  data = next
  const charts = new Map(sectionsOf(sorted(data), labels).flatMap(part => part.charts.map(chart => [chart.id, chart])))
  for (const one of drawn) {
    one.chart = charts.get(one.chart.id) ?? one.chart
    draw(one)
  }
}

function draw({ chart, plot, drawing, choice, hidden }: Drawn): void {
  const width = paper.matches ? PRINT_WIDTH : Math.max(240, plot.clientWidth)
  const height = Math.round(chart.height(width))
  const option = chart.option({ colours: PALETTES[theme()], width, legend: 0 }, choice) as { legend: object }
  const selected = Object.fromEntries(chart.toggles.map(({ name }) => [name, !hidden.has(name)]))
  plot.style.height = `${height}px`
  drawing.resize({ width, height, silent: true })
  drawing.setOption({ ...option, legend: { ...option.legend, selected } }, { notMerge: true })
}

function toggleButton(one: Drawn, { name, colour, shape }: Chart['toggles'][number]): HTMLElement {
  const button = document.createElement('button')
  const swatch = document.createElement('span')
  button.type = 'button'
  button.setAttribute('aria-pressed', 'true')
  swatch.className = `swatch ${shape ?? ''}`
  button.append(swatch, name)
  const paint = () => swatch.style.setProperty('--tone', colour(PALETTES[theme()]))
  document.addEventListener('report-theme', paint)
  paint()
  button.addEventListener('click', () => {
    const shown = one.hidden.delete(name)
    if (!shown) {
      one.hidden.add(name)
    }
    button.setAttribute('aria-pressed', String(shown))
    one.drawing.dispatchAction({ type: shown ? 'legendSelect' : 'legendUnSelect', name })
  })
  return button
}

/** Halves or doubles what is seen, about its middle. */
function zoom({ drawing }: Drawn, how: string): void {
  const { dataZoom } = drawing.getOption() as { dataZoom: { start: number; end: number }[] }
  dataZoom.forEach(({ start, end }, dataZoomIndex) => {
    const middle = (start + end) / 2
    const half = how === 'reset' ? 50 : ((end - start) / 2) * (how === 'in' ? 0.6 : 1 / 0.6)
    const from = how === 'reset' ? 0 : Math.max(0, middle - half)
    drawing.dispatchAction({
      type: 'dataZoom',
      dataZoomIndex,
      start: from,
      end: how === 'reset' ? 100 : Math.min(100, middle + half),
    })
  })
}

/** Arrow keys walk along the data and show each value, as hovering does. */
function step({ drawing, plot }: Drawn, event: KeyboardEvent): void {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
  if (event.key === 'Escape') {
    drawing.dispatchAction({ type: 'hideTip' })
  }
  if (by === undefined) {
    return
  }
  event.preventDefault()
  const { series } = drawing.getOption() as { series: { name?: string; silent?: boolean; data?: unknown[] }[] }
  const { legend } = drawing.getOption() as { legend: { selected: Record<string, boolean> }[] }
  const places = series.flatMap(({ name, silent, data }, seriesIndex) =>
    silent || legend[0]?.selected[name ?? ''] === false
      ? []
      : (data ?? []).map((_, dataIndex) => ({ seriesIndex, dataIndex })),
  )
  if (places.length === 0) {
    return
  }
  const now = Number(plot.dataset.at ?? (by > 0 ? -1 : 0))
  const next = (now + by + places.length) % places.length
  plot.dataset.at = String(next)
  drawing.dispatchAction({ type: 'showTip', ...places[next] })
}

function theme(): Theme {
  const chosen = document.documentElement.dataset.theme
  return !paper.matches && (chosen === 'dark' || (chosen !== 'light' && dark.matches)) ? 'dark' : 'light'
}

function watchTheme(): void {
  const button = element('#theme')
  const repaint = () => {
    button.setAttribute('aria-pressed', String(theme() === 'dark'))
    document.dispatchEvent(new Event('report-theme'))
    drawn.forEach(draw)
  }
  button.addEventListener('click', () => {
    document.documentElement.dataset.theme = theme() === 'dark' ? 'light' : 'dark'
    repaint()
  })
  dark.addEventListener('change', repaint)
  paper.addEventListener('change', repaint)
  element('#print').addEventListener('click', () => print())
  button.setAttribute('aria-pressed', String(theme() === 'dark'))
}

function watchSize(): void {
  const widths = new Map(drawn.map(one => [one.plot, one.plot.clientWidth]))
  new ResizeObserver(() => {
    for (const one of drawn) {
      // drawing changes the height; only a new width is news
      if (!paper.matches && widths.get(one.plot) !== one.plot.clientWidth) {
        widths.set(one.plot, one.plot.clientWidth)
        draw(one)
      }
    }
  }).observe(element('#main'))
}

function watchDownloads(): void {
  for (const button of document.querySelectorAll<HTMLElement>('[data-download]')) {
    button.addEventListener('click', () => {
      const kind = button.dataset.download
      if (kind === 'json') {
        save('modality-gap.json', 'application/json', `${JSON.stringify(data, null, 2)}\n`)
      } else if (kind === 'csv') {
        save('modality-gap.csv', 'text/csv', csv(flat(data)))
      } else {
        const one = drawn.find(({ figure }) => figure.contains(button))
        if (one) {
          save(`${one.chart.id}.csv`, 'text/csv', csv(one.chart.table))
        }
      }
    })
  }
}

function save(name: string, type: string, content: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([content], { type }))
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

function element(selector: string, within: ParentNode = document): HTMLElement {
  const found = within.querySelector<HTMLElement>(selector)
  if (!found) {
    throw new Error(`the report has no ${selector}`)
  }
  return found
}
