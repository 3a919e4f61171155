/** The bits of the nearest half precision number to a number below 1 in size, ties to even. */
export function toHalf(number) {
  const sign = number < 0 ? 0x8000 : 0
  const size = Math.abs(number)
  const exponent = Math.max(Math.floor(Math.log2(size || 1e-9)), -14)
  const steps = size / 2 ** (exponent - 10)
  const floor = Math.floor(steps)
  const up = steps - floor > 0.5 || (steps - floor === 0.5 && floor % 2 === 1)
  // a subnormal has no hidden bit, so its count of steps is the pattern; otherwise the carry moves the exponent by itself
  return sign | ((exponent + 14) * 1024 + floor + (up ? 1 : 0))
}
