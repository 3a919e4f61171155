import { flag, listOf, number } from '../checks.ts'

/** Mean, spread and an interval of numbers. */
export interface Spread {
  /** How many. */
  n: number
  /** Their mean. */
  mean: number
  /** Their standard deviation, divisor n − 1; absent for one number. */
  sd?: number
  /** 95 % interval of the mean by Student's t; absent for one number. */
  interval?: [number, number]
}

const numbers = listOf(number(), 'a list of numbers')
const pairList = listOf(numbers, 'a list of pairs of numbers')

/** Mean, spread and interval of numbers; `undefined` for none. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  numbers(values, 'spreadOf')
  const n = values.length
  if (n === 0) {
    return undefined
  }
  // from the first on, so that equal numbers have no spread
  const [first] = values as [number]
  const mean = first + values.reduce((sum, value) => sum + (value - first), 0) / n
  if (n === 1) {
    return { n, mean }
  }
  const sd = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1))
  const half = (studentT(n - 1) * sd) / Math.sqrt(n)
  return { n, mean, sd, interval: [mean - half, mean + half] }
}

/** How one arm does against another on the same seeds. */
export interface Difference extends Spread {
  /** Which is better, if the interval of the differences lies on one side of zero; else `null`: within the noise. */
  better: 'this' | 'reference' | null
}

/** Differences of pairs, value − reference. */
export function differenceOf(
  pairs: readonly (readonly [value: number, reference: number])[],
  greaterIsBetter: boolean,
): Difference | undefined {
  pairList(pairs, 'differenceOf')
  flag(greaterIsBetter, 'the second argument of differenceOf')
  const spread = spreadOf(pairs.map(([value, reference]) => value - reference))
  if (spread === undefined) {
    return undefined
  }
  const [low, high] = spread.interval ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  const sign = low > 0 ? 1 : high < 0 ? -1 : 0
  const better = sign === 0 ? null : sign > 0 === greaterIsBetter ? 'this' : 'reference'
  return { ...spread, better }
}

/** The 0.975 quantile of Student's t with `df` degrees of freedom, by bisection of its distribution function. */
export function studentT(df: number): number {
  let [low, high] = [0, 20]
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (distribution(middle, df) < 0.975) {
      low = middle
    } else {
      high = middle
    }
  }
  return (low + high) / 2
}

/** Student's distribution function for whole degrees of freedom (Abramowitz and Stegun 26.7.3 and 26.7.4). */
function distribution(t: number, df: number): number {
  const angle = Math.atan(t / Math.sqrt(df))
  const [sin, cos] = [Math.sin(angle), Math.cos(angle)]
  let [sum, term] = [0, df % 2 === 0 ? 1 : cos]
  for (let k = df % 2 === 0 ? 2 : 3; k <= df; k += 2) {
    sum += term
    term *= ((k - 1) / k) * cos * cos
  }
  const share = df % 2 === 0 ? sin * sum : (2 / Math.PI) * (angle + sin * sum)
  return 0.5 + share / 2
}
