import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { ReVision, type ReVisionRunOptions } from '../src/revision/run.ts'
import type { TrainerCallbacks } from '../src/revision/trainer-options.ts'
import { linesOf, material, tinyConfig } from './helpers/revision.ts'

type Stage = 'stage1' | 'stage2'

const start = async (config: object, options: ReVisionRunOptions = {}) =>
  await (await ReVision.open(config)).run(options)

/** The log without what clocks have to do with. */
function logOf(output: string, stage: Stage): object[] {
  const clock = /^train_(runtime|.*_per_second)$/
  const lines = linesOf(join(output, stage, 'log.jsonl'))
  return lines.map(line => Object.fromEntries(Object.entries(line).filter(([key]) => !clock.test(key))))
}

function stateOf(output: string, stage: Stage, step: number): Buffer {
  return readFileSync(join(output, stage, `checkpoint-${step}`, 'training_state.safetensors'))
}

/** Stops a run of its own accord, at a place in it. */
function stopping(stage: Stage, callbacks: (stop: () => void) => TrainerCallbacks): ReVisionRunOptions {
  const controller = new AbortController()
  return { signal: controller.signal, callbacks: { [stage]: callbacks(() => controller.abort('enough')) } }
}

const EVALUATED = { stage1: { evalEvery: 2 }, stage2: { evalEvery: 2 }, logging: { every: 3 } }

const PLACES: [where: string, stage: Stage, callbacks: (stop: () => void) => TrainerCallbacks][] = [
  ['between two lines of the log', 'stage1', stop => ({ onStepEnd: ({ step }) => void (step === 5 && stop()) })],
  ['before an evaluation', 'stage1', stop => ({ onStepEnd: ({ step }) => void (step === 4 && stop()) })],
  ['after an evaluation', 'stage1', stop => ({ onEvaluate: ({ step }) => void (step === 4 && stop()) })],
  ['in stage 2', 'stage2', stop => ({ onStepEnd: ({ step }) => void (step === 3 && stop()) })],
  ['before the last evaluation', 'stage2', stop => ({ onStepEnd: ({ step }) => void (step === 6 && stop()) })],
]

for (const [where, stage, callbacks] of PLACES) {
  test(`a run that was interrupted ${where} ends with the bits and the log of one that was not`, async t => {
    const folder = material(t)
    const [whole, parts] = [join(folder, 'whole'), join(folder, 'parts')]
    const expected = await start(tinyConfig(folder, { ...EVALUATED, output: whole }))
    const config = tinyConfig(folder, { ...EVALUATED, output: parts })
    const error = await t.throwsAsync(start(config, stopping(stage, callbacks)))
    t.like(error, { code: 'CANCELLED', name: 'AbortError', cause: 'enough' })
    const resumed = await start({ ...config, resume: true })
    for (const [name, steps] of [['stage1', 8] as const, ['stage2', 6] as const]) {
      t.deepEqual(stateOf(parts, name, steps), stateOf(whole, name, steps), name)
      t.deepEqual(logOf(parts, name), logOf(whole, name), name)
      const samples = (output: string) => linesOf(join(output, name, 'samples.jsonl'))
      t.deepEqual(samples(parts), samples(whole), name)
      const checkpoints = (output: string) =>
        readdirSync(join(output, name)).filter(each => each.startsWith('checkpoint-'))
      t.deepEqual(checkpoints(parts), checkpoints(whole), name)
      const { loss, labels, positions, evaluation } = expected[name] ?? {}
      t.like(resumed[name], { loss, labels, positions, evaluation })
    }
    t.deepEqual(resumed.evaluation, expected.evaluation)
  })
}

test('an interruption in the middle of an update loses that update only', async t => {
  const folder = material(t)
  const config = tinyConfig(folder, { stage2: false })
  const controller = new AbortController()
  const callbacks = {
    stage1: { onStepEnd: ({ step }: { step: number }) => void (step === 3 && setImmediate(() => controller.abort())) },
  }
  await t.throwsAsync(start(config, { signal: controller.signal, callbacks }), { name: 'AbortError' })
  const [checkpoint] = readdirSync(join(folder, 'out', 'stage1')).filter(name => name.startsWith('checkpoint-'))
  // the next update may have ended before the signal came through
  t.regex(checkpoint ?? '', /^checkpoint-[34]$/)
  const whole = tinyConfig(folder, { stage2: false, output: join(folder, 'whole') })
  await start(whole)
  await start({ ...config, resume: true })
  t.deepEqual(stateOf(join(folder, 'out'), 'stage1', 8), stateOf(join(folder, 'whole'), 'stage1', 8))
})

test('a signal that is aborted already trains nothing and leaves no checkpoint', async t => {
  const folder = material(t)
  const running = start(tinyConfig(folder), { signal: AbortSignal.abort('no') })
  t.like(await t.throwsAsync(running), { code: 'CANCELLED', cause: 'no' })
  t.false(existsSync(join(folder, 'out', 'stage1', 'checkpoint-1')))
  const resumed = await start(tinyConfig(folder, { resume: true }))
  t.is(resumed.stage1?.steps, 8)
})

test('a run continues from a checkpoint that is named, in its stage, and the other stage from its newest', async t => {
  const folder = material(t)
  const config = tinyConfig(folder, { stage1: { saveEvery: 2 } })
  const whole = await start(config)
  const [expected, log] = [stateOf(join(folder, 'out'), 'stage1', 8), logOf(join(folder, 'out'), 'stage1')]
  rmSync(join(folder, 'out', 'stage2'), { recursive: true })
  const resume = join(folder, 'out', 'stage1', 'checkpoint-4')
  // as a shell completes it
  const again = await start({ ...config, resume: `${resume}/` })
  t.deepEqual(stateOf(join(folder, 'out'), 'stage1', 8), expected)
  t.deepEqual(logOf(join(folder, 'out'), 'stage1'), log)
  t.deepEqual(again.evaluation, whole.evaluation)
  const nowhere = join(folder, 'out', 'stage1', 'checkpoint-5')
  t.like(await t.throwsAsync(start({ ...config, resume: nowhere })), { code: 'NOT_FOUND', file: nowhere })
  const neither = { ...config, resume: join(folder, 'elsewhere', 'checkpoint-4') }
  t.like(await t.throwsAsync(start(neither)), { code: 'BAD_OPTION' })
})

test('an interrupted run leaves no half-written file', async t => {
  const folder = material(t)
  const options = stopping('stage1', stop => ({ onStepEnd: ({ step }) => void (step === 2 && stop()) }))
  await t.throwsAsync(start(tinyConfig(folder, { logging: { tensorboard: true } }), options))
  const files = readdirSync(join(folder, 'out'), { recursive: true, encoding: 'utf8' })
  t.deepEqual(
    files.filter(name => /\.tmp|\.old|\.gone/.test(name)),
    [],
  )
})

test('what fails beside an update loses none', async t => {
  const folder = material(t)
  const whole = tinyConfig(folder, { stage2: false, output: join(folder, 'whole') })
  await start(whole)
  const config = tinyConfig(folder, { stage2: false, stage1: { saveEvery: 4 } })
  const onStepEnd = ({ step }: { step: number }) => {
    if (step === 7) throw new Error('mine')
  }
  await t.throwsAsync(start(config, { callbacks: { stage1: { onStepEnd } } }), { message: 'mine' })
  t.true(existsSync(join(folder, 'out', 'stage1', 'checkpoint-7')))
  await start({ ...config, resume: true })
  t.deepEqual(stateOf(join(folder, 'out'), 'stage1', 8), stateOf(join(folder, 'whole'), 'stage1', 8))
})
