import type { Aligner } from '../align.ts'
import type { FitReport } from '../results.ts'
import { diagnosisText } from '../sentences.ts'
import { count, duration, figure, leftOut, memory, notCarried, table, written } from './print.ts'

/** What a fit found, as a table of before and after. */
export function fitTable(aligner: Aligner, shown: Partial<Pick<FitReport, 'outputs' | 'diagnosis'>> = {}): string {
  // a fit always leaves its report, and only fits are shown
  const report = { ...(aligner.report as FitReport), ...shown }
  const { gap } = report
  const sample = gap.held
    ? ''
    : '\n  (on the embeddings of the fit, where it always ends below the floor; --holdout 0.2 also measures it on others)'
  // what stands below the table already is not said again
  const words = diagnosisText(report.diagnosis.filter(({ code }) => code !== 'in-sample' || gap.held))
  const diagnosis = words === '' ? '' : `\n\n${words}`
  return `${heading(aligner, report)}

${gapTable(gap)}${sample}

${facts(aligner, report)}${diagnosis}
${notCarried(report.notCarried)}${written(report.outputs)}`
}

function heading({ info }: Aligner, { dim, dropped }: FitReport): string {
  const { source, target, options, iterations, renormalize } = info
  const how = [options.method, ...(iterations > 1 ? [`${iterations} centroid passes`] : [])].join(', ')
  const where = renormalize ? '' : ', off the unit sphere'
  const rows = `${count(source.rows)} ${source.name} embeddings onto ${count(target.rows)} of ${target.name}`
  return `${how}: ${rows}, ${dim} dimensions${where}${leftOut(dropped)}`
}

function gapTable({ before, after, floor, stored, held }: FitReport['gap']): string {
  return table([
    ['', 'before', 'after', 'noise floor'],
    ['centroid gap', figure(before), figure(after), figure(floor)],
    ...(stored === undefined ? [] : [['  as written', '', figure(stored), '']]),
    ...(held ? [['  on held-out embeddings', figure(held.before), figure(held.after), figure(held.floor)]] : []),
  ])
}

function facts({ info }: Aligner, { seconds, peakMemoryBytes }: FitReport): string {
  return table([
    [`trace of ${info.source.name}`, figure(info.source.trace)],
    [`trace of ${info.target.name}`, figure(info.target.trace)],
    ['scale of the residuals', figure(info.scale)],
    ['time to fit', duration(seconds.fit)],
    ...(seconds.transform === undefined ? [] : [['time to transform', duration(seconds.transform)]]),
    ...(seconds.sync === undefined ? [] : [['time to sync', duration(seconds.sync)]]),
    ...memory(peakMemoryBytes),
  ])
}
