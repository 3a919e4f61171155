import type { RunOptions } from '../abort.ts'
import { ModalityGapError } from '../errors.ts'
import { given } from '../job.ts'
import { isThere } from '../places.ts'
import type { TrackRecord } from '../results.ts'
import type { TrackerOptions } from './options.ts'
import { Tracker, type TrackerUse, type TrackStep } from './tracker.ts'

/** A run that can be taken up again. */
export interface RunInput extends Partial<TrackerOptions>, TrackerUse {
  /** File of the state: gone on with when it is there, and written after every record. */
  state?: string
}

/**
 * The tracker of a run: the saved one where there is one, else a new one.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION` without `freezeAt` for a new run, or when an option contradicts the
 * saved one
 */
export async function openRun({
  state,
  dim,
  log,
  threads,
  ids,
  captionsPerImage,
  overwrite,
  ...options
}: RunInput): Promise<Tracker> {
  const use = given({ dim, log, threads, ids, captionsPerImage, overwrite })
  if (state === undefined || overwrite || !(await isThere(state))) {
    const { freezeAt } = options
    if (freezeAt === undefined) {
      throw new ModalityGapError('BAD_OPTION', 'a new run needs freezeAt, the step from which its frame stays')
    }
    // a run with a state may have been killed between its first record and that
    return new Tracker({ ...options, freezeAt, ...use }, undefined, state !== undefined)
  }
  const tracker = await Tracker.load(state, use)
  for (const [name, value] of Object.entries(given(options))) {
    const saved = tracker.options[name as keyof TrackerOptions]
    if (saved !== value) {
      const message = `${name} ${value} contradicts ${saved ?? 'the default'} of the run in ${state}`
      throw new ModalityGapError('BAD_OPTION', message, { file: state })
    }
  }
  return tracker
}

/** Records every step; the state is on the disk before the next one. */
export async function recordSteps(
  tracker: Tracker,
  steps: AsyncIterable<TrackStep>,
  {
    state,
    signal,
    onRecord,
  }: Pick<RunInput, 'state'> & Pick<RunOptions, 'signal'> & { onRecord?: (r: TrackRecord) => void },
): Promise<void> {
  for await (const step of steps) {
    const record = await tracker.push(step, { signal })
    if (record) {
      if (state !== undefined) {
        await tracker.save(state)
      }
      onRecord?.(record)
    }
  }
}
