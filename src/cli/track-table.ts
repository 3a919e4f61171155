import type { TrackRecord } from '../results.ts'
import { findings, type TrackFinding } from '../tracker/findings.ts'
import { count, figure, percent, table } from './print.ts'

/** Rows of the table; of longer runs, evenly spread steps. */
const SHOWN = 24

/** A run for people: its steps, and what they say about the claims. */
export function trackText(records: readonly TrackRecord[]): string {
  const last = records.at(-1)
  if (!last) {
    return 'no step was recorded'
  }
  const { dim, pairs, groups, frame } = last
  const state = frame.frozen ? `frozen at step ${frame.step}` : 'not frozen yet'
  const by = groups?.by === 'ids' ? 'by their ids' : 'known by equal rows; give --ids, or --ids none'
  const items = groups ? ` of ${count(groups.items)} items (${by})` : ''
  const heading = `${count(pairs)} pairs${items}, ${count(dim)} dimensions; frame of ${frame.rank}, ${state}`
  return `${heading}\n\n${steps(records)}\n\n${claims(findings(records))}`
}

function steps(records: readonly TrackRecord[]): string {
  const gradients = records.some(({ leakage }) => leakage)
  const head = ['step', 'gap', 'floor', 'R@1', 'sinθ', 'RMS', 'drift', 'cos γ', 'κ(Σ_U)', 'κ(Σ_V)', 'angle']
  const rows = spread(records).map(record => [
    String(record.step),
    figure(record.gap.centroid),
    figure(record.gap.floor),
    record.retrieval ? percent(record.retrieval.imageToText.r1) : '–',
    figure(record.rotation?.sinTheta),
    figure(record.rotation?.rmsSine),
    figure(record.passive.drift),
    figure(record.passive.stepCosine),
    figure(record.u.kappa),
    figure(record.v.kappa),
    record.v.angle === null ? '–' : `${record.v.angle.toFixed(1)}°`,
    ...(gradients ? [figure(record.leakage?.leak), figure(record.u.gradient?.rhoEig)] : []),
  ])
  return table([[...head, ...(gradients ? ['leak', 'ρ_eig'] : [])], ...rows])
}

function spread(records: readonly TrackRecord[]): readonly TrackRecord[] {
  if (records.length <= SHOWN) {
    return records
  }
  const at = (i: number) => records[Math.round((i * (records.length - 1)) / (SHOWN - 1))] as TrackRecord
  return Array.from({ length: SHOWN }, (_, i) => at(i))
}

function claims(all: readonly TrackFinding[]): string {
  const verdict = (holds: boolean | null) => (holds === null ? 'undecided' : holds ? 'holds' : 'does not hold')
  const rows = all
    .filter(({ measured }) => measured !== null)
    .map(({ id, measured, baseline, met, holds }) => [
      id,
      figure(measured),
      figure(baseline),
      percent(met ?? 0),
      verdict(holds),
    ])
  return table([['claim', 'measured', 'baseline', 'of steps', ''], ...rows])
}
