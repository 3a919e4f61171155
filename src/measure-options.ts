import type { CauseOptions } from './causes.ts'
import type { GroupOptions } from './group-options.ts'
import type { MeasurePart } from './metrics.ts'
import type { OverwriteOptions } from './options.ts'

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
