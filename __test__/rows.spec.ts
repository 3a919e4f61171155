import test from 'ava'
import { checkedRows, mapRows, widthOf } from '../src/rows.ts'

const double = (rows: ArrayLike<number>, out: { [i: number]: number }) => {
  for (let i = 0; i < rows.length; i++) out[i] = 2 * (rows[i] as number)
}

test('rows are mapped into an array of their own kind', t => {
  t.deepEqual(mapRows(Float32Array.of(1, 2), undefined, 2, double), Float32Array.of(2, 4))
  t.deepEqual(mapRows(Float64Array.of(1, 2), undefined, 1, double), Float64Array.of(2, 4))
  const out = new Uint16Array(2)
  t.is(mapRows(Uint16Array.of(1, 2), out, 2, double), out)
  t.deepEqual(out, Uint16Array.of(2, 4))
})

test('a tensor comes back as a tensor of its shape', t => {
  const tensor = { dims: [2, 1], data: Float32Array.of(1, 2) }
  t.deepEqual(mapRows(tensor, undefined, 1, double), { dims: [2, 1], data: Float32Array.of(2, 4) })
  const out = { dims: [2], data: new Float32Array(2) }
  t.is(mapRows({ dims: [2], data: Float32Array.of(1, 2) }, out, 2, double), out)
})

test('output over its own input is read before it is written', t => {
  const reversed = (rows: Float32Array, out: Float32Array) => {
    rows.forEach((value, i) => {
      out[rows.length - 1 - i] = value
    })
  }
  const whole = Float32Array.of(1, 2, 3, 4)
  const map = reversed as Parameters<typeof mapRows>[3]
  mapRows(whole, whole, 4, map)
  t.deepEqual(whole, Float32Array.of(4, 3, 2, 1))
  mapRows(whole.subarray(0, 3), whole.subarray(1, 4), 3, map)
  t.deepEqual(whole, Float32Array.of(4, 2, 3, 4))
})

test('shapes that are not whole rows are refused', t => {
  const refused = (rows: unknown, out: unknown, dim: number) =>
    t.throws(() => mapRows(rows as Float32Array, out as Float32Array, dim, double), { code: 'BAD_SHAPE' })
  refused(new Float32Array(3), undefined, 2)
  refused(new Float32Array(4), new Float32Array(2), 2)
  refused(new Float32Array(4), new Float64Array(4), 2)
  refused({ dims: [2, 2], data: new Float32Array(4) }, undefined, 4)
  refused({ dims: [1, 4], data: new Float32Array(4) }, undefined, 2)
  refused({ dims: [2, 2], data: new Float32Array(4) }, { dims: [4], data: new Float32Array(4) }, 2)
  t.throws(() => widthOf({ dims: [2, 3], data: new Float32Array(4) }), { code: 'BAD_SHAPE' })
  t.throws(() => widthOf({ dims: [1, 2, 2], data: new Float32Array(4) }), { code: 'BAD_SHAPE' })
  t.throws(() => widthOf({ dims: [], data: new Float32Array(1) }), { code: 'BAD_SHAPE' })
})

test('arrays that cannot hold rows are refused by name', t => {
  t.throws(() => checkedRows([1, 2]), { code: 'UNSUPPORTED', message: /not Array/ })
  t.throws(() => checkedRows(new Int8Array(2)), { code: 'UNSUPPORTED', message: /not Int8Array/ })
  const half = { [Symbol.toStringTag]: 'Float16Array' }
  t.throws(() => checkedRows(half), { code: 'UNSUPPORTED', message: /pass its bits/ })
})
