import test from 'ava'
import { FAMILIES, GROUPS } from '../scripts/campaign/families/index.mjs'
import { type Case, campaign, FAMILY } from '../scripts/campaign/run.mjs'

/** Cases of each kind; `npm run campaign` has thousands. */
const CASES = 40

const wrong = (cases: readonly Case[]) => cases.filter(({ verdict }) => verdict === 'wrong')

test.serial(
  'every kind of file, changed by chance, is an error with a code or is read: no death, no panic, no NaN',
  async t => {
    t.timeout(15 * 60 * 1000)
    const cases = await campaign({ cases: CASES, seed: 'npm test', families: false })
    t.deepEqual(wrong(cases), [])
    const kinds = new Set(cases.map(({ kind }) => kind))
    t.true(kinds.size > 40, [...kinds].join(', '))
    // files that are always refused would say nothing about what is read
    t.true(cases.filter(({ verdict }) => verdict === 'read').length > cases.length / 10)
  },
)

/** All files by design, in processes that take them on one after the other. */
const designed = { cases: [] as Case[] }

test.serial('files by design end within 10 s of processor time and 1 GB, as they should', async t => {
  t.timeout(15 * 60 * 1000)
  designed.cases = await campaign({ cases: 1, seed: 'npm test', kinds: [FAMILY] })
  t.is(designed.cases.length, FAMILIES.length)
})

for (const group of Object.keys(GROUPS)) {
  test.serial(`files by design: ${group}`, t => {
    const cases = designed.cases.filter(each => each.group === group)
    t.is(cases.length, FAMILIES.filter(family => family.group === group).length)
    t.true(cases.length > 0)
    t.deepEqual(wrong(cases), [])
  })
}
