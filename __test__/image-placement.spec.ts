import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { checkConfig } from '../src/revision/config.ts'
import { VisionModel } from '../src/revision/model.ts'
import { askedAbout, placedInFront, toModelSample } from '../src/revision/turns.ts'
import { DIM, TINY } from './helpers/revision.ts'

/** Turns and what LLaVA's trainers make of them; see `fixtures/make_placement.py`. */
const PLACED = JSON.parse(readFileSync(join(import.meta.dirname, 'fixtures/placement.json'), 'utf8')) as {
  text: string
  placed: string
  tokens: number
}[]

test('an image is placed in front as LLaVA places it', t => {
  for (const { text, placed } of PLACED) {
    t.is(placedInFront(text), placed, JSON.stringify(text))
    t.is(placedInFront(placed), placed, 'once and for all')
  }
})

test('token by token a sample with its image in front has the positions that the tokenizer gives', async t => {
  const model = await VisionModel.open({ path: TINY, dim: DIM, template: 'chatml', dtype: 'f32', threads: 1 })
  const positions = async (content: string, imagePlacement: 'front' | 'inline') => {
    const turns = [
      { role: 'user' as const, content },
      { role: 'assistant' as const, content: 'fox' },
    ]
    const images = Array<string>(content.split('<image>').length - 1).fill('i')
    const sample = { id: 's', images, turns, rows: images.map(() => 0), record: 0, place: { file: '', row: 0 } }
    const { positions, labels } = await model.sizes([toModelSample(sample, { prompt: '<image>', imagePlacement })])
    t.deepEqual(labels, [4])
    return positions[0] as number
  }
  const around = (await positions('x', 'inline')) - 1
  for (const { text, tokens } of PLACED) {
    t.is(await positions(text, 'front'), around + tokens, JSON.stringify(text))
  }
})

test('a version of LLaVA places images in front, unless a configuration says otherwise', t => {
  const base = { model: { path: 'm' }, embeddings: { image: 'i' }, output: 'o' }
  const of = (more: object) => checkConfig({ ...base, ...more }).config.imagePlacement
  t.is(of({ stage2: { data: 'd' } }), 'inline')
  t.is(of({ stage2: { data: 'd', version: 'v1' } }), 'front')
  t.is(of({ data_path: 'd', version: 'v1' }), 'front')
  t.is(of({ stage2: { data: 'd', template: 'vicuna' } }), 'inline')
  t.is(of({ image_placement: 'inline', stage2: { data: 'd', version: 'v1' } }), 'inline')
  t.is(of({ imagePlacement: 'front', stage2: { data: 'd' } }), 'front')
})

test('questions that are asked have their image where records had it', t => {
  t.is(askedAbout('What is <image> this?', 'front'), '<image>\nWhat is  this?')
  t.is(askedAbout(' What is this? ', 'front'), '<image>\nWhat is this?')
  t.is(askedAbout('What is <image> this?', 'inline'), 'What is <image> this?')
  t.is(askedAbout('What is this?', undefined), '<image>\nWhat is this?')
  t.throws(() => askedAbout('<image><image>', 'front'), { code: 'BAD_OPTION' })
})
