import { type Cancellation, cancelled, cancelOn, type RunOptions } from './abort.ts'
import { ModalityGapError, unwrap } from './errors.ts'
import { type Job, type JobResult, type NativeAligner, native, type Source } from './native.ts'
import type { Progress } from './reports.ts'

/** Runs a job on the native threads, under the caller's signal and progress callback. */
export async function runJob(
  job: Job,
  sources: Source[],
  run: RunOptions,
  aligner?: NativeAligner,
): Promise<JobResult> {
  const cancellation = cancelOn(run.signal)
  const progress = run.onProgress && guarded(run.onProgress, cancellation)
  try {
    const outcome = await native.run(given(job), sources, cancellation.token, progress?.callback, aligner)
    if (progress?.failure) {
      throw progress.failure.thrown
    }
    return unwrap(outcome)
  } catch (error) {
    throw error instanceof ModalityGapError && error.code === 'CANCELLED' ? cancelled(run.signal?.reason) : error
  } finally {
    cancellation.release()
  }
}

interface Guarded {
  callback: (progress: Progress) => void
  failure?: { thrown: unknown }
}

/** A callback that never throws, since the native side could not pass it on: the first thing thrown stops the job. */
function guarded(onProgress: (progress: Progress) => void, { token }: Cancellation): Guarded {
  const guard: Guarded = {
    callback(progress) {
      if (guard.failure) {
        return
      }
      try {
        onProgress(progress)
      } catch (thrown) {
        guard.failure = { thrown }
        token.cancel()
      }
    },
  }
  return guard
}

/** The options that were given; the native side fills in the documented defaults for the others. */
export function given<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T
}
