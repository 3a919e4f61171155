/** What became of a claim: numbers over seeds, their spread, a verdict; and the files that hold all of them. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')

/**
 * One row. `results` has an object of numbers per seed; `holds` is true or false when all seeds agree, else null.
 *
 * @returns {{ id: string, claim: string, data: string, measured: object, seeds: number[], spread: object | null,
 *   holds: boolean | null, how: string }} `spread` is the standard deviation over the seeds
 */
export function row({ id, claim, how, data, seeds, results, holds }) {
  const verdicts = new Set(results.map(holds))
  const names = Object.keys(results[0])
  const over = work => Object.fromEntries(names.map(name => [name, work(results.map(result => result[name]))]))
  const verdict = verdicts.size === 1 ? [...verdicts][0] : null
  const measured = over(mean)
  return {
    id: data.startsWith('CLIP') ? `${id}/clip` : id,
    claim,
    data,
    measured,
    seeds,
    spread: results.length > 1 ? over(deviation) : null,
    holds: verdict,
    how,
  }
}

/** Writes the rows; with `keep` those of the last run stay where no new one has their name. */
export function writeEvidence(topic, intro, found, { keep = false } = {}) {
  const folder = join(root, 'docs', 'evidence')
  const before = keep ? JSON.parse(readFileSync(join(folder, `${topic}.json`), 'utf8')).claims : []
  const named = new Map([...before, ...found].map(claim => [claim.id, claim]))
  const claims = [...named.values()]
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const machine = `${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${topic}.json`), `${JSON.stringify({ topic, version, machine, claims }, null, 2)}\n`)
  writeFileSync(join(folder, `${topic}.md`), markdown(topic, intro, claims, { version, machine }))
}

/** What stands in `how` of a row whose baseline or definition is no longer the one it was judged by. */
const REPLACED = 'has since been replaced'

/** What the rows that new definitions cannot reach have in common. */
function withdrawn(claims) {
  const many = claims.filter(({ how }) => how.includes(REPLACED)).length
  return many === 0
    ? []
    : [
        `${many} rows were judged by a baseline or a formula that ${REPLACED}: a random direction in the place of random mixtures of the`,
        'batch, an isotropic spectrum, the radial part of the drift, an expansion that unit rows do not meet. Their',
        'numbers are those of the old runs. The new baselines need the covariance of each batch and the directions of each probe, which no',
        'run has kept; so these rows are null until all runs are repeated. That is not a finding against the claims, nor one for them. The other',
        'rows rest on definitions that stand: gaps of .5 to 1.1 beside floors of .02 are real by the new test as by the old one, and condition',
        'numbers, angles, drifts, spans and retrieval are defined as they were.',
        '',
      ]
}

function markdown(topic, intro, claims, { version, machine }) {
  const lines = claims.map(({ id, claim, data, measured, spread, seeds, holds, how }) => {
    const numbers = Object.entries(measured).map(([name, value]) => {
      const around = spread?.[name] > 0 ? ` ± ${shown(spread[name])}` : ''
      return `${name} ${shown(value)}${around}`
    })
    const cells = [id, claim, data, numbers.join('<br>'), seeds.join(', '), String(holds), how]
    return `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
  })
  return [
    `# Evidence: ${topic}`,
    '',
    `Written by \`npm run evidence -- ${topic}\`; not edited by hand. Package ${version}; ${machine}.`,
    '',
    intro,
    '',
    ...withdrawn(claims),
    '| id | claim | data | measured (± sd over seeds) | seeds | holds | how |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...lines,
    '',
  ].join('\n')
}

function shown(value) {
  return typeof value === 'number' ? String(Number(value.toPrecision(3))) : String(value)
}

function mean(values) {
  return values.some(value => typeof value !== 'number') ? values[0] : values.reduce((a, b) => a + b, 0) / values.length
}

function deviation(values) {
  if (values.some(value => typeof value !== 'number')) return null
  const middle = mean(values)
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1))
}
