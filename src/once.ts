import { whileFollowed } from './abort.ts'
import { isCancelled } from './errors.ts'

/** A map, also a weak one, of what is made once. */
interface Made<K, V> {
  get(key: K): Promise<V> | undefined
  set(key: K, value: Promise<V>): unknown
  delete(key: K): unknown
}

/**
 * What is made once and then kept. What failed is made again when it is asked for again; so is what the signal of another call has
 * ended. The signal of a call ends its own wait only.
 */
export async function once<K, V>(made: Made<K, V>, key: K, make: () => Promise<V>): Promise<V> {
  const before = made.get(key)
  if (before) {
    const others = before.catch(async error =>
      isCancelled(error) ? await once(made, key, make) : Promise.reject(error),
    )
    return await whileFollowed(others)
  }
  const now = make()
  made.set(key, now)
  now.catch(() => {
    // what was forgotten meanwhile may have been made again
    if (made.get(key) === now) {
      made.delete(key)
    }
  })
  return await now
}
