import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { paperLike, writePaperLike } from '../scripts/evidence/paper-like.mjs'
import { Aligner, type FitInput } from '../src/align.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import { measureGap } from '../src/measure.ts'
import { readNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'

const DIM = 1280

test('paper-like pairs have the gap, means and power laws they are made for', async t => {
  const { image, text } = paperLike({ dim: 256, kappaText: 0 }).take(4000)
  const report = await measureGap({
    image: await openEmbeddings(image, { dim: 256 }),
    text: await openEmbeddings(text, { dim: 256 }),
    paired: true,
    parts: ['causes'],
  })
  // the mean of 4,000 rows is known to sqrt(T/n) = 0.015, of pairs to a little less
  t.true(Math.abs(report.gap.centroid - 0.39) <= 0.03, `gap ${report.gap.centroid}`)
  t.true(Math.abs(Math.sqrt(1 - report.trace.image) - 0.35) <= 0.03, `image trace ${report.trace.image}`)
  t.true(Math.abs(Math.sqrt(1 - report.trace.text) - 0.35) <= 0.03, `text trace ${report.trace.text}`)
  // the sphere and the sample bend the law a little
  t.true(
    Math.abs((report.spectrum?.image.alphaBiased ?? 0) - 1.83) <= 0.15,
    `image α ${report.spectrum?.image.alphaBiased}`,
  )
  t.true(
    Math.abs((report.spectrum?.text.alphaBiased ?? 0) - 1.33) <= 0.15,
    `text α ${report.spectrum?.text.alphaBiased}`,
  )
})

test('paper-like files hold the same rows, whatever is written around them', t => {
  const folder = folderOf(t)
  writePaperLike(folder, { dim: 64, rows: 1100, seed: 5 })
  const { image } = paperLike({ dim: 64, seed: 5 }).take(600)
  const { values, shape } = readNpy(join(folder, 'img_emb', 'img_emb_0.npy'))
  t.deepEqual(shape, [1100, 64])
  // f16 keeps 11 bits
  t.true(image.every((value, i) => Math.abs((values[i] as number) - value) <= 2 ** -12))
  const again = folderOf(t)
  writePaperLike(again, { dim: 64, rows: 1100, seed: 5 })
  for (const name of ['img_emb/img_emb_0.npy', 'text_emb/text_emb_0.npy']) {
    t.deepEqual(readFileSync(join(again, name)), readFileSync(join(folder, name)))
  }
})

test('on ill-conditioned text BCA destroys the neighbourhoods that ReAlign keeps', async t => {
  const folder = folderOf(t)
  writePaperLike(folder, { dim: DIM, rows: 3000 })
  const image = await openEmbeddings(folder, { role: 'image' })
  const text = await openEmbeddings(folder, { role: 'text' })
  const retention = async (fit: Omit<FitInput, 'target' | 'source'>) => {
    const aligner = await Aligner.fit({ target: image, source: text, ...fit })
    const report = await measureGap({ image, text, paired: true, exact: true, aligner, parts: ['neighbours'] })
    return report.neighbours?.retention ?? Number.NaN
  }
  const realign = await retention({ method: 'realign' })
  const centred = await retention({ method: 'bca' })
  const printed = await retention({ method: 'bca', centered: false })
  t.log(`10-NN retention: ReAlign ${realign}, BCA centred ${centred}, as printed ${printed}`)
  // axes of the texts that are not those of the images do most of this: along common axes BCA keeps one half
  // an independent NumPy run found 0.79 to 0.80, 0.032 to 0.038 and 0.037 to 0.042 on three seeds; the paper 0.873 and 0.101
  t.true(realign > 0.75)
  t.true(centred < 0.1)
  t.true(printed < 0.1)
})
