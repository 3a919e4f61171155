import test from 'ava'
import { badLeft, lookupWithout } from '../src/revision/data/bad-rows.ts'
import { rowsByNumber } from '../src/revision/data/row-lookup.ts'

test('rows keep their numbers where they are read in place', t => {
  const out = { bad: [2, 5], gone: [] }
  const { rowOf } = lookupWithout(rowsByNumber(8), out)
  t.deepEqual(
    [0, 1, 2, 3, 4, 5, 6, 7, 8].map(row => rowOf(`${row}`, 0)),
    [0, 1, undefined, 3, 4, undefined, 6, 7, undefined],
  )
  t.deepEqual([...badLeft(out)], [2, 5])
})

test('rows move up where a copy lacks some', t => {
  const out = { bad: [0, 2, 5, 7], gone: [2, 7] }
  const { rowOf } = lookupWithout(rowsByNumber(9), out)
  t.deepEqual(
    [0, 1, 2, 3, 4, 5, 6, 7, 8].map(row => rowOf(`${row}`, 0)),
    [undefined, 1, undefined, 2, 3, undefined, 5, undefined, 6],
  )
  // 0 stays where it is, 5 is the fourth of the copy
  t.deepEqual([...badLeft(out)], [0, 4])
})
