import { join } from 'node:path'
import test from 'ava'
import { Aligner, measureGap, openEmbeddings, runTask, type TaskSpec, Tracker } from '../src/index.ts'
import { VisionModel } from '../src/revision/model.ts'
import { folderOf } from './helpers/place.ts'
import { DIM, sideRows, TINY } from './helpers/revision.ts'

const NUMBERS = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]

test('numbers that are not finite are refused by the name of their option', async t => {
  const [target, source] = await Promise.all(
    (['image', 'text'] as const).map(side => openEmbeddings(sideRows(12, side), { dim: DIM })),
  )
  const model = { path: TINY, dim: DIM, template: 'chatml', threads: 1 }
  const learning = (learn: object) => () => VisionModel.open({ ...model, learn: { steps: 2, ...learn } } as never)
  for (const value of NUMBERS) {
    const calls: [RegExp, () => unknown][] = [
      [/seed/, () => Aligner.fit({ target, source, seed: value } as never)],
      [/holdout/, () => Aligner.fit({ target, source, holdout: value } as never)],
      [/seed/, () => measureGap({ image: target, text: source, seed: value } as never)],
      [/energy/, async () => new Tracker({ freezeAt: 1, energy: value } as never)],
      [/maxLength/, () => VisionModel.open({ ...model, maxLength: value })],
      [/inputScale/, () => VisionModel.open({ ...model, projector: { inputScale: value } })],
      [/learningRate/, learning({ learningRate: value })],
      [/power/, learning({ schedule: 'polynomial', scheduleShape: { power: value } })],
      [/end/, learning({ schedule: 'cosine_with_min_lr', scheduleShape: { end: value } })],
      [/rank/, learning({ mode: 'lora', lora: { rank: value } })],
      [/version/, () => runTask({ task: 'moments', version: value } as never)],
    ]
    for (const [name, call] of calls) {
      const error = await t.throwsAsync(async () => await call(), { code: 'BAD_OPTION' }, `${name} ${value}`)
      t.regex(error?.message ?? '', name, `${value}`)
    }
  }
})

test('numbers that are to be above zero are refused by name at zero and below, in the API as in configurations', async t => {
  const model = { path: TINY, dim: DIM, template: 'chatml', threads: 1 }
  for (const value of [0, -1]) {
    const calls: [RegExp, object][] = [
      [/inputScale: expected a number above 0 or 'sqrt'/, { projector: { inputScale: value } }],
      [/adamEpsilon is above 0/, { learn: { steps: 2, adamEpsilon: value } }],
      [/lora\.alpha is above 0/, { learn: { steps: 2, mode: 'lora', lora: { alpha: value } } }],
    ]
    for (const [message, options] of calls) {
      await t.throwsAsync(VisionModel.open({ ...model, ...options }), { code: 'BAD_OPTION', message }, `${message}`)
    }
  }
})

test('schedules without sense are refused where a model is opened', async t => {
  const open = (learn: object) =>
    VisionModel.open({
      path: TINY,
      dim: DIM,
      template: 'chatml',
      threads: 1,
      learn: { steps: 2, learningRate: 1e-3, ...learn } as never,
    })
  const refused: [object, RegExp][] = [
    [{ schedule: 'polynomial', scheduleShape: { end: 2e-3 } }, /above the highest rate/],
    [{ schedule: 'cosine_with_min_lr', scheduleShape: { end: 1.5 } }, /at most 1/],
    [{ schedule: 'polynomial', scheduleShape: { power: 0 } }, /power is a number above 0/],
    [{ schedule: 'cosine', scheduleShape: { cycles: 2 } }, /cosine_with_restarts only/],
    [{ schedule: 'cosine_with_restarts', scheduleShape: { cycles: 0 } }, /cycles.* a whole number/],
    [{ schedule: 'linear', scheduleShape: { end: 0.1 } }, /end belongs to/],
  ]
  for (const [learn, message] of refused) {
    await t.throwsAsync(open(learn), { code: 'BAD_OPTION', message })
  }
  await t.notThrowsAsync(open({ schedule: 'polynomial', scheduleShape: { end: 1e-4, power: 2 } }))
})

test('what JSON has no form for is refused by the name of its option', async t => {
  const model = { path: TINY, dim: DIM, template: 'model', threads: 1 }
  for (const value of [() => 1, Symbol('x'), Number.NaN]) {
    await t.throwsAsync(VisionModel.open({ ...model, templateArguments: { mood: { of: [value] } } }), {
      code: 'BAD_OPTION',
      message: /templateArguments\.mood\.of\.0 has to be/,
    })
  }
  for (const cycles of [-1, 0, 1.5, 2 ** 32]) {
    const learn = { steps: 2, schedule: 'cosine_with_restarts' as const, scheduleShape: { cycles } }
    await t.throwsAsync(VisionModel.open({ ...model, learn }), { code: 'BAD_OPTION', message: /cycles/ })
  }
})

test('nesting without end is refused by name', async t => {
  let deep: unknown = 'end'
  for (let i = 0; i < 100_000; i++) {
    deep = [deep]
  }
  const spec = { task: 'moments', version: 1, shard: deep, out: join(folderOf(t), 'x') } as unknown as TaskSpec
  await t.throwsAsync(runTask(spec), { code: 'BAD_OPTION', message: /spec is nested more than 100 levels/ })
})

test("an input scale of 'sqrt' is the root of the columns", async t => {
  const projected = async (inputScale: number | 'sqrt') => {
    const projector = { inputScale }
    const model = await VisionModel.open({ path: TINY, dim: DIM, template: 'chatml', threads: 1, seed: 1, projector })
    const rows = await model.project(sideRows(2, 'image'))
    model.dispose()
    return rows
  }
  t.deepEqual(await projected('sqrt'), await projected(Math.sqrt(DIM)))
  t.notDeepEqual(await projected('sqrt'), await projected(1))
})
