const bits = new Uint32Array(1)
const value = new Float32Array(bits.buffer)

/** The value of an IEEE half precision number given by its bits, exactly. */
export function halfToNumber(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0) {
    return sign * fraction * 2 ** -24
  }
  if (exponent === 0x1f) {
    return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  }
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** The bits of the nearest half precision number, ties to even; by way of f32, as the native code rounds. */
export function numberToHalf(number: number): number {
  value[0] = number
  const single = bits[0] as number
  const sign = (single >>> 16) & 0x8000
  const magnitude = single & 0x7fffffff
  if (magnitude >= 0x47800000) {
    // too large, infinite or NaN
    return sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00)
  }
  if (magnitude < 0x38800000) {
    // subnormal: the spacing is 2^-24 and the default rounding of the addition is the one wanted
    value[0] = Math.abs(value[0] as number) + 0.5
    return sign | ((bits[0] as number) - 0x3f000000)
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1)
  return sign | ((rounded - 0x38000000) >>> 13)
}

/** The value of a bfloat16 number given by its bits, exactly. */
export function bf16ToNumber(half: number): number {
  bits[0] = half << 16
  return value[0] as number
}

/** The bits of the nearest bfloat16 number, ties to even; by way of f32. */
export function numberToBf16(number: number): number {
  value[0] = number
  const single = bits[0] as number
  if (Number.isNaN(number)) {
    return (single >>> 16) | 0x40
  }
  return (single + 0x7fff + ((single >>> 16) & 1)) >>> 16
}
