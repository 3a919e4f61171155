import test from 'ava'
import { analyzeCaptions } from '../src/analyze/captions.ts'
import { analyzeDomains, analyzeModalities } from '../src/analyze/matrices.ts'
import { analyzeSampleSize } from '../src/analyze/sample-size.ts'
import { compareStrategies } from '../src/compare.ts'
import { type Embeddings, openEmbeddings } from '../src/embeddings.ts'
import { Tracker } from '../src/tracker/tracker.ts'
import { COUNTED, goldenOf, near, SMOOTH } from './helpers/golden.ts'
import { fixture, readNpy } from './helpers/npy.ts'

// what make_grouped_analyses.py finds in NumPy for images with no caption, one to eight of them, all in no order

const golden = goldenOf('grouped_analyses.json')
const { holdout, seed } = golden
const DIM = 16
type Name = 'image' | 'text' | 'audio' | 'image2' | 'text2'

/** Rows with their ids. */
async function open(name: Name): Promise<Embeddings> {
  const { values, shape } = readNpy(fixture(`grouped_${name}.npy`))
  return openEmbeddings(Float32Array.from(values), { dim: shape[1], ids: golden.ids[name] })
}

test('a comparison holds out images with all their captions, and has their noise, that of the fit and COCO ranks', async t => {
  const methods = ['none', 'mean-shift', 'realign'] as const
  const input = { image: await open('image'), text: await open('text'), methods, holdout, seed }
  const report = await compareStrategies(input)
  t.true(report.paired)
  for (const method of methods) {
    const { rows, groups, gap, retrieval, paired } = golden.compare[method]
    const found = report.strategies[method]
    t.deepEqual(found?.rows, rows)
    t.like(found?.groups, { ...groups, by: 'ids', pairs: paired.pairs })
    near(t, found?.gap, gap, SMOOTH, `${method}: gap`)
    near(t, found?.retrieval, retrieval, COUNTED, `${method}: retrieval`)
    near(t, found?.residual?.trace, paired.residual, SMOOTH, `${method}: residual`)
    near(t, found?.decomposition?.gap, paired.difference, SMOOTH, `${method}: mean of all pairs`)
    near(t, found?.similarity?.alignment, paired.alignment, SMOOTH, `${method}: alignment`)
  }
})

test('a curve over sizes takes images with all their captions into a fit, and counts the rows of the smaller side', async t => {
  const { sizes, trials, curve, noise, half } = golden.sampleSize
  const input = { target: await open('image'), source: await open('text'), holdout, seed, sizes, trials }
  const report = await analyzeSampleSize(input)
  near(t, report.curve, curve, SMOOTH, 'curve')
  near(t, report.model.noise, noise, SMOOTH, 'noise')
  const [low, high] = report.model.limitInterval
  near(t, (high - low) / 2, half, SMOOTH, 'half width')
})

test('domains are judged by their images, held out with all their captions on the diagonal', async t => {
  const domains = [
    { name: 'one', image: await open('image'), text: await open('text') },
    { name: 'two', image: await open('image2'), text: await open('text2') },
  ]
  near(t, await analyzeDomains({ domains, holdout, seed }), golden.domains, SMOOTH, 'domains')
})

test('several modalities of the same items have the noise of items, whatever the number of rows of each', async t => {
  const modalities = { image: await open('image'), text: await open('text'), audio: await open('audio') }
  near(t, await analyzeModalities({ modalities }), golden.modalities, SMOOTH, 'modalities')
})

test('a step of a tracker has noise, drift and mean direction of items, and finds any of them', async t => {
  const { rank, images, gap, phantomDrift, v, retrieval, groups } = golden.tracker
  const { nullDeviation: _, ...recorded } = gap
  const rows = readNpy(fixture('grouped_image.npy')).values
  const image = Float32Array.from(images.flatMap((row: number) => [...rows.subarray(row * DIM, (row + 1) * DIM)]))
  const text = Float32Array.from(readNpy(fixture('grouped_text.npy')).values)
  const tracker = new Tracker({ freezeAt: 0, rank, dim: DIM, ids: golden.ids.text })
  const record = await tracker.push({ step: 0, image, text })
  t.deepEqual(record?.groups, { by: 'ids', ...groups })
  near(t, record, { gap: recorded, phantomDrift, v }, SMOOTH, 'record')
  near(t, record?.retrieval, retrieval, COUNTED, 'retrieval')
})

test('corpora have the noise of items, and spectra of one row of as many items as the smallest has', async t => {
  const corpora = [
    { name: 'text', text: await open('text') },
    { name: 'audio', text: await open('audio') },
  ]
  const report = await analyzeCaptions({ image: await open('image'), corpora })
  near(t, report, golden.captions, SMOOTH, 'captions')
  // an image that stands once for each of its captions is one image
  const { values, shape } = readNpy(fixture('grouped_image.npy'))
  const [count = 0, dim = 0] = shape
  const twice = await openEmbeddings(Float32Array.from([...values, ...values]), {
    dim,
    ids: [...golden.ids.image, ...golden.ids.image],
  })
  const again = await analyzeCaptions({ image: twice, corpora })
  t.is(again.image.rows, count)
  near(t, again, golden.captions, SMOOTH, 'with repeated images')
})

test('domains without ids take the captions of each image by their number', async t => {
  const [each, count] = [3, 80]
  const image = readNpy(fixture('grouped_image.npy')).values.slice(0, count * DIM)
  const text = readNpy(fixture('grouped_text.npy')).values.slice(0, each * count * DIM)
  const domains = async (ids: (rows: number) => number[] | undefined) =>
    Promise.all(
      ['a', 'b'].map(async (name, i) => ({
        name,
        image: await openEmbeddings(Float32Array.from(image), { dim: DIM, ids: ids(count) }),
        text: await openEmbeddings(
          Float32Array.from(text, v => v + i),
          { dim: DIM, ids: ids(each * count) },
        ),
      })),
    )
  const numbered = (rows: number) => Array.from({ length: rows }, (_, row) => Math.floor((row * count) / rows))
  const options = { holdout: 0.25, seed: 2 }
  const byIds = await analyzeDomains({ domains: await domains(numbered), ...options })
  const byCount = await analyzeDomains({ domains: await domains(() => undefined), captionsPerImage: each, ...options })
  t.deepEqual(byCount, byIds)
})
