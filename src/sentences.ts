/**
 * What is concluded from numbers, in words. Terminal, report and diagnosis say it with the same functions, so that they
 * cannot contradict each other.
 */
import type { GapVerdict } from './results.ts'

/** A judged gap, as far as a result holds it. */
interface Judged {
  unbiasedSquared?: number
  floor: number
  interval?: readonly number[] | null
  verdict?: GapVerdict
}

/** What of a measurement the conclusion rests on. */
export interface ConcludedGap {
  gap: Judged & {
    leftOut?: { image: number; text: number }
    centroid?: number
    after?: number
    before?: number
    ofAligner?: Judged
    inSample?: boolean
  }
  inSample?: boolean
  held?: boolean
}

/** A number to three figures. */
function shown(value: number | undefined): string {
  return value === undefined ? '–' : value.toPrecision(3)
}

/** The verdict on a gap; older results have none, and their interval says it. */
export function verdictOf({ gap, inSample }: ConcludedGap): GapVerdict {
  if (inSample ?? gap.inSample) {
    return 'in-sample'
  }
  return gap.verdict ?? judgedBy(gap.interval)
}

function judgedBy(interval: Judged['interval']): GapVerdict {
  const low = interval?.[0]
  return low === undefined ? 'not-tested' : low > 0 ? 'real' : 'noise'
}

/** A verdict in a cell of a table. */
export function verdictWord(verdict: GapVerdict | undefined): string {
  const words = { real: 'real', noise: 'noise', 'in-sample': 'in sample', 'not-tested': 'not tested' }
  return verdict === undefined ? '–' : words[verdict]
}

/** Whether the gap is real, with the numbers that say so; a second sentence tells what holds of a given aligner. */
export function gapSentences(measured: ConcludedGap): string[] {
  const { gap, held } = measured
  const { leftOut } = gap
  const rest = leftOut
    ? [
        `the verdict is that of the rows without the few groups that make most of the noise (${count(leftOut.image)} image rows, ${count(leftOut.text)} text rows)`,
      ]
    : []
  const now = gap.after ?? gap.centroid ?? gap.before
  const where = held ? 'on held-out rows ' : ''
  const first = conclusion(verdictOf(measured), gap, now, where)
  if (!gap.ofAligner || verdictOf(measured) === 'in-sample') {
    return [first, ...rest]
  }
  const own = gap.ofAligner.verdict ?? judgedBy(gap.ofAligner.interval)
  const second =
    own === 'real'
      ? `this very aligner leaves a gap that is real (${numbers(gap.ofAligner)}); another fit on as many rows would leave another`
      : own === 'noise'
        ? `of this very aligner, too, the gap cannot be distinguished from noise (${numbers(gap.ofAligner)})`
        : undefined
  return second === undefined
    ? [first, ...rest]
    : [`${first}; the noise of the fit is counted as noise`, second, ...rest]
}

function conclusion(verdict: GapVerdict, gap: Judged, now: number | undefined, where: string): string {
  switch (verdict) {
    case 'real':
      return `${where}the gap is real: it exceeds what 95 % of samples without a gap show (${numbers(gap)})`
    case 'noise':
      return `${where}the gap cannot be distinguished from noise (${numbers(gap)})`
    case 'in-sample':
      return `this was measured on the rows of the fit, where the gap after it always lies below the floor of ${shown(gap.floor)}; hold rows out to learn what it is on new ones`
    case 'not-tested':
      return `${where}the gap of ${shown(now)} stands beside a noise floor of ${shown(gap.floor)} and was not tested, which takes covariances and some ten rows or groups`
  }
}

function numbers({ unbiasedSquared, interval, floor }: Judged): string {
  const range = interval?.length === 2 ? `, 95 % interval ${shown(interval[0])} to ${shown(interval[1])}` : ''
  return unbiasedSquared === undefined
    ? `noise floor ${shown(floor)}`
    : `unbiased square ${shown(unbiasedSquared)}${range}; noise floor ${shown(floor)}`
}

/** How rows belong together, such as `2,500 rows of 500 groups`. */
export function groupsSentence(
  groups: {
    by: 'ids' | 'equal-rows'
    from?: string
    image: number
    text: number
    pairs?: number
    repeated?: { image: number; text: number }
  },
  rows: { image: number; text: number },
): string {
  const side = (name: 'image' | 'text') => `${count(rows[name])} ${name} rows of ${count(groups[name])} items`
  const how = groups.by === 'ids' ? `by ${groups.from ?? 'ids'}` : 'by rows that are equal bit for bit'
  const repeated = (groups.repeated?.image ?? 0) + (groups.repeated?.text ?? 0)
  const once = repeated > 0 ? `; ${count(repeated)} repeated rows count once` : ''
  const pairs = groups.pairs === undefined ? '' : `, ${count(groups.pairs)} pairs`
  return `${side('image')}, ${side('text')}${pairs} (${how}${once})`
}

/** How many rows a wanted gap takes, as far as the held-out rows can tell. */
export function rowsSentence(
  wanted: { gap: number; rows: number | null; interval?: readonly number[] | null; verdict?: string; held?: number },
  limit: number | undefined,
): string {
  const gap = shown(wanted.gap)
  if (wanted.rows !== null) {
    const [low, high] = wanted.interval ?? []
    const range = low === undefined || high === undefined ? '' : ` (95 % interval ${count(low)} to ${count(high)})`
    return `a gap of ${gap} takes about ${count(wanted.rows)} rows a side${range}`
  }
  return wanted.verdict === 'cannot-tell'
    ? `${count(wanted.held ?? 0)} held-out rows cannot tell how many rows a gap of ${gap} takes: their noise is larger than that gap; hold more out`
    : `no number of rows reaches ${gap} here: ${shown(limit)} stays`
}

/** A count with thousands separated. */
function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** A finding of the diagnosis, in lines of text. */
function findingText(finding: { level: string; text: string; evidence?: unknown; advice?: string }): string {
  const evidence = typeof finding.evidence === 'string' ? ` (${finding.evidence})` : ''
  const advice = finding.advice === undefined ? '' : `\n    ${finding.advice}`
  return `  ${finding.level}: ${finding.text.replace(/\.$/, '')}${evidence}${advice}`
}

/** What looks wrong, the gravest first; empty when nothing does. */
export function diagnosisText(findings: readonly Parameters<typeof findingText>[0][]): string {
  return findings.length === 0 ? '' : `diagnosis:\n${findings.map(findingText).join('\n')}`
}

/** Findings of all strategies of a comparison; what only some have begins with their names. */
export function comparedDiagnosis<T extends { code?: string; text: string }>(
  strategies: Readonly<Record<string, { diagnosis?: readonly T[] } | undefined>>,
): T[] {
  const entries = Object.entries(strategies)
  const found = new Map<string, { finding: T; of: string[] }>()
  for (const [name, report] of entries) {
    for (const finding of report?.diagnosis ?? []) {
      const code = finding.code ?? finding.text
      const known = found.get(code) ?? { finding, of: [] }
      found.set(code, { finding: known.finding, of: [...known.of, name] })
    }
  }
  return [...found.values()].map(({ finding, of }) =>
    of.length === entries.length ? finding : { ...finding, text: `${of.join(', ')}: ${finding.text}` },
  )
}
