import type { ImageText } from '../results.ts'
import { gapSentences, groupsSentence } from '../sentences.ts'
import type { CompareData, MeasureData } from './data.ts'
import { count, figure, isNumber, percent } from './format.ts'
import type { Results } from './results.ts'
import type { Card } from './section.ts'
import { trackCards, trackWords } from './track/sections.ts'

/** What the report says first: one sentence, then what stands behind it. */
export function headline({ measured, compared, sampleSizes, domains, modalities, captions, runs }: Results): string[] {
  if (measured[0]) {
    return measuredWords(measured[0])
  }
  if (compared[0]) {
    return comparedWords(compared[0])
  }
  const [curve, matrix, corpora] = [sampleSizes[0], domains[0] ?? modalities[0], captions[0]]
  if (curve) {
    const last = curve.curve.at(-1)
    return last
      ? [`A fit on ${count(Math.round(last.n))} rows leaves a held-out gap of ${figure(last.mean)}.`]
      : ['No sizes were tried.']
  }
  if (matrix) {
    const kind = domains[0] ? 'domains' : 'modalities'
    const all = matrix.gap.flat().filter(isNumber)
    return [
      `Gaps between ${matrix.names.length} ${kind} reach from ${figure(Math.min(...all))} to ${figure(Math.max(...all))}.`,
    ]
  }
  return corpora
    ? [`${corpora.corpora.length} corpora of captions compared.`]
    : trackWords(runs[0] ?? { records: [], findings: [] })
}

function measuredWords(measured: MeasureData): string[] {
  const { gap, decomposition, neighbours, groups, rows } = measured
  const now = gap.after ?? gap.centroid ?? gap.before
  const times = now === undefined ? undefined : now / gap.floor
  const first =
    gap.before !== undefined && gap.after !== undefined
      ? `The gap falls from ${figure(gap.before)} to ${figure(gap.after)}${gap.after > 0 ? `, ${ratio(gap.before / gap.after)} smaller` : ''}.`
      : `Images and texts lie ${figure(now)} apart${times === undefined ? '' : `, ${ratio(times)} the noise floor`}.`
  return [
    first,
    ...verdict(measured),
    ...(groups && rows ? [stopped(groupsSentence(groups, rows as ImageText))] : []),
    ...causes(decomposition),
    ...kept(neighbours?.retention),
  ]
}

function verdict(measured: MeasureData): string[] {
  const { held } = measured.gap
  if (held?.after !== undefined) {
    return [`On rows kept out of the fit it is ${figure(held.after)}; their noise floor is ${figure(held.floor)}.`]
  }
  return gapSentences(measured).map(text => stopped(sentence(text)))
}

function causes(parts: MeasureData['decomposition']): string[] {
  // null where the gap cannot be distinguished from noise, or where rows are too few for a frame of others
  const outside = parts?.cobShare
  if (!isNumber(outside)) {
    return []
  }
  const chance = parts?.chance ? ` (a random direction would have ${percent(parts.chance.cobShare)} outside)` : ''
  return [
    `${percent(1 - outside)} of its square lies in the frame, where the modalities vary; the rest is a constant offset outside${chance}.`,
  ]
}

function kept(retention: number | undefined): string[] {
  return retention === undefined ? [] : [`The map keeps ${percent(retention)} of each text’s nearest neighbours.`]
}

function comparedWords({ strategies, recommended = {}, holdout, rows }: CompareData): string[] {
  const { search, substitution } = recommended
  const advice = [
    substitution && `To let text stand in for images, take ${substitution.method}: ${stopped(substitution.why)}`,
    search && `To find partners across modalities, take ${search.method}: ${stopped(search.why)}`,
  ].filter(text => text !== undefined)
  const many = Object.keys(strategies).length
  const on = rows ? ` ${count(rows.image)} images and ${count(rows.text)} texts` : ' rows'
  const share = holdout === undefined ? '' : `, ${percent(holdout)} of all`
  return [
    ...(advice.length > 0 ? advice : [`${many} strategies compared.`]),
    `${many} strategies, all fitted on the same rows and measured on the same${on} that were kept out of the fits${share}.`,
  ]
}

/** The numbers one looks for first. */
export function cards({ measured, compared, runs }: Results): Card[] {
  const one = measured[0]
  if (!one && runs[0]) {
    return trackCards(runs[0])
  }
  if (!one) {
    const { substitution, search } = compared[0]?.recommended ?? {}
    const best = compared[0]?.strategies[(substitution ?? search)?.method ?? '']
    return best ? measuredCards(best) : []
  }
  return measuredCards(one)
}

function measuredCards({ gap, rows, dim, neighbours, spectrum, trace, scale }: MeasureData): Card[] {
  const list: (Card | undefined)[] = [
    gap.before !== undefined && gap.after !== undefined
      ? { label: 'gap', value: figure(gap.after), note: `before ${figure(gap.before)}` }
      : card('gap', gap.after ?? gap.centroid ?? gap.before, 'distance of the means'),
    card('noise floor', gap.floor, 'what sampling alone gives'),
    card('paired distance', gap.pairedDistance, 'mean over pairs'),
    card('RMG', gap.rmg, 'relative modality gap'),
    neighbours?.retention === undefined
      ? undefined
      : { label: 'neighbours kept', value: percent(neighbours.retention), note: `of the ${neighbours.k} nearest` },
    spectrum
      ? {
          label: 'effective rank',
          value: `${figure(spectrum.image.effectiveRankBiased)} / ${figure(spectrum.text.effectiveRankBiased)}`,
          note: 'image / text, of these rows',
        }
      : undefined,
    !spectrum && trace
      ? { label: 'trace', value: Object.values(trace).map(figure).join(' / '), note: Object.keys(trace).join(' / ') }
      : undefined,
    gap.pairedDistance === undefined ? card('scale', scale, 'image to text') : undefined,
    rows ? rowsCard(rows, dim) : undefined,
  ]
  return list.filter(item => item !== undefined)
}

function rowsCard(rows: NonNullable<MeasureData['rows']>, dim: number | undefined): Card {
  const sides = Object.entries(rows)
  const same = sides.every(([, many]) => many === sides[0]?.[1])
  const columns = dim === undefined ? '' : `, ${count(dim)} columns`
  return {
    label: 'rows',
    value: same ? count(sides[0]?.[1] ?? 0) : sides.map(([, many]) => count(many)).join(' / '),
    note: same ? `a side${columns}` : `${sides.map(([side]) => side).join(' / ')}${columns}`,
  }
}

function card(label: string, value: number | undefined | null, note: string): Card | undefined {
  return value === undefined || value === null ? undefined : { label, value: figure(value), note }
}

function ratio(times: number): string {
  return `${times >= 100 ? count(Math.round(times)) : Number(times.toPrecision(3))} times`
}

function stopped(text: string): string {
  return text.replace(/\.?$/, '.')
}

/** Text that begins with a capital. */
export function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
