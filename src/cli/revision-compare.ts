import type { ArmsReport, GainsOfArm, MetricOfArms } from '../revision/compare-report.ts'
import type { Difference, Spread } from '../revision/paired-differences.ts'
import { clock, count, figure, table } from './print.ts'

/** A comparison for people: a table for each number, then where arms gain, then what they cost. */
export function compareText(report: ArmsReport): string {
  const { arms, seeds, reference, metrics } = report
  const many = seeds.length === 1 ? '1 seed, which tells nothing apart' : `${count(seeds.length)} seeds`
  const heading = `${count(arms.length)} arms, ${many}; compared with ${reference}, seed by seed, intervals of 95 %`
  const tables = metrics.map(metric => metricTable(metric, report))
  return [heading, ...tables, gainsTable(report.gains), costTable(report)].filter(text => text !== '').join('\n\n')
}

function metricTable(metric: MetricOfArms, report: ArmsReport): string {
  const { arms, reference, cost } = report
  const head = [nameOf(metric), 'mean ± sd', `minus ${reference}`, 'interval', '', ...(cost ? ['cost'] : [])]
  const rows = arms.flatMap(arm => {
    const spread = metric.arms[arm]
    const difference = metric.differences[arm]
    const verdict = arm === reference ? 'reference' : verdictOf(difference, metric)
    const own = [meanOf(spread), signed(difference?.mean), intervalOf(difference), verdict]
    return spread ? [[arm, ...own, ...(cost ? [dollars(cost[arm])] : [])]] : []
  })
  return table([head, ...rows])
}

/** A gap is reported and not judged: which one is better, losses and answers say. */
const NOT_JUDGED = 'gap'

function nameOf({ metric, of, group, greaterIsBetter }: MetricOfArms): string {
  const about = group === undefined || group === 'records' ? '' : `, ${group}`
  return of === NOT_JUDGED ? metric : `${metric}${about} (${greaterIsBetter ? 'more' : 'less'} is better)`
}

function meanOf(spread: Spread | undefined): string {
  return spread === undefined
    ? '–'
    : `${figure(spread.mean)}${spread.sd === undefined ? '' : ` ± ${figure(spread.sd)}`}`
}

function signed(value: number | undefined): string {
  return value === undefined ? '' : `${value > 0 ? '+' : ''}${figure(value)}`
}

function intervalOf(difference: Difference | undefined): string {
  return difference?.interval ? difference.interval.map(signed).join(' to ') : ''
}

function verdictOf(difference: Difference | undefined, { of }: MetricOfArms): string {
  if (difference?.interval === undefined) {
    return difference ? 'one seed' : ''
  }
  const { better } = difference
  const words = of === NOT_JUDGED ? { this: 'smaller', reference: 'larger' } : { this: 'better', reference: 'worse' }
  return better === null ? 'within the noise' : words[better]
}

function gainsTable(gains: readonly GainsOfArm[]): string {
  const rows = gains.map(({ arm, group, better, worse, undecided }) => [
    arm,
    group,
    better.join(', ') || '–',
    worse.join(', ') || '–',
    count(undecided),
  ])
  return rows.length === 0 ? '' : table([['where arms gain', 'about', 'better', 'worse', 'within the noise'], ...rows])
}

function costTable({ arms, seconds, cost }: ArmsReport): string {
  const rows = arms.map(arm => [arm, clock(seconds[arm] ?? 0), ...(cost ? [dollars(cost[arm])] : [])])
  return table([['budget', 'training, mean', ...(cost ? ['data'] : [])], ...rows])
}

function dollars(cost: number | undefined): string {
  return cost === undefined ? '–' : `${cost.toFixed(2)} $`
}
