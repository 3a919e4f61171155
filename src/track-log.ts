import { stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkPath } from './checks.ts'
import { ModalityGapError } from './errors.ts'
import { JsonLog, type LogKind, readJsonLog } from './json-log.ts'
import type { TrackRecord } from './track-record.ts'
import { flawOfRecord } from './track-shape.ts'

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
export async function readTrackLog(path: string): Promise<TrackRecord[]> {
  checkPath(path, 'readTrackLog')
  return (await readJsonLog(path, KIND)).records
}

/** A log that records are appended to, each on the disk before the call returns. */
export type TrackLog = JsonLog<TrackRecord>

/**
 * Opens a log for a run that has recorded steps up to `last`, or none. Records after `last` are cut off: they were
 * written by a run whose state was not saved, and will be written again.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION` when a new run would append to the log of another one
 */
export async function openTrackLog(
  path: string,
  last: number | undefined,
): Promise<{ log: TrackLog; records: TrackRecord[] }> {
  return await JsonLog.open(path, KIND, records => {
    if (last === undefined && records.length > 0) {
      const message = `${path} is the log of another run; load its state to go on with it, or choose another file`
      throw new ModalityGapError('BAD_OPTION', message, { file: path })
    }
    return records.filter(({ step }) => last !== undefined && step <= last).length
  })
}

/** Calls `onRecords` with all records of a log that another process appends to, now and whenever there are more. */
export async function followTrackLog(
  path: string,
  onRecords: (records: readonly TrackRecord[]) => void,
  signal: AbortSignal,
): Promise<readonly TrackRecord[]> {
  let records: readonly TrackRecord[] = []
  let length = -1
  while (!signal.aborted) {
    const { size } = await stat(path).catch(() => ({ size: 0 }))
    if (size !== length) {
      length = size
      records = size > 0 ? await readTrackLog(path) : []
      onRecords(records)
    }
    await sleep(LOOK_EVERY, undefined, { signal }).catch(() => {})
  }
  return records
}
