import test from 'ava'
import { sampleOf } from '../src/revision/data/sample.ts'
import { toModelSample } from '../src/revision/turns.ts'

const place = { file: 'data.json', row: 3 }
const read = (record: Record<string, unknown>) => sampleOf(record, place)

const TURNS = [
  { role: 'user', content: '<image>\nWhat is it?' },
  { role: 'assistant', content: 'A fox.' },
] as const

test('every layout of one conversation gives the same sample', t => {
  const expected = { id: 'a', images: ['fox.png'], turns: [...TURNS] }
  const llava = [
    { from: 'human', value: '<image>\nWhat is it?' },
    { from: 'gpt', value: 'A fox.' },
  ]
  const parts = [
    { type: 'image', image: 'fox.png' },
    { type: 'text', text: '\nWhat is it?' },
  ]
  t.deepEqual(
    read({ id: 'a', image: 'fox.png', conversations: llava, source: 'unknown keys are left alone' }),
    expected,
  )
  t.deepEqual(read({ id: 'a', images: ['fox.png'], conversations: llava }), expected)
  t.deepEqual(read({ id: 'a', images: ['fox.png'], messages: [...TURNS] }), expected)
  t.deepEqual(read({ id: 'a', messages: [{ role: 'user', content: parts }, TURNS[1]] }), expected)
})

test('a caption is the answer to its image, by default the one of its own id', t => {
  const turns = [
    { role: 'user', content: '<image>' },
    { role: 'assistant', content: 'A fox.' },
  ] as const
  t.deepEqual(read({ id: 7, caption: 'A fox.' }), { id: '7', images: ['7'], turns: [...turns] })
  t.deepEqual(read({ caption: 'A fox.', image: 'x' }), { id: '3', images: ['x'], turns: [...turns] })
})

test('text alone is said by the assistant, without images', t => {
  t.deepEqual(read({ text: 'Foxes bark.' }), {
    id: '3',
    images: [],
    turns: [{ role: 'assistant', content: 'Foxes bark.' }],
  })
  t.deepEqual(read({ text: 'Foxes bark.', images: [] }), read({ text: 'Foxes bark.' }))
})

test('a system text goes first, from a turn or from the record', t => {
  const [user, assistant] = TURNS
  const expected = [{ role: 'system', content: 'Be brief.' }, user, assistant]
  const image = 'fox.png'
  t.deepEqual(read({ image, messages: [{ role: 'system', content: 'Be brief.' }, ...TURNS] }).turns, expected as never)
  t.deepEqual(read({ image, messages: [...TURNS], system: 'Be brief.' }).turns, expected as never)
})

test('several turns and several images belong together', t => {
  const { images, turns } = read({
    images: ['1', 2],
    messages: [...TURNS, { role: 'user', content: 'And <image>?' }, { role: 'assistant', content: 'A cat.' }],
  })
  t.deepEqual(images, ['1', '2'])
  t.is(turns.length, 4)
})

const REFUSED: [string, Record<string, unknown>, RegExp][] = [
  ['the assistant begins', { messages: [TURNS[1], TURNS[0], TURNS[1]] }, /turn 1 is by assistant/],
  ['two turns by one', { image: 'x', messages: [TURNS[0], TURNS[0], TURNS[1]] }, /turn 2 is by user/],
  ['no answer', { image: 'x', messages: [TURNS[0]] }, /not answered/],
  ['no turns', { messages: [] }, /no turns/],
  ['a system text alone', { messages: [{ role: 'system', content: 'x' }] }, /no turns/],
  ['a system text in the middle', { messages: [TURNS[0], { role: 'system', content: 'x' }, TURNS[1]] }, /turn 2 is by/],
  [
    'an image without a place',
    { image: 'x', messages: [{ role: 'user', content: 'Hi' }, TURNS[1]] },
    /0 times <image> for 1/,
  ],
  ['a place without an image', { messages: [...TURNS] }, /1 times <image> for 0/],
  ['an unknown role', { messages: [{ role: 'tool', content: 'x' }] }, /turn 1 is by "tool"/],
  ['a role that every object has', { messages: [{ role: 'constructor', content: 'x' }] }, /turn 1 is by "constructor"/],
  ['a turn that is not text', { messages: [{ role: 'user', content: 7 }] }, /turn 1 says nothing/],
  ['a turn that is null', { messages: [null] }, /turn 1 is by undefined/],
  ['a conversation that is not a list', { conversations: 'x' }, /not a list of turns/],
  ['an image that is not a name', { image: { width: 3 }, messages: [...TURNS] }, /neither text nor number/],
]

for (const [name, record, message] of REFUSED) {
  test(`${name}: the error says so, with file and record`, t => {
    const error = t.throws(() => read({ id: 'a', ...record }))
    t.like(error, { code: 'BAD_SAMPLE', file: 'data.json', row: 3 })
    t.regex(error?.message ?? '', /^data\.json: record 3 \(a\): /)
    t.regex(error?.message ?? '', message)
  })
}

test('a record of another kind is a format that is not read', t => {
  t.like(
    t.throws(() => read({ prompt: 'x' })),
    { code: 'BAD_FORMAT', file: 'data.json', row: 3 },
  )
})

test('a blind model is shown no rows', t => {
  const sample = { id: 'r', rows: [3], turns: [{ role: 'user', content: '<image>What?' }] }
  const rowsFor = (blind: boolean) => toModelSample(sample as never, { prompt: '<image>', blind } as never).rows
  t.deepEqual([rowsFor(false), rowsFor(true)], [[3], []])
})
