import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { Aligner } from '../src/align.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import { measureGap } from '../src/measure.ts'
import type { FitOptions } from '../src/options.ts'
import type { Causes } from '../src/results.ts'
import { modalityGap } from './helpers/cli.ts'
import { plugIn } from './helpers/golden.ts'
import { fixture, halves, readNpy } from './helpers/npy.ts'
import { COCO_CLIP, folderOf } from './helpers/place.ts'
import { largestDifference } from './helpers/rows.ts'

const golden = JSON.parse(readFileSync(fixture('clip_expected.json'), 'utf8'))
const DIM = 512

const openSide = (role: 'image' | 'text') => openEmbeddings(COCO_CLIP, { role })
const valuesOf = (side: 'img_emb' | 'text_emb') => readNpy(join(COCO_CLIP, side, `${side}_0.npy`)).values

test('the sample holds the published f32 values: every one of them is an f16 value', t => {
  // SHA-256 of the array data of features_clip.npy (float32 [2, 500, 512]), by NumPy
  const published = 'c79c196fdfb68dafdf8878e20f66cce103b535e3068f62c094c2598812b188ca'
  const hash = createHash('sha256')
  for (const side of ['img_emb', 'text_emb'] as const) hash.update(Float32Array.from(valuesOf(side)))
  t.is(hash.digest('hex'), published)
})

const fitPairs = async (options: FitOptions = {}) => {
  const target = await openSide('image')
  return Aligner.fit({ target, source: await openSide('text'), ...options })
}

test('gap before and after, scale and traces, as published', async t => {
  const { report } = await fitPairs()
  t.is(report?.gap.before.toFixed(5), '0.85135')
  t.is(report?.gap.after?.toExponential(5), '1.46479e-3')
  t.is(report?.scale.toFixed(6), '0.983057')
  // sums of 500 numbers below 1
  t.true(Math.abs((report?.trace.image ?? 0) - golden.stored.trace.image) <= 1e-13)
  t.true(Math.abs((report?.trace.text ?? 0) - golden.stored.trace.text) <= 1e-13)
})

test('ten centroid passes, sixty, and the solved offset', async t => {
  t.is((await fitPairs({ centroidIterations: 10 })).report?.gap.after?.toExponential(2), '5.26e-6')
  t.true(((await fitPairs({ centroidIterations: 60 })).report?.gap.after ?? 1) < 1e-15)
  t.true(((await fitPairs({ centroid: 'solve' })).report?.gap.after ?? 1) < 1e-13)
  const stopped = await fitPairs({ tolerance: 1e-6 })
  t.true(stopped.info.iterations > 10 && stopped.info.iterations < 60)
  t.true((stopped.report?.gap.after ?? 1) <= 1e-6)
})

test('the gap taken apart in the frame of 99 % of the energy', async t => {
  const image = await openSide('image')
  const report = await measureGap({ image, text: await openSide('text'), paired: true })
  const { gap, residual } = report
  const { frame, decomposition, spectrum, covariance } = report as Causes
  // figures of an independent float64 run, to the digits it was printed with
  t.is(frame.rank, 384)
  t.is(decomposition.pmb.toFixed(4), '0.8063')
  t.is(decomposition.cob.toFixed(4), '0.2732')
  t.is(decomposition.traceU?.toFixed(4), '0.6455')
  t.is(decomposition.traceV?.toFixed(5), '0.00984')
  t.is(gap.rmg?.toFixed(4), '0.5915')
  const energy = decomposition.pmb ** 2 + decomposition.cob ** 2 + (residual?.trace ?? 0)
  const parts = decomposition.gap ** 2 + (decomposition.traceU ?? 0) + (decomposition.traceV ?? 0)
  t.true(Math.abs(energy - parts) <= 1e-12)
  // eigenvalues above the rounding of f16, by NumPy (clip_storage.json)
  t.is(spectrum.image.rank, 492)
  t.is(covariance.overlap.q.at(-1), DIM)
  t.true(Math.abs((covariance.overlap.oBiased?.at(-1) ?? 0) - 1) <= 1e-9)
})

test('compat official equals an independent run of the same formulas', async t => {
  const [images, texts] = [halves(valuesOf('img_emb')), halves(valuesOf('text_emb'))]
  const target = await openEmbeddings(images, { dim: DIM })
  const aligner = await Aligner.fit({ target, source: await openEmbeddings(texts, { dim: DIM }), compat: 'official' })
  const moved = aligner.transform(Float32Array.from(valuesOf('text_emb')))
  const expected = readNpy(fixture('clip_official.npy')).values
  const { every } = golden.rowsOf
  for (let i = 0; i * DIM < expected.length; i++) {
    const found = moved.subarray(i * every * DIM, (i * every + 1) * DIM)
    t.true(largestDifference(found, expected.subarray(i * DIM, (i + 1) * DIM)) <= 1e-7, `row ${i * every}`)
  }
})

test('measured as pairs', async t => {
  const sides = { image: await openSide('image'), text: await openSide('text') }
  const { gap } = await measureGap({ ...sides, paired: true })
  const plain = plugIn(golden.stored.paired)
  for (const name of ['centroid', 'cosineBiased', 'unbiasedSquared', 'floor', 'pairedDistance'] as const) {
    t.true(Math.abs((gap[name] ?? 0) - plain[name]) <= 1e-12, name)
  }
})

test('from the command line', async t => {
  const out = join(folderOf(t), 'aligned')
  const args = ['align', '--image', COCO_CLIP, '--text', COCO_CLIP, '--out', out, '--json']
  const { code, stdout, stderr } = await modalityGap(args)
  t.is(code, 0, stderr)
  const report = JSON.parse(stdout)
  t.is(report.gap.before.toFixed(5), '0.85135')
  t.is(report.gap.after.toExponential(5), '1.46479e-3')
  t.deepEqual(report.rows, { image: 500, text: 500 })
})
