import test from 'ava'
import { dataCost, PAPER_COSTS } from '../src/revision/cost.ts'

test('the printed costs follow from the printed tokens, but for the paired arm', t => {
  for (const { arm, tokens, stated } of PAPER_COSTS) {
    const off = Math.abs(dataCost(tokens) - stated)
    // tokens are printed to ten thousand, which is 0.1 $ of those written
    t.is(off < 0.11, !arm.startsWith('paired'), `${arm}: ${dataCost(tokens)} and ${stated}`)
  }
})

test('by its tokens the paired arm costs 438.55 $, and two million texts 80.3 % of that', t => {
  const [, , texts, paired] = PAPER_COSTS.map(({ tokens }) => dataCost(tokens)) as [number, number, number, number]
  t.is(paired.toFixed(2), '438.55')
  t.is((texts / paired).toFixed(3), '0.803')
  t.is((352.2 / 476.05).toFixed(2), '0.74')
})

test('prices may be others', t => {
  t.is(dataCost({ input: 2, output: 3 }, { input: 5, output: 7 }), 31)
})
