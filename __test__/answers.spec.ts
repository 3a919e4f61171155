import test from 'ava'
import { choiceAccuracy, chosenLetter } from '../src/text-metrics/choice.ts'
import { yesNoScore, yesOrNo } from '../src/text-metrics/yes-no.ts'

const OPTIONS = ['a dog', 'a cat', 'a small dog', 'Vitamin C']

test('an option is named in any of the usual ways', t => {
  const ways: [string, string[]][] = [
    ['B', ['B', ' b ', '(B)', 'B.', '**B**', '[B]', 'B)', '"B"']],
    [
      'B',
      ['The answer is B', 'The answer is B.', 'the correct answer is (B), as it purrs', 'Answer: B', 'ANSWER IS B'],
    ],
    ['B', ['Option B is correct', 'The best choice would be B.', 'I think the answer is option **B**.']],
    ['B', ['A first look says the answer is A. But no: the answer is B.']],
    ['B', ['B. a cat', '(B) a cat', 'B: a cat', 'B. a dog']],
    ['B', ['a cat', 'A cat.', 'The answer is a cat.']],
    ['B', ['I would say (B), as it barks not', 'Clearly there is a cat in it.']],
    ['C', ['There is a small dog.', 'a small dog']],
    ['D', ['It holds vitamin C, I believe.', 'The answer is Vitamin C.']],
    [
      'A',
      ['The answer is A', 'A', 'It is a dog.', 'The answer is a dog', 'Option A is right', 'The answer is A because'],
    ],
  ]
  for (const [letter, texts] of ways) {
    for (const text of texts) {
      t.is(chosenLetter(text, OPTIONS), letter, text)
    }
  }
})

test('an answer that names no option, several, or one that is not there is not parsed', t => {
  for (const text of ['', 'E', 'The answer is F.', 'I cannot say', 'a cat or a dog', '(A) or (B)', 'A dogma', '?']) {
    t.is(chosenLetter(text, OPTIONS), undefined, text)
  }
})

test('an article is not the first option', t => {
  for (const text of ['The answer is A cat', 'A cat sits there', 'The option: a cat']) {
    t.is(chosenLetter(text, OPTIONS), 'B', text)
  }
})

test('what cannot be parsed is wrong and counted apart', t => {
  const answer = (text: string) => ({ text, options: OPTIONS, answer: 'B' })
  t.deepEqual(choiceAccuracy([answer('B'), answer('A'), answer('who knows'), answer('a cat')]), {
    count: 4,
    correct: 2,
    accuracy: 0.5,
    unparsed: 1,
  })
})

test('a right letter beyond the options is an error with its row', t => {
  const error = t.throws(() => choiceAccuracy([{ text: 'A', options: ['x', 'y'], answer: 'C' }]))
  t.like(error, { code: 'BAD_SAMPLE', row: 0 })
  t.throws(() => choiceAccuracy([]), { code: 'EMPTY' })
})

test('yes and no are read strictly or as POPE reads them', t => {
  const cases: [string, 'yes' | 'no' | undefined, 'yes' | 'no'][] = [
    ['Yes', 'yes', 'yes'],
    ['yes, there is no doubt', 'yes', 'no'],
    ['No.', 'no', 'no'],
    ['no, there is not', 'no', 'no'],
    ['There is no dog in the image.', 'no', 'no'],
    ["There isn't one", 'no', 'yes'],
    ['The man is not wearing a hat', 'no', 'no'],
    ['I would say yes', 'yes', 'yes'],
    ['A dog.', undefined, 'yes'],
    ['', undefined, 'yes'],
    ['I see a cat. No dog.', 'no', 'yes'],
    ['It may be yes or no', undefined, 'no'],
    ['nothing', undefined, 'yes'],
  ]
  for (const [text, strict, pope] of cases) {
    t.is(yesOrNo(text), strict, text)
    t.is(yesOrNo(text, 'pope'), pope, text)
  }
})

test('yes-no scores follow from the table of answers by hand', t => {
  // yes: 3 right, 1 wrong; no: 2 right, 1 wrong; one answer says neither where yes is right
  const rows: [string, 'yes' | 'no'][] = [
    ['Yes', 'yes'],
    ['yes.', 'yes'],
    ['Yes', 'yes'],
    ['Yes', 'no'],
    ['No', 'no'],
    ['no', 'no'],
    ['No', 'yes'],
    ['a dog', 'yes'],
  ]
  const score = yesNoScore(rows.map(([text, answer]) => ({ text, answer })))
  t.is(score.count, 8)
  t.is(score.accuracy, 5 / 8)
  t.is(score.precision, 3 / 4)
  t.is(score.recall, 3 / 5)
  // 2·¾·⅗/(¾+⅗)
  t.true(Math.abs((score.f1 ?? 0) - 2 / 3) < 1e-15)
  t.is(score.yesRatio, 4 / 8)
  t.is(score.unparsed, 1)
})

test('a score that divides by zero is null', t => {
  t.like(yesNoScore([{ text: 'No', answer: 'no' }]), {
    precision: null,
    recall: null,
    f1: null,
    accuracy: 1,
    yesRatio: 0,
  })
  t.throws(() => yesNoScore([]), { code: 'EMPTY' })
})

test('what could be, options listed in one line, signs in words and a second right letter are read as they are meant', t => {
  const animals = ['a cat', 'a fox', 'a horse', 'a dog']
  const numbers = ['3', '5', '3.5', '-3']
  for (const [text, options, letter] of [
    ['It could be A or B, but I would choose B.', animals, 'B'],
    ['It could be A or B.', animals, undefined],
    ['It might be C.', animals, 'C'],
    ['A. a cat B. a fox C. a horse D. a dog', animals, undefined],
    ['B. a fox, as A. is a cat', animals, 'B'],
    ['A is correct and so is B', animals, undefined],
    ['So is B.', animals, 'B'],
    ['minus 3', numbers, 'D'],
    ['It is negative 3', numbers, 'D'],
    ['3', numbers, 'A'],
    ['◁think▷A? No.◁/think▷ B', animals, 'B'],
    ['<thought>Maybe A.</thought>\nB', animals, 'B'],
  ] as const) {
    t.is(chosenLetter(text, options), letter, text)
  }
})

test('a refusal without a verb says neither, and no way alone is no', t => {
  for (const [text, said] of [
    ["I'm sorry, I cannot.", undefined],
    ['As an AI, I can not', undefined],
    ['No way!', 'no'],
    ['No way to tell', undefined],
    ['There is no way of knowing', undefined],
    ['I cannot see a dog.', 'no'],
  ] as const) {
    t.is(yesOrNo(text), said, text)
  }
})
