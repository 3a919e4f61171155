import test from 'ava'
import { byImage } from '../src/revision/benchmarks/mme-score.ts'
import type { BenchmarkRecord } from '../src/revision/benchmarks/record.ts'
import { groupScores, scoreBenchmarks } from '../src/revision/benchmarks/score.ts'
import { rotated } from '../src/revision/benchmarks/together.ts'

const choice = (id: string, answer: string, category?: string): BenchmarkRecord => ({
  id,
  question: 'Which?',
  options: ['a fox', 'a cat', 'a dog'],
  answers: [answer],
  kind: 'choice',
  benchmark: 'MMStar',
  group: 'general',
  ...(category ? { category } : {}),
})

const word = (id: string, answer: 'yes' | 'no'): BenchmarkRecord => ({
  id,
  question: 'Is it?',
  answers: [answer],
  kind: 'yes-no',
  benchmark: 'POPE',
  group: 'hallucination',
})

const RECORDS = [
  choice('1', 'A', 'animals'),
  choice('2', 'B', 'animals'),
  choice('3', 'C', 'other'),
  word('4', 'yes'),
  word('5', 'no'),
]

const SAID = new Map([
  ['1', 'A'],
  ['2', 'The answer is C.'],
  ['3', 'hard to say'],
  ['4', 'Yes'],
  ['5', 'No.'],
])

const said = ({ id }: BenchmarkRecord) => SAID.get(id)

test('benchmarks are scored apart, with their categories', t => {
  const [star, pope] = scoreBenchmarks(RECORDS, said)
  t.deepEqual(star, {
    benchmark: 'MMStar',
    group: 'general',
    count: 3,
    accuracy: 1 / 3,
    unparsed: 1,
    categories: { animals: 1 / 2, other: 0 },
  })
  t.like(pope, { benchmark: 'POPE', count: 2, accuracy: 1, unparsed: 0, yesNo: { yesRatio: 1 / 2, f1: 1 } })
})

test('groups are means over benchmarks, not over questions', t => {
  t.deepEqual(groupScores(scoreBenchmarks(RECORDS, said)), [
    { group: 'general', benchmarks: 1, accuracy: 1 / 3 },
    { group: 'hallucination', benchmarks: 1, accuracy: 1 },
    { group: 'all', benchmarks: 2, accuracy: (1 / 3 + 1) / 2 },
  ])
})

test('parts of one name count once, by their mean', t => {
  const part = (benchmark: string, accuracy: number) => ({
    benchmark,
    of: 'POPE',
    group: 'hallucination' as const,
    count: 2,
    accuracy,
    unparsed: 0,
  })
  const scores = [part('POPE random', 1), part('POPE popular', 1 / 2), part('POPE adversarial', 0)]
  t.deepEqual(groupScores(scores), [
    { group: 'hallucination', benchmarks: 1, accuracy: 1 / 2 },
    { group: 'all', benchmarks: 1, accuracy: 1 / 2 },
  ])
})

test('open answers have scores of their own and no accuracy', t => {
  const caption = (id: string, answers: string[]): BenchmarkRecord => ({
    id,
    question: '',
    answers,
    kind: 'open',
    benchmark: 'captions',
  })
  const records = [caption('1', ['a red fox on the snow']), caption('2', ['two cats near a table'])]
  const [score] = scoreBenchmarks(records, ({ answers }) => answers[0])
  t.is(score?.accuracy, undefined)
  t.like(score?.open, { count: 2, f1: 1, exactMatch: 1, rougeL: 1 })
  // COCO's guards against division by zero take 1e-9 of few n-grams
  t.true(Math.abs((score?.open?.bleu4 ?? 0) - 1) < 1e-8)
  t.true(Math.abs((score?.open?.cider ?? 0) - 10) < 1e-12)
  t.deepEqual(groupScores(score ? [score] : []), [])
})

test('a question without an answer of the model is an error, one without a right answer is left out', t => {
  const error = t.throws(() => scoreBenchmarks(RECORDS, () => undefined), { message: /question 1 of MMStar/ })
  t.like(error, { code: 'BAD_SAMPLE', sample: '1' })
  const unknown = { ...choice('6', 'A'), answers: [] }
  t.is(scoreBenchmarks([...RECORDS, unknown], said)[0]?.count, 3)
  t.throws(() => scoreBenchmarks([unknown], said), { code: 'EMPTY' })
})

test('MME sums accuracy and accuracy+ of its categories in percent', t => {
  const asked = (category: string, image: string, answer: 'yes' | 'no', n: number): BenchmarkRecord => ({
    ...word(`${category}/${image}#${n}`, answer),
    benchmark: 'MME',
    group: 'general',
    category,
    together: `${category}/${image}`,
  })
  const pairs = (category: string, images: string[]) =>
    images.flatMap(image => [asked(category, image, 'yes', 0), asked(category, image, 'no', 1)])
  const records = [
    ...pairs('color', ['1', '2', '3', '4']),
    ...pairs('OCR', ['1']),
    ...pairs('code_reasoning', ['1', '2']),
    ...pairs('other', ['1']),
  ]
  // always yes is right about half the questions and about no image; of colours, two images are seen as they are
  const seen = new Set(['color/1#1', 'color/2#1'])
  const [score] = scoreBenchmarks(records, ({ id }) => (seen.has(id) ? 'no' : 'yes'))
  t.is(score?.accuracy, 10 / 16)
  t.deepEqual(score?.mme, {
    perception: 100 * (6 / 8 + 2 / 4) + 50,
    cognition: 50,
    accuracyPlus: 2 / 8,
    rule: 'strict',
  })
  t.deepEqual(score?.together, { count: 8, accuracy: 2 / 8 })
})

test('a question with its options moved on asks the same, and counts where every order was answered right', t => {
  const asked = [choice('1', 'A'), choice('2', 'B'), word('3', 'yes')]
  const all = rotated(asked)
  t.deepEqual(
    all.map(({ id }) => id),
    ['1', '1+1', '1+2', '2', '2+1', '2+2', '3'],
  )
  const rightText = ({ options = [], answers: [letter = ''] }: BenchmarkRecord) => options[letter.charCodeAt(0) - 65]
  t.deepEqual(all.map(rightText), [...Array(3).fill('a fox'), ...Array(3).fill('a cat'), undefined])
  t.deepEqual(
    all.slice(0, 3).map(({ options }) => options?.join()),
    ['a fox,a cat,a dog', 'a cat,a dog,a fox', 'a dog,a fox,a cat'],
  )
  t.deepEqual(rotated(all), all, 'moved on once only')
  // who likes the letter A is right about one order of three
  const choices = all.filter(({ kind }) => kind === 'choice')
  t.like(scoreBenchmarks(choices, () => 'A')[0], { accuracy: 1 / 3, together: { count: 2, accuracy: 0 } })
  const fox = scoreBenchmarks(choices, record => (record.together === '1' ? rightText(record) : 'A'))
  t.like(fox[0], { accuracy: 4 / 6, together: { count: 2, accuracy: 1 / 2 } })
})

test('questions that count together are read as all others are', t => {
  // by the rule of POPE what has no `no` in it is a yes; read strictly it is neither
  const records = ['a', 'b'].flatMap(image => [1, 2].map(i => ({ ...word(`${image}${i}`, 'yes'), together: image })))
  const said = ({ id }: BenchmarkRecord) => (id === 'b2' ? 'No.' : 'It seems so.')
  t.deepEqual(scoreBenchmarks(records, said, { rule: 'pope' })[0]?.together, { count: 2, accuracy: 1 / 2 })
  t.deepEqual(scoreBenchmarks(records, said, { rule: 'strict' })[0]?.together, { count: 2, accuracy: 0 })
})

test('the category of a question of MME is the folder above its image, but for one called images', t => {
  for (const id of ['artwork/images/10256.jpg', 'artwork/10256.jpg']) {
    const [record] = byImage<Pick<BenchmarkRecord, 'id' | 'image' | 'category' | 'together'>>([{ id }])
    t.is(record?.category, 'artwork', id)
  }
})
