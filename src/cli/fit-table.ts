import type { Aligner } from '../align.ts'
import type { FitReport } from '../reports.ts'
import { count, figure, memory, seconds, table, written } from './print.ts'

/** What a fit found, as a table of before and after. */
export function fitTable(aligner: Aligner, outputs?: string[]): string {
  // a fit always leaves its report, and only fits are shown
  const report = aligner.report as FitReport
  const { source, target, options, iterations, renormalize } = aligner.info
  const { gap, dropped } = report
  const passes = iterations > 1 ? `, ${iterations} centroid passes` : ''
  const lost = Object.entries(dropped).filter(([, rows]) => rows > 0)
  const lines = [
    `${options.method}${passes}: ${count(source.rows)} ${source.name} rows onto ${count(target.rows)} ${target.name} rows, ${report.dim} columns${renormalize ? '' : ', off the unit sphere'}`,
    ...lost.map(([name, rows]) => `left out: ${count(rows)} bad ${name} rows`),
    '',
    table([
      ['', 'before', 'after', 'noise floor'],
      ['centroid gap', figure(gap.before), figure(gap.after), figure(gap.floor)],
      ...(gap.stored === undefined ? [] : [['  as written', '', figure(gap.stored), '']]),
      ...(gap.held
        ? [['  on held-out rows', figure(gap.held.before), figure(gap.held.after), figure(gap.held.floor)]]
        : []),
    ]),
    '',
    table([
      [`trace of ${source.name}`, figure(source.trace)],
      [`trace of ${target.name}`, figure(target.trace)],
      ['scale of the residuals', figure(aligner.info.scale)],
      ['time to fit', seconds(report.seconds.fit)],
      ...(report.seconds.transform === undefined ? [] : [['time to transform', seconds(report.seconds.transform)]]),
      ...(report.seconds.sync === undefined ? [] : [['time to sync', seconds(report.seconds.sync)]]),
      ...memory(report.peakMemoryBytes),
    ]),
  ]
  return `${lines.join('\n')}\n${written(outputs ?? report.outputs)}`
}
