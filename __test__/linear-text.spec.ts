import test from 'ava'
import { bleu4 } from '../src/text-metrics/bleu.ts'
import { chosenLetter } from '../src/text-metrics/choice.ts'
import { ciderD } from '../src/text-metrics/cider.ts'
import { rougeL } from '../src/text-metrics/rouge.ts'
import { tokenF1 } from '../src/text-metrics/token-f1.ts'
import { captionTokens } from '../src/text-metrics/tokenize.ts'
import { yesOrNo } from '../src/text-metrics/yes-no.ts'
import { stepsOf } from './helpers/steps.ts'

const PIECES = [' ', '.', "n't", 'answer is ', '( ', 'A ', "'", '1.', '\n', 'B or ', 'no '] as const

const READERS: Record<string, (text: string) => unknown> = {
  'an answer with options': text => chosenLetter(text, ['a cat', 'a fox']),
  'an option': text => chosenLetter('It is a cat, I think', [text, 'a fox']),
  'an answer and an option': text => chosenLetter(text, [`${text}!x`, text]),
  'yes or no': text => [yesOrNo(text), yesOrNo(text, 'pope'), yesOrNo(text, 'mme')],
  'a caption': text => captionTokens(text),
  'metrics of a short reference': text => {
    const judged = [{ text, references: ['a cat'] }]
    return [bleu4(judged), ciderD(judged), rougeL(judged), tokenF1(judged)]
  },
}

for (const [what, read] of Object.entries(READERS)) {
  test.serial(`${what}: ten times the text takes ten times the steps`, async t => {
    for (const piece of PIECES) {
      const of = (bytes: number) => stepsOf('/text-metrics/', () => void read(piece.repeat(bytes / piece.length)))
      const [short, long] = [await of(20_000), await of(200_000)]
      // a constant part makes it less than ten times; nothing makes it more, but for the last digits of a length
      t.true(long <= 10.1 * short, `${JSON.stringify(piece)}: ${short} and ${long} steps`)
    }
  })
}

test.serial('ROUGE-L of 50,000 words takes fewer steps than a sixteenth part of all pairs', async t => {
  const words = (count: number, salt: number) =>
    Array.from({ length: count }, (_, i) => `w${(i * 7919 + salt) % count}`).join(' ')
  const of = (count: number) =>
    stepsOf('/text-metrics/', () => void rougeL([{ text: words(count, 0), references: [words(count, 5)] }]))
  const steps = await of(50_000)
  t.true(steps < 50_000 ** 2 / 16, `${steps} steps`)
})

test('ROUGE-L counts what the table of all pairs counts', t => {
  const table = (own: string[], other: string[]) => {
    let above = new Array(other.length + 1).fill(0)
    for (const token of own) {
      const row = [0]
      for (const [j, each] of other.entries()) {
        row.push(each === token ? above[j] + 1 : Math.max(above[j + 1], row[j] as number))
      }
      above = row
    }
    return above[other.length] as number
  }
  let state = 1
  const draw = (below: number) => {
    state = (state * 48_271) % 2_147_483_647
    return state % below
  }
  for (let round = 0; round < 300; round++) {
    const [kinds, own, other] = [1 + draw(6), 1 + draw(140), 1 + draw(140)]
    const words = (count: number) => Array.from({ length: count }, () => `w${draw(kinds)}`)
    const [a, b] = [words(own), words(other)]
    const common = table(a, b)
    const [p, r] = [common / own, common / other]
    const score = rougeL([{ text: a.join(' '), references: [b.join(' ')] }], { variant: 'f1' }).score
    t.true(Math.abs(score - (common === 0 ? 0 : (2 * p * r) / (p + r))) < 1e-15)
  }
})
