import type { TrackRecord } from '../../results.ts'
import type { TrackFinding } from '../../tracker/findings.ts'
import { trackPanels } from '../charts/track.ts'
import { count, figure, percent } from '../format.ts'
import type { Card, Facts, Section } from '../section.ts'
import type { TrackData } from './data.ts'

/** The parts of a run's report. */
export function trackSections({ records, findings }: TrackData): Section[] {
  const panels = trackPanels(records).map(
    ({ id, title, charts }): Section => ({ id, title, charts: charts.filter(chart => chart !== undefined), facts: [] }),
  )
  return [{ id: 'run-claims', title: 'What the paper found, here', charts: [], facts: [claims(findings)] }, ...panels]
}

/** What is said first of a run. */
export function trackWords({ records, findings }: TrackData): string[] {
  const [first, last] = [records[0], records.at(-1)]
  if (!first || !last) {
    return ['No step has been recorded yet.']
  }
  const { frame, gap, pairs, dim } = last
  const number = (verdict: boolean | null) =>
    findings.filter(({ holds, measured }) => measured !== null && holds === verdict)
  const [held, failed, open] = [number(true).length, number(false).length, number(null).length]
  return [
    `From step ${count(first.step)} to ${count(last.step)} the gap went from ${figure(first.gap.centroid)} to ${figure(gap.centroid)}; sampling alone would give ${figure(gap.floor)}.`,
    `${count(records.length)} steps on ${count(pairs)} pairs of ${count(dim)} columns; the frame holds ${frame.rank} dimensions and ${frame.frozen ? `stays since step ${count(frame.step)}` : 'is not frozen yet'}.`,
    `Of the paper’s claims ${held} hold here, ${failed} do not, and ${open} say nothing because chance meets them as well.`,
  ]
}

/** The numbers one looks for first. */
export function trackCards({ records }: TrackData): Card[] {
  const last = records.at(-1)
  if (!last) {
    return []
  }
  const { gap, groups, retrieval, leakage, passive, frame } = last
  const list: (Card | undefined)[] = [
    { label: 'gap', value: figure(gap.centroid), note: `noise floor ${figure(gap.floor)}` },
    retrieval && {
      label: 'R@1',
      value: `${figure(retrieval.imageToText.r1)} / ${figure(retrieval.textToImage.r1)}`,
      note: `both ways among ${count(retrieval.pairs)}${groups ? `, of ${count(groups.items)} items in all` : ''}${byChance(retrieval)}`,
    },
    leakage && { label: 'leakage', value: figure(leakage.leak), note: `random ${figure(leakage.random)}` },
    passive.drift === undefined
      ? undefined
      : { label: 'drift of γ', value: figure(passive.drift), note: `since step ${count(frame.step)}` },
    { label: 'step', value: count(last.step), note: frame.frozen ? 'frame frozen' : 'frame not frozen yet' },
  ]
  return list.filter(card => card !== undefined)
}

/** R@1 of rows in random order, both ways; nothing in older logs. */
function byChance({ chance }: NonNullable<TrackRecord['retrieval']>): string {
  return chance ? `; by chance ${figure(chance.imageToText.r1)} / ${figure(chance.textToImage.r1)}` : ''
}

const VERDICTS = new Map([
  [true, 'holds'],
  [false, 'does not hold'],
  [null, 'undecided'],
])

function claims(findings: readonly TrackFinding[]): Facts {
  return {
    caption: 'Claims beside their baselines; what the baseline meets as well is undecided',
    head: ['claim', 'here', 'measured', 'baseline', 'steps that meet it', 'how'],
    rows: findings.map(({ claim, measured, baseline, met, holds, how }) => [
      claim,
      VERDICTS.get(holds) ?? '',
      measured,
      baseline,
      percent(met),
      how,
    ]),
  }
}
