import type { GroupOptions } from './group-options.ts'
import type { OverwriteOptions } from './options.ts'
import type { MeasurePart } from './results.ts'

/** How the gap is taken apart. */
export interface CauseOptions {
  /** Share of the energy that U holds; not with `rank`. @defaultValue `0.99` */
  energy?: number
  /** Dimension of U; not with `energy`. */
  rank?: number
  /** Last rank of the power-law fit. @defaultValue `128`, or the rank where that is smaller */
  alphaRanks?: number
  /** Ridge λ of the coupling, absolute. @defaultValue `1e-6` */
  lambda?: number
}

/** What is measured, and on which rows. */
export interface MeasureOptions extends CauseOptions, GroupOptions, OverwriteOptions {
  /** What to measure beside the gap. @defaultValue everything */
  parts?: readonly MeasurePart[]
  /** Measure only the rows that a fit with this `holdout` and `seed` did not see, in [0, 1); 0 for all. @defaultValue `0` */
  holdout?: number
  /** Seed of every sampled choice. @defaultValue `0` */
  seed?: number
  /**
   * Let every row ask for its neighbours, however many there are. @defaultValue `false`: above 20,000 rows a side a sample
   * of about 10,000 asks, always against all rows
   */
  exact?: boolean
  /** File of a frame made earlier, to take the gap apart in; not with `energy` or `rank`. */
  frame?: string
  /** File to keep the frame of these rows in. */
  saveFrame?: string
  /** Add what a report draws. @defaultValue `false` */
  figures?: boolean
}
