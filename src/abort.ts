import { AsyncLocalStorage } from 'node:async_hooks'
import { isCancelled, ModalityGapError } from './errors.ts'
import { type CancelToken, native } from './native.ts'
import { hasScheme } from './remote.ts'
import type { Progress } from './results.ts'

/** How a long call is watched and stopped. */
export interface RunOptions {
  /** Stops the call within a block of rows; it then rejects with `CANCELLED` and leaves no unfinished file. */
  signal?: AbortSignal
  /** Called at most a few times a second; what it throws stops the call, which then rejects with it. */
  onProgress?: (progress: Progress) => void
}

/** A native token that follows a signal for as long as a job runs. */
export interface Cancellation {
  token: CancelToken
  /** Stops following the signal. */
  release(): void
}

/**
 * A token that is cancelled when `signal` is aborted.
 *
 * @throws {@link ModalityGapError} `CANCELLED` when it already is
 */
export function cancelOn(signal: AbortSignal | undefined): Cancellation {
  if (signal?.aborted) {
    throw cancelled(signal.reason)
  }
  const token = new native.CancelToken()
  const cancel = () => token.cancel()
  signal?.addEventListener('abort', cancel, { once: true })
  return { token, release: () => signal?.removeEventListener('abort', cancel) }
}

const followed = new AsyncLocalStorage<{ token: CancelToken; signal: AbortSignal }>()

/**
 * Does work that reads at `places`; where one of them is an address, its reads of ids, records and aligners end when `signal` is aborted.
 *
 * @throws {@link ModalityGapError} `CANCELLED` where it was, and before the work where it already is
 */
export async function following<T>(
  signal: AbortSignal | undefined,
  places: readonly unknown[],
  work: () => Promise<T>,
): Promise<T> {
  if (signal?.aborted) {
    throw cancelled(signal.reason)
  }
  // a context makes every promise of the process slower on Node 20, so files do without
  if (signal === undefined || !places.some(isAddress)) {
    return await work()
  }
  const cancellation = cancelOn(signal)
  try {
    return await followed.run({ token: cancellation.token, signal }, work)
  } catch (error) {
    throw withReason(error, signal)
  } finally {
    cancellation.release()
  }
}

/** Whether a place is an address, or a list of places that holds one. */
function isAddress(place: unknown): boolean {
  if (Array.isArray(place)) {
    // rows in memory are long
    return typeof place[0] === 'string' && place.some(isAddress)
  }
  return typeof place === 'string' && hasScheme(place)
}

/** The token that such work follows. */
export function followedToken(): CancelToken | undefined {
  return followed.getStore()?.token
}

/** What was begun for others, for as long as the signal that such work follows is not aborted. */
export async function whileFollowed<T>(begun: Promise<T>): Promise<T> {
  return await unlessAborted(begun, followed.getStore()?.signal)
}

/**
 * What was begun for others, for as long as `signal` is not aborted.
 *
 * @throws {@link ModalityGapError} `CANCELLED` when it is
 */
export async function unlessAborted<T>(begun: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) {
    return await begun
  }
  let stop = () => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(cancelled(signal.reason))
    signal.aborted ? stop() : signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([begun, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** Functions of the caller, which do not follow the signal of such work. */
export function outside<T extends object>(callbacks: T): T {
  const free = (value: unknown) =>
    typeof value === 'function' ? (...given: unknown[]) => followed.exit(() => value.apply(callbacks, given)) : value
  // methods of a class are not entries of its objects
  return new Proxy(callbacks, { get: (target, name) => free(Reflect.get(target, name)) })
}

/** What a call has thrown, with the reason of its signal where that has stopped it. */
export function withReason(error: unknown, signal: AbortSignal | undefined): unknown {
  return isCancelled(error) ? cancelled(signal?.reason) : error
}

/** The error of a call that was stopped. */
export function cancelled(reason: unknown): ModalityGapError {
  return new ModalityGapError('CANCELLED', 'the operation was aborted', { cause: reason })
}
