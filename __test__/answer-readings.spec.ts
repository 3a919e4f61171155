import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { chosenLetter } from '../src/text-metrics/choice.ts'
import { type YesNoRule, yesOrNo } from '../src/text-metrics/yes-no.ts'

type Word = 'yes' | 'no' | null

/** Answers with what they mean, and with the readings of public evaluators; see `fixtures/make_answer_readings.py`. */
interface Readings {
  choice: {
    options: string[]
    text: string
    means: string | null
    vlmevalkit: string | null
    mmmu: string | null
    llava: string | null
  }[]
  yesNo: { text: string; means: Word; pope: Word; mme: Word; vlmevalkit: Word }[]
  /** Written after the rules, without a look at them. */
  later: {
    choice: { options: string[]; text: string; means: string | null }[]
    yesNo: { text: string; means: Word }[]
  }
}

const { choice, yesNo, later } = JSON.parse(
  readFileSync(join(import.meta.dirname, 'fixtures/answer-readings.json'), 'utf8'),
) as Readings

test('answers in the style of real models name the option that they mean', t => {
  t.true(choice.length + yesNo.length >= 300)
  for (const { text, options, means } of choice) {
    t.is(chosenLetter(text, options) ?? null, means, `${JSON.stringify(text)} of ${options.join(', ')}`)
  }
})

test('answers in the style of real models say yes or no as they mean it', t => {
  for (const { text, means } of yesNo) {
    t.is(yesOrNo(text) ?? null, means, JSON.stringify(text))
  }
})

test('answers that were written later are read as they mean, or not at all, but for a few that are known', t => {
  const read = [
    ...later.choice.map(each => ({ ...each, said: chosenLetter(each.text, each.options) ?? null })),
    ...later.yesNo.map(each => ({ ...each, said: yesOrNo(each.text) ?? null })),
  ]
  const wrong = read.filter(({ said, means }) => said !== null && said !== means)
  t.deepEqual(
    wrong.map(({ text }) => text),
    ['minus 3', '3%', '– 3', 'No one would deny that there is a dog: yes', 'The sign reads NO PARKING'],
  )
  const unread = read.filter(({ said, means }) => said === null && means !== null)
  t.deepEqual([read.length, unread.length], [364, 12])
})

test('POPE and MME read yes and no as they publish it', t => {
  for (const rule of ['pope', 'mme'] satisfies YesNoRule[]) {
    for (const each of yesNo) {
      t.is(yesOrNo(each.text, rule) ?? null, each[rule], `${rule}: ${JSON.stringify(each.text)}`)
    }
  }
})

test('the figures of docs/answers.md', t => {
  const figures = <T extends { means: string | null }>(all: readonly T[], names: readonly (keyof T)[]) =>
    names.map(name => all.filter(each => each[name] === each.means).length)
  t.deepEqual([choice.length, ...figures(choice, ['vlmevalkit', 'mmmu', 'llava'])], [494, 341, 274, 100])
  t.deepEqual([yesNo.length, ...figures(yesNo, ['vlmevalkit', 'mme', 'pope'])], [215, 150, 123, 91])
})
