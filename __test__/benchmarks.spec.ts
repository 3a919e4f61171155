import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { promptOf } from '../src/revision/benchmarks/prompt.ts'
import { readBenchmark } from '../src/revision/benchmarks/read.ts'
import { BENCHMARKS, benchmarkNamed } from '../src/revision/benchmarks/record.ts'
import { folderOf } from './helpers/place.ts'

function write(t: ExecutionContext, name: string, content: string, folder = folderOf(t)): string {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
  return path
}

const lines = (...values: object[]) => values.map(value => JSON.stringify(value)).join('\n')

test('a LLaVA question file is read, with a file of answers', async t => {
  const path = write(
    t,
    'questions.jsonl',
    lines(
      { question_id: 1, image: 'a.png', text: '<image>\nWhat is it?', category: 'detail', extra: 1 },
      { question_id: 'q2', text: 'Is the sky blue?' },
    ),
  )
  const answers = write(
    t,
    'answers.jsonl',
    lines({ question_id: 1, text: 'A fox.' }, { question_id: 'q2', text: 'Yes' }),
  )
  t.deepEqual(await readBenchmark(path, { name: 'ours', answers }), [
    {
      id: '1',
      image: 'a.png',
      question: 'What is it?',
      answers: ['A fox.'],
      kind: 'open',
      category: 'detail',
      benchmark: 'ours',
    },
    { id: 'q2', question: 'Is the sky blue?', answers: ['yes'], kind: 'yes-no', benchmark: 'ours' },
  ])
})

test('POPE is read from one file or from a folder whose questions are numbered anew in every file', async t => {
  const folder = folderOf(t)
  const asked = (label: string) => lines({ question_id: 1, image: 'x.jpg', text: 'Is there a dog?', label })
  const random = write(t, 'coco_pope_random.json', asked('yes'), folder)
  write(t, 'coco_pope_popular.json', asked('no'), folder)
  const common = {
    image: 'x.jpg',
    question: 'Is there a dog?',
    kind: 'yes-no',
    benchmark: 'POPE',
    group: 'hallucination',
  }
  t.deepEqual(await readBenchmark(random), [{ id: '1', ...common, answers: ['yes'] }] as never)
  t.deepEqual(await readBenchmark(folder, { name: 'POPE' }), [
    { id: 'popular/1', ...common, answers: ['no'], category: 'popular' },
    { id: 'random/1', ...common, answers: ['yes'], category: 'random' },
  ] as never)
})

test('ScienceQA as LLaVA converts it is taken apart into question and options', async t => {
  const question = 'Context: N/A\nQuestion: Which is (A) the best?\nOptions: (A) one (B) thing (B) two (C) three'
  const path = write(
    t,
    'scienceqa.json',
    JSON.stringify([
      {
        id: '12',
        image: '12/image.png',
        conversations: [
          { from: 'human', value: `${question}\n<image>` },
          { from: 'gpt', value: 'LECTURE: x\nThe answer is B.' },
        ],
      },
    ]),
  )
  t.deepEqual(await readBenchmark(path), [
    {
      id: '12',
      image: '12/image.png',
      question: 'Context: N/A\nQuestion: Which is (A) the best?',
      options: ['one', 'thing (B) two', 'three'],
      answers: ['B'],
      kind: 'choice',
      benchmark: 'ScienceQA',
      group: 'general',
    },
  ])
})

test('a table is read with its quotes, its empty options, and without its pictures', async t => {
  const picture = Buffer.alloc(300_000, 7).toString('base64')
  const header = 'index\tquestion\thint\tA\tB\tC\tD\tanswer\tcategory\timage'
  const path = write(
    t,
    'MMBench_DEV_EN.tsv',
    [
      header,
      `7\tWhich is "red"?\tnan\tapple\tsky\t\t\ta\tcolour\t${picture}`,
      `8\t"Two\tlines\nand ""quotes"""\tLook.\t1\t2\t3\tnan\tC\tnan\t7`,
      '9\tNo picture?\t\tyes\tno\t\t\t\t\t',
    ].join('\n'),
  )
  t.deepEqual(await readBenchmark(path), [
    {
      id: '7',
      image: '7',
      question: 'Which is "red"?',
      options: ['apple', 'sky'],
      answers: ['A'],
      kind: 'choice',
      category: 'colour',
      benchmark: 'MMBench_DEV_EN',
    },
    {
      id: '8',
      image: '7',
      question: 'Look.\nTwo\tlines\nand "quotes"',
      options: ['1', '2', '3'],
      answers: ['C'],
      kind: 'choice',
      benchmark: 'MMBench_DEV_EN',
    },
    {
      id: '9',
      question: 'No picture?',
      options: ['yes', 'no'],
      answers: [],
      kind: 'choice',
      benchmark: 'MMBench_DEV_EN',
    },
  ])
})

test('questions of a table whose numbers differ by millions are one question in several orders', async t => {
  const path = write(
    t,
    'MMBench_DEV_EN.tsv',
    [
      'index\tquestion\tA\tB\tanswer',
      '5\tWhich is red?\tapple\tsky\tA',
      '6\tWhich is blue?\tapple\tsky\tB',
      '1000005\tWhich is red?\tsky\tapple\tB',
      '1000006\tAnother question?\tsky\tapple\tB',
      '2000005\tWhich is blue?\tsky\tapple\tA',
      '3000005\tWhich is blue?\tapple\tsky\tB',
    ].join('\n'),
  )
  const records = await readBenchmark(path)
  const [red, , again, , blue, last] = records.map(({ together }) => together)
  t.truthy(red)
  t.is(again, red)
  t.truthy(blue)
  t.is(last, blue)
  t.not(blue, red)
  t.deepEqual(
    [1, 3].map(i => records[i]?.together),
    [undefined, undefined],
  )
})

test('an option may be called None or nan; those that pandas left empty are none', async t => {
  const rows = ['0\twhat\tone\tNone\tnan\tfour\tD', '1\twhat\tone\ttwo\tnan\tnan\tB', '2\twhat\tone\tNone\t\t\tB']
  const path = write(t, 'odd.tsv', ['index\tquestion\tA\tB\tC\tD\tanswer', ...rows].join('\n'))
  const records = await readBenchmark(path)
  t.deepEqual(
    records.map(({ options }) => options),
    [
      ['one', 'None', 'nan', 'four'],
      ['one', 'two'],
      ['one', 'None'],
    ],
  )
})

test('a table without options asks for yes, no, or an open answer', async t => {
  const path = write(
    t,
    'HallusionBench.tsv',
    ['index\timage_path\tquestion\tanswer', '0\tVD/0.png\tIs it?\tYes', '1\tVD/1.png\tHow many?\t3'].join('\r\n'),
  )
  const records = await readBenchmark(path)
  t.deepEqual(
    records.map(({ kind, answers, image, group }) => ({ kind, answers, image, group })),
    [
      { kind: 'yes-no', answers: ['yes'], image: 'VD/0.png', group: 'hallucination' },
      { kind: 'open', answers: ['3'], image: 'VD/1.png', group: 'hallucination' },
    ],
  )
})

test('MME is read from its folders and from the files of its evaluation', async t => {
  const folder = folderOf(t)
  write(t, 'color/0001.txt', 'Is it red?\tYes\nIs it blue?\tNo\n', folder)
  write(t, 'color/0001.png', '', folder)
  write(t, 'celebrity/questions_answers_YN/tt1.txt', 'Is it he?\tno', folder)
  write(t, 'celebrity/images/tt1.jpg', '', folder)
  const common = { kind: 'yes-no', benchmark: 'MME', group: 'general' }
  t.deepEqual(await readBenchmark(folder, { name: 'MME' }), [
    {
      id: 'celebrity/tt1#0',
      image: 'celebrity/tt1.jpg',
      together: 'celebrity/tt1.jpg',
      question: 'Is it he?',
      answers: ['no'],
      category: 'celebrity',
      ...common,
    },
    {
      id: 'color/0001#0',
      image: 'color/0001.png',
      together: 'color/0001.png',
      question: 'Is it red?',
      answers: ['yes'],
      category: 'color',
      ...common,
    },
    {
      id: 'color/0001#1',
      image: 'color/0001.png',
      together: 'color/0001.png',
      question: 'Is it blue?',
      answers: ['no'],
      category: 'color',
      ...common,
    },
  ] as never)
  const flat = folderOf(t)
  write(t, 'OCR.txt', '0001.jpg\tIs it text?\tYes\tYes, it is.', flat)
  t.deepEqual(await readBenchmark(flat, { name: 'MME' }), [
    {
      id: 'OCR/0001.jpg#0',
      image: 'OCR/0001.jpg',
      together: 'OCR/0001.jpg',
      question: 'Is it text?',
      answers: ['yes'],
      category: 'OCR',
      ...common,
    },
  ] as never)
})

test('captions carry references, and by default the id of their image', async t => {
  const path = write(t, 'captions.json', JSON.stringify([{ id: 1, references: ['a', 'b'] }]))
  t.deepEqual(await readBenchmark(path), [
    { id: '1', image: '1', question: '', answers: ['a', 'b'], kind: 'open', benchmark: 'captions' },
  ])
})

test('what is wrong with a file is reported with its place', async t => {
  const cases: [string, string, object][] = [
    ['x.jsonl', '{"prompt":"x"}', { code: 'BAD_FORMAT', row: 0 }],
    ['x.jsonl', '{"id":1,"references":[]}', { code: 'BAD_FORMAT', row: 0 }],
    ['x.jsonl', '{"id":1,"references":["a",2]}', { code: 'BAD_FORMAT', row: 0 }],
    ['x.tsv', 'index\tA\n1\tx', { code: 'BAD_FORMAT' }],
    ['x.tsv', 'index\tquestion\tA\tB\tanswer\n1\tx\ty\tz\tC', { code: 'BAD_FORMAT', row: 0 }],
    ['x.tsv', 'index\tquestion\tA\n1\tx\ty\n2\tx', { code: 'BAD_FORMAT', row: 1 }],
    ['x.tsv', 'index\tquestion\n1\t"x', { code: 'BAD_FORMAT', row: 0 }],
  ]
  for (const [name, content, expected] of cases) {
    const path = write(t, name, content)
    t.like(await t.throwsAsync(() => readBenchmark(path)), { file: path, ...expected }, content)
  }
  for (const name of ['none.tsv', 'none.jsonl']) {
    await t.throwsAsync(() => readBenchmark(join(folderOf(t), name)), { code: 'NOT_FOUND' })
  }
  await t.throwsAsync(() => readBenchmark(folderOf(t)), { code: 'EMPTY' })
  const mme = folderOf(t)
  write(t, 'color/1.txt', 'Is it red?\tmaybe', mme)
  await t.throwsAsync(() => readBenchmark(mme), { code: 'BAD_FORMAT' })
  const path = write(t, 'q.jsonl', lines({ question_id: 1, text: 'x' }))
  const twice = write(t, 'a.jsonl', lines({ question_id: 1, text: 'x' }, { question_id: 1, text: 'y' }))
  await t.throwsAsync(() => readBenchmark(path, { answers: twice }), { code: 'BAD_FORMAT', message: /again/ })
})

test('published benchmarks are recognised by their names', t => {
  t.is(BENCHMARKS.length, 11)
  for (const [file, name] of [
    ['MMMU_DEV_VAL.tsv', 'MMMU'],
    ['MMMU-Pro_10.tsv', 'MMMU-Pro'],
    ['mmmu_pro.tsv', 'MMMU-Pro'],
    ['coco_pope_random.json', 'POPE'],
    ['llava_mme.jsonl', 'MME'],
    ['mmstar', 'MMStar'],
    ['antipope.json', undefined],
    ['MMBench_DEV_EN.tsv', undefined],
  ] as const) {
    t.is(benchmarkNamed(file)?.name, name, file)
  }
})

test('a prompt says how to answer', t => {
  const common = { id: '1', answers: [], benchmark: 'x' }
  t.is(
    promptOf({ ...common, kind: 'choice', question: 'Which?', options: ['a', 'b'] }),
    "Which?\nA. a\nB. b\nAnswer with the option's letter from the given choices directly.",
  )
  t.is(
    promptOf({ ...common, kind: 'yes-no', question: 'Is it?' }),
    'Is it?\nAnswer the question using a single word or phrase.',
  )
  t.is(promptOf({ ...common, kind: 'open', question: 'What?' }), 'What?')
})

test('each of the eleven benchmarks is known by its name in one word and in several', t => {
  const written: Record<string, readonly string[]> = {
    MME: ['MME', 'mme_test', 'lmms-lab-MME'],
    MMStar: ['MMStar.tsv', 'mm_star'],
    ScienceQA: ['scienceqa', 'science_qa_test', 'Science-QA'],
    RealWorldQA: ['RealWorldQA.tsv', 'real_world_qa', 'Real-World-QA.json'],
    MMMU: ['MMMU_DEV_VAL.tsv'],
    'MMMU-Pro': ['MMMU-Pro_10.tsv', 'mmmu_pro'],
    VisuLogic: ['visulogic', 'visu_logic'],
    LogicVista: ['LogicVista', 'logic-vista'],
    CRPE: ['crpe_relation'],
    POPE: ['coco_pope_random.json'],
    HallusionBench: ['HallusionBench.tsv', 'hallusion_bench'],
  }
  for (const [name, texts] of Object.entries(written)) {
    for (const text of texts) t.is(benchmarkNamed(text)?.name, name, text)
  }
  for (const other of ['popes.json', 'memes', 'mm.tsv', 'realworld.tsv', '']) {
    t.is(benchmarkNamed(other), undefined, other)
  }
  t.is(Object.keys(written).length, 11)
})
