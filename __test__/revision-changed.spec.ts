import { cpSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { Aligner, openEmbeddings } from '../src/index.ts'
import { VisionModel } from '../src/revision/model.ts'
import { fingerprintOf, openModelRows } from '../src/revision/rows.ts'
import { ReVision } from '../src/revision/run.ts'
import { writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { DIM, material, sideRows, TINY, tinyConfig } from './helpers/revision.ts'

test('records, rows and a model that have changed in the same files are noticed on resumption', async t => {
  const folder = material(t)
  cpSync(TINY, join(folder, 'lm'), { recursive: true })
  const config = tinyConfig(folder, {
    model: { path: join(folder, 'lm') },
    stage2: false,
    template: 'plain',
    evaluation: { data: null },
    stage1: { valSize: 4 },
  })
  await (await ReVision.open(config)).run()
  const again = async () => (await ReVision.open({ ...config, resume: true })).run()
  for (const [name, what] of [
    ['captions.jsonl', 'records'],
    ['text.npy', 'rows'],
    ['image.npy', 'rows'],
    ['text-ids.jsonl', 'rows'],
    ['lm/model.safetensors', 'model'],
    ['lm/tokenizer.json', 'model'],
  ] as const) {
    const path = join(folder, name)
    const before = readFileSync(path)
    const { atime, mtime } = statSync(path)
    const changed = Buffer.from(before)
    const at = /npy|safetensors/.test(name) ? before.length - 2 : before.lastIndexOf('0')
    changed[at] = (changed[at] as number) ^ 1
    writeFileSync(path, changed)
    // neither size nor time tells
    utimesSync(path, atime, mtime)
    await t.throwsAsync(
      again(),
      { code: 'BAD_OPTION', message: new RegExp(`was trained with (?:an)?other ${what} in the same files`) },
      name,
    )
    writeFileSync(path, before)
  }
  // written anew with the same bytes they are the same
  await t.notThrowsAsync(again())
})

test('rows of a file that was written anew have another name, even of one size', async t => {
  const path = writeNpy(join(folderOf(t), 'rows.npy'), sideRows(4, 'image'), [4, DIM])
  const name = async () => fingerprintOf(await openEmbeddings(path))
  const before = await name()
  t.is(await name(), before)
  const later = new Date(statSync(path).mtimeMs + 10_000)
  utimesSync(path, later, later)
  t.not(await name(), before)
})

test('other arguments of the template are noticed on resumption', async t => {
  const folder = material(t)
  const config = tinyConfig(folder, { stage1: false, evaluation: { data: null }, template: 'model' })
  const path = join(folder, 'lm')
  cpSync(TINY, path, { recursive: true })
  writeFileSync(join(path, 'chat_template.jinja'), '{% for m in messages %}{{ m.content }}{{ sep }}{% endfor %}')
  const of = (templateArguments: object, more = {}) => ({ ...config, model: { path }, templateArguments, ...more })
  await (await ReVision.open(of({ sep: '; ' }))).run()
  const again = async (templateArguments: object) =>
    (await ReVision.open(of(templateArguments, { resume: true }))).run()
  await t.throwsAsync(again({ sep: ', ' }), { code: 'BAD_OPTION', message: /trained with another templateArguments/ })
  await t.notThrowsAsync(again({ sep: '; ' }))
})

test('the result of a resumed run has the keys of one that was not interrupted, in their order', async t => {
  const folder = material(t)
  const config = tinyConfig(folder, {
    stage2: false,
    template: 'plain',
    stage1: { valSize: 4, evalEvery: 4, saveEvery: 4 },
  })
  await (await ReVision.open(config)).run()
  const path = join(folder, 'out', 'result.json')
  const whole = keysOf(JSON.parse(readFileSync(path, 'utf8')))
  await (await ReVision.open({ ...config, resume: true })).run()
  t.deepEqual(keysOf(JSON.parse(readFileSync(path, 'utf8'))), whole)
})

function keysOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null
    ? Object.entries(value).map(([key, each]) => [key, keysOf(each)])
    : 0
}

test('noise of C3 is drawn anew in every epoch, and no other map changes', async t => {
  const text = sideRows(12, 'text')
  const [image, texts] = [
    await openEmbeddings(sideRows(12, 'image'), { dim: DIM }),
    await openEmbeddings(text, { dim: DIM }),
  ]
  const model = await VisionModel.open({ path: TINY, dim: DIM, template: 'plain', dtype: 'f32', threads: 1 })
  const lossesOf = async (method: 'c3' | 'realign') => {
    const aligner = await Aligner.fit({ target: image, source: texts, method })
    const rows = await openModelRows(texts, { aligner, cache: folderOf(t) })
    const turns = [
      { role: 'user' as const, content: '<image>' },
      { role: 'assistant' as const, content: 'fox' },
    ]
    const samples = [0, 1, 2, 0].map((epoch, i) => ({ id: `s${i}`, turns, rows: [3], epoch }))
    return (await model.evaluate({ samples, rows })).losses
  }
  const [first, second, third, again] = await lossesOf('c3')
  t.is(first, again)
  t.is(new Set([first, second, third]).size, 3)
  t.is(new Set(await lossesOf('realign')).size, 1)
})

test('a training on C3 draws by its epochs, and resumes with the same bits', async t => {
  const run = async (changes: object) => {
    const folder = material(t)
    const config = tinyConfig(folder, {
      stage2: false,
      template: 'plain',
      embeddings: { aligner: { method: 'c3' } },
      evaluation: { data: null },
      // six updates are an epoch of 24 texts
      stage1: { steps: 14, batchSize: 4, ...changes },
    })
    return { folder, config }
  }
  const { config } = await run({})
  const whole = await (await ReVision.open(config)).run()
  const { config: other } = await run({ saveEvery: 8 })
  const controller = new AbortController()
  const stopped = (await ReVision.open(other)).run({
    signal: controller.signal,
    callbacks: { stage1: { onStepEnd: ({ step }) => (step === 9 ? controller.abort() : undefined) } },
  })
  await t.throwsAsync(stopped, { code: 'CANCELLED' })
  const resumed = await (await ReVision.open({ ...other, resume: true })).run()
  t.is(resumed.stage1?.loss, whole.stage1?.loss)
})
