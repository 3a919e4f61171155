import { readFileSync } from 'node:fs'
import type { ExecutionContext } from 'ava'
import { fixture, readNpy } from './npy.ts'

/** How far a number may lie from its golden value: `relative` of it, or `absolute` where it is nearly zero. */
export interface Tolerance {
  relative: number
  absolute: number
}

/**
 * Quantities that are smooth in f64. Sums of 400 to 160,000 terms below 1 round to 1e-13 at worst; eigenvalues carry
 * 1e-15 of the largest, which is 1e-12 of the smallest at the condition numbers below 1e3 of the small set, and a square
 * root or a logarithm of them no more than that. 1e-10 leaves two digits to other orders of summation.
 */
export const SMOOTH: Tolerance = { relative: 1e-10, absolute: 1e-12 }

/** Shares of counts: the counts are equal, only their quotient is rounded. */
export const COUNTED: Tolerance = { relative: 0, absolute: 1e-12 }

// biome-ignore lint/suspicious/noExplicitAny: golden values are read as they stand in the file
export type Golden = any

/** A file of golden values in `fixtures/`. */
export function goldenOf(name: string): Golden {
  return JSON.parse(readFileSync(fixture(name), 'utf8'))
}

/** Rows of the small set as they are stored, f32 values of any length, in f64. */
export function smallRows(side: 'image' | 'text'): { values: Float64Array; dim: number; count: number } {
  const { values, shape } = readNpy(fixture(`explain_${side}.npy`))
  const [count = 0, dim = 0] = shape
  return { values, dim, count }
}

/** Numbers that golden files hold of the rows themselves; reports have them beside those of the population. */
const OF_ROWS =
  /^(alpha|cosine|coverage|effectiveRank|frechet|js|kappa(Eff)?[UV]?|logSpectra(Correlation|Deviation)|shape)$/

/** Golden values of the rows themselves, by the names that reports give them. */
export function plugIn(numbers: Golden): Golden {
  const named = (name: string) => (OF_ROWS.test(name) ? `${name}Biased` : name)
  return Object.fromEntries(Object.entries(numbers).map(([name, value]) => [named(name), value]))
}

/** Asserts that every number of `golden` stands at the same place of `found`, within the tolerance. */
export function near(t: ExecutionContext, found: unknown, golden: Golden, tolerance: Tolerance, what: string): void {
  const wrong = differences(found, golden, tolerance, what)
  t.deepEqual(wrong.slice(0, 10), [], `${wrong.length} of ${what} differ`)
}

/** Asserts that both hold the same numbers at the same places, but for the paths that `except` matches. */
export function same(t: ExecutionContext, found: unknown, other: unknown, tolerance: Tolerance, except?: RegExp): void {
  const there = differences(found, other, tolerance, 'report', except)
  const missing = differences(other, found, { relative: Number.POSITIVE_INFINITY, absolute: 0 }, 'other', except)
  t.deepEqual([...there, ...missing].slice(0, 10), [])
}

function differences(found: unknown, golden: Golden, tolerance: Tolerance, path: string, except?: RegExp): string[] {
  if (except?.test(path)) {
    return []
  }
  if (typeof golden === 'number') {
    return typeof found === 'number' && within(found, golden, tolerance)
      ? []
      : [`${path}: found ${found}, expected ${golden}`]
  }
  if (golden === null || typeof golden !== 'object') {
    return found === golden ? [] : [`${path}: found ${found}, expected ${golden}`]
  }
  if (found === null || typeof found !== 'object') {
    return [`${path}: found ${found}, expected an object`]
  }
  return Object.entries(golden).flatMap(([name, value]) =>
    differences((found as Golden)[name], value, tolerance, `${path}.${name}`, except),
  )
}

function within(found: number, golden: number, { relative, absolute }: Tolerance): boolean {
  return found === golden || Math.abs(found - golden) <= Math.max(absolute, relative * Math.abs(golden))
}
