// Records, questions, captions, configurations, and what a training of a language model leaves in its folder.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { readCaptions } from '../../../src/analyze/caption-files.ts'
import { promptOf } from '../../../src/revision/benchmarks/prompt.ts'
import { readBenchmark } from '../../../src/revision/benchmarks/read.ts'
import { scoreBenchmarks } from '../../../src/revision/benchmarks/score.ts'
import { checkpointsIn } from '../../../src/revision/checkpoints.ts'
import { loadConfig } from '../../../src/revision/config.ts'
import { TrainingSet } from '../../../src/revision/data/training-set.ts'
import { readTrainLog } from '../../../src/revision/logs.ts'
import { ReVision } from '../../../src/revision/run.ts'
import { CASES, copied, MODELS, npy, written } from './material.mjs'

const PACKED = ['captions.jsonl.gz', 'captions.parquet', 'chat.parquet', 'coco.json', 'coco.json.gz', 'list.jsonl']

const RECORDS = {
  'llava.json': JSON.stringify([
    {
      id: 'a',
      image: 'a.png',
      conversations: [
        { from: 'human', value: '<image>\nWhat?' },
        { from: 'gpt', value: 'A fox.' },
      ],
    },
    {
      id: 'b',
      conversations: [
        { from: 'system', value: 'Be brief.' },
        { from: 'human', value: 'Hi' },
        { from: 'gpt', value: 'Hi!' },
      ],
    },
  ]),
  'messages.jsonl': [
    {
      id: 1,
      images: ['a.png'],
      messages: [
        { role: 'user', content: [{ type: 'image' }, { type: 'text', text: 'What?' }] },
        { role: 'assistant', content: 'A fox.' },
      ],
    },
    {
      messages: [
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: 'Hi!', weight: 1 },
      ],
    },
  ],
  'captions.jsonl': [
    { id: 'a', image: 'a.png', caption: ['A fox.', 'Snow.'] },
    { id: 7, caption: 'An owl.' },
  ],
}

const POPE = [
  { question_id: 1, image: 'x.jpg', text: 'Is there a dog?', label: 'yes' },
  { question_id: 2, image: 'x.jpg', text: 'Is there a cat?', label: 'no' },
]

const ANCHORS = `# a configuration with references
model: { path: &here model }
embeddings: { text: text.npy, image: image.npy, aligner: { method: realign } }
stage1: &stage { data: captions.jsonl, steps: 4, learning_rate: 1e-3 }
output: *here
`

const QUESTIONS = {
  'pope.json': POPE,
  'MMBench.tsv':
    'index\timage\tquestion\tA\tB\tanswer\tcategory\n1\tiVBORw0=\tWhich?\ta cat\ta fox\tB\tx\n2\tiVBORw0=\tWho?\tan owl\ta dog\tA\ty\n',
  'scienceqa.json': JSON.stringify([
    {
      id: '12',
      image: 'i.png',
      conversations: [
        { from: 'human', value: 'Context: N/A\nQuestion: Which?\nOptions: (A) one (B) two\n<image>' },
        { from: 'gpt', value: 'The answer is B.' },
      ],
    },
  ]),
  'open.jsonl': [{ question_id: 'a', image: 'a.png', text: 'What?', answers: ['nokia', 'phone'] }],
}

export const kinds = [
  {
    id: 'records',
    make(folder) {
      copied(folder, Object.fromEntries(PACKED.map(name => [name, join(CASES, 'records', name)])))
      written(folder, RECORDS)
    },
    targets: [...PACKED, ...Object.keys(RECORDS)],
    async read(folder, file) {
      const cache = join(folder, 'cache')
      rmSync(cache, { recursive: true, force: true })
      const set = await TrainingSet.open({ data: join(folder, file), cache })
      const samples = []
      for (let i = 0; i < Math.min(5, set.train.length); i++) samples.push(await set.train.at(i, 1))
      await set.close()
      return [set.report, samples.map(({ turns }) => turns.length)]
    },
  },
  {
    id: 'captions',
    make: folder =>
      written(folder, {
        'captions.txt': 'a fox\n\nan owl\n',
        'captions.jsonl': ['a fox', { caption: 'an owl' }, { text: 'snow' }],
      }),
    targets: ['captions.txt', 'captions.jsonl'],
    read: async (folder, file) => (await readCaptions(join(folder, file))).map(caption => caption.length),
  },
  {
    id: 'benchmarks',
    make(folder) {
      written(folder, QUESTIONS)
      copied(
        folder,
        Object.fromEntries(
          ['questions', 'answers', 'with-answers'].map(name => [
            `textvqa-${name}.jsonl`,
            join(CASES, `textvqa/${name}.jsonl`),
          ]),
        ),
      )
      written(folder, {
        'MME/existence/a.txt': 'Is there a dog?\tYes\nIs there a cat?\tNo\n',
        'MME/existence/a.jpg': 'x',
      })
    },
    targets: [
      ...Object.keys(QUESTIONS),
      'textvqa-questions.jsonl',
      'textvqa-answers.jsonl',
      'textvqa-with-answers.jsonl',
      'MME/existence/a.txt',
    ],
    async read(folder, file) {
      const [path, answers] = /textvqa-(?:questions|answers)/.test(file)
        ? ['textvqa-questions.jsonl', 'textvqa-answers.jsonl']
        : [file, undefined]
      const records = await readBenchmark(
        join(folder, path.startsWith('MME') ? 'MME' : path),
        answers && { answers: join(folder, answers) },
      )
      const said = records.map(record => `${promptOf(record).slice(-200)} ${record.answers[0] ?? ''}`)
      return [records.length, scoreBenchmarks(records, record => said[records.indexOf(record)])]
    },
  },
  {
    id: 'configs',
    make(folder) {
      copied(folder, {
        'parts.yaml': join(CASES, 'model-cases/parts-template/c.yaml'),
        'think.yaml': join(CASES, 'model-cases/qwen3-think/c.yaml'),
      })
      written(folder, { 'run.json': JSON.stringify(configOf('.'), null, 1), 'anchors.yaml': ANCHORS })
    },
    targets: ['parts.yaml', 'think.yaml', 'run.json', 'anchors.yaml'],
    async read(folder, file) {
      const { config } = await loadConfig(join(folder, file))
      // a cadence may be given without end
      return JSON.stringify(config).length
    },
  },
  {
    id: 'run-folders',
    async make(folder) {
      copied(folder, { model: join(MODELS, 'llama-tied') })
      written(folder, {
        'text.npy': npy(8, 6, 1),
        'image.npy': npy(8, 6, 4),
        'captions.jsonl': Array.from({ length: 8 }, (_, i) => ({ id: i, image: i, caption: 'fox' })),
      })
      const run = await ReVision.open(configOf(folder))
      await run.run()
      // as if it had been interrupted after the first update
      for (const name of ['stage1/checkpoint-2', 'stage1/mm_projector.safetensors', 'result.json']) {
        rmSync(join(folder, 'out', name), { recursive: true })
      }
    },
    targets: ['out/**'],
    weight: 0.05,
    async read(folder, file) {
      const output = join(folder, 'out')
      // a configuration names what is written, which is its right
      if (file === 'out/config.json') return JSON.stringify((await loadConfig(output)).config).length
      const logs = await readTrainLog(join(output, 'stage1/log.jsonl'))
      const steps = (await checkpointsIn(join(output, 'stage1'))).map(({ state }) => state)
      const run = await ReVision.open(configOf(folder), { resume: true })
      return [logs, steps, await run.run()]
    },
  },
]

function configOf(folder) {
  const at = name => join(folder, name)
  return {
    model: { path: at('model') },
    projector: { numVisualTokens: 1 },
    embeddings: {
      image: at('image.npy'),
      imageIds: { from: 'row' },
      text: at('text.npy'),
      textIds: { from: 'row' },
      aligner: { method: 'realign' },
    },
    stage1: {
      data: at('captions.jsonl'),
      steps: 2,
      batchSize: 2,
      saveEvery: 1,
      maxLength: 48,
      schedule: 'constant',
      warmupRatio: 0,
    },
    template: 'plain',
    logging: { every: 1 },
    output: at('out'),
    seed: 3,
    threads: 1,
  }
}
