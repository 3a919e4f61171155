import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { distinctlyNamed } from '../src/revision/benchmarks/names.ts'
import { readBenchmark } from '../src/revision/benchmarks/read.ts'
import type { BenchmarkRecord } from '../src/revision/benchmarks/record.ts'
import { type BenchmarkScore, groupScores, scoreBenchmarks } from '../src/revision/benchmarks/score.ts'
import { groupsOf } from '../src/revision/benchmarks/together.ts'
import { folderOf } from './helpers/place.ts'
import { jsonLines } from './helpers/revision.ts'

// LLaVA's files of TextVQA in small: `question_id` is the image's id and stands several times
const TEXTVQA = join(import.meta.dirname, 'fixtures', 'textvqa')

test('questions that share an id take the lines of that id in their order', async t => {
  const records = await readBenchmark(join(TEXTVQA, 'questions.jsonl'), { answers: join(TEXTVQA, 'answers.jsonl') })
  t.deepEqual(
    records.map(({ answers }) => answers),
    [['nokia'], ['2007'], ['stop']],
  )
})

test('lines that repeat their question answer that one, whatever their order', async t => {
  const folder = folderOf(t)
  const questions = jsonLines(
    join(folder, 'q.jsonl'),
    ['what brand', 'which year'].map(text => ({ question_id: 'a', image: 'a.jpg', text: `<image>\n${text}` })),
  )
  const answered = async (prompts: string[]) => {
    const lines = prompts.map(prompt => ({ question_id: 'a', prompt, text: `of ${prompt}` }))
    const records = await readBenchmark(questions, { answers: jsonLines(join(folder, 'a.jsonl'), lines) })
    return records.map(({ answers }) => answers[0])
  }
  t.deepEqual(await answered(['which year', 'what brand']), ['of what brand', 'of which year'])
  // prompts that are not questions of theirs say nothing
  t.deepEqual(await answered(['second', 'first']), ['of second', 'of first'])
})

test('a question shows one image and nothing else: others are refused, never asked without it', async t => {
  const folder = folderOf(t)
  const read = (record: object) =>
    readBenchmark(jsonLines(join(folder, 'q.jsonl'), [{ question_id: 1, text: 'Is it red?', label: 'yes', ...record }]))
  for (const image of [
    { image: 'a.jpg' },
    { image: ['a.jpg'] },
    { images: ['a.jpg'] },
    { images: [{ path: 'a.jpg' }] },
  ]) {
    t.is((await read(image))[0]?.image, 'a.jpg')
  }
  for (const none of [{}, { image: null }, { image: '' }, { images: [] }, { video: null }]) {
    t.false('image' in ((await read(none))[0] as object))
  }
  for (const [record, message] of [
    [{ image: ['a.jpg', 'b.jpg'] }, /record 0: it has 2 images, and a question is asked about one/],
    [{ image: true }, /record 0: its image is named by neither text nor number/],
    [{ image: { bytes: 'x' } }, /its image is named by neither/],
    [{ video: 'a.mp4' }, /it has video: there are rows of images only/],
    [{ audio: ['a.wav'] }, /it has audio: there are rows of images only/],
  ] as const) {
    await t.throwsAsync(read(record), { code: 'BAD_SAMPLE', message })
  }
  const science = {
    id: '1',
    images: ['a', 'b'],
    conversations: [
      { from: 'human', value: '<image> <image> Which?\nOptions: (A) x (B) y' },
      { from: 'gpt', value: 'The answer is B.' },
    ],
  }
  const file = jsonLines(join(folder, 's.jsonl'), [science])
  await t.throwsAsync(readBenchmark(file), { code: 'BAD_SAMPLE', message: /it has 2 images/ })
})

test('one line for two questions, and two for one, are refused by name', async t => {
  const questions = join(TEXTVQA, 'questions.jsonl')
  await t.throwsAsync(readBenchmark(questions, { answers: join(TEXTVQA, 'one-line.jsonl') }), {
    code: 'BAD_FORMAT',
    message: /record 0: question img_0 stands 2 times, and 1 of its lines/,
  })
  const folder = folderOf(t)
  const many = jsonLines(join(folder, 'many.jsonl'), [
    { question_id: 'img_1', text: 'stop' },
    { question_id: 'img_1', text: 'go' },
  ])
  await t.throwsAsync(readBenchmark(questions, { answers: many }), {
    code: 'BAD_FORMAT',
    message: /record 1 answers question img_1 again/,
  })
  const others = jsonLines(join(folder, 'others.jsonl'), [
    { question_id: 'img_8', text: 'stop' },
    { question_id: 'img_9', text: 'go' },
  ])
  await t.throwsAsync(readBenchmark(questions, { answers: others }), {
    code: 'BAD_FORMAT',
    message: /record 0 answers question img_8, and no record answers one that is asked here/,
  })
})

test('answers that stand beside a question are taken: ten of VQA, one, options', async t => {
  const [ten] = await readBenchmark(join(TEXTVQA, 'with-answers.jsonl'))
  t.like(ten, { kind: 'open', answers: { length: 10, 0: 'red', 6: 'crimson' } })
  const file = (record: object) =>
    readBenchmark(
      jsonLines(join(folderOf(t), 'q.jsonl'), [{ question_id: 1, image: '0.jpg', text: 'what ?', ...record }]),
    )
  t.like((await file({ answer: 'a fox' }))[0], { kind: 'open', answers: ['a fox'] })
  t.like((await file({ answers: [{ answer: 'yes' }, { answer: 'Yes' }] }))[0], { kind: 'yes-no', answers: ['yes'] })
  t.like((await file({ options: ['a cat', 'a fox'], answer: 'B' }))[0], { kind: 'choice', answers: ['B'] })
  t.like((await file({ options: ['a cat', 'a fox'], answer: 'a fox' }))[0], { kind: 'choice', answers: ['B'] })
  for (const [options, answer] of [
    [['a cat', 'a fox'], 'b'],
    [['a cat', 'a fox'], '(B)'],
    [{ A: 'a cat', B: 'a fox' }, 'B'],
    [{ B: 'a fox', A: 'a cat' }, 'a fox'],
  ]) {
    t.like((await file({ choices: options, answer }))[0], {
      kind: 'choice',
      options: ['a cat', 'a fox'],
      answers: ['B'],
    })
  }
  const bad: [object, RegExp][] = [
    [{ choices: ['a cat', 'a fox'], answer: 1 }, /its answer "1" is none of 2 options/],
    [{ options: { A: 'a cat', C: 'a fox' }, answer: 'A' }, /options are not a list/],
    [{ options: ['a cat'], choices: ['a cat'], answer: 'A' }, /both options and choices/],
    [{ options: ['a cat'], answer: 'C' }, /its answer "C" is none of 1 options/],
    [{ options: 'a cat', answer: 'A' }, /options are not a list/],
    [{ label: 'yes', answer: 'no' }, /several of label, answer and answers/],
    [{ answers: [{ text: 'x' }] }, /its answer is neither a text nor a number/],
  ]
  for (const [record, message] of bad) {
    await t.throwsAsync(file(record), { code: 'BAD_FORMAT', message })
  }
})

/** Two images of two categories, two questions each. */
const MME = [
  ['color', '1.jpg', 'Is it red?', 'Yes'],
  ['color', '1.jpg', 'Is it blue?', 'No'],
  ['OCR', '1.jpg', 'Does it say go?', 'Yes'],
  ['OCR', '1.jpg', 'Does it say stop?', 'No'],
] as const

/** The questions of MME in every layout that is read. */
function mmeLayouts(folder: string): Record<string, string> {
  const at = (name: string) => join(folder, name)
  const table = (name: string, head: string, row: (each: (typeof MME)[number], i: number) => string) => {
    writeFileSync(at(name), `${head}\n${MME.map(row).join('\n')}\n`)
    return at(name)
  }
  mkdirSync(at('MME-texts/color'), { recursive: true })
  mkdirSync(at('MME-texts/OCR'))
  for (const category of ['color', 'OCR']) {
    const lines = MME.filter(([own]) => own === category).map(([, , question, answer]) => `${question}\t${answer}`)
    writeFileSync(at(`MME-texts/${category}/1.txt`), lines.join('\n'))
  }
  const picture = (category: string) => Buffer.from(category.repeat(40)).toString('base64')
  return {
    texts: at('MME-texts'),
    'table of paths': table(
      'MME.tsv',
      'index\tquestion\tanswer\tcategory\timage_path',
      ([category, image, question, answer], i) => [i, question, answer, category, `${category}/${image}`].join('\t'),
    ),
    'table of pictures': table(
      'MME_pictures.tsv',
      'index\tquestion\tanswer\tcategory\timage',
      ([category, , question, answer], i) => [i, question, answer, category, picture(category)].join('\t'),
    ),
    'labelled JSON': jsonLines(
      at('mme.jsonl'),
      MME.map(([category, image, text, label], i) => ({
        question_id: i,
        image: `${category}/${image}`,
        text,
        label,
        category,
      })),
    ),
    'table of pictures and rows that name one': table(
      'MME_named.tsv',
      'index\tquestion\tanswer\tcategory\timage',
      ([category, , question, answer], i) =>
        [i, question, answer, category, i % 2 === 0 ? picture(category) : String(i - 1)].join('\t'),
    ),
    'JSON of LLaVA, whose category is default': jsonLines(
      at('llava_mme.jsonl'),
      MME.map(([category, image, text, label]) => ({
        question_id: `${category}/${image}`,
        image: `${category}/${image}`,
        text,
        label,
        category: 'default',
      })),
    ),
    'JSON of questions and answers': jsonLines(
      at('MME.jsonl'),
      MME.map(([category, image, question, answer], id) => ({
        id,
        image: { path: `${category}/${image}` },
        question,
        answer,
        category,
      })),
    ),
    // as lmms-lab publishes it, without the column of pictures
    'JSON whose ids name the images': jsonLines(
      at('MME_ids.jsonl'),
      MME.map(([category, image, question, answer]) => ({
        question_id: `${category}/${image}`,
        question,
        answer,
        category,
      })),
    ),
    'JSON with the category in the path': jsonLines(
      at('mme_path.jsonl'),
      MME.map(([category, image, text, label]) => ({
        question_id: `${category}/${image}`,
        image: `${category}/${image}`,
        text,
        label,
      })),
    ),
  }
}

const right = ({ answers }: BenchmarkRecord) => answers[0]

test('MME is grouped by image in every layout: all right is 200 a category', async t => {
  for (const [layout, path] of Object.entries(mmeLayouts(folderOf(t)))) {
    const records = await readBenchmark(path)
    const [all] = scoreBenchmarks(records, right)
    t.deepEqual(all?.mme, { perception: 400, cognition: 0, accuracyPlus: 1, rule: 'strict' }, layout)
    const [yes] = scoreBenchmarks(records, () => 'yes')
    t.deepEqual(yes?.mme, { perception: 100, cognition: 0, accuracyPlus: 0, rule: 'strict' }, layout)
    t.deepEqual(Object.keys(all?.categories ?? {}), ['OCR', 'color'], layout)
    // what maxSamples chooses among
    t.is(groupsOf(records).length, 2, layout)
  }
})

test('records of MME that name no group of their own are grouped by image as well', t => {
  const records = MME.map(
    ([category, image, question, answer], i): BenchmarkRecord => ({
      id: String(i),
      image: `${category}/${image}`,
      question,
      answers: [answer.toLowerCase()],
      kind: 'yes-no',
      benchmark: 'MME',
      category,
    }),
  )
  t.like(scoreBenchmarks(records, right)[0], { mme: { perception: 400 } })
})

test('the reading of yes and no is said beside the sum of MME, and changes it', async t => {
  const records = await readBenchmark(mmeLayouts(folderOf(t))['labelled JSON'] as string)
  const say = ({ answers: [answer] }: BenchmarkRecord) => (answer === 'yes' ? 'I think yes' : 'There is not')
  const of = (rule: 'strict' | 'mme' | 'pope') => scoreBenchmarks(records, say, { rule })[0]
  t.deepEqual(of('strict')?.mme, { perception: 400, cognition: 0, accuracyPlus: 1, rule: 'strict' })
  t.deepEqual(of('mme')?.mme, { perception: 0, cognition: 0, accuracyPlus: 0, rule: 'mme' })
  t.like(of('pope'), { mme: { perception: 400, rule: 'pope' }, yesNo: { rule: 'pope' } })
})

test('benchmarks of one name keep names of their own and count once in their group', t => {
  const score = (benchmark: string, accuracy: number): BenchmarkScore => ({
    benchmark,
    group: 'hallucination',
    count: 2,
    accuracy,
  })
  const files = [
    { score: score('POPE', 0.9), path: 'a/coco_pope_random.json' },
    { score: score('POPE', 0.6), path: 'a/coco_pope_popular.json' },
    { score: score('POPE', 0.3), path: 'b/coco_pope_popular.json' },
    { score: score('POPE', 0.6), path: 'b/coco_pope_popular.json' },
    { score: score('CRPE', 0.2), path: 'crpe.tsv' },
    { score: score('held.jsonl', 0.2), path: 'c/held.jsonl' },
    { score: score('all', 0.2), path: 'c/everything.tsv' },
  ]
  const named = distinctlyNamed(files, ['held.jsonl'])
  t.deepEqual(
    named.map(({ benchmark, of }) => [benchmark, of]),
    [
      ['POPE (coco_pope_random)', 'POPE'],
      ['POPE (coco_pope_popular)', 'POPE'],
      ['POPE (b/coco_pope_popular.json)', 'POPE'],
      ['POPE (b/coco_pope_popular.json) 2', 'POPE'],
      ['CRPE', undefined],
      ['held.jsonl (held)', undefined],
      ['all (everything)', undefined],
    ],
  )
  const [group] = groupScores(named)
  t.is(group?.benchmarks, 4)
  t.true(Math.abs((group?.accuracy ?? 0) - (0.6 + 0.2 + 0.2 + 0.2) / 4) < 1e-15)
})
