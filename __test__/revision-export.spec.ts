import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { Aligner } from '../src/align.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import { idsIn } from '../src/revision/data/id-files.ts'
import { TrainingSet } from '../src/revision/data/training-set.ts'
import { VisionModel } from '../src/revision/model.ts'
import { openModelRows } from '../src/revision/rows.ts'
import { ReVision } from '../src/revision/run.ts'
import { DIM, linesOf, losses, material, sideRows, TINY, tinyConfig } from './helpers/revision.ts'
import { largestDifference } from './helpers/rows.ts'

/** One token that is repeated, which is what the projectors of others make. */
const LLAVA = { projector: { numVisualTokens: 2, distinctTokens: false } }

async function every<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

test('a projector for LLaVA is one that another run begins with', async t => {
  const folder = material(t)
  const revision = await ReVision.open(tinyConfig(folder, { ...LLAVA, stage2: false }))
  await revision.run()
  const files = await revision.export(join(folder, 'llava'), { kind: 'llava' })
  t.deepEqual(files, [join(folder, 'llava', 'mm_projector.bin'), join(folder, 'llava', 'config.json')])
  const keys = JSON.parse(readFileSync(files[1] as string, 'utf8'))
  t.like(keys, { mm_hidden_size: DIM, mm_projector_type: 'mlp2x_gelu', use_mm_proj: true })
  const question = { prompt: 'what', rows: sideRows(2, 'image') }
  const began = { ...LLAVA.projector, init: files[0] }
  const other = tinyConfig(folder, { projector: began, stage1: false, stage2: false, output: join(folder, 'other') })
  t.deepEqual(await (await ReVision.open(other)).generate(question), await revision.generate(question))
})

for (const [kind, name] of Object.entries({
  hf: 'multi_modal_projector.safetensors',
  mmproj: 'mmproj.gguf',
} as const)) {
  test(`a projector as ${name} is the one that was trained`, async t => {
    const folder = material(t)
    const revision = await ReVision.open(tinyConfig(folder, { ...LLAVA, stage2: false }))
    await revision.pretrain()
    const files = await revision.export(join(folder, kind), { kind: kind as 'hf' | 'mmproj' })
    t.deepEqual(files, [join(folder, kind, name)])
    const began = { ...LLAVA.projector, init: files[0] }
    const other = tinyConfig(folder, { projector: began, stage1: false, stage2: false, output: join(folder, 'other') })
    const question = { prompt: 'what', rows: sideRows(2, 'image') }
    t.deepEqual(await (await ReVision.open(other)).generate(question), await revision.generate(question))
  })
}

test('distinct tokens go nowhere but into files of this package, and nothing is left behind', async t => {
  const folder = material(t)
  const revision = await ReVision.open(tinyConfig(folder, { stage2: false }))
  await revision.pretrain()
  for (const kind of ['llava', 'hf', 'mmproj'] as const) {
    const out = join(folder, kind)
    const error = await t.throwsAsync(revision.export(out, { kind }), { message: /distinctTokens: false/ })
    t.like(error, { code: 'BAD_OPTION' })
    t.false(existsSync(out))
  }
})

test('adapters go out in a folder of PEFT, alone or merged into a model of Hugging Face', async t => {
  const folder = material(t)
  const revision = await ReVision.open(tinyConfig(folder))
  await revision.run()
  const learned = await revision.export(join(folder, 'learned'))
  t.deepEqual(learned, [join(folder, 'learned', 'mm_projector.safetensors'), join(folder, 'learned', 'adapter')])
  const [projector, merged] = await revision.export(join(folder, 'merged'), { kind: 'merged' })
  t.is(merged, join(folder, 'merged', 'model'))
  const shape = {
    dim: DIM,
    template: 'chatml',
    dtype: 'f32',
    projector: { numVisualTokens: 2, distinctTokens: true },
  } as const
  const open = (path: string, init: string | undefined, adapter?: string) =>
    VisionModel.open({ ...shape, path, adapter, projector: { ...shape.projector, init } })
  const rows = await openModelRows(await openEmbeddings(sideRows(4, 'image'), { dim: DIM }), { cache: folder })
  const turns = [
    { role: 'user' as const, content: '<image>\nwhat' },
    { role: 'assistant' as const, content: 'owl' },
  ]
  const samples = [0, 1, 2, 3].map(row => ({ id: `${row}`, turns, rows: [row] }))
  const whole = await open(merged as string, projector)
  const parts = await open(TINY, learned[0], learned[1])
  const [a, b] = [await whole.evaluate({ samples, rows }), await parts.evaluate({ samples, rows })]
  // W + BA rounded once, or W x + B (A x): some 1e-7 of values near 1, over two blocks
  t.true(largestDifference(a.losses, b.losses) < 1e-4)
})

test('a model that has learned as a whole goes out as a whole', async t => {
  const folder = material(t)
  const revision = await ReVision.open(tinyConfig(folder, { stage1: false, stage2: { mode: 'full', lora: null } }))
  await revision.run()
  const files = await revision.export(join(folder, 'all'), { kind: 'all' })
  t.deepEqual(files, [join(folder, 'all', 'mm_projector.safetensors'), join(folder, 'all', 'model')])
  for (const name of ['config.json', 'tokenizer.json', 'model.safetensors']) {
    t.true(existsSync(join(folder, 'all', 'model', name)), name)
  }
  const path = join(folder, 'all', 'model')
  const projector = { numVisualTokens: 2, distinctTokens: true, init: files[0] }
  const whole = tinyConfig(folder, {
    model: { path },
    projector,
    stage1: false,
    stage2: false,
    output: join(folder, 'b'),
  })
  const question = { prompt: 'what', rows: sideRows(3, 'image') }
  t.deepEqual(await (await ReVision.open(whole)).generate(question), await revision.generate(question))
})

test('records and rows go out as the published trainers take them, texts aligned, ids and captions kept', async t => {
  const folder = material(t)
  const revision = await ReVision.open(tinyConfig(folder, LLAVA))
  await revision.run()
  const out = join(folder, 'handed')
  const files = await revision.export(out, { kind: 'llava', rows: true })
  const texts = join(out, 'stage1_embeddings', 'text_embeds_0.pkl')
  const images = join(out, 'stage2_embeddings', 'image_embeds_0.pkl')
  t.deepEqual(files.slice(2), [join(out, 'stage1.json'), texts, join(out, 'stage2.json'), images])
  const captions = linesOf(join(folder, 'captions.jsonl'))
  t.deepEqual(await every(idsIn(texts)), captions.map(({ id }) => id) as string[])
  t.deepEqual(await every(idsIn(texts, 'caption')), captions.map(({ caption }) => caption) as string[])
  const aligner = await Aligner.load(join(folder, 'out', 'aligner.safetensors'))
  const stored = await openModelRows(await openEmbeddings(texts, { normalize: false }), { cache: folder })
  t.is(stored.rows, 24)
  const values = await stored.pick([0, 7, 23])
  const expected = aligner.transform(sideRows(24, 'text'))
  const row = (i: number) => [...expected.subarray(i * DIM, (i + 1) * DIM)]
  t.deepEqual([...values], [...row(0), ...row(7), ...row(23)])
  const records = JSON.parse(readFileSync(join(out, 'stage2.json'), 'utf8'))
  t.is(records.length, 16)
  t.deepEqual(records[1], {
    id: 'i1',
    image: 'i1',
    conversations: [
      { from: 'human', value: '<image>\nwhat' },
      { from: 'gpt', value: 'owl' },
    ],
    caption: 'owl',
  })
  const set = await TrainingSet.open({ data: join(out, 'stage1.json') })
  t.is(set.train.length, 24)
  await set.close()
})

test('records beyond the thousand that are handed over at a time are all there, in their order', async t => {
  const folder = material(t, { texts: 1002 })
  const stage1 = { batchSize: 334, epochs: 1 }
  const revision = await ReVision.open(tinyConfig(folder, { ...LLAVA, stage2: false, stage1 }))
  await revision.run()
  await revision.export(join(folder, 'handed'), { rows: true })
  const records: { id: string }[] = JSON.parse(readFileSync(join(folder, 'handed', 'stage1.json'), 'utf8'))
  t.deepEqual(
    records.map(({ id }) => id),
    Array.from({ length: 1002 }, (_, i) => `t${i}`),
  )
})

test('a run on what was handed over is the run that handed it over', async t => {
  const folder = material(t)
  const changes = { ...LLAVA, stage2: false, stage1: { microBatch: 4 } }
  const revision = await ReVision.open(tinyConfig(folder, changes))
  await revision.run()
  await revision.export(join(folder, 'handed'), { rows: true })
  const text = join(folder, 'handed', 'stage1_embeddings')
  const embeddings = { text, textIds: { from: null }, aligner: null }
  const data = join(folder, 'handed', 'stage1.json')
  const output = join(folder, 'again')
  await (await ReVision.open(tinyConfig(folder, { ...changes, embeddings, stage1: { data }, output }))).run()
  const [a, b] = [losses(join(folder, 'out'), 'stage1'), losses(output, 'stage1')]
  // rows that were rounded to f32 before they were scaled to unit length again
  t.true(largestDifference(a, b) < 1e-5, `${a}\n${b}`)
})

test('an export can be stopped, and what makes no sense is refused', async t => {
  const folder = material(t)
  const revision = await ReVision.open(tinyConfig(folder))
  t.like(await t.throwsAsync(revision.export(join(folder, 'x'))), { code: 'NOT_FOUND' })
  await revision.run()
  const aborted = { rows: true, signal: AbortSignal.abort() }
  t.like(await t.throwsAsync(revision.export(join(folder, 'y'), aborted)), { code: 'CANCELLED' })
  t.false(existsSync(join(folder, 'y', 'stage1.json')))
  const kind = await t.throwsAsync(revision.export(join(folder, 'z'), { kind: 'onnx' as never }))
  t.like(kind, { code: 'BAD_OPTION' })
})

for (const [kind, rows, there] of [
  ['llava', false, 'config.json'],
  ['llava', false, 'mm_projector.bin'],
  ['learned', true, 'stage1_embeddings'],
  ['learned', true, 'stage1.json'],
] as const) {
  test(`an export replaces nothing that stands there: ${there}`, async t => {
    const folder = material(t)
    const revision = await ReVision.open(tinyConfig(folder, { ...LLAVA, stage2: false }))
    await revision.pretrain()
    const out = join(folder, 'exported')
    mkdirSync(out)
    if (there.includes('.')) {
      writeFileSync(join(out, there), 'mine')
    } else {
      mkdirSync(join(out, there))
      writeFileSync(join(out, there, 'mine'), 'mine')
    }
    t.like(await t.throwsAsync(revision.export(out, { kind, rows })), { code: 'BAD_OPTION' })
    t.deepEqual(readdirSync(out), [there])
  })
}
