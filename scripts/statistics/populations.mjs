/**
 * Populations whose truth is known, sampled by seed.
 *
 * A row is π(m + w), w normal with variances that fall like k^−a. A text is drawn as an image is, but for its last coordinate, which
 * is reflected where there is to be a gap: then the means differ in that coordinate only, and without a gap the two
 * distributions are one.
 */

/** Uniform numbers from a seed (sfc32, Doty-Humphrey 2010; neighbouring seeds are unrelated), and normal ones from them. */
export class Chance {
  #a
  #b
  #c
  #count = 1

  constructor(seed) {
    let state = seed | 0
    // SplitMix32
    const next = () => {
      state = (state + 0x9e3779b9) | 0
      let z = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
      return z ^ (z >>> 16)
    }
    this.#a = next()
    this.#b = next()
    this.#c = next()
    for (let i = 0; i < 12; i++) this.uniform()
  }

  /** Above 0 and below 1. */
  uniform() {
    const sum = (((this.#a + this.#b) | 0) + this.#count) | 0
    this.#count = (this.#count + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return ((sum >>> 0) + 0.5) / 4294967296
  }

  normal() {
    return Math.sqrt(-2 * Math.log(this.uniform())) * Math.cos(2 * Math.PI * this.uniform())
  }
}

/**
 * @param {object} shape
 * @param {number} shape.dim columns
 * @param {number} shape.alpha exponent of the spectrum; 0 is flat
 * @param {number} [shape.lean] mean of the last coordinate before the projection; the gap is about twice that
 * @param {number} [shape.directions] columns that vary; all by default
 */
export function population({ dim, alpha, lean = 0, directions = dim }) {
  const law = Array.from({ length: dim }, (_, k) => (k < directions ? (k + 1) ** -alpha : 0))
  const total = law.reduce((a, b) => a + b, 0)
  // a mean of .55 and a spread of .7, as encoders have
  const spread = law.map(value => Math.sqrt((0.7 * value) / total))
  const mean = Array.from({ length: dim }, (_, k) => (k === Math.floor(dim / 2) ? 0.55 : k === dim - 1 ? lean : 0))
  const residual = chance => spread.map(s => s * chance.normal())
  const row = (w, side) => {
    const values = w.map((value, k) => value + mean[k])
    if (side === 'text') values[dim - 1] = -values[dim - 1]
    const length = Math.hypot(...values)
    return values.map(value => value / length)
  }
  const mixed = (chance, w, rho) => residual(chance).map((v, k) => rho * w[k] + Math.sqrt(1 - rho * rho) * v)
  const packed = rows => Float32Array.from(rows.flat())

  return {
    dim,
    /** ‖μx−μz‖², from the mean of the last coordinate over many draws. */
    gapSquared(draws = 40_000) {
      if (lean === 0) return 0
      const chance = new Chance(99)
      let sum = 0
      for (let i = 0; i < draws; i++) {
        const w = residual(chance)
        // a draw and its reflection about the mean of the last coordinate cancel most of its variance
        const mirrored = w.with(dim - 1, -w[dim - 1])
        sum += (row(w, 'image')[dim - 1] + row(mirrored, 'image')[dim - 1]) / 2
      }
      return (2 * (sum / draws)) ** 2
    },
    /** Independent samples of n images and m texts. */
    samples(seed, n, m = n) {
      const chance = new Chance(seed)
      const draw = (count, side) => packed(Array.from({ length: count }, () => row(residual(chance), side)))
      return { image: draw(n, 'image'), text: draw(m, 'text') }
    },
    /** Pairs whose residuals correlate. */
    pairs(seed, n, rho) {
      const chance = new Chance(seed)
      const rows = Array.from({ length: n }, () => {
        const w = residual(chance)
        return [row(w, 'image'), row(mixed(chance, w, rho), 'text')]
      })
      return { image: packed(rows.map(([x]) => x)), text: packed(rows.map(([, z]) => z)) }
    },
    /** Images once, and `each` captions of every image. */
    captions(seed, images, each, rho) {
      const chance = new Chance(seed)
      const rows = Array.from({ length: images }, () => {
        const w = residual(chance)
        const texts = Array.from({ length: each }, () => row(mixed(chance, w, rho), 'text'))
        return { image: row(w, 'image'), texts }
      })
      return { image: packed(rows.map(({ image }) => image)), text: packed(rows.flatMap(({ texts }) => texts)) }
    },
  }
}

/** Bits of the fraction and smallest exponent of the 16-bit types. */
const NARROW = { f16: [10, -14, 5, 15], bf16: [7, -126, 8, 127] }

/** The bits of numbers rounded to f16 or bf16, as a `Uint16Array`. */
export function stored(rows, dtype) {
  const [fraction, least, , bias] = NARROW[dtype]
  return Uint16Array.from(rows, value => {
    if (value === 0) return 0
    const exponent = Math.max(least, Math.floor(Math.log2(Math.abs(value))))
    const units = Math.round(Math.abs(value) / 2 ** (exponent - fraction))
    // a fraction that is rounded up to the next power carries into the exponent by itself
    const normal = units >= 2 ** fraction
    return (value < 0 ? 0x8000 : 0) + (normal ? ((exponent + bias - 1) << fraction) + units : units)
  })
}

/** Every row `times` times in a row. */
export function repeated(rows, dim, times) {
  const count = rows.length / dim
  const all = new Float32Array(rows.length * times)
  for (let i = 0; i < count * times; i++) {
    const from = Math.floor(i / times) * dim
    all.set(rows.subarray(from, from + dim), i * dim)
  }
  return all
}
