import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { ARMS, armsOf } from '../src/revision/arms.ts'
import { type ArmRun, compareArms } from '../src/revision/compare.ts'
import { comparisonOf } from '../src/revision/compare-report.ts'
import type { Override } from '../src/revision/config/overlay.ts'
import { dataCost } from '../src/revision/cost.ts'
import type { ReVisionReport } from '../src/revision/run.ts'
import { linesOf, material, tinyConfig } from './helpers/revision.ts'

const QUICK = { stage1: { steps: 2 }, stage2: { steps: 2 }, evaluation: { answers: 0 } }

function comparison(folder: string, compare: object, changes: Override = {}): Record<string, unknown> {
  return { ...tinyConfig(folder, { ...QUICK, ...changes }), compare }
}

test('every arm is run with every seed, and a result that is there is not made again', async t => {
  const folder = material(t)
  const config = comparison(folder, {
    arms: ['none', 'paired', { name: 'half', like: 'none', with: { stage1: { maxSamples: 12 } } }],
    seeds: [0, 1],
    tokens: { none: { input: 2, output: 1 } },
  })
  const runs: ArmRun[] = []
  const report = await compareArms(config, { onRun: run => void runs.push(run) })
  t.deepEqual(
    runs.map(({ arm, seed, cached }) => [arm, seed, cached]),
    [0, 1].flatMap(seed => ['none', 'paired', 'half'].map(arm => [arm, seed, false])),
  )
  t.like(report, { arms: ['none', 'paired', 'half'], seeds: [0, 1], reference: 'none' })
  t.deepEqual(report.cost, { none: dataCost({ input: 2, output: 1 }) })
  t.deepEqual(JSON.parse(readFileSync(join(folder, 'out', 'compare.json'), 'utf8')), report)
  const loss = report.metrics.find(({ metric }) => metric === 'held.jsonl loss')
  const values = [0, 1].map(seed => report.runs.none?.[seed]?.evaluation.records[0]?.loss as number)
  const mean = ((values[0] as number) + (values[1] as number)) / 2
  t.true(Math.abs((loss?.arms.none?.mean ?? 0) - mean) < 1e-14 * mean)
  t.deepEqual(Object.keys(loss?.differences ?? {}), ['paired', 'half'])
  t.true(Object.values(report.seconds).every(seconds => seconds > 0))
  const again: boolean[] = []
  t.deepEqual(await compareArms(config, { onRun: ({ cached }) => void again.push(cached) }), report)
  t.deepEqual(again, Array(6).fill(true))
})

test('only what a changed configuration decides is made again', async t => {
  const folder = material(t)
  const compare = { arms: ['none', 'no-stage1'], seeds: [0] }
  const first = await compareArms(comparison(folder, compare))
  const cached = async (changes: Override) => {
    const all: boolean[] = []
    const report = await compareArms(comparison(folder, compare, changes), { onRun: run => void all.push(run.cached) })
    return { all, report }
  }
  t.deepEqual((await cached({ threads: 2, logging: { every: 5 } })).all, [true, true])
  // trained as before, and evaluated anew
  const { all, report } = await cached({ evaluation: { answers: 2 } })
  t.deepEqual(all, [false, false])
  t.deepEqual(report.runs.none?.[0]?.stage1?.loss, first.runs.none?.[0]?.stage1?.loss)
  t.is(report.runs.none?.[0]?.evaluation.records[0]?.open?.count, 2)
  // what was trained otherwise is not taken for it
  const error = await t.throwsAsync(cached({ stage1: { learningRate: 0.01 } }))
  t.like(error, { code: 'BAD_OPTION' })
  t.regex(error.message, /learningRate/)
  writeFileSync(join(folder, 'out', 'none', 'seed-0', 'comparison.json'), '{')
  t.deepEqual((await cached({ evaluation: { answers: 2 } })).all, [false, true])
})

test('an interrupted comparison continues where it stood', async t => {
  const folder = material(t)
  const compare = { arms: ['none', 'paired'], seeds: [0] }
  const whole = await compareArms(comparison(folder, compare, { output: join(folder, 'whole') }))
  const controller = new AbortController()
  const callbacks = { stage2: { onStepEnd: ({ step }: { step: number }) => void (step === 1 && controller.abort()) } }
  const config = comparison(folder, compare, { output: join(folder, 'parts') })
  const stopped = compareArms(config, { signal: controller.signal, callbacks })
  t.like(await t.throwsAsync(stopped), { code: 'CANCELLED' })
  const resumed = await compareArms(config)
  for (const [i, { metric, arms }] of whole.metrics.entries()) {
    t.is(resumed.metrics[i]?.metric, metric)
    t.deepEqual(resumed.metrics[i]?.arms, arms, metric)
  }
})

test('arms change what they are named for, and nothing else', async t => {
  const folder = material(t)
  const arms = Object.keys(ARMS)
  const report = await compareArms(
    comparison(folder, { arms, seeds: [0] }, { stage1: { steps: 1 }, stage2: { steps: 1 } }),
  )
  t.deepEqual(Object.keys(report.runs), arms)
  const config = (arm: string) => JSON.parse(readFileSync(join(folder, 'out', arm, 'seed-0', 'config.json'), 'utf8'))
  for (const arm of arms) {
    t.is(report.runs[arm]?.['0']?.stage1 === undefined, arm === 'blind' || arm === 'no-stage1', arm)
    t.is(config(arm).seed, 0)
    t.is(config(arm).compare, undefined)
  }
  t.deepEqual(config('anchor+trace').embeddings.aligner, { method: 'realign', steps: ['anchor', 'trace'] })
  t.is(config('none').embeddings.aligner, undefined)
  t.is(config('paired').stage1.rows, 'image')
  t.true(config('blind').blind)
})

test('a comparison that makes no sense is refused before its first run, with the line', async t => {
  const folder = material(t)
  const refused: [compare: unknown, message: RegExp][] = [
    [undefined, /no section compare/],
    [{ arms: [], seeds: [0] }, /arms/],
    [{ arms: ['none'], seeds: [] }, /seeds/],
    [{ arms: ['none'], seeds: [0.5] }, /seeds/],
    [{ arms: ['none'], seeds: [1, 1] }, /twice/],
    [{ arms: ['nun'], seeds: [0] }, /no arm nun/],
    [{ arms: ['none', 'none'], seeds: [0] }, /two arms are called none/],
    [{ arms: [{ name: '../up', like: 'none' }], seeds: [0] }, /letters, digits/],
    [{ arms: ['none'], seeds: [0], reference: 'realign' }, /none of the arms/],
    [{ arms: ['none'], seeds: [0], tokens: { other: { input: 1, output: 1 } } }, /other is none of the arms/],
    [{ arms: ['none'], seeds: [0], seed: 1 }, /compare has no key seed; did you mean seeds/],
    [{ arms: [{ name: 'x', with: { stage1: { learningrat: 1 } } }], seeds: [0] }, /arm x: .*did you mean learningRate/],
  ]
  for (const [compare, message] of refused) {
    let runs = 0
    const config = comparison(folder, compare as object)
    const error = await t.throwsAsync(compareArms(config, { onRun: () => void runs++ }))
    t.is((error as { code?: string }).code, 'BAD_OPTION')
    t.regex(error.message, message)
    t.is(runs, 0)
  }
  const file = join(folder, 'compare.yaml')
  writeFileSync(file, `output: out\ncompare:\n  arms: [none]\n  seeds: [0]\n  reference: other\n`)
  t.like(await t.throwsAsync(compareArms(file)), { code: 'BAD_OPTION', file, row: 4 })
})

test('known arms and own ones: changes are laid over, null takes away', t => {
  const [known, own] = armsOf([
    'realign',
    { name: 'mine', like: 'realign', with: { embeddings: { aligner: { noise: 1 } } } },
  ])
  t.deepEqual(known, { name: 'realign', changes: { embeddings: { aligner: { method: 'realign' } } } })
  t.deepEqual(own?.changes, { embeddings: { aligner: { method: 'realign', noise: 1 } } })
  // a name is that of a folder
  for (const name of ['.', '..', '...', 'a/b', 'a b', '']) {
    t.throws(() => armsOf([{ name }]), { code: 'BAD_OPTION', message: /an arm's name is made of/ }, name)
  }
  t.deepEqual(armsOf([{ name: '..a' }, { name: 'a.b+c-d_1' }]).length, 2)
})

test('keys that have no effect are reported once, and the arms’ runs keep to one budget', async t => {
  const folder = material(t)
  const warnings: string[] = []
  const config = { ...comparison(folder, { arms: ['none', 'paired'], seeds: [0, 1] }), deepspeed: 'zero2.json' }
  await compareArms(config, { onWarning: text => void warnings.push(text) })
  t.deepEqual(warnings, ['without effect here: deepspeed'])
  const updates = ['none', 'paired'].map(
    arm => linesOf(join(folder, 'out', arm, 'seed-1', 'stage1', 'log.jsonl')).length,
  )
  t.is(updates[0], updates[1])
  rmSync(join(folder, 'out'), { recursive: true })
})

/** A report of a run that was never made. */
function reported(loss: number, gain: number, pope: number): ReVisionReport {
  const record = { name: 'held', count: 9, loss, perplexity: 1, accuracy: 0.5, shuffledLoss: loss + gain }
  const benchmark = { benchmark: 'POPE', group: 'hallucination', count: 9, accuracy: pope } as const
  return { evaluation: { records: [record], benchmarks: [benchmark], groups: [] } }
}

test('the report says where an arm gains, by group, and what is within the noise', t => {
  const runs = {
    realign: { 0: reported(2, 0.2, 0.5), 1: reported(2.1, 0.3, 0.6), 2: reported(2.2, 0.25, 0.55) },
    none: { 0: reported(2.5, 0.21, 0.3), 1: reported(2.6, 0.29, 0.4), 2: reported(2.69, 0.25, 0.35) },
  }
  const report = comparisonOf({ arms: ['none', 'realign'], seeds: [0, 1, 2] }, runs)
  t.is(report.reference, 'realign')
  t.deepEqual(report.gains, [
    { arm: 'none', group: 'records', better: [], worse: ['held loss'], undecided: 2 },
    { arm: 'none', group: 'hallucination', better: [], worse: ['POPE accuracy'], undecided: 0 },
  ])
  const loss = report.metrics.find(({ metric }) => metric === 'held loss')
  t.like(loss, { of: 'held', group: 'records', greaterIsBetter: false })
  t.is(loss?.differences.none?.better, 'reference')
  const [low, high] = loss?.differences.none?.interval ?? [0, 0]
  // differences 0.5, 0.5, 0.49
  t.true(low > 0.48 && high < 0.52)
})
