import type { RunOptions } from '../abort.ts'
import { type Embeddings, openEmbeddings } from '../embeddings.ts'
import { ModalityGapError } from '../errors.ts'
import { given } from '../job.ts'
import { measureGap } from '../measure.ts'
import { isThere } from '../places.ts'
import type { TrackRecord } from '../results.ts'
import type { TrackerOptions } from './options.ts'
import { stepNumbered } from './source.ts'
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

/** Largest relative difference of a gap that is measured twice, in sums of another order. */
const SAME_GAP = 1e-6
/** And largest difference, for a gap of zero: rows have length one. */
const SAME_MEAN = 1e-9

/**
 * Refuses a folder whose step of the last record is not the one that was recorded: the state and the log are of another run.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION`, and those of reading the step
 */
export async function refuseOtherRun(
  tracker: Tracker,
  root: string,
  { signal }: Pick<RunOptions, 'signal'>,
): Promise<void> {
  const last = tracker.records.at(-1)
  const found = last && last.step === tracker.lastStep ? await stepNumbered(root, last.step) : undefined
  if (last === undefined || typeof found?.image !== 'string' || typeof found.text !== 'string') {
    return
  }
  const here = await gapOf(found.image, found.text, signal)
  const recorded = last.gap.centroid
  if (Math.abs(here - recorded) > SAME_GAP * recorded + SAME_MEAN) {
    throw new ModalityGapError(
      'BAD_OPTION',
      `its step ${last.step} has a gap of ${here.toPrecision(6)}, the one recorded had ${recorded.toPrecision(6)}: state and log are of another run; ` +
        'give this one files of its own, or replace them (overwrite: true, --overwrite)',
      { file: root },
    )
  }
}

/** The gap of all rows of two sides; a tracker counts each row, whatever item it is of. */
async function gapOf(image: string, text: string, signal: AbortSignal | undefined): Promise<number> {
  const opened: Embeddings[] = []
  try {
    for (const path of [image, text]) {
      opened.push(await openEmbeddings(path, { ids: 'none' }, { signal }))
    }
    const [x, z] = opened as [Embeddings, Embeddings]
    return (await measureGap({ image: x, text: z, parts: [] }, { signal })).gap.centroid
  } finally {
    for (const each of opened) {
      each.dispose()
    }
  }
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
