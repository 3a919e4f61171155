import test from 'ava'
import { Aligner, type FitInput } from '../src/align.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import { type MeasureInput, measureGap } from '../src/measure.ts'
import { COUNTED, same, smallRows, type Tolerance } from './helpers/golden.ts'
import { largestDifference } from './helpers/rows.ts'

const images = smallRows('image')
const texts = smallRows('text')
const { dim, count } = images

/**
 * The same numbers from rows that are the same up to rounding: turning a row costs 32 products of 1e-16 each, and nothing
 * here amplifies that by more than a condition number of 1e3. Numbers of counts do not move, for no cut is near a tie.
 */
const ROUNDING: Tolerance = { relative: 1e-10, absolute: 1e-11 }

const measured = async (image: Float64Array, text: Float64Array, options: Partial<MeasureInput> = {}) =>
  measureGap({
    image: await openEmbeddings(image, { dim }),
    text: await openEmbeddings(text, { dim }),
    paired: true,
    exact: true,
    ...options,
  })

const METHODS: readonly Omit<FitInput, 'target' | 'source'>[] = [
  { method: 'mean-shift' },
  { method: 'realign' },
  { method: 'bca' },
  { method: 'bca', centered: false },
  { method: 'procrustes', paired: true },
  { method: 'bures' },
  { method: 'aniso-init' },
]

test('a rotation of all rows changes no number', async t => {
  const straight = await measured(images.values, texts.values)
  const turned = await measured(turn(images.values), turn(texts.values))
  same(t, turned, straight, ROUNDING)
})

test('every strategy turns with its rows', async t => {
  for (const fit of METHODS) {
    const aligner = async (image: Float64Array, text: Float64Array) =>
      Aligner.fit({
        target: await openEmbeddings(image, { dim }),
        source: await openEmbeddings(text, { dim }),
        ...fit,
      })
    const straight = (await aligner(images.values, texts.values)).transform(texts.values.slice())
    const turned = (await aligner(turn(images.values), turn(texts.values))).transform(turn(texts.values))
    t.true(largestDifference(turned, turn(straight)) <= 1e-11, JSON.stringify(fit))
  }
})

test('pairs in another order are the same pairs', async t => {
  const order = shuffled(1)
  const straight = await measured(images.values, texts.values)
  const permuted = await measured(reordered(images.values, order), reordered(texts.values, order))
  // which rows train the probe follows from their index
  same(t, permuted, straight, ROUNDING, /separability/)
})

test('the order of one side means nothing without pairs', async t => {
  const options = { paired: false }
  const straight = await measured(images.values, texts.values, options)
  const permuted = await measured(images.values, reordered(texts.values, shuffled(2)), options)
  same(t, permuted, straight, ROUNDING, /separability/)
})

test('numbers that need no pairs are the same with and without them', async t => {
  const paired = await measured(images.values, texts.values)
  const unpaired = await measured(images.values, texts.values, { paired: false })
  // of pairs the dependence is taken out of the shape, and halves are of whole pairs: what they say of the population is not the same
  const ofHalves =
    /shape$|halves|needs|(alpha|effectiveRank|kappa|kappaEff|frechet|Correlation|Deviation)$|overlap\.o(\.|$)/
  same(t, unpaired.spectrum, paired.spectrum, ROUNDING, ofHalves)
  same(t, unpaired.covariance, paired.covariance, ROUNDING, ofHalves)
  same(t, unpaired.frame, paired.frame, COUNTED)
  same(t, unpaired.neighbours, paired.neighbours, COUNTED)
  for (const name of ['imageImage', 'textText'] as const) {
    t.deepEqual(unpaired.similarity?.histograms?.[name], paired.similarity?.histograms?.[name], name)
  }
  t.is(unpaired.gap.centroid, paired.gap.centroid)
})

test('swapping the sides swaps the numbers', async t => {
  const there = await measured(images.values, texts.values)
  const back = await measured(texts.values, images.values)
  same(t, { image: back.spectrum?.text, text: back.spectrum?.image }, there.spectrum, ROUNDING)
  same(t, back.retrieval?.imageToText, there.retrieval?.textToImage, COUNTED)
  same(t, back.neighbours?.mixing.shares.image, there.neighbours?.mixing.shares.text, COUNTED)
  same(t, back.neighbours?.mixing.image, there.neighbours?.mixing.text, ROUNDING)
  same(t, back.decomposition, there.decomposition, ROUNDING)
  same(t, back.residual, there.residual, ROUNDING)
})

test('the length of the stored rows means nothing', async t => {
  const longer = images.values.map((value, i) => value * (1 + (Math.floor(i / dim) % 7)))
  same(
    t,
    await measured(longer, texts.values),
    await measured(images.values, texts.values),
    ROUNDING,
    /norms|diagnosis/,
  )
})

/** Rows times an orthogonal matrix: two reflections whose axes no column is special to. */
function turn(rows: Float64Array): Float64Array {
  const turned = rows.slice()
  for (const seed of [1.3, 2.9]) {
    const axis = Array.from({ length: dim }, (_, j) => Math.sin(seed * (j + 1) ** 1.5))
    const squares = axis.reduce((sum, value) => sum + value * value, 0)
    for (let first = 0; first < turned.length; first += dim) {
      const along = axis.reduce((sum, value, j) => sum + value * (turned[first + j] as number), 0)
      axis.forEach((value, j) => {
        turned[first + j] = (turned[first + j] as number) - (2 * along * value) / squares
      })
    }
  }
  return turned
}

function reordered(rows: Float64Array, order: readonly number[]): Float64Array {
  const moved = new Float64Array(rows.length)
  order.forEach((from, to) => {
    moved.set(rows.subarray(from * dim, (from + 1) * dim), to * dim)
  })
  return moved
}

/** All rows in an order that a multiplier without a common factor gives. */
function shuffled(seed: number): number[] {
  return Array.from({ length: count }, (_, i) => (i * 171 + 37 * seed) % count)
}
