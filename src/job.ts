import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Cancellation, cancelOn, type RunOptions, withReason } from './abort.ts'
import { unwrap } from './errors.ts'
import { type Job, type JobResult, type NativeAligner, native, type Source } from './native.ts'
import { checkPlain } from './plain-options.ts'

/** Runs a job on the native threads, under the caller's signal and progress callback. */
export async function runJob<K extends Job['kind']>(
  job: Job & { kind: K },
  sources: Source[],
  run: RunOptions,
  aligner?: NativeAligner,
): Promise<JobResult<K>> {
  const cancellation = cancelOn(run.signal)
  const progress = run.onProgress && guarded(run.onProgress, cancellation)
  try {
    const outcome = await native.run(given(job), sources, cancellation.token, progress?.callback, aligner)
    await progress?.ended()
    return unwrap(outcome)
  } catch (error) {
    throw withReason(error, run.signal)
  } finally {
    cancellation.release()
  }
}

interface Guarded<T> {
  callback: (event: T) => void
  /** Hears what was reported before the call ended, then throws what the listener threw. */
  ended: () => Promise<void>
}

/** A callback that never throws, since the native side could not pass it on: the first thing thrown stops the job. */
export function guarded<T>(onEvent: (event: T) => void, { token }: Cancellation): Guarded<T> {
  let failure: { thrown: unknown } | undefined
  return {
    callback(event) {
      if (failure) {
        return
      }
      try {
        onEvent(event)
      } catch (thrown) {
        failure = { thrown }
        token.cancel()
      }
    },
    async ended() {
      // a result may overtake the events before it within a turn of the event loop, but not beyond the next
      await nextTurn()
      await nextTurn()
      if (failure) {
        throw failure.thrown
      }
    },
  }
}

/**
 * The options that were given; the native side fills in the documented defaults for the others.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION` for numbers that are not finite
 */
export function given<T extends object>(options: T): T {
  checkPlain(options)
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T
}
