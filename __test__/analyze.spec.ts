import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { readCaptions } from '../src/analyze/caption-files.ts'
import { analyzeCaptions } from '../src/analyze/captions.ts'
import { analyzeDomains, analyzeModalities } from '../src/analyze/matrices.ts'
import { analyzeSampleSize } from '../src/analyze/sample-size.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import { measureGap } from '../src/measure.ts'
import { modalityGap } from './helpers/cli.ts'
import { writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'

const DIM = 16
const open = async (count: number, seed: number) => openEmbeddings(someRows(count, DIM, seed), { dim: DIM })

test('more rows leave a smaller gap, down to the noise of the rows held out', async t => {
  const sides = { target: await open(6000, 1), source: await open(6000, 2) }
  const report = await analyzeSampleSize({ ...sides, sizes: [50, 400, 4000], trials: 6, wanted: 0.05, seed: 3 })
  const [few, more, most] = report.curve
  if (!few || !more || !most) {
    return t.fail()
  }
  // a binomial choice: five standard deviations of the mean of six trials and two sides
  t.true(Math.abs(few.n - 50) < 5 * Math.sqrt(50 / 12))
  t.true(few.mean > more.mean && more.mean > most.mean)
  t.is(few.trials.length, 6)
  for (const { mean, floor } of report.curve) {
    // the mean length of a Gaussian vector of sixteen uneven columns lies below its root mean square
    t.true(mean < 1.5 * floor && mean > 0.4 * floor, `${mean} ${floor}`)
  }
  t.true((report.rowsFor?.rows ?? 0) > 100 && (report.rowsFor?.rows ?? 0) < 4000)
  const never = await analyzeSampleSize({ ...sides, sizes: [50, 400, 4000], trials: 6, wanted: 1e-6, seed: 3 })
  t.is(never.rowsFor?.rows, null)
  await t.throwsAsync(analyzeSampleSize({ ...sides, sizes: [5000] }), { code: 'BAD_OPTION' })
})

test('a fit serves its own domain better than another', async t => {
  const domain = async (name: string, seed: number) => ({
    name,
    image: await open(1500, seed),
    text: await open(1500, seed + 1),
  })
  const report = await analyzeDomains({ domains: [await domain('a', 10), await domain('b', 20)], holdout: 0.3 })
  t.deepEqual(report.names, ['a', 'b'])
  const [[aa = 1, ab = 0] = [], [ba = 0, bb = 1] = []] = report.gap
  t.true(Math.max(aa, bb) < 0.1 && Math.min(ab, ba) > 0.2, JSON.stringify(report.gap))
  t.true((report.before[0] ?? 0) > 0.2)
  const twice = await domain('a', 10)
  await t.throwsAsync(analyzeDomains({ domains: [twice, twice] }), { code: 'BAD_OPTION' })
})

test('gaps among several modalities are those of every two', async t => {
  const [image, text, audio] = [await open(300, 1), await open(400, 2), await open(500, 3)]
  const report = await analyzeModalities({ modalities: { image, text, audio } })
  t.deepEqual(report.names, ['image', 'text', 'audio'])
  t.deepEqual(report.rows, [300, 400, 500])
  const { gap, trace } = await measureGap({ image, text: audio })
  t.is(report.gap[0]?.[2], gap.centroid)
  t.is(report.gap[2]?.[0], gap.centroid)
  t.is(report.floor[0]?.[2], gap.floor)
  t.is(report.verdict[2]?.[0], gap.verdict)
  t.is(report.verdict[1]?.[1], null)
  t.is(report.trace[2], trace.text)
  t.is(report.gap[1]?.[1], 0)
})

test('captions are compared by their spread, their gap and their words', async t => {
  const image = await open(200, 1)
  const long = 'A beautiful serene scene that evokes a sense of calm, with a red car parked near two green trees.'
  const report = await analyzeCaptions({
    image,
    corpora: [
      { name: 'short', text: await open(3, 2), captions: ['red car', 'two dogs', 'a tree'] },
      { name: 'long', text: await open(3, 3), captions: [long, long, long] },
      { name: 'unread', text: await open(50, 4) },
    ],
    tokenLimit: 12,
  })
  const [short, other, unread] = report.corpora
  t.is(short?.captions?.words, 2)
  t.is(short?.captions?.overLimit, 0)
  // one of six words, the article, names nothing; "two" is counted among the stop words
  t.true((short?.captions?.nonVisual ?? 1) < 0.4)
  t.is(other?.captions?.overLimit, 1)
  t.true((other?.captions?.nonVisual ?? 0) > 0.5)
  t.is(unread?.captions, undefined)
  t.is(unread?.gap, (await measureGap({ image, text: await open(50, 4) })).gap.centroid)
  const few = { name: 'few', text: await open(3, 2), captions: ['one'] }
  await t.throwsAsync(analyzeCaptions({ image, corpora: [few] }), { code: 'NOT_PAIRED' })
})

test('captions are read from lines and from JSON lines', async t => {
  const folder = folderOf(t)
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  t.deepEqual(await readCaptions(file('a.txt', 'one\r\ntwo\n')), ['one', 'two'])
  t.deepEqual(await readCaptions(file('a.jsonl', '"one"\n{"caption":"two"}\n{"text":"three"}\n')), [
    'one',
    'two',
    'three',
  ])
  await t.throwsAsync(readCaptions(file('b.jsonl', '"one"\n{"capt')), { code: 'BAD_FORMAT', message: /line 2/ })
  await t.throwsAsync(readCaptions(file('c.jsonl', '{"words":1}\n')), { code: 'BAD_FORMAT', message: /neither/ })
  await t.throwsAsync(readCaptions(join(folder, 'gone.txt')), { code: 'NOT_FOUND' })
})

test('the commands print tables, and one JSON document', async t => {
  const folder = folderOf(t)
  const file = (name: string, count: number, seed: number) => {
    const path = join(folder, `${name}.npy`)
    writeNpy(path, someRows(count, DIM, seed), [count, DIM])
    return path
  }
  const [image, text, audio] = [file('image', 400, 1), file('text', 400, 2), file('audio', 300, 3)]
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await modalityGap(args)
    t.is(code, 0, stderr)
    return stdout
  }
  const size = ['--image', image, '--text', text, '--sizes', '20,300', '--trials', '2']
  t.regex(await run('analyze', 'sample-size', ...size), /embeddings of the fit +gap on unseen embeddings/)
  const domains = ['--domain', `a=${image},${text}`, `b=${image},${audio}`, '--json']
  t.deepEqual(JSON.parse(await run('analyze', 'domains', ...domains)).names, ['a', 'b'])
  t.regex(await run('analyze', 'modalities', '--rows', `x=${image}`, `y=${text}`, `z=${audio}`), /noise floor +x +y +z/)
  t.regex(await run('analyze', 'captions', '--image', image, '--corpus', `short=${text}`), /short +400/)
  const compared = ['--image', image, '--text', text, '--methods', 'none,realign', '--json']
  t.deepEqual(Object.keys(JSON.parse(await run('compare', ...compared)).strategies), ['none', 'realign'])
  const wrong = await modalityGap(['analyze', 'domains', '--domain', 'a'])
  t.is(wrong.code, 2)
  t.regex(wrong.stderr, /not a name, an equals sign/)
})
