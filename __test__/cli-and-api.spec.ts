/** A command with options reports what the call with the same options does. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import * as api from '../src/index.ts'
import { trackReportData } from '../src/report/track/data.ts'
import { modalityGap } from './helpers/cli.ts'
import { writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'

const DIM = 8
const PAIRS = 120

/** Two data sets of pairs in a folder, whose names hold an equals sign as partitions have it. */
async function material(t: ExecutionContext) {
  const folder = join(folderOf(t), 'split=train')
  mkdirSync(folder)
  const file = (name: string, seed: number) =>
    writeNpy(join(folder, `${name}.npy`), someRows(PAIRS, DIM, seed), [PAIRS, DIM])
  const paths = {
    image: file('image', 1),
    text: file('text', 2),
    otherImage: file('other-image', 3),
    otherText: file('other-text', 4),
  }
  const open = async (path: string) => await api.openEmbeddings(path)
  return { folder, paths, open, image: await open(paths.image), text: await open(paths.text) }
}

/** What both say: JSON has no undefined, and times differ. */
function comparable(report: unknown): unknown {
  return JSON.parse(JSON.stringify(report), (key, value) => (key === 'seconds' ? undefined : value))
}

async function same(t: ExecutionContext, args: readonly string[], called: Promise<unknown>): Promise<void> {
  const ended = await modalityGap([...args, '--json', '--threads', '1'])
  t.is(ended.code, 0, ended.stderr)
  t.deepEqual(comparable(JSON.parse(ended.stdout)), comparable(await called), args.join(' '))
}

test('analyze sample-size', async t => {
  const { paths, image: target, text: source } = await material(t)
  const sides = ['--image', paths.image, '--text', paths.text]
  await same(
    t,
    ['analyze', 'sample-size', ...sides, '--sizes', '15,30', '--trials', '3', '--wanted', '0.5', '--seed', '5'],
    api.analyzeSampleSize({ target, source, sizes: [15, 30], trials: 3, wanted: 0.5, seed: 5 }),
  )
  await same(
    t,
    ['analyze', 'sample-size', ...sides, '--holdout', '0.4', '--captions-per-image', '1', '--method', 'centering'],
    api.analyzeSampleSize({ target, source, holdout: 0.4, captionsPerImage: 1, method: 'centering' }),
  )
})

test('analyze domains', async t => {
  const { paths, open, image, text } = await material(t)
  const domains = [
    { name: 'one', image, text },
    { name: 'two', image: await open(paths.otherImage), text: await open(paths.otherText) },
  ]
  const named = [`one=${paths.image},${paths.text}`, `two=${paths.otherImage},${paths.otherText}`]
  await same(
    t,
    ['analyze', 'domains', '--domain', ...named, '--captions-per-image', '1', '--method', 'bca', '--rank', '3'],
    api.analyzeDomains({ domains, captionsPerImage: 1, method: 'bca', rank: 3 }),
  )
})

test('analyze captions', async t => {
  const { folder, paths, open, image } = await material(t)
  const captions = Array.from({ length: PAIRS }, (_, i) => 'a red car '.repeat(1 + (i % 5)).trim())
  const file = join(folder, 'captions.txt')
  writeFileSync(file, `${captions.join('\n')}\n`)
  const corpora = [
    { name: 'one', text: await open(paths.text), captions },
    { name: 'two', text: await open(paths.otherText) },
  ]
  await same(
    t,
    [
      'analyze',
      'captions',
      '--image',
      paths.image,
      '--corpus',
      `one=${paths.text},${file}`,
      `two=${paths.otherText}`,
    ].concat(['--token-limit', '9']),
    api.analyzeCaptions({ image, corpora, tokenLimit: 9 }),
  )
})

test('analyze modalities', async t => {
  const { paths, open, image, text } = await material(t)
  await same(
    t,
    ['analyze', 'modalities', '--rows', `image=${paths.image}`, `text=${paths.text}`, `other=${paths.otherText}`],
    api.analyzeModalities({ modalities: { image, text, other: await open(paths.otherText) } }),
  )
})

test('measure', async t => {
  const { folder, paths, image, text } = await material(t)
  const file = join(folder, 'aligner.safetensors')
  const aligner = await api.Aligner.fit({ target: image, source: text, holdout: 0.5, seed: 3 })
  await aligner.save(file)
  const sides = ['--image', paths.image, '--text', paths.text]
  await same(
    t,
    [
      'measure',
      ...sides,
      '--paired',
      '--rank',
      '3',
      '--seed',
      '4',
      '--exact',
      '--parts',
      'causes,neighbours,retrieval',
    ],
    api.measureGap({
      image,
      text,
      paired: true,
      rank: 3,
      seed: 4,
      exact: true,
      parts: ['causes', 'neighbours', 'retrieval'],
    }),
  )
  await same(
    t,
    ['measure', ...sides, '--aligner', file, '--holdout', '0.5', '--seed', '3', '--energy', '0.5'],
    api.measureGap({ image, text, aligner: await api.Aligner.load(file), holdout: 0.5, seed: 3, energy: 0.5 }),
  )
})

test('compare', async t => {
  const { paths, image, text } = await material(t)
  await same(
    t,
    ['compare', '--image', paths.image, '--text', paths.text, '--paired', '--methods', 'none,bca,aniso-init'].concat([
      '--holdout',
      '0.5',
      '--rank',
      '3',
      '--seed',
      '6',
      '--exact',
    ]),
    api.compareStrategies({
      image,
      text,
      paired: true,
      methods: ['none', 'bca', 'aniso-init'],
      holdout: 0.5,
      rank: 3,
      seed: 6,
      exact: true,
    }),
  )
})

test('track', async t => {
  const { folder } = await material(t)
  const run = join(folder, 'run')
  const steps = [0, 1, 2, 3, 4, 5, 6].map(step => {
    const at = join(run, `step_${step}`)
    mkdirSync(at, { recursive: true })
    const [image, text] = [someRows(PAIRS, DIM, 2 * step), someRows(PAIRS, DIM, 2 * step + 1)]
    writeNpy(join(at, 'image.npy'), image, [PAIRS, DIM])
    writeNpy(join(at, 'text.npy'), text, [PAIRS, DIM])
    return { step, image, text }
  })
  for (const [args, options] of [
    [
      ['--rank', '3', '--every', '2', '--window', '2', '--top-eigen', '4', '--retrieval-pairs', '0', '--seed', '9'],
      { rank: 3, every: 2, window: 2, topEigen: 4, retrievalPairs: 0, seed: 9 },
    ],
    [
      ['--energy', '0.5', '--captions-per-image', '5', '--retrieval-pairs', '50'],
      { energy: 0.5, captionsPerImage: 5, retrievalPairs: 50 },
    ],
    [['--ids', 'none'], { ids: 'none' }],
  ] as const) {
    const tracker = new api.Tracker({ freezeAt: 1, dim: DIM, ...options })
    for (const step of steps.filter(({ step }) => step <= 4)) {
      await tracker.push(step)
    }
    const recorded = Promise.resolve(trackReportData(tracker.records))
    await same(t, ['track', run, '--freeze-at', '1', '--until', '4', ...args], recorded)
  }
})
