import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { openEmbeddings } from '../src/embeddings.ts'
import { DualEncoder } from '../src/encoder/encoder.ts'
import { VisionModel } from '../src/revision/model.ts'
import type { Answer, AnswerPiece } from '../src/revision/model-options.ts'
import { openModelRows } from '../src/revision/rows.ts'
import { ReVision } from '../src/revision/run.ts'
import { folderOf } from './helpers/place.ts'
import { png } from './helpers/png.ts'
import { DIM, material, sideRows, TINY, TINY_QWEN, tinyConfig } from './helpers/revision.ts'

/** A run that has nothing to train: its projector is as it was made. */
async function untrained(t: ExecutionContext, changes: Record<string, unknown> = {}): Promise<ReVision> {
  return await ReVision.open(tinyConfig(material(t), { stage1: false, stage2: false, ...changes }))
}

test('a question is answered about every image, whether rows are opened or in an array', async t => {
  const revision = await untrained(t)
  const rows = sideRows(3, 'image')
  const answers = await revision.generate({ prompt: 'what', rows })
  t.is(answers.length, 3)
  t.true(answers.every(({ tokens, ended }) => tokens.length === 4 && ended === 'length'))
  t.deepEqual(await revision.generate({ prompt: 'what', rows: await openEmbeddings(rows, { dim: DIM }) }), answers)
  const [third, first] = await revision.generate({ prompt: 'what', rows, pick: [2, 0] })
  t.deepEqual([third, first], [answers[2], answers[0]])
})

test('the image stands where the prompt says, and first where it says nothing', async t => {
  const revision = await untrained(t)
  const ask = (prompt: string) => revision.generate({ prompt, rows: sideRows(1, 'image') }, { maxNewTokens: 12 })
  t.deepEqual(await ask('<image>\nwhat'), await ask('what'))
  t.notDeepEqual(await ask('what <image>'), await ask('what'))
  t.like(await t.throwsAsync(ask('<image> <image>')), { code: 'BAD_OPTION' })
})

test('without an image the text alone is answered; without anything there is nothing to answer', async t => {
  const revision = await untrained(t)
  t.is((await revision.generate({ prompt: 'what' })).length, 1)
  t.like(await t.throwsAsync(revision.generate({})), { code: 'BAD_OPTION' })
})

test('a blind model answers as if there were no image', async t => {
  const blind = await untrained(t, { blind: true })
  const [seen] = await blind.generate({ prompt: 'what', rows: sideRows(1, 'image') })
  t.deepEqual([seen], await blind.generate({ prompt: 'what' }))
})

test('pieces come as they are certain, and are the answers when put together', async t => {
  const revision = await untrained(t)
  const count = 20
  const pieces: AnswerPiece[] = []
  const sampling = { maxNewTokens: 8, temperature: 1.5, seed: 4 }
  const onText = (piece: AnswerPiece) => void pieces.push(piece)
  const question = { prompt: 'what', rows: sideRows(count, 'image') }
  const answers = await revision.generate(question, { ...sampling, onText })
  for (const [i, { text }] of answers.entries()) {
    const own = pieces.filter(({ answer }) => answer === i).map(piece => piece.text)
    t.is(own.join(''), text, `${i}`)
  }
  t.true(pieces.length > count)
  t.deepEqual(await revision.generate(question, sampling), answers, 'one seed, one answer')
  t.notDeepEqual(await revision.generate(question, { ...sampling, seed: 5 }), answers)
})

test('no draw is made twice, however many answers there are', async t => {
  const revision = await untrained(t)
  const question = { prompt: 'what', rows: sideRows(1, 'image'), pick: Array.from({ length: 40 }, () => 0) }
  const heard: [number, string][] = []
  const onAnswer = ({ text }: Answer, number: number) => void heard.push([number, text])
  const answers = await revision.generate(question, { maxNewTokens: 8, temperature: 1, seed: 4, onAnswer })
  t.deepEqual(
    heard,
    answers.map(({ text }, i) => [i, text]),
  )
  t.is(new Set(answers.map(({ tokens }) => tokens.join())).size, 40)
})

test('rows of a model have whole numbers', async t => {
  const rows = await openModelRows(await openEmbeddings(sideRows(3, 'image'), { dim: DIM }), { cache: folderOf(t) })
  t.is((await rows.pick([2, 0])).length, 2 * DIM)
  for (const wrong of [-1, 1.7, Number.NaN, 2 ** 53]) {
    t.like(await t.throwsAsync(rows.pick([wrong])), { code: 'BAD_OPTION' }, `${wrong}`)
  }
})

test('an answer ends before a text that stops it', async t => {
  const revision = await untrained(t)
  const question = { prompt: 'what', rows: sideRows(1, 'image') }
  const sampling = { maxNewTokens: 30, temperature: 1, seed: 2 }
  const [whole] = await revision.generate(question, sampling)
  const text = whole?.text ?? ''
  // a few plain characters from the middle
  const stop = /[ -~]{2}/.exec(text.slice(3))?.[0] as string
  const [stopped] = await revision.generate(question, { ...sampling, stop: [stop, 'never said'] })
  t.like(stopped, { text: text.slice(0, text.indexOf(stop)), ended: 'stop' })
})

test('image files are embedded by the encoder of the rows', async t => {
  const folder = material(t)
  const colours = join(folder, 'pictures.jsonl')
  const files = [0, 1, 2].map(i => join(folder, `${i}.png`))
  files.forEach((file, i) => {
    writeFileSync(file, png([80 * i, 255 - 80 * i, 60]))
  })
  writeFileSync(
    colours,
    files.map((file, i) => `${JSON.stringify({ image: file, caption: `colour ${i}` })}\n`).join(''),
  )
  const tower = { width: 8, layers: 1, heads: 2 }
  const model = { dim: DIM, imageSize: 8, patch: 4, image: tower, text: tower, tokens: 4 }
  const out = join(folder, 'encoder')
  const encoder = await DualEncoder.train({ model, batchSize: 2, steps: 2, threads: 1, data: colours, out })
  const config = { stage1: false, stage2: false }
  const revision = await ReVision.open(tinyConfig(folder, { ...config, embeddings: { encoder: out } }))
  const answers = await revision.generate({ prompt: 'what', images: files })
  t.is(answers.length, 3)
  t.deepEqual(await revision.generate({ prompt: 'what', rows: await encoder.embedImages(files) }), answers)
  t.deepEqual(await revision.generate({ prompt: 'what', images: files, encoder }), answers)
  const bare = await ReVision.open(tinyConfig(folder, config))
  t.like(await t.throwsAsync(bare.generate({ images: files })), { code: 'BAD_OPTION' })
  const lost = join(folder, 'lost.png')
  t.like(await t.throwsAsync(revision.generate({ images: [lost] })), { code: 'NOT_FOUND', file: lost })
})

test('images are moved where the method of the aligner moves them', async t => {
  const folder = material(t)
  const rows = sideRows(2, 'image')
  const prompt = 'what'
  const plain = await ReVision.open(tinyConfig(folder, { stage1: false, stage2: false }))
  const stages = { stage1: false, stage2: false, output: join(folder, 'centred') }
  const centred = await ReVision.open(
    tinyConfig(folder, { ...stages, embeddings: { aligner: { method: 'centering' } } }),
  )
  const sampling = { maxNewTokens: 20 }
  t.notDeepEqual(await centred.generate({ prompt, rows }, sampling), await plain.generate({ prompt, rows }, sampling))
})

test('questions that make no sense are refused by name', async t => {
  const revision = await untrained(t)
  const rows = sideRows(2, 'image')
  const refused = async (question: object, options: object, code: string) => {
    const error = await t.throwsAsync(revision.generate(question, options))
    t.is((error as { code?: string }).code, code, error.message)
  }
  await refused({ rows, images: ['a.png'] }, {}, 'BAD_OPTION')
  await refused({ rows, pick: [2] }, {}, 'BAD_OPTION')
  await refused({ prompt: 'what', pick: [0] }, {}, 'BAD_OPTION')
  await refused({ prompt: 5, rows }, {}, 'BAD_OPTION')
  await refused({ rows: new Float32Array(DIM + 1) }, {}, 'BAD_SHAPE')
  await refused({ rows: await openEmbeddings(new Float32Array(4).fill(1), { dim: 4 }) }, {}, 'WIDTH_MISMATCH')
  await refused({ rows: new Float32Array(DIM) }, {}, 'BAD_ROW')
  await refused({ rows }, { temperature: -1 }, 'BAD_OPTION')
  await refused({ rows }, { stop: [''] }, 'BAD_OPTION')
  await refused({ prompt: 'a long question '.repeat(8), rows }, {}, 'BAD_OPTION')
  await refused({ rows }, { loudness: 3 }, 'BAD_OPTION')
})

test('an answer is stopped by a signal, or by what a listener throws, and the model can still be asked', async t => {
  const revision = await untrained(t)
  const question = { prompt: 'what', rows: sideRows(8, 'image') }
  const controller = new AbortController()
  const onText = () => controller.abort('enough')
  const stopped = revision.generate(question, { maxNewTokens: 30, signal: controller.signal, onText })
  t.like(await t.throwsAsync(stopped), { code: 'CANCELLED', name: 'AbortError', cause: 'enough' })
  const thrown = new Error('mine')
  const broken = revision.generate(question, {
    onText: () => {
      throw thrown
    },
  })
  t.is(await t.throwsAsync(broken), thrown)
  const running = revision.generate(question)
  revision.close()
  t.is((await running).length, 8, 'a call that runs keeps its model')
  t.is((await revision.generate(question)).length, 8)
})

test('the event loop turns while a model is read, trained and asked', async t => {
  let turns = 0
  const timer = setInterval(() => turns++, 1)
  t.teardown(() => clearInterval(timer))
  const model = await VisionModel.open({
    path: TINY_QWEN,
    dim: DIM,
    template: 'chatml',
    threads: 1,
    learn: { steps: 200 },
  })
  const samples = [{ id: 'a', rows: [], turns: [{ role: 'assistant' as const, content: 'a red fox' }] }]
  for (let step = 0; step < 20; step++) {
    await model.step({ samples })
  }
  await model.answer(
    { samples: [{ id: 'a', rows: [], turns: [{ role: 'user', content: 'what' }] }] },
    { maxNewTokens: 40 },
  )
  t.true(turns > 0)
})

test('calls on one model run one after the other, each with its own answer', async t => {
  const model = await VisionModel.open({ path: TINY, dim: DIM, template: 'chatml', threads: 2 })
  const asked = (text: string) => [{ id: text, rows: [], turns: [{ role: 'user' as const, content: text }] }]
  const texts = ['fox', 'owl', 'sea', 'ivy', 'what']
  const alone: string[] = []
  for (const text of texts) {
    alone.push((await model.answer({ samples: asked(text) }, { maxNewTokens: 6 }))[0]?.text ?? '')
  }
  const together = await Promise.all(texts.map(text => model.answer({ samples: asked(text) }, { maxNewTokens: 6 })))
  t.deepEqual(
    together.map(([answer]) => answer?.text),
    alone,
  )
})

test('a question that is asked during a training leaves no model of before behind, also where the training fails', async t => {
  const revision = await ReVision.open(tinyConfig(material(t), { stage2: false, overwrite: true }))
  const question = { prompt: 'what', rows: sideRows(2, 'image') }
  await revision.pretrain()
  const before = await revision.generate(question)
  const controller = new AbortController()
  const stop = { stage1: { onTrainBegin: () => controller.abort() } }
  const training = t.throwsAsync(revision.pretrain({ signal: controller.signal, callbacks: stop }))
  t.deepEqual(await revision.generate(question), before)
  t.like(await training, { code: 'CANCELLED' })
  const found = revision.generate(question)
  t.like(await t.throwsAsync(found, undefined, 'the projector went with the training'), { code: 'NOT_FOUND' })
})
