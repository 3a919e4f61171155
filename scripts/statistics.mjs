/**
 * Measures populations whose truth is known and writes the tables of docs/statistics.md: how often "the gap is real" is said
 * wrongly (size) and rightly (power), how often intervals cover, how far estimates lie from the truth, and how often new rows are
 * called drifted.
 *
 *   npm run statistics [-- --share 0.1] [-- --only gap,others,checks]
 */
import { readFileSync, writeFileSync } from 'node:fs'
import * as api from '../dist/index.js'
import { scriptOptions } from './options.mjs'
import { checks, smallestDrift } from './statistics/drift.mjs'
import { estimates } from './statistics/others.mjs'
import { KINDS, rates } from './statistics/trials.mjs'

const PAGE = new URL('../docs/statistics.md', import.meta.url)
/** Spectra k^−a that rows have. */
const SPECTRA = [0, 1, 2]
/** Images of a sample, and samples of each, by columns: large ones take long. */
const SIZES = { 32: { 10: 600, 32: 600, 160: 400, 1280: 150 }, 128: { 13: 300, 51: 300, 128: 150 } }
/** Columns of the other tables. */
const DIM = 32
/** Means of the last coordinate: no gap, and one near the noise of some hundred rows. */
const [NO_GAP, GAP] = [0, 0.06]

const { values } = scriptOptions({
  options: { share: { type: 'string', default: '1' }, only: { type: 'string', default: 'gap,others,checks' } },
})
const share = Number(values.share)
const wanted = values.only.split(',')
const many = trials => Math.max(4, Math.round(share * trials))
const CELLS = Object.entries(SIZES).flatMap(([dim, sizes]) =>
  Object.entries(sizes).map(([n, trials]) => ({ dim: Number(dim), n: Number(n), trials: many(trials) })),
)
const shown = (value, digits = 3) =>
  value === null || Number.isNaN(value) ? '–' : Number(value.toPrecision(digits)).toString()
const percent = value => (value === null ? '–' : (100 * value).toFixed(1))

if (wanted.includes('gap')) {
  write('gap', await gapTable())
}
if (wanted.includes('others')) {
  write('others', await othersTable())
}
if (wanted.includes('checks')) {
  write('checks', await checksTable())
}

async function gapTable() {
  const lines = []
  const sizes = new Map()
  for (const kind of Object.keys(KINDS)) {
    const pooled = { real: 0, trials: 0, covered: 0, intervals: 0, beside: 0, gaps: 0 }
    for (const { dim, n, trials } of CELLS) {
      const of = lean => alpha => rates(api, { shape: { dim, alpha, lean }, kind, n, trials })
      const none = await each(SPECTRA, of(NO_GAP))
      const some = /fit|alone/.test(kind) ? [] : await each(SPECTRA, of(GAP))
      const cells = (all, key, as) => (all.length > 0 ? all.map(one => as(one[key])).join(' / ') : '–')
      for (const one of none) {
        pooled.real += (one.real ?? 0) * trials
        pooled.covered += (one.coverage ?? 0) * trials
        pooled.trials += one.real === null ? 0 : trials
        pooled.intervals += one.coverage === null ? 0 : trials
      }
      for (const one of some) {
        pooled.beside += (one.coverage ?? 0) * trials
        pooled.gaps += one.coverage === null ? 0 : trials
      }
      lines.push(
        `| ${kind} | ${dim} | ${n} | ${shown(n / dim, 2)} | ${cells(none, 'real', percent)} | ${cells(none, 'coverage', percent)} | ${cells(none, 'bias', v => shown(v, 2))} | ${cells(none, 'noise', shown)} | ${cells(some, 'real', percent)} | ${cells(some, 'coverage', percent)} |`,
      )
      process.stderr.write(`${lines.at(-1)}\n`)
    }
    sizes.set(kind, pooled)
  }
  const rows = [...sizes].map(([kind, { real, trials, covered, intervals, beside, gaps }]) => {
    const share = (hits, of) => (of > 0 ? percent(hits / of) : '–')
    const size = trials > 0 ? percent(real / trials) : 'not tested'
    return `| ${kind} | ${trials} | ${size} | ${share(covered, intervals)} | ${share(beside, gaps)} |`
  })
  const samples = CELLS.map(({ dim, n, trials }) => `${trials} of ${n} images in ${dim} columns`).join(', ')
  const counts = CELLS.map(({ trials }) => trials)
  const [most, fewest] = [Math.max(...counts), Math.min(...counts)]
  const error = trials => percent(Math.sqrt((0.05 * 0.95) / trials))
  return `Three spectra k^−a, a = ${SPECTRA.join(', ')}, side by side; samples of each: ${samples}. Rates in percent. A rate of 5 %
from ${most} samples has a standard error of ${error(most)}, from ${fewest} one of ${error(fewest)}. The three spectra of a row have the same random numbers.
Bias is that of \`unbiasedSquared\` in squared floors, noise the root mean square of the distance over the floor.

| sample, all sizes and spectra | samples | size | coverage without a gap | with one |
| --- | --- | --- | --- | --- |
${rows.join('\n')}

| sample | columns | images | rows/columns | size | coverage, no gap | bias/floor² | noise/floor | power | coverage, gap |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
${lines.join('\n')}`
}

async function othersTable() {
  const lines = []
  const trials = n => many(n > 1000 ? 40 : 100)
  await estimates(api, [4, 16, 32, 160, 320, 1280], trials, ({ name, note, n, truth, mean, error, nulls, plain }) => {
    const null_ = mean === null ? 'null' : `${shown(mean)} ± ${shown(error, 2)}`
    const some = nulls > 0 && nulls < 1 ? ` (null in ${percent(nulls)} %)` : ''
    lines.push(
      `| ${name} | ${n} | ${shown(n / DIM, 2)} | ${shown(truth)} | ${null_}${some} | ${shown(plain)} | ${note} |`,
    )
    process.stderr.write(`${lines.at(-1)}\n`)
  })
  return `${DIM} columns; ${trials(0)} samples of each, ${trials(1280)} of 1,280 rows.

| statistic | rows | rows/columns | truth | mean ± its standard error | plug-in, or chance | |
| --- | --- | --- | --- | --- | --- | --- |
${lines.join('\n')}`
}

async function checksTable() {
  const lines = []
  const trials = many(400)
  const sizes = [40, 320, 1280]
  await checks(api, sizes, trials, ({ name, n, share: drifted, power }) => {
    lines.push(`| ${name} | ${n} | ${power ? '–' : percent(drifted)} | ${power ? percent(drifted) : '–'} |`)
    process.stderr.write(`${lines.at(-1)}\n`)
  })
  const found = await each(sizes, async n => `${shown(await smallestDrift(api, n, trials), 2)} with ${n} items`)
  return `${trials} samples of each; fit and new rows of as many items; nominal size 1 %.

| new rows | items | size, % | power, % |
| --- | --- | --- | --- |
${lines.join('\n')}

The smallest distance of means, along the direction that varies least, that is found in four of five samples: ${found.join(', ')}. The distances
tried are 19 % apart.`
}

function write(table, text) {
  const [begin, end] = [`<!-- ${table} -->`, `<!-- end of ${table} -->`]
  const page = readFileSync(PAGE, 'utf8')
  const [before, rest = ''] = page.split(begin)
  const [, after = ''] = rest.split(end)
  writeFileSync(PAGE, `${before}${begin}\n\n${text}\n\n${end}${after}`)
}

async function each(all, work) {
  const found = []
  for (const one of all) found.push(await work(one))
  return found
}
