import test from 'ava'
import { campaign } from '../scripts/campaign/run.mjs'

/** Cases of each kind; `npm run campaign` has thousands. */
const CASES = 40

test('every kind of file, changed by chance, is an error with a code or is read: no death, no panic, no NaN', async t => {
  t.timeout(15 * 60 * 1000)
  const cases = await campaign({ cases: CASES, seed: 'npm test', families: false })
  t.deepEqual(
    cases.filter(({ verdict }) => verdict === 'wrong'),
    [],
  )
  const kinds = new Set(cases.map(({ kind }) => kind))
  t.true(kinds.size > 40, [...kinds].join(', '))
  // files that are always refused would say nothing about what is read
  t.true(cases.filter(({ verdict }) => verdict === 'read').length > cases.length / 10)
})
