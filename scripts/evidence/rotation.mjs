/**
 * Orthogonal maps that cost a row of d columns only d multiplications per layer: each layer turns random pairs of
 * coordinates by an angle of either sign. With as many layers as log2 d and a few more, every axis is spread over all.
 */
import { gaussians } from './random.mjs'

/** A function that turns a row in place. `angle` π stands for angles drawn anew for every pair. */
export function rotation(dim, layers, angle, seed) {
  const normal = gaussians(seed)
  const pairs = dim >> 1
  const order = new Uint16Array(layers * pairs * 2)
  const cosines = new Float64Array(layers * pairs)
  const sines = new Float64Array(layers * pairs)
  for (let layer = 0; layer < layers; layer++) {
    const keys = Float64Array.from({ length: dim }, normal)
    const shuffled = Uint16Array.from(keys.keys()).sort((a, b) => keys[a] - keys[b])
    order.set(shuffled.subarray(0, pairs * 2), layer * pairs * 2)
    for (let p = 0; p < pairs; p++) {
      const [a, b] = [normal(), normal()]
      const theta = angle === Math.PI ? Math.atan2(a, b) : Math.sign(a) * angle
      cosines[layer * pairs + p] = Math.cos(theta)
      sines[layer * pairs + p] = Math.sin(theta)
    }
  }
  return row => {
    for (let p = 0; p < cosines.length; p++) {
      const i = order[2 * p]
      const j = order[2 * p + 1]
      const a = row[i]
      row[i] = cosines[p] * a - sines[p] * row[j]
      row[j] = sines[p] * a + cosines[p] * row[j]
    }
  }
}
