import type { Method } from './options.ts'

/** The methods of a fit; a record rather than a list, so that a name that is missing does not compile. */
export const METHOD_NAMES: Readonly<Record<Method, true>> = {
  realign: true,
  'mean-shift': true,
  centering: true,
  c3: true,
  bca: true,
  procrustes: true,
  bures: true,
  'aniso-init': true,
  none: true,
}
