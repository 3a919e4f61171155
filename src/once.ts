import { isCancelled } from './errors.ts'

/** A map, also a weak one, of what is made once. */
interface Made<K, V> {
  get(key: K): Promise<V> | undefined
  set(key: K, value: Promise<V>): unknown
  delete(key: K): unknown
}

/**
 * What is made once and then kept. What failed is made again when it is asked for again; so is what the signal of another call has
 * ended.
 */
export async function once<K, V>(made: Made<K, V>, key: K, make: () => Promise<V>): Promise<V> {
  const before = made.get(key)
  if (before) {
    return await before.catch(async error => (isCancelled(error) ? await once(made, key, make) : Promise.reject(error)))
  }
  const now = make()
  made.set(key, now)
  now.catch(() => made.delete(key))
  return await now
}
