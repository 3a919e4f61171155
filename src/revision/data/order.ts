/** Rounds of the network; four are enough for a pseudorandom permutation, more cost little here. */
const ROUNDS = 6

/**
 * A permutation of 0 … n−1 as a function, without a list of n: a Feistel network on the next power of four, walked until
 * it lands below n (Black and Rogaway 2002). It follows from `seed` and `epoch` alone, so that an interrupted epoch goes
 * on from any position.
 *
 * @param n records, below 2³¹
 * @returns the record at a position of that epoch
 */
export function epochOrder(n: number, seed: number, epoch: number): (position: number) => number {
  const half = Math.max(1, Math.ceil(Math.log2(Math.max(2, n)) / 2))
  const mask = 2 ** half - 1
  const keys = Array.from({ length: ROUNDS }, (_, round) => scramble(seed, epoch, round))
  const once = (value: number): number => {
    let [left, right] = [value >>> half, value & mask]
    for (const key of keys) {
      ;[left, right] = [right, (left ^ scramble(key, right)) & mask]
    }
    return ((left << half) | right) >>> 0
  }
  return position => {
    let value = once(position)
    while (value >= n) {
      value = once(value)
    }
    return value
  }
}

/** One seed of several integers. */
export function combined(...values: readonly number[]): number {
  return scramble(...values)
}

/** 32 bits of a few integers; of each all 53 bits count. */
function scramble(...values: readonly number[]): number {
  let hash = 0x9e3779b9
  for (const value of values) {
    for (const part of [value >>> 0, Math.floor(value / 2 ** 32) >>> 0]) {
      // the finaliser of MurmurHash3
      hash = (hash ^ part) + 0x9e3779b9
      hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
      hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
      hash ^= hash >>> 16
    }
  }
  return hash >>> 0
}
