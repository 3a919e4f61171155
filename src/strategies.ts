import type { FitOptions } from './options.ts'

/** The options of a fit that make a strategy what it is. */
export type StrategyOptions = Omit<
  FitOptions,
  'holdout' | 'seed' | 'subset' | 'subsetSeed' | 'paired' | 'targetName' | 'sourceName' | 'encoder'
>

/** Every strategy that a comparison knows by name. */
export const STRATEGIES = {
  none: { method: 'none' },
  centering: { method: 'centering' },
  'mean-shift': { method: 'mean-shift' },
  c3: { method: 'c3' },
  bca: { method: 'bca' },
  procrustes: { method: 'procrustes' },
  bures: { method: 'bures' },
  'aniso-init': { method: 'aniso-init' },
  'anchor-trace': { method: 'realign', steps: ['anchor', 'trace'] },
  realign: { method: 'realign' },
  'realign-10': { method: 'realign', centroidIterations: 10 },
  'realign-solve': { method: 'realign', centroid: 'solve' },
} as const satisfies Record<string, StrategyOptions>

/** The name of a strategy in a comparison. */
export type StrategyName = keyof typeof STRATEGIES

/** Whether a strategy is fitted to pairs. */
export function needsPairs(name: StrategyName): boolean {
  return STRATEGIES[name].method === 'procrustes'
}
