// a page that follows a run: on every record it takes the words and tables of the new page, and the charts its data

import type { ReportData } from '../data.ts'

/** What stands in the page beside the drawings, and changes with the data. */
const WORDS = ['.lead', '.facts', '.chart figcaption', '.chart details .scroll']

/** Follows the server that the page came from, if it came from one; `show` draws the charts of new data. */
export function follow(show: (data: ReportData) => void): void {
  if (document.documentElement.dataset.live === undefined) {
    return
  }
  let waiting = false
  let busy = false
  const take = async () => {
    waiting = true
    while (waiting && !busy) {
      waiting = false
      busy = true
      await update(show).finally(() => {
        busy = false
      })
    }
  }
  new EventSource('events').addEventListener('record', () => void take().catch(() => {}))
}

async function update(show: (data: ReportData) => void): Promise<void> {
  const answer = await fetch('.', { cache: 'no-store' })
  const next = new DOMParser().parseFromString(await answer.text(), 'text/html')
  const charts = (page: Document) =>
    Array.from(page.querySelectorAll<HTMLElement>('[data-chart]'), one => one.dataset.chart).join()
  if (charts(next) !== charts(document)) {
    // a chart has been filled for the first time
    location.reload()
    return
  }
  for (const selector of WORDS) {
    const fresh = next.querySelectorAll(selector)
    document.querySelectorAll(selector).forEach((old, i) => {
      old.replaceChildren(...(fresh[i]?.childNodes ?? []))
    })
  }
  const summaries = next.querySelectorAll('.plot')
  document.querySelectorAll('.plot').forEach((plot, i) => {
    plot.setAttribute('aria-label', summaries[i]?.getAttribute('aria-label') ?? '')
  })
  show((JSON.parse(next.querySelector('#data')?.textContent ?? '') as { data: ReportData }).data)
}
