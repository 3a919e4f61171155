import { setTimeout as sleep } from 'node:timers/promises'
import { exists } from '../claim.ts'
import type { ModalityGapError } from '../errors.ts'
import { JsonLog, type LogKind, type ReadLogOptions, recordsOf } from '../json-log.ts'
import type { OverwriteOptions } from '../options.ts'
import { findPlace, stampOf } from '../places.ts'
import type { TrackRecord } from '../results.ts'
import { flawOfRecord } from './shape.ts'

/** How often a log that is followed is looked at, in milliseconds. */
const LOOK_EVERY = 500

const KIND: LogKind<TrackRecord> = {
  what: 'record of a tracker',
  read: value => {
    return flawOfRecord(value) === undefined ? (value as TrackRecord) : undefined
  },
  flaw: flawOfRecord,
}

/**
 * Reads a tracker's log, one JSON record per line. A last line that an interruption cut short is left out.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`; `BAD_FORMAT` with the line as row
 */
export async function readTrackLog(path: string, options: ReadLogOptions = {}): Promise<TrackRecord[]> {
  return await recordsOf(path, KIND, options, 'readTrackLog')
}

/** A log that records are appended to, each on the disk before the call returns. */
export type TrackLog = JsonLog<TrackRecord>

/**
 * Opens a log for a run that has recorded steps up to `last`, or none. Records after `last` are cut off: they were
 * written by a run whose state was not saved, and will be written again. With `takesUp` a new run takes up a log with one
 * record, `first`, where that is its own first one: it was killed before its state was saved.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION` when a new run would append to the log of another one, and when the log lacks `last`
 */
export async function openTrackLog(
  path: string,
  last: number | undefined,
  { overwrite = false, takesUp = false }: OverwriteOptions & { takesUp?: boolean } = {},
): Promise<{ log: TrackLog; records: TrackRecord[]; first?: TrackRecord }> {
  const { log, records } = await JsonLog.open(path, KIND, records => {
    if (last !== undefined || overwrite) {
      const kept = records.filter(({ step }) => last !== undefined && step <= last)
      // records are on the disk before the state is
      if (!overwrite && records.length > 0 && kept.at(-1)?.step !== last) {
        const what = `it lacks the record of step ${last}, the last one of the state`
        throw exists(path, what, 'put the log of that run back, or give this one a log of its own')
      }
      return kept.length
    }
    if (records.length > (takesUp ? 1 : 0)) {
      throw anotherRun(path)
    }
    return records.length
  })
  return last === undefined ? { log, records: [], first: records[0] } : { log, records }
}

/** A log that is not to be continued. */
export function anotherRun(path: string): ModalityGapError {
  return exists(path, 'it is the log of another run; load its state to continue with it')
}

/** Calls `onRecords` with all records of a log that another process appends to, now and whenever there are more. */
export async function followTrackLog(
  path: string,
  onRecords: (records: readonly TrackRecord[]) => void,
  signal: AbortSignal,
): Promise<readonly TrackRecord[]> {
  let records: readonly TrackRecord[] = []
  let before: string | undefined
  while (!signal.aborted) {
    const found = await findPlace(path).catch(() => undefined)
    const stamp = stampOf(found)
    if (stamp !== before) {
      before = stamp
      records = found && found.size > 0 ? await readTrackLog(path) : []
      onRecords(records)
    }
    await sleep(LOOK_EVERY, undefined, { signal }).catch(() => {})
  }
  return records
}
