/**
 * Measures populations whose truth is known and writes the table of docs/statistics.md: how often "the gap is real" is said
 * wrongly (size) and rightly (power), how often intervals cover, and how far estimates lie from the truth.
 *
 *   npm run statistics [-- --trials 300]
 */
import { readFileSync, writeFileSync } from 'node:fs'
import * as api from '../dist/index.js'
import { scriptOptions } from './options.mjs'
import { KINDS, rates } from './statistics/trials.mjs'

const PAGE = new URL('../docs/statistics.md', import.meta.url)
const [BEGIN, END] = ['<!-- table -->', '<!-- end of the table -->']
/** Columns, and the spectra k^−a that rows have. */
const DIM = 32
const SPECTRA = [0, 1, 2]
/** Images of a sample, by rows per column. */
const SIZES = [4, 16, 64, 320]
/** Means of the last coordinate: no gap, and one near the noise of some hundred rows. */
const [NO_GAP, GAP] = [0, 0.06]

const { values } = scriptOptions({ options: { trials: { type: 'string', default: '300' } } })
const trials = Number(values.trials)
const shown = value => (value === null ? '–' : value.toFixed(3))
const lines = []
for (const kind of Object.keys(KINDS)) {
  for (const n of SIZES) {
    const of = lean => alpha => rates(api, { shape: { dim: DIM, alpha, lean }, kind, n, trials })
    const none = await each(SPECTRA, of(NO_GAP))
    const some = /fit/.test(kind) ? [] : await each(SPECTRA, of(GAP))
    const cells = (all, key) => (all.length > 0 ? all.map(one => shown(one[key])).join(' / ') : '–')
    lines.push(
      `| ${kind} | ${n} | ${(n / DIM).toFixed(1)} | ${cells(none, 'real')} | ${cells(none, 'coverage')} | ${cells(none, 'bias')} | ${cells(none, 'noise')} | ${cells(some, 'real')} | ${cells(some, 'coverage')} |`,
    )
    process.stderr.write(`${lines.at(-1)}\n`)
  }
}
const head = `| sample | images | rows/columns | size | coverage, no gap | bias/floor² | noise/floor | power | coverage, gap |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |`
const page = readFileSync(PAGE, 'utf8')
const [before, rest = ''] = page.split(BEGIN)
const [, after = ''] = rest.split(END)
const note = `${trials} samples for each number; three spectra k^−a, a = ${SPECTRA.join(', ')}; ${DIM} columns.`
writeFileSync(PAGE, `${before}${BEGIN}\n\n${note}\n\n${head}\n${lines.join('\n')}\n\n${END}${after}`)

async function each(all, work) {
  const found = []
  for (const one of all) found.push(await work(one))
  return found
}
