import type { FitOptions, Method } from './options.ts'

/** The options of a fit that make a strategy what it is. */
export type StrategyOptions = Omit<
  FitOptions,
  'holdout' | 'seed' | 'subset' | 'subsetSeed' | 'paired' | 'targetName' | 'sourceName' | 'encoder'
>

/** The name of a strategy in a comparison: a method, or a variant of ReAlign. */
export type StrategyName = Method | 'anchor-trace' | 'realign-10' | 'realign-solve'

/** Every strategy that a comparison knows by name. */
export const STRATEGIES: Readonly<Record<StrategyName, StrategyOptions>> = {
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
}

/** Whether a strategy is fitted to pairs. */
export function needsPairs(name: StrategyName): boolean {
  return STRATEGIES[name].method === 'procrustes'
}
