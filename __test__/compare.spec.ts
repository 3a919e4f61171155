import test from 'ava'
import { Aligner } from '../src/align.ts'
import { compareStrategies } from '../src/compare.ts'
import { type Embeddings, openEmbeddings } from '../src/embeddings.ts'
import { measureGap } from '../src/measure.ts'
import { STRATEGIES, type StrategyName, type StrategyOptions } from '../src/strategies.ts'
import { someRows } from './helpers/rows.ts'

const DIM = 16

/** Pairs: texts are images that were shifted and blurred. */
async function pairs(count: number): Promise<{ image: Embeddings; text: Embeddings }> {
  const images = someRows(count, DIM, 1)
  const blur = someRows(count, DIM, 2)
  const texts = images.map((value, i) => value + 0.4 * (blur[i] ?? 0))
  return { image: await openEmbeddings(images, { dim: DIM }), text: await openEmbeddings(texts, { dim: DIM }) }
}

test('every strategy is measured on the rows that its fit has not seen', async t => {
  const { image, text } = await pairs(600)
  const began = performance.now()
  const report = await compareStrategies({ image, text, paired: true, holdout: 0.3, seed: 4 })
  const passed = (performance.now() - began) / 1000
  t.deepEqual(Object.keys(report.strategies), Object.keys(STRATEGIES))
  const aligner = await Aligner.fit({ target: image, source: text, holdout: 0.3, seed: 4 })
  const alone = await measureGap({ image, text, aligner, paired: true, holdout: 0.3, seed: 4 })
  const { options, seconds, ...compared } = report.strategies.realign ?? t.fail()
  t.deepEqual(compared, alone, 'the comparison is the measurement, no more')
  t.is(options.method, 'realign')
  t.true(seconds.fit > 0 && seconds.measure > 0)
  const all = Object.values(report.strategies).flatMap(({ seconds: { fit, measure } }) => [fit, measure])
  t.true(all.reduce((sum, each) => sum + each) <= passed, 'one after another, in seconds')
  t.true(compared.held)
  t.is(compared.rows.text, 600 - aligner.info.source.rows)
  // pairs held out from a fit on pairs carry its noise as well: tr Σr (1/n held + 1/n fitted)
  const factor = 1 + compared.rows.text / aligner.info.source.rows
  const { gap } = compared
  t.true(Math.abs(gap.floor ** 2 - factor * (gap.ofAligner?.floor ?? 0) ** 2) < 1e-15)
  t.is(report.strategies.none?.gap.ofAligner, undefined, 'nothing was fitted')
  t.is(report.strategies.none?.preservation?.omega, 1)
  t.is(report.strategies.none?.gap.before, report.strategies.none?.gap.after)
})

test('a strategy is the fit of its name', async t => {
  const named: Record<StrategyName, StrategyOptions> = {
    none: { method: 'none' },
    centering: { method: 'centering' },
    'mean-shift': { method: 'mean-shift' },
    c3: { method: 'c3' },
    bca: { method: 'bca' },
    procrustes: { method: 'procrustes' },
    bures: { method: 'bures' },
    'aniso-init': { method: 'aniso-init' },
    'anchor-trace': { method: 'realign', steps: ['anchor', 'trace'] },
    realign: { method: 'realign' },
    'realign-10': { method: 'realign', centroidIterations: 10 },
    'realign-solve': { method: 'realign', centroid: 'solve' },
  }
  const { image, text } = await pairs(300)
  const seen = { paired: true, holdout: 0.3, seed: 4 }
  const { strategies } = await compareStrategies({ image, text, parts: [], ...seen })
  for (const [name, options] of Object.entries(named) as [StrategyName, StrategyOptions][]) {
    const fit = { ...seen, paired: options.method === 'procrustes', ...options }
    const aligner = await Aligner.fit({ target: image, source: text, ...fit })
    const { gap } = await measureGap({ image, text, aligner, parts: [], ...seen })
    t.is(strategies[name]?.options.method, options.method, name)
    if (name !== 'none') {
      t.deepEqual(strategies[name]?.gap, gap, name)
    }
  }
})

test('methods can be chosen, and those that need pairs are left out without them', async t => {
  const { image, text } = await pairs(200)
  const chosen = await compareStrategies({ image, text, methods: ['none', 'realign'], parts: ['preservation'] })
  t.deepEqual(Object.keys(chosen.strategies), ['none', 'realign'])
  t.is(chosen.strategies.realign?.covariance, undefined)
  t.is(chosen.recommended.search, undefined)
  t.is(chosen.recommended.substitution?.method, 'realign')
  const unpaired = await compareStrategies({ image, text, parts: [] })
  t.false('procrustes' in unpaired.strategies)
  t.is(unpaired.strategies.realign?.retrieval, undefined)
  await t.throwsAsync(compareStrategies({ image, text, methods: ['procrustes'] }), {
    code: 'BAD_OPTION',
    message: /paired/,
  })
  await t.throwsAsync(compareStrategies({ image, text, methods: ['magic' as 'c3'] }), {
    code: 'BAD_OPTION',
    message: /unknown value `magic`; expected none, centering/,
  })
})

test('an interrupted comparison stops at once', async t => {
  const { image, text } = await pairs(200)
  const stages: string[] = []
  const controller = new AbortController()
  const running = compareStrategies(
    { image, text },
    {
      signal: controller.signal,
      onProgress: ({ stage }) => {
        stages.push(stage)
        controller.abort()
      },
    },
  )
  await t.throwsAsync(running, { code: 'CANCELLED' })
  t.true(stages.every(stage => stage.startsWith('none: ')))
})

test('a fit and a measurement of its own rows are distinguished from unseen ones', async t => {
  const { image, text } = await pairs(300)
  const aligner = await Aligner.fit({ target: image, source: text })
  const own = await measureGap({ image, text, aligner, parts: [] })
  t.true(own.inSample)
  t.true(own.diagnosis.some(({ code }) => code === 'in-sample'))
  const other = await openEmbeddings(someRows(300, DIM, 9), { dim: DIM })
  t.is((await measureGap({ image, text: other, aligner, parts: [] })).inSample, undefined)
})

test('a frame that is asked for is that of every strategy that has one', async t => {
  const [image, text] = [someRows(200, 8, 1), someRows(200, 8, 2)]
  const { strategies } = await compareStrategies({
    image: await openEmbeddings(image, { dim: 8 }),
    text: await openEmbeddings(text, { dim: 8 }),
    methods: ['bca', 'aniso-init', 'realign'],
    rank: 3,
  })
  const ranks = Object.entries(strategies).map(([name, { options }]) => [name, (options as { rank?: number }).rank])
  t.deepEqual(Object.fromEntries(ranks), { bca: 3, 'aniso-init': 3, realign: undefined })
})
