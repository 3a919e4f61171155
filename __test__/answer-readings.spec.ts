import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { chosenLetter } from '../src/text-metrics/choice.ts'
import { comparableWords } from '../src/text-metrics/pieces.ts'
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
  t.deepEqual([read.length, unread.length], [364, 9])
})

/** Written by a second reader, with what a person takes them to mean; letters are those of `ANIMALS` where no options stand here. */
const ANIMALS = ['a cat', 'a fox', 'a horse', 'a dog']
const SECOND: [text: string, means: string | undefined, options?: string[]][] = [
  ['D is more likely than A.', 'D'],
  ['B seems more plausible.', 'B'],
  ['B appears to be the most plausible option.', 'B'],
  ['C best matches the picture.', 'C'],
  ['C fits best.', 'C'],
  ['B makes the most sense.', 'B'],
  ['B is more likely to run', undefined],
  ['Ans. B', 'B'],
  ['The answer is **b**', 'B'],
  ['\\(\\boxed{\\mathbf{B}}\\)', 'B'],
  ['<b>B</b>', 'B'],
  ['<|begin_of_box|>B<|end_of_box|>', 'B'],
  ['A is a cat.\n<|begin_of_box|>C. a horse<|end_of_box|>', 'C'],
  ['A. Incorrect\nB. Correct\nC. Incorrect\nD. Incorrect', 'B'],
  ['- A: wrong\n- **B**: right\n- C: wrong\n- D: wrong', 'B'],
  ['A) ✗\nB) ✓\nC) ✗\nD) ✗', 'B'],
  ['B. False', 'B', ['True', 'False']],
  ['A. True\nB. False', undefined, ['True', 'False']],
  ['B: right', 'B', ['left', 'right']],
  ['We can rule out A, C and D. That leaves B.', 'B'],
  ['This corresponds to B.', 'B'],
  ['Option A: a cat\nOption B: a fox', undefined],
  ['Yes, there is no dog', 'A', ['Yes', 'No']],
  ['There is no dog.', 'B', ['Yes', 'No']],
  ['I am not sure', undefined, ['Yes', 'No']],
  ['10cm', 'A', ['10 cm', '10 m', '100 cm']],
  ['about 1.5 kg', 'B', ['1.5g', '1.5kg', '15 kg']],
  ['It has 3 legs', undefined, ['3D', '2D']],
  ['The cat in picture B is right of the fox', undefined],
  ['B is right', 'B'],
  ['the answer is b)a fox', 'B'],
  ['A. False', 'A', ['False', 'Unknown']],
  ['It opens at 9 A.M. on weekdays', undefined],
  ['The sign says D.C.', undefined],
  ['This is the C.D. shop', undefined],
  ['It opens at 9 A.M., so the answer is C', 'C'],
]

test('answers of a second reader name the option that they mean', t => {
  for (const [text, means, options = ANIMALS] of SECOND) {
    t.is(chosenLetter(text, options), means, `${JSON.stringify(text)} of ${options.join(', ')}`)
  }
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

test('what an answer says that it is not is not its letter, and of two options the other is not said', t => {
  const [two, three] = [
    ['cat', 'dog'],
    ['cat', 'dog', 'cow'],
  ]
  for (const text of ['The answer isn\u2019t A.', "The answer isn't A.", 'The answer is not A.', 'Not A.']) {
    for (const options of [two, three]) t.is(chosenLetter(text, options as string[]), undefined, text)
  }
  t.is(chosenLetter("The answer isn't A, it is B.", three as string[]), 'B')
})

test('a list whose letters are bold says which option is right', t => {
  for (const mark of ['', '*', '**', '***']) {
    const lines = ['A', 'B', 'C'].map(letter => `${mark}${letter}${mark}) ${letter === 'B' ? '✓' : '✗'}`)
    t.is(chosenLetter(lines.join('\n'), ['cat', 'dog', 'cow']), 'B', lines.join(' '))
  }
})

test('a comma before three digits is not part of the number, any other is', t => {
  t.deepEqual(comparableWords('1,234 cows'), ['1234', 'cows'])
  t.deepEqual(comparableWords('12,345,678'), ['12345678'])
  t.deepEqual(comparableWords('1,23 cows'), ['1,23', 'cows'])
  t.deepEqual(comparableWords('1,2345'), ['1,2345'])
})

test('of an answer that repeats several questions what follows the last one counts', t => {
  t.is(yesOrNo('Is there a dog? Is there no cat? Yes.'), 'yes')
  t.is(yesOrNo('Is there no dog? Yes? No, there is none.'), 'no')
  t.is(yesOrNo('Yes? Is it?'), 'yes')
})
