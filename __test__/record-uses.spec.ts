import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import test from 'ava'
import { rowsById, rowsInOrder } from '../src/revision/data/row-lookup.ts'
import { sampleOf } from '../src/revision/data/sample.ts'
import { TrainingSet } from '../src/revision/data/training-set.ts'
import { VisionModel } from '../src/revision/model.ts'
import { ReVision } from '../src/revision/run.ts'
import { folderOf } from './helpers/place.ts'
import { DIM, jsonLines, linesOf, material, TINY, tinyConfig } from './helpers/revision.ts'

const RECORDS = join(import.meta.dirname, 'fixtures', 'records')
const VIDEOS = join(import.meta.dirname, 'fixtures', 'video-records')

const place = { file: 'data.json', row: 3 }
const chat = [
  { from: 'human', value: '<image>\nwhat' },
  { from: 'gpt', value: 'a fox' },
]
const read = (record: Record<string, unknown>) =>
  sampleOf({ id: 'r', image: 'i', conversations: chat, ...record }, place)

test('what a record says of its own use is refused by name', t => {
  const turn = (flags: object) => ({ conversations: [chat[0], { ...chat[1], ...flags }] })
  const uses: [object, RegExp][] = [
    [{ video: '1.mp4' }, /it has video: there are rows of images only/],
    [{ videos: ['1.mp4'] }, /it has videos/],
    [{ audio: '1.wav' }, /it has audio/],
    [{ tools: '[{}]' }, /it has tools: calls of tools/],
    [{ chosen: { from: 'gpt', value: 'x' } }, /it has chosen: pairs of preference/],
    [{ rejected: 'x' }, /it has rejected/],
    [{ weight: 0.5 }, /it has weight: 0.5/],
    [{ weight: 0 }, /it has weight: 0, and every record counts in full/],
    [turn({ loss: 0.3 }), /turn 2 has loss: 0.3, and a turn is learned in full \(1, true\) or not at all/],
    [turn({ weight: '0' }), /turn 2 has weight: "0"/],
    [turn({ train_detail: [{}] }), /turn 2 has train_detail/],
    [turn({ weight: 1, train: false }), /turn 2 has train: false, which contradicts its weight: 1/],
    [turn({ weight: 0 }), /none of its answers is to be learned/],
    [turn({ masked: true }), /none of its answers is to be learned/],
    [turn({ masked: 'yes' }), /turn 2 has masked: "yes"/],
    [turn({ masked: true, train: true }), /turn 2 has masked: true, which contradicts its train: true/],
    [turn({ mask: true }), /turn 2 has mask: true; say whether it is learned as train/],
    [turn({ trainable: false }), /turn 2 has trainable: false; say whether/],
    [{ train: false }, /it has train: false, and every record is trained on/],
    [{ masked: true }, /it has masked: true, and every record/],
    [{ mask: 'Assistant' }, /it has mask: "Assistant", and what the user says is masked/],
    [{ loss_scale: 0.5 }, /it has loss_scale: 0.5/],
    [{ video_path: 'a.mp4' }, /it has video_path: there are rows of images only/],
    [{ speech: 'a.wav' }, /it has speech: there are rows of images only/],
    [turn({ reasoning_content: 'hm' }), /turn 2 has reasoning_content: thoughts stand in the text/],
    [{ system: 'a', conversations: [{ from: 'system', value: 'b' }, ...chat] }, /a system text and another one/],
    [{ system: 5 }, /its system is not text/],
    [{ objects: { ref: ['fox'], bbox: [[1, 2, 3, 4]] } }, /it has objects: boxes and names/],
    [{ rejected_images: ['j'] }, /it has rejected_images/],
    [{ label: false }, /it has label: false/],
    [{ messages: [{ role: 'user', content: 'x' }] }, /both conversations and messages, and they differ/],
    [{ conversations: [{ ...chat[0], role: 'assistant' }, chat[1]] }, /turn 1 has both from and role/],
    [turn({ content: 'an owl' }), /turn 2 has both value and content/],
    [{ conversations: [{ from: 'human', value: '<video>\nwhat' }, chat[1]] }, /turn 1 has the place of <video>/],
    [{ conversations: [{ from: 'human', value: 'what\n<audio> ' }, chat[1]] }, /turn 1 has the place of <audio>/],
    [{ conversations: undefined, captions: ['a fox', ' '] }, /its caption is empty/],
    [{ id: { $oid: '5f' } }, /its id is neither a text nor a number/],
    [{ rejected_response: 'x' }, /it has rejected_response/],
    [
      { conversations: [{ ...chat[0], train: true }, chat[1]] },
      /turn 1 has train: true, and only what the assistant says/,
    ],
    [turn({ tool_calls: [{}] }), /turn 2 has tool_calls/],
    // Ollama, Open WebUI and OpenRouter keep them in the message
    [turn({ images: ['j'] }), /turn 2 has images: images are named by the record or by parts/],
    [{ conversations: [{ ...chat[0], video: 'v' }, chat[1]] }, /turn 1 has video/],
    [turn({ reasoning_details: [{ type: 'reasoning.text', text: 'hm' }] }), /turn 2 has reasoning_details: thoughts/],
    // flags that nobody has defined
    [turn({ compute_loss: false }), /turn 2 has compute_loss: false; say whether it is learned as train/],
    [turn({ Weight: 0 }), /turn 2 has Weight: 0; say whether/],
    [{ masked: 'true' }, /it has masked: "true", and every record is trained on/],
    [{ loss: 'none' }, /it has loss: "none", and every record is trained on/],
    // axolotl's flags of a part
    [
      turn({
        value: [
          { type: 'text', text: 'a', train: false },
          { type: 'text', text: 'b' },
        ],
      }),
      /turn 2 holds a part with train: false, and a turn is learned as a whole/,
    ],
    // the place of an image for Qwen-VL, Phi-3-vision, Llama 3.2 and Qwen2-VL
    ...[
      '<img>a.jpg</img>what',
      '<|image_1|>\nwhat',
      'what <|image|>',
      '<|vision_start|><|image_pad|><|vision_end|>what',
    ].map((value): [object, RegExp] => [
      { image: undefined, conversations: [{ from: 'human', value }, chat[1]] },
      /turn 1 has <.*, and the place of an image is <image>/,
    ]),
    [{ image: 'a', images: ['b'] }, /both image and images, and they differ/],
    // pictures without names: one has that of its record, several have none
    [{ image: undefined, images: Array(2).fill({ bytes: 'AA', path: null }) }, /an image is named by neither/],
    [
      {
        conversations: undefined,
        image: undefined,
        messages: [{ role: 'user', content: [{ type: 'video', video: '1.mp4' }] }],
      },
      /turn 1 holds a part of type "video"/,
    ],
  ]
  for (const [record, message] of uses) {
    t.like(
      t.throws(() => read(record as Record<string, unknown>), { code: 'BAD_SAMPLE', message }),
      place,
    )
  }
})

test('an answer with a weight of 0 is said and not learned, by the names of OpenAI, axolotl and ms-swift', t => {
  const more = [
    { from: 'human', value: 'and now' },
    { from: 'gpt', value: 'gone' },
  ]
  for (const flags of [
    { weight: 0 },
    { train: false },
    { training: false },
    { loss: false },
    { loss_weight: 0, loss: null },
    { masked: true },
  ]) {
    const { turns } = read({ conversations: [chat[0], { ...chat[1], ...flags }, ...more] })
    t.deepEqual(
      turns.map(({ learned }) => learned),
      [undefined, false, undefined, undefined],
    )
  }
})

test('labels of an answer that is not learned are missing from the sample, and nothing else', async t => {
  const model = await VisionModel.open({ path: TINY, dim: DIM, template: 'chatml', dtype: 'f32', threads: 1 })
  const sizes = async (...learned: boolean[]) => {
    const answers = ['fox', 'an owl'].map((content, i) => ({
      role: 'assistant' as const,
      content,
      learned: learned[i],
    }))
    const turns = answers.flatMap(answer => [{ role: 'user' as const, content: 'what' }, answer])
    const { positions, labels } = await model.sizes([{ id: 's', turns, rows: [] }])
    return [positions[0], labels[0]] as [number, number]
  }
  const [[positions, both], [, first], [, second]] = [
    await sizes(true, true),
    await sizes(true, false),
    await sizes(false, true),
  ]
  t.is(both, first + second)
  t.true(first > 0 && second > first)
  t.deepEqual(await sizes(false, true), [positions, second])
  await t.throwsAsync(sizes(false, false), { code: 'BAD_SAMPLE', message: /nothing to learn/ })
  // who asks is never learned
  const asked = [
    { role: 'user' as const, content: 'what', learned: true },
    { role: 'assistant' as const, content: 'fox' },
  ]
  const { labels } = await model.sizes([{ id: 's', turns: asked, rows: [] }])
  t.is(labels[0], first)
})

test('keys that hold nothing, and weights that change nothing, are taken', t => {
  const same = read({})
  for (const record of [
    { video: null, videos: [], audio: '', tools: [], chosen: null, weight: 1 },
    { tools: '[]', objects: {}, label: true, messages: chat },
    { train: true, loss: 2.25, mask: 'User', masked: false },
    {
      conversations: [
        { ...chat[0], weight: 0, train: false },
        { ...chat[1], weight: 1, train: true, loss: true },
      ],
    },
    {
      conversations: [
        { ...chat[0], images: [] },
        { ...chat[1], tool_calls: [], reasoning: '' },
      ],
    },
    { images: ['i'] },
    { image: { path: 'i' } },
  ]) {
    t.deepEqual(read(record), same)
  }
  for (const named of [
    { type: 'image_url', image_url: { url: 'i' } },
    { type: 'image', image: 'i' },
    { type: 'image', image: { path: 'i' } },
    { type: 'image', path: 'i' },
    { type: 'image', url: 'i' },
  ]) {
    const parts = [
      { role: 'user', content: [named, { type: 'text', text: '\nwhat' }] },
      { role: 'assistant', content: 'a fox' },
    ]
    t.deepEqual(sampleOf({ id: 'r', messages: parts }, place), same)
  }
  // a page about videos is a text
  const page = [
    { from: 'human', value: 'what is <video> in HTML' },
    { from: 'gpt', value: 'a tag' },
  ]
  t.notThrows(() => sampleOf({ id: 'r', conversations: page }, place))
})

test('a text with an image is its caption, without one it is a text', t => {
  t.like(sampleOf({ id: 'r', image: 'i', text: 'a fox' }, place), {
    images: ['i'],
    turns: [
      { role: 'user', content: '<image>' },
      { role: 'assistant', content: 'a fox' },
    ],
  })
  t.like(sampleOf({ id: 'r', image: null, text: 'a fox' }, place), { images: [], turns: { length: 1 } })
})

test('records of videos stop a run by name before anything is trained', async t => {
  const at = (name: string) => join(VIDEOS, name)
  const revision = await ReVision.open({
    model: { path: TINY, dtype: 'f32' },
    embeddings: { image: at('img.npy'), imageIds: { from: at('ids.txt') } },
    stage2: { data: at('records.json'), mode: 'projector', steps: 1, batchSize: 4 },
    output: join(folderOf(t), 'out'),
  })
  await t.throwsAsync(revision.run(), {
    code: 'BAD_SAMPLE',
    message: /record 3 \(31\): it has video: there are rows of images only/,
  })
})

test('of several captions every epoch has one: each once before any comes again', async t => {
  const data = join(RECORDS, 'list.jsonl')
  const set = await TrainingSet.open({ data, lookup: rowsInOrder(1), seed: 5 })
  t.deepEqual((await set.train.at(0)).captions, ['a fox number 0', 'b'])
  const said = async (list: typeof set.train, index: number, epochs: number) =>
    Promise.all(
      Array.from({ length: epochs }, async (_, epoch) => (await list.at(index, epoch)).turns.at(-1)?.content ?? ''),
    )
  for (let epoch = 0; epoch < 8; epoch += 2) {
    t.deepEqual((await said(set.train, 0, 8)).slice(epoch, epoch + 2).sort(), ['a fox number 0', 'b'])
  }
  await set.close()
  const many = jsonLines(
    join(folderOf(t), 'many.jsonl'),
    Array.from({ length: 60 }, (_, id) => ({ id, caption: ['a', 'b', 'c'] })),
  )
  const orders = async (seed: number) => {
    const set = await TrainingSet.open({ data: many, lookup: rowsInOrder(60), seed })
    const all = await Promise.all(Array.from({ length: 60 }, (_, i) => said(set.train, i, 6)))
    await set.close()
    return all.map(each => each.join(''))
  }
  const [once, again, other] = [await orders(1), await orders(1), await orders(2)]
  t.deepEqual(once, again)
  t.notDeepEqual(once, other)
  // all six orders of three occur among sixty records
  t.is(new Set(once.map(each => each.slice(0, 3))).size, 6)
})

test('a run takes lists of captions and scores answers against all of them', async t => {
  const folder = material(t)
  const records = linesOf(join(folder, 'captions.jsonl')).map(each => ({
    ...each,
    caption: [each.caption, 'sea', 'owl'],
  }))
  jsonLines(join(folder, 'captions.jsonl'), records)
  const held = linesOf(join(folder, 'held.jsonl')).map(({ id, image }) => ({
    id,
    image,
    caption: ['fox', 'owl', 'sea', 'ivy'],
  }))
  jsonLines(join(folder, 'held.jsonl'), held)
  const revision = await ReVision.open(tinyConfig(folder, { stage2: false, template: 'plain' }))
  const { stage1, evaluation } = await revision.run()
  t.is(stage1?.steps, 8)
  t.is(evaluation.records[0]?.count, 8)
})

for (const name of ['captions.parquet', 'captions.jsonl.gz']) {
  test(`${name} is read as its JSON lines are`, async t => {
    const cache = folderOf(t)
    const set = await TrainingSet.open({
      data: join(RECORDS, name),
      lookup: await rowsById(['i3', 'i2', 'i1', 'i0']),
      cache,
    })
    t.is(set.train.length, 4)
    t.like(await set.train.at(1), { id: 'i1', rows: [2], captions: ['a fox 1', 'fox 1 on snow', 'snow 1'] })
    await set.close()
  })
}

test('conversations of a parquet file of the package datasets keep ids beyond 2^53 and name pictures by their path', async t => {
  const data = join(RECORDS, 'chat.parquet')
  const set = await TrainingSet.open({ data, lookup: await rowsById(['i0', 'i1', 'i2', 'i3']), cache: folderOf(t) })
  const sample = await set.train.at(3)
  t.like(sample, { id: '9007199254740995', images: ['i3'], rows: [3], place: { file: data, row: 3 } })
  t.is(sample.turns[1]?.content, 'fox 3')
  await set.close()
})

for (const name of ['coco.json', 'coco.json.gz']) {
  test(`${name}: an image of COCO's layout is a record with its captions`, async t => {
    const lookup = await rowsById(['i0', 'i1', 'i2'], { match: 'stem' })
    const set = await TrainingSet.open({ data: join(RECORDS, name), lookup, cache: folderOf(t) })
    t.is(set.train.length, 3)
    t.like(await set.train.at(2), {
      id: '9',
      images: ['i2.jpg'],
      rows: [2],
      captions: ['caption 0 of 2', 'caption 1 of 2'],
    })
    await set.close()
  })
}

test('what is neither text nor number in a parquet file is named, and a picture without a name has that of its record', async t => {
  const lookup = await rowsById(['i0', 'i1'])
  const open = (name: string) => TrainingSet.open({ data: join(RECORDS, name), lookup, cache: folderOf(t) })
  for (const [name, said] of [
    ['bytes.parquet', /record 1: the column caption is of the type Binary, which is neither text nor number/],
    ['days.parquet', /record 0: the column id is of the type Date32/],
    ['film.parquet', /record 0: the column video is of the type Binary/],
  ] as const) {
    await t.throwsAsync(open(name), { code: 'BAD_FORMAT', message: said })
  }
  for (const name of ['unnamed.parquet', 'pictures.parquet']) {
    const set = await open(name)
    t.like(await set.train.at(0), { id: 'i1', images: ['i1'], rows: [1] })
    t.is((await set.train.at(1)).turns.at(-1)?.content, 'fox 0')
    await set.close()
  }
})

test('a table of text is named with what records are read from', async t => {
  const data = join(folderOf(t), 'captions.csv')
  writeFileSync(data, 'id,caption\n1,a fox\n')
  await t.throwsAsync(TrainingSet.open({ data }), {
    code: 'UNSUPPORTED',
    message: /captions\.csv: is a table of text separated by commas; records are read from JSON and JSON lines/,
  })
})

test('elements of an array that are not objects are bad records like others', async t => {
  const folder = folderOf(t)
  const data = join(folder, 'mixed.json')
  const good = JSON.stringify({ id: 'i0', caption: 'a fox' })
  writeFileSync(data, `[ ${good}, null, 5 ,"a, b",[1, {"id": 2}], true , ${good}, -1.5e3 ]`)
  const lookup = await rowsById(['i0'])
  await t.throwsAsync(TrainingSet.open({ data, lookup }), {
    message: /^6 records cannot be used:\n.*record 1: it is not an object\n.*record 2: it is not an object\n/,
  })
  const set = await TrainingSet.open({ data, lookup, onBad: 'drop' })
  t.like(set.report, { records: 8, dropped: { count: 6 } })
  t.like(await set.train.at(1), { record: 6, id: 'i0' })
  await set.close()
  for (const broken of ['[1 2]', '[,1]', '[1,]', '["a]']) {
    writeFileSync(data, broken)
    await t.throwsAsync(TrainingSet.open({ data, lookup, onBad: 'drop' }), { code: 'BAD_FORMAT' })
  }
})

test('records that begin with images are not a file in COCO layout', async t => {
  const record = {
    images: [{ path: 'i0', bytes: null }],
    messages: [
      { role: 'user', content: '<image>what' },
      { role: 'assistant', content: 'a fox' },
    ],
  }
  const set = await TrainingSet.open({
    data: jsonLines(join(folderOf(t), 'd.jsonl'), [record]),
    lookup: await rowsById(['i0']),
  })
  t.like(await set.train.at(0), { images: ['i0'], rows: [0] })
  await set.close()
})

test("ids in COCO's layout are one whether texts or numbers, and images of one id are refused", async t => {
  const folder = folderOf(t)
  const lookup = await rowsById(['a.jpg', 'b.jpg'])
  let files = 0
  const records = (content: object) => {
    const data = join(folder, `coco${files++}.json`)
    writeFileSync(data, JSON.stringify(content))
    return TrainingSet.open({ data, lookup, cache: join(folder, 'cache') })
  }
  const images = [
    { id: 1, file_name: 'a.jpg' },
    { id: '2', file_name: 'b.jpg' },
  ]
  const annotations = [
    { image_id: '1', caption: 'a fox' },
    { image_id: 2, caption: 'an owl' },
    { image_id: 1, caption: 'a red fox' },
  ]
  const set = await records({ type: 'captions', images, annotations })
  t.like(await set.train.at(0), { id: '1', images: ['a.jpg'], captions: ['a fox', 'a red fox'] })
  t.like(await set.train.at(1), { id: '2', images: ['b.jpg'] })
  await set.close()
  await t.throwsAsync(records({ images: [...images, { id: '1', file_name: 'c.jpg' }], annotations }), {
    code: 'BAD_FORMAT',
    message: /image 1 is both a.jpg and c.jpg/,
  })
  await t.throwsAsync(records({ annotations: [{ image_id: 2 ** 53 + 2, caption: 'x' }] }), {
    code: 'BAD_FORMAT',
    message: /an id near 9007199254740994 is not a whole number below 2\^53/,
  })
})

test('packed records that are damaged, of another kind or grow without end are refused by name', async t => {
  const folder = folderOf(t)
  const write = (name: string, bytes: Buffer | string) => {
    writeFileSync(join(folder, name), bytes)
    return join(folder, name)
  }
  const gz = readFileSync(join(RECORDS, 'captions.jsonl.gz'))
  const parquet = readFileSync(join(RECORDS, 'captions.parquet'))
  const cases: [string, RegExp][] = [
    [write('cut.gz', gz.subarray(0, gz.length - 12)), /not a gzip file that can be read/],
    [write('cut.parquet', parquet.subarray(0, parquet.length - 20)), /not a valid parquet file/],
    [
      write('boxes.json', '{"info": {}, "annotations": [{"id": 1, "image_id": 2, "bbox": []}]}'),
      /annotation 0 has no image_id and caption/,
    ],
    [write('bomb.gz', gzipSync(Buffer.alloc(160 * 2 ** 20, 32), { level: 9 })), /more than 200 times its size/],
  ]
  for (const [data, message] of cases) {
    await t.throwsAsync(TrainingSet.open({ data, cache: join(folder, 'cache') }), { code: 'BAD_FORMAT', message })
  }
  await t.throwsAsync(TrainingSet.open({ data: join(RECORDS, 'coco.json') }), { code: 'BAD_OPTION' })
})

test('all bad records are reported in one error, the first twenty by name', async t => {
  const good = { caption: 'x' }
  const lines = Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? good : { caption: 'x', video: 'v.mp4' }))
  const data = jsonLines(join(folderOf(t), 'data.jsonl'), lines)
  const error = await t.throwsAsync(TrainingSet.open({ data }), { code: 'BAD_SAMPLE' })
  t.like(error, { file: data, row: 1 })
  const message = error?.message ?? ''
  t.regex(message, /^30 records cannot be used:\n/)
  t.is(message.match(/record \d+: it has video/g)?.length, 20)
  t.regex(message, /and 10 more\n {2}records: \{ onBad: drop \}/)
})

test('bad records are dropped where that is asked for, also lines that are not JSON', async t => {
  const path = join(folderOf(t), 'data.jsonl')
  writeFileSync(path, '{"caption":"a"}\n{"caption":\n{"caption":"b","video":"v"}\n[1]\n{"caption":"c"}\n')
  const set = await TrainingSet.open({ data: path, lookup: rowsInOrder(5), onBad: 'drop' })
  t.like(set.report, { records: 5, skipped: 0, dropped: { count: 3, first: { length: 3 } } })
  t.regex(set.report.dropped?.first[0] ?? '', /record 1: it is not JSON/)
  // those that are left keep their numbers
  const all = await Promise.all([set.train.at(0), set.train.at(1)])
  t.deepEqual(
    all.map(({ id, rows, turns }) => [id, rows[0], turns[1]?.content]),
    [
      ['0', 0, 'a'],
      ['4', 4, 'c'],
    ],
  )
  await set.close()
  await t.throwsAsync(TrainingSet.open({ data: path }), { code: 'BAD_FORMAT', message: /^3 records cannot be used/ })
  const none = jsonLines(join(folderOf(t), 'none.jsonl'), [{ video: 'v' }])
  await t.throwsAsync(TrainingSet.open({ data: none, onBad: 'drop' }), { code: 'EMPTY', message: /it has video/ })
})

test('a run reports dropped records, in training and evaluation', async t => {
  const folder = material(t)
  for (const name of ['captions.jsonl', 'held.jsonl']) {
    writeFileSync(join(folder, name), `${readFileSync(join(folder, name), 'utf8')}{"id":"x","video":"x.mp4"}\n`)
  }
  const changes = { stage2: false, template: 'plain', evaluation: { answers: 0 } }
  const failing = await ReVision.open(tinyConfig(folder, changes))
  await t.throwsAsync(failing.run(), { code: 'BAD_SAMPLE', message: /it has video/ })
  const revision = await ReVision.open(tinyConfig(folder, { ...changes, records: { on_bad: 'drop' } }))
  const { stage1, evaluation } = await revision.run()
  t.is(stage1?.dropped?.count, 1)
  t.is(evaluation.records[0]?.dropped?.count, 1)
})
