import type { ShownNeighbour, ShownQuery } from '../results.ts'
import { comparedDiagnosis } from '../sentences.ts'
import type { Chart } from './chart.ts'
import { nameOf } from './charts/cloud.ts'
import type { DiagnosisData, ReportData } from './data.ts'
import { type Html, html, Html as Raw, scriptJson } from './escape.ts'
import { figure } from './format.ts'
import { PALETTES, type Palette } from './palette.ts'
import type { Results } from './results.ts'
import type { RowLabels } from './row-labels.ts'
import type { Section } from './section.ts'
import type { Cell, Table } from './table.ts'
import { cards, headline, sentence } from './words.ts'

/** Rows of a chart's table in the page; the file with all of them is one click away. */
const SHOWN_ROWS = 60

/** What the page is made of. */
export interface PageParts {
  title: string
  subtitle?: string
  version: string
  data: ReportData | readonly ReportData[]
  labels?: RowLabels
  results: Results
  sections: readonly Section[]
  /** The script of the page and its hash, and its style. */
  script: string
  scriptHash: string
  style: string
  /** Whether it asks the server it came from for news. */
  live: boolean
}

/** The report as one HTML document that needs nothing else. */
export function page(parts: PageParts): string {
  const { title, subtitle, version, data, labels, results, sections, script, scriptHash, style, live } = parts
  const [first, ...more] = headline(results)
  const policy = `default-src 'none'; script-src 'sha256-${scriptHash}'; style-src 'unsafe-inline'; img-src data: blob:;${live ? " connect-src 'self';" : ''} base-uri 'none'; form-action 'none'`
  const content = html`<!doctype html>
<html lang="en"${live && new Raw(' data-live=""')}>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="modality-gap ${version}">
<link rel="icon" href="data:,">
<title>${title}</title>
<style>${new Raw(colours())}${new Raw(style)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the report</a>
<header class="top">
<div class="top-words"><p class="brand">modality-gap</p><h1>${title}</h1>${subtitle && html`<p class="subtitle">${subtitle}</p>`}</div>
<div class="tools" role="group" aria-label="Report">
<button type="button" id="theme" aria-pressed="false">Dark</button>
<button type="button" data-download="json">JSON</button>
<button type="button" data-download="csv">CSV</button>
<button type="button" id="print">Print</button>
</div>
</header>
<div class="frame">
<nav aria-label="Sections"><ul>${sections.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`)}<li><a href="#numbers">All numbers</a></li></ul></nav>
<main id="main" tabindex="-1">
<section class="lead" aria-label="In short">
<p class="headline">${first}</p>
${more.map(sentence => html`<p>${sentence}</p>`)}
${cardList(results)}
</section>
${diagnosis([
  ...results.measured.flatMap(one => one.diagnosis ?? []),
  ...results.compared.flatMap(one => one.diagnosis ?? comparedDiagnosis(one.strategies)),
])}
${sections.map(part => sectionHtml(part, labels))}
<section id="numbers" aria-labelledby="numbers-title">
<h2 id="numbers-title">All numbers</h2>
<p>Every number that this report was made from, as the commands print them with <code>--json</code>.</p>
<p class="buttons"><button type="button" data-download="json">Download JSON</button> <button type="button" data-download="csv">Download CSV</button></p>
</section>
</main>
</div>
<footer><p>Made with modality-gap ${version}. Charts: Apache ECharts (Apache-2.0) with ZRender (BSD-3-Clause); the licences stand in this file’s script.</p></footer>
<noscript><p class="noscript">The charts need JavaScript; the tables hold the same numbers.</p></noscript>
<script type="application/json" id="data">${scriptJson({ data, labels })}</script>
<script>${new Raw(script)}</script>
</body>
</html>
`
  return content.text
}

function colours(): string {
  const of = (palette: Palette) =>
    Object.entries(palette)
      .filter(([, value]) => typeof value === 'string')
      .map(([name, value]) => `--${name}:${value}`)
      .join(';')
  const [light, dark] = [of(PALETTES.light), of(PALETTES.dark)]
  return `:root{color-scheme:light;${light}}@media screen and (prefers-color-scheme:dark){:root:not([data-theme=light]){color-scheme:dark;${dark}}}@media screen{:root[data-theme=dark]{color-scheme:dark;${dark}}}`
}

function cardList(results: Results): Html | undefined {
  const list = cards(results)
  return list.length === 0
    ? undefined
    : html`<dl class="cards">${list.map(({ label, value, note }) => html`<div><dt>${label}</dt><dd><span class="value">${value}</span>${note && html`<span class="note">${note}</span>`}</dd></div>`)}</dl>`
}

function diagnosis(list: readonly DiagnosisData[]): Html | undefined {
  if (list.length === 0) {
    return undefined
  }
  const level = (one: DiagnosisData) => (['problem', 'warning', 'note'].includes(one.level) ? one.level : 'note')
  return html`<section id="diagnosis" aria-labelledby="diagnosis-title"><h2 id="diagnosis-title">Diagnosis</h2><ul class="diagnosis">${list.map(
    one =>
      html`<li class="${level(one)}"><strong class="level">${level(one)}</strong><div><p>${one.text}</p>${one.advice && html`<p class="advice">${sentence(one.advice)}</p>`}${evidence(one.evidence)}</div></li>`,
  )}</ul></section>`
}

function evidence(value: unknown): Html | undefined {
  if (value === undefined || value === null) {
    return undefined
  }
  const of = (one: unknown) =>
    typeof one === 'number' ? figure(one) : typeof one === 'string' ? one : JSON.stringify(one)
  const text =
    typeof value === 'object' && !Array.isArray(value)
      ? Object.entries(value)
          .map(([name, one]) => `${name} ${of(one)}`)
          .join(', ')
      : of(value)
  return html`<p class="evidence">${text}</p>`
}

function sectionHtml({ id, title, charts, facts, queries = [] }: Section, labels?: RowLabels): Html {
  return html`<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
${charts.map(chartHtml)}
${facts.length > 0 && html`<div class="facts">${facts.map(table => html`<div class="card">${tableHtml(table, table.caption)}</div>`)}</div>`}
${queries.length > 0 && queriesHtml(queries, labels)}
</section>
`
}

/** The place of a chart: the script draws into `.plot`; words and table stand here already. */
function chartHtml(chart: Chart): Html {
  const { id, title, text, summary, table, choices = [], zoom } = chart
  return html`<figure class="card chart" id="chart-${id}" data-chart="${id}" aria-labelledby="chart-${id}-title">
<figcaption><h3 id="chart-${id}-title">${title}</h3><p>${text}</p></figcaption>
<div class="controls">
<div class="toggles" role="group" aria-label="Series of ${title}"></div>
${choices.map(({ name, label, from }) => html`<label>${label} <select data-choice="${name}">${from.map(({ value, label }) => html`<option value="${value}">${label}</option>`)}</select></label>`)}
${zoom !== undefined && html`<div class="zoom" role="group" aria-label="Zoom of ${title}"><button type="button" data-zoom="in" aria-label="Zoom in">+</button><button type="button" data-zoom="out" aria-label="Zoom out">−</button><button type="button" data-zoom="reset">Reset</button></div>`}
</div>
<div class="plot" role="img" tabindex="0" aria-label="${title}. ${summary}"></div>
<details><summary>Numbers<span class="hidden"> of ${title}</span></summary>
${tableHtml(table, title, SHOWN_ROWS)}
<p class="buttons"><button type="button" data-download="chart">CSV<span class="hidden"> of ${title}</span></button></p>
</details>
</figure>
`
}

function tableHtml({ head, rows }: Table, caption: string, most = Number.POSITIVE_INFINITY): Html {
  const cell = (value: Cell) =>
    typeof value === 'string' ? html`<td>${value}</td>` : html`<td class="number">${figure(value)}</td>`
  const heading = (value: Cell | undefined) => (typeof value === 'string' ? value : figure(value))
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Table: ${caption}"><table><caption>${caption}</caption>
<thead><tr>${head.map((name, i) => html`<th scope="col"${new Raw(typeof rows[0]?.[i] === 'string' ? '' : ' class="number"')}>${name}</th>`)}</tr></thead>
<tbody>${rows.slice(0, most).map(([first, ...rest]) => html`<tr><th scope="row">${heading(first)}</th>${rest.map(cell)}</tr>`)}</tbody></table>${
    rows.length > most && html`<p class="more">The first ${most} of ${rows.length} rows; the CSV has all.</p>`
  }</div>`
}

function queriesHtml(queries: NonNullable<Section['queries']>, labels?: RowLabels): Html {
  const compared = queries.some(({ after }) => after !== undefined)
  const open = 4
  const one = (
    query: (typeof queries)[number],
  ) => html`<li class="card query"><h4>${badge(query.queryModality)} ${nameOf(labels, query.queryModality, query.query)}</h4>
<div class="lists">${neighbourList('before', query.before, query, labels)}${neighbourList('after', query.after, query, labels)}${neighbourList('nearest rows', query.neighbours, query, labels)}</div></li>`
  return html`<h3>Nearest rows of ${queries.length} examples</h3>
<p>Found among images and texts together${compared ? ', before and after the map' : ''}. The row of the same index, the partner where the sides are paired, is marked.</p>
<ol class="queries">${queries.slice(0, open).map(one)}</ol>${
    queries.length > open &&
    html`<details class="rest"><summary>${queries.length - open} more examples</summary><ol class="queries" start="${open + 1}">${queries.slice(open).map(one)}</ol></details>`
  }`
}

function neighbourList(
  title: string,
  list: readonly ShownNeighbour[] | undefined,
  query: ShownQuery,
  labels?: RowLabels,
): Html | undefined {
  if (list === undefined) {
    return undefined
  }
  const others = list.filter(({ modality }) => modality !== query.queryModality).length
  const partner = (one: ShownNeighbour) => one.row === query.query && one.modality !== query.queryModality
  return html`<table class="neighbours"><caption>${title}: ${others} of ${list.length} of the other modality</caption>
<thead class="hidden"><tr><th scope="col">row</th><th scope="col">cosine</th></tr></thead>
<tbody>${list.map(
    one =>
      html`<tr${new Raw(partner(one) ? ' class="partner"' : '')}><th scope="row">${badge(one.modality)} ${nameOf(labels, one.modality, one.row)}${partner(one) && html` <span class="mark">partner</span>`}</th><td class="number">${one.cosine.toFixed(4).replace('-', '−')}</td></tr>`,
  )}</tbody></table>`
}

function badge(modality: ShownNeighbour['modality']): Html {
  return html`<span class="dot ${modality === 'image' ? 'image' : 'text'}" aria-hidden="true"></span>`
}
