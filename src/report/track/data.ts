import type { TrackRecord } from '../../results.ts'
import { findings, type TrackFinding } from '../../tracker/findings.ts'

/** A run as `track --json` prints it and as a report shows it. */
export interface TrackData {
  /** Its records, in order. */
  records: readonly TrackRecord[]
  /** What they say about each claim. */
  findings: readonly TrackFinding[]
}

/**
 * A run for `writeReport`: four panels for the findings, gap and search over time, phantom drift, and the claims.
 *
 * @param records those of a tracker or of its log
 */
export function trackReportData(records: readonly TrackRecord[]): TrackData {
  return { records, findings: findings(records) }
}
