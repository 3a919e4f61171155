import test from 'ava'
import { halfToNumber, numberToHalf } from '../src/half.ts'

test('every finite half precision number comes back with its own bits', t => {
  for (let bits = 0; bits < 0x10000; bits++) {
    if ((bits & 0x7c00) !== 0x7c00) {
      t.is(numberToHalf(halfToNumber(bits)), bits)
    }
  }
})

test('known values, from the definition of the format', t => {
  const known: [number, number][] = [
    [0x3c00, 1],
    [0xc000, -2],
    [0x7bff, 65504],
    [0x0001, 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3555, 0.333251953125],
    [0x7c00, Number.POSITIVE_INFINITY],
  ]
  for (const [bits, value] of known) {
    t.is(halfToNumber(bits), value)
    t.is(numberToHalf(value), bits)
  }
  t.true(Number.isNaN(halfToNumber(0x7e00)))
  t.is(numberToHalf(Number.NaN) & 0x7fff, 0x7e00)
})

test('a number goes to the nearest half, a tie to the even one', t => {
  const step = 2 ** -10
  t.is(numberToHalf(1 + step / 2), 0x3c00)
  t.is(numberToHalf(1 + step / 2 + 2 ** -23), 0x3c01)
  t.is(numberToHalf(1 + (3 * step) / 2), 0x3c02)
  t.is(numberToHalf(2 ** -25), 0x0000)
  t.is(numberToHalf(2 ** -25 * 1.5), 0x0001)
  t.is(numberToHalf(3 * 2 ** -25), 0x0002)
  t.is(numberToHalf(65519), 0x7bff)
  t.is(numberToHalf(65520), 0x7c00)
})
