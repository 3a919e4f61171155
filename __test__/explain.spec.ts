import { join } from 'node:path'
import test from 'ava'
import { openEmbeddings } from '../src/embeddings.ts'
import { type MeasureInput, measureGap } from '../src/measure.ts'
import { COUNTED, type Golden, goldenOf, near, plugIn, SMOOTH } from './helpers/golden.ts'
import { fixture } from './helpers/npy.ts'
import { COCO_CLIP, folderOf } from './helpers/place.ts'

const golden = goldenOf('explain.json')
const clip = goldenOf('clip_explain.json')
const stored = goldenOf('clip_storage.json')

const small = async (options: Partial<MeasureInput> = {}) =>
  measureGap({
    image: await openEmbeddings(fixture('explain_image.npy')),
    text: await openEmbeddings(fixture('explain_text.npy')),
    paired: true,
    exact: true,
    ...options,
  })

/** The golden values that stand at the ranks which a report chose to show. */
const at = (ranks: readonly number[], all: readonly number[]) => ranks.map(rank => all[rank - 1])

test('the gap of pairs, their floor, interval, distance and relative gap', async t => {
  const report = await small()
  const { intervalUnbiased, ...gap } = golden.raw.gap
  near(t, report.gap, plugIn(gap), SMOOTH, 'gap')
  near(t, report.trace, golden.raw.trace, SMOOTH, 'trace')
  near(t, report.phantomDrift, golden.raw.phantomDrift, SMOOTH, 'phantomDrift')
  t.like(report, { dim: 32, rows: { image: 400, text: 400 } })
})

test('without pairs the spread is that of two samples', async t => {
  const { gap } = await small({ paired: false, parts: ['causes'] })
  const { intervalUnbiased, ...unpaired } = golden.raw.gapUnpaired
  near(t, gap, plugIn(unpaired), SMOOTH, 'gap')
  t.is(gap.rmg, undefined)
})

test('the frame of 99 % of the energy, and what the gap is made of in it', async t => {
  const { frame, decomposition, residual } = await small({ parts: ['causes'] })
  t.is(frame?.rank, golden.raw.frame.rank)
  near(t, frame, golden.raw.frame, SMOOTH, 'frame')
  const { meanSquaredDistance, ...parts } = golden.raw.decomposition
  near(t, decomposition, plugIn(without(parts, 'vmf')), SMOOTH, 'decomposition')
  const { energy, ...numbers } = golden.raw.residual
  near(t, residual, plugIn(numbers), SMOOTH, 'residual')
  near(t, residual?.energy.share, at(residual?.energy.k ?? [], energy), SMOOTH, 'residual energy')
  // energies add up exactly: E|delta|^2 is the sum of the four parts
  const { pmb = 0, cob = 0, traceU = 0, traceV = 0 } = decomposition ?? {}
  t.true(Math.abs(pmb ** 2 + cob ** 2 + traceU + traceV - meanSquaredDistance) <= 1e-12)
})

test('a frame of a given rank', async t => {
  const { frame, decomposition, residual } = await small({ rank: 8, parts: ['causes'] })
  near(t, frame, golden.rank.frame, SMOOTH, 'frame')
  const { meanSquaredDistance: _, ...parts } = golden.rank.decomposition
  near(t, decomposition, plugIn(without(parts, 'vmf')), SMOOTH, 'decomposition')
  near(t, residual?.coverageBiased, golden.rank.residual.coverage, SMOOTH, 'coverage')
})

test('a saved frame is the same frame', async t => {
  const path = join(folderOf(t), 'frame.safetensors')
  const saved = await small({ rank: 8, parts: ['causes'], saveFrame: path })
  const loaded = await small({ frame: path, parts: ['causes'] })
  // what halves of the rows judge in each other's frames is judged in the frame that is given
  const { vmf, cobShare, rowsNeeded, needs, kappaU, kappaV, kappaEffU, kappaEffV, chance, ...own } =
    saved.decomposition ?? {}
  near(t, loaded.decomposition, own, COUNTED, 'decomposition')
  near(t, loaded.decomposition, { vmf: golden.rank.decomposition.vmf }, SMOOTH, 'all rows in one frame')
  near(t, loaded.residual?.coverage, golden.rank.residual.coverage, SMOOTH, 'coverage in a given frame')
  t.is(loaded.frame?.rank, 8)
})

test('halves judge in frames of each other, where there are rows enough for frames', async t => {
  const { decomposition, residual, covariance } = await small({ parts: ['causes'] })
  const { coverage = null, coverageBiased = 0 } = residual ?? {}
  // coverage takes 20 rows for each of the 32 columns
  t.is(coverage, null)
  t.true(coverageBiased > 0.9 && (decomposition?.rowsNeeded ?? 0) >= 640, `${decomposition?.rowsNeeded}`)
  const { cobShare = null, pmb = 0, cob = 0 } = decomposition ?? {}
  t.true(cobShare !== null && Math.abs(cobShare - cob ** 2 / (pmb ** 2 + cob ** 2)) < 0.1, `${cobShare}`)
  const { shape = null, shapeBiased = 0 } = covariance ?? {}
  t.true(shape !== null && shape < shapeBiased, `${shape} ${shapeBiased}`)
  const few = await measureGap({
    image: await openEmbeddings(COCO_CLIP, { role: 'image' }),
    text: await openEmbeddings(COCO_CLIP, { role: 'text' }),
    paired: true,
    parts: ['causes'],
  })
  t.like(few.decomposition, { cobShare: null, vmf: null, rowsNeeded: 10_240 })
  t.is(few.residual?.coverage, null)
})

test('spectra, and how alike the covariances are', async t => {
  const { spectrum, covariance } = await small({ parts: ['causes'] })
  const { image, text } = golden.raw.spectrum
  near(t, spectrum, { image: plugIn(image), text: plugIn(text) }, SMOOTH, 'spectrum')
  const { overlap, ...numbers } = golden.raw.covariance
  near(t, covariance, plugIn(numbers), SMOOTH, 'covariance')
  near(t, covariance?.overlap.oBiased, at(covariance?.overlap.q ?? [], overlap), SMOOTH, 'overlap')
})

test('mixing, its shares and hubness', async t => {
  const { neighbours } = await small({ parts: ['neighbours'] })
  t.is(neighbours?.k, 10)
  t.is(neighbours?.mixing.k, 20)
  const { all, shares, image, text } = golden.raw.neighbours.mixing
  // no neighbourhood of this set is cut closer to a tie than 4e-7, so all neighbours are a fact
  near(t, neighbours?.mixing, { all, shares }, COUNTED, 'mixing')
  near(t, neighbours?.mixing, { image, text }, SMOOTH, 'directional mixing')
  near(t, neighbours?.hubness, golden.raw.neighbours.hubness, SMOOTH, 'hubness')
  t.is(neighbours?.retention, undefined, 'needs an aligner')
})

test('histograms, their divergences, alignment, uniformity and CKA', async t => {
  const { similarity } = await small({ parts: ['similarity'] })
  const { histograms, js, alignment, uniformity, cka } = golden.raw.similarity
  // shares of counts, which are exact unless a cosine falls within its rounding of the edge of a bin
  near(t, similarity?.histograms, histograms, COUNTED, 'histograms')
  near(t, similarity, plugIn({ js, alignment, uniformity, cka }), SMOOTH, 'similarity')
})

test('a logistic probe tells the modalities apart on rows it has not seen', async t => {
  const { similarity } = await small({ parts: ['similarity'] })
  // two of 400 rows may lie so near the plane that where the solver stops decides
  near(t, similarity, { separability: golden.raw.similarity.separability }, probe(400), 'probe')
})

test('retrieval both ways and in the mixed corpus', async t => {
  const { retrieval } = await small({ parts: ['retrieval'] })
  near(t, retrieval, golden.raw.retrieval, COUNTED, 'retrieval')
})

test('what was not asked for is not computed', async t => {
  const report = await small({ parts: [] })
  t.is(report.neighbours, undefined)
  t.is(report.similarity, undefined)
  t.is(report.retrieval, undefined)
  near(t, report.gap.centroid, golden.raw.gap.centroid, SMOOTH, 'the gap is always there')
  const unpaired = await small({ paired: false })
  t.is(unpaired.retrieval, undefined, 'needs pairs')
  t.is(unpaired.preservation, undefined, 'needs an aligner')
})

test('500 CLIP pairs explained', async t => {
  const image = await openEmbeddings(COCO_CLIP, { role: 'image' })
  const report = await measureGap({
    image,
    text: await openEmbeddings(COCO_CLIP, { role: 'text' }),
    paired: true,
    exact: true,
  })
  const { raw } = clip
  t.is(report.frame?.rank, raw.frame.rank)
  near(t, report.gap, plugIn(without(raw.gap, 'intervalUnbiased')), SMOOTH, 'gap')
  const { meanSquaredDistance: _, vmf: __, ...parts } = raw.decomposition
  near(t, report.decomposition, plugIn(parts), ILL, 'decomposition')
  near(t, report.residual, plugIn(without(raw.residual, 'energy')), ILL, 'residual')
  const { neighbours, similarity } = raw
  near(t, report.neighbours, neighbours, SMOOTH, 'neighbours')
  const { js, alignment, uniformity, cka } = similarity
  near(t, report.similarity, plugIn({ js, alignment, uniformity, cka }), SMOOTH, 'similarity')
  near(t, report.similarity, { separability: similarity.separability }, probe(500), 'probe')
  near(t, report.retrieval, raw.retrieval, COUNTED, 'retrieval')
  t.is(report.retrieval?.textToImage.r1, 0.506)
  for (const side of ['image', 'text'] as const) {
    const { alpha, alphaRange, participationRatio, eigenvalues } = raw.spectrum[side]
    near(t, report.spectrum?.[side], plugIn({ alpha, alphaRange, participationRatio }), ILL, `spectrum ${side}`)
    // what f16 has rounded is left out of the others
    const { kappa, ...numbers } = stored[side]
    near(t, report.spectrum?.[side], plugIn(numbers), ILL, `spectrum ${side}`)
    near(t, report.spectrum?.[side]?.eigenvalues?.slice(0, eigenvalues.length), eigenvalues, SMOOTH, 'eigenvalues')
    near(t, report.spectrum?.[side], plugIn({ kappa }), { relative: 1e-6, absolute: 0 }, 'kappa')
  }
  const { logSpectraCorrelation, logSpectraDeviation } = stored
  const { shape, frechet } = raw.covariance
  near(t, report.covariance, plugIn({ shape, frechet }), ILL, 'covariance')
  near(t, report.covariance, plugIn({ logSpectraCorrelation, logSpectraDeviation }), ILL, 'spectra above rounding')
})

/**
 * 500 rows of 512 columns: smallest eigenvalues are 2e-7 of the largest (after the 13 that are zero), so what is made of
 * them keeps 1e-15 / 2e-7 of precision at worst, and the trace norm in the Fréchet distance sums 512 roots of values that
 * may be rounding only, each of up to sqrt(1e-18).
 */
const ILL = { relative: 2e-7, absolute: 1e-9 }

function probe(rows: number) {
  return { relative: 0, absolute: 2 / rows + 1e-12 }
}

function without(numbers: Golden, name: string): Golden {
  const { [name]: _, ...rest } = numbers
  return rest
}
