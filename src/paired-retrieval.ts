import type { RetrievalReport } from './results.ts'

/** What every query of one side found: its group, and whether one of its partners came first. */
interface Found {
  keys: readonly number[]
  found: readonly number[]
}

/** The results of every query of retrieval, both ways. */
export interface Outcomes {
  textToImage: Found
  imageToText: Found
}

/** One strategy against another on the same queries. */
export interface Difference {
  /** Share of partners found first, the mean of both ways, less the other's. */
  difference: number
  /** Its standard error, over groups. */
  error: number
  /** Chance of so large a difference, or a larger one, between strategies that are equal; one-sided. */
  p: number
}

/** Size of the tests. */
export const SIZE = 0.05

/** Takes the results of every query out of a report. */
export function takeOutcomes(report: { retrieval?: RetrievalReport & { outcomes?: Outcomes } }): Outcomes | undefined {
  const outcomes = report.retrieval?.outcomes
  if (report.retrieval) {
    delete report.retrieval.outcomes
  }
  return outcomes
}

/** Share of partners found first, the mean of both ways. */
export function foundFirst({ textToImage, imageToText }: Outcomes): number {
  const share = ({ found }: Found) => found.reduce((sum, one) => sum + one, 0) / Math.max(1, found.length)
  return (share(textToImage) + share(imageToText)) / 2
}

/**
 * The difference of two strategies with its error from the differences of groups of queries, which are paired: what both
 * find, or neither, says nothing.
 */
export function pairedDifference(one: Outcomes, other: Outcomes): Difference {
  const parts = new Map<number, number>()
  let step = 0
  for (const way of ['textToImage', 'imageToText'] as const) {
    const [a, b] = [one[way], other[way]]
    const weight = 1 / (2 * Math.max(1, a.found.length))
    step = Math.max(step, weight)
    a.keys.forEach((key, i) => {
      const change = (a.found[i] ?? 0) - (b.found[i] ?? 0)
      parts.set(key, (parts.get(key) ?? 0) + weight * change)
    })
  }
  const groups = parts.size
  const difference = [...parts.values()].reduce((sum, part) => sum + part, 0)
  const squares = [...parts.values()].reduce((sum, part) => sum + (part - difference / groups) ** 2, 0)
  const error = Math.sqrt((groups / Math.max(1, groups - 1)) * squares)
  // half a step of continuity (Edwards 1948), for few queries may differ
  return { difference, error, p: error > 0 ? normalTail((difference - step) / error) : 1 }
}

/** Which of several tests reject, all of them together with the size (Holm 1979). */
export function holm(ps: readonly number[], size = SIZE): boolean[] {
  const order = ps.map((p, i) => ({ p, i })).sort((a, b) => a.p - b.p)
  const rejected = ps.map(() => false)
  for (const [rank, { p, i }] of order.entries()) {
    if (p > size / (ps.length - rank)) {
      break
    }
    rejected[i] = true
  }
  return rejected
}

/** P(Z > z) of a standard normal variable, to 1e-7 (Abramowitz and Stegun 26.2.17). */
function normalTail(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z))
  const series = [1.330274429, -1.821255978, 1.781477937, -0.356563782, 0.31938153].reduce((sum, c) => (sum + c) * t, 0)
  const tail = (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * series
  return z >= 0 ? tail : 1 - tail
}
