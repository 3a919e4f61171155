import test from 'ava'
import { Aligner } from '../src/align.ts'
import { diagnose } from '../src/diagnosis.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import { measureGap } from '../src/measure.ts'
import { near } from './helpers/golden.ts'
import { someRows } from './helpers/rows.ts'

const DIM = 16
const open = (rows: Float32Array) => openEmbeddings(rows, { dim: DIM })

async function codes(image: Float32Array, text: Float32Array, paired = false): Promise<string[]> {
  const report = await measureGap({ image: await open(image), text: await open(text), paired })
  return report.diagnosis.map(({ code }) => code)
}

test('sides of one distribution that are independent of each other are not said to belong together', async t => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const rows = someRows(600, DIM, seed)
    const found = await codes(rows.subarray(0, 300 * DIM), rows.subarray(300 * DIM))
    t.false(found.includes('sides-related'), `${seed}: ${found}`)
  }
})

/** Texts that are images, moved a little. */
function partners(images: Float32Array): Float32Array {
  return images.map((value, i) => value + 0.05 * Math.sin(i))
}

test('nothing is wrong with sound pairs', async t => {
  const images = someRows(600, DIM, 1)
  // moved a little, for a gap that is not noise
  const units = partners(images).map((value, i) => (i % DIM === 0 ? value + 0.1 : value))
  for (let row = 0; row < 600; row++) {
    const values = units.subarray(row * DIM, (row + 1) * DIM)
    const length = Math.hypot(...values)
    values.set(values.map(value => value / length))
  }
  t.deepEqual(await codes(images, units, true), [])
})

test('rows in another order are reported', async t => {
  const images = someRows(600, DIM, 1)
  const texts = partners(images)
  const turned = Float32Array.from([...texts.subarray(100 * DIM), ...texts.subarray(0, 100 * DIM)])
  t.true((await codes(images, turned, true)).includes('rows-misaligned'))
  t.false((await codes(images, texts, true)).includes('rows-misaligned'))
})

test('pairs that are strangers are recognised where five captions share an image', async t => {
  const unique = someRows(120, DIM, 1)
  const images = Float32Array.from({ length: 5 * unique.length }, (_, i) => {
    const row = Math.floor(i / DIM / 5)
    return unique[row * DIM + (i % DIM)] as number
  })
  const [image, text] = [await open(images), await open(someRows(600, DIM, 2))]
  const { retrieval, diagnosis } = await measureGap({ image, text, captionsPerImage: 5, parts: ['retrieval'] })
  // an image counts once, and each of its five captions is right
  const missed = (k: number) => Array.from({ length: k }, (_, i) => (595 - i) / (600 - i)).reduce((a, b) => a * b)
  const golden = {
    textToImage: { r1: 1 / 120, r5: 5 / 120, r10: 10 / 120 },
    imageToText: { r1: 5 / 600, r5: 1 - missed(5), r10: 1 - missed(10) },
  }
  near(t, retrieval?.chance, golden, { relative: 0, absolute: 1e-15 }, 'chance')
  const found = diagnosis.find(({ code }) => code === 'rows-misaligned')
  t.regex(found?.evidence ?? '', /by chance in 8\.3 % and 8\.\d %/)
})

test('exchanged modalities are recognised by the aligner', async t => {
  const [image, text] = [await open(someRows(600, DIM, 1)), await open(someRows(600, DIM, 2))]
  const aligner = await Aligner.fit({ target: image, source: text })
  const right = await measureGap({ image, text, aligner, parts: [] })
  t.false(right.diagnosis.some(({ code }) => code === 'modalities-swapped'))
  const wrong = await measureGap({ image: text, text: image, aligner, parts: [] })
  t.is(wrong.diagnosis[0]?.code, 'modalities-swapped')
  t.is(wrong.diagnosis[0]?.level, 'problem')
})

test('lengths, doubles and few rows are reported', async t => {
  const images = someRows(600, DIM, 1)
  t.true(
    (
      await codes(
        images.map(value => 3 * value),
        someRows(600, DIM, 2),
      )
    ).includes('rows-not-unit'),
  )
  const doubled = Float32Array.from([...images.subarray(0, 300 * DIM), ...images.subarray(0, 300 * DIM)])
  t.true((await codes(doubled, someRows(600, DIM, 2))).includes('duplicates'))
  t.true((await codes(images.subarray(0, 12 * DIM), someRows(12, DIM, 2))).includes('few-rows'))
})

test('a gap below its floor is not a gap', async t => {
  const rows = someRows(1200, DIM, 1)
  t.true((await codes(rows.subarray(0, 600 * DIM), rows.subarray(600 * DIM))).includes('below-floor'))
})

test('sides that belong together, and are measured as if they did not, are reported', async t => {
  const images = someRows(600, DIM, 1)
  const found = await codes(images, partners(images))
  t.true(found.includes('sides-related'), found.join())
  t.false((await codes(images, partners(images), true)).includes('sides-related'))
  t.false((await codes(images, someRows(600, DIM, 1001))).includes('sides-related'))
})

test('one shared component and unlike spreads are reported', async t => {
  const images = someRows(600, DIM, 1).map((value, i) => (i % DIM === 0 ? 5 : value))
  const found = await codes(images, someRows(600, DIM, 2))
  t.true(found.includes('shared-component'))
  t.true(found.includes('scale-far-from-one'))
})

test('long half-precision rows, and file names that are crossed', async t => {
  const image = await open(someRows(200, DIM, 1))
  const text = await open(someRows(200, DIM, 2))
  const report = await measureGap({ image, text, parts: [] })
  const origin = (dtype: 'f16' | 'f32', path: string) => ({ dtype, shards: [{ path, rows: 200, dtype }] })
  const long = { ...report, norms: { ...report.norms, image: { min: 1, max: 65504 } } }
  const sides = { image: origin('f16', 'text_emb/text_emb_0.npy'), text: origin('f32', 'img_emb/img_emb_0.npy') }
  const found = diagnose(long, sides)
  t.deepEqual(
    found.slice(0, 2).map(({ code, level }) => [code, level]),
    [
      ['f16-overflow', 'problem'],
      ['modalities-swapped', 'warning'],
    ],
  )
  for (const { text, evidence, advice } of found) {
    t.true(text !== '' && evidence !== '' && advice !== '')
  }
  const codesOf = (image: string, text: string) =>
    diagnose(report, { image: origin('f32', image), text: origin('f32', text) }).map(({ code }) => code)
  t.true(codesOf('text.npy', 'img.npy').includes('modalities-swapped'))
  // a name that says both says nothing
  t.false(codesOf('text.npy', 'img_of_text.npy').includes('modalities-swapped'))
  t.false(codesOf('text_of_img.npy', 'img.npy').includes('modalities-swapped'))
})

test('rows are few below ten for each column', async t => {
  const [image, text] = [await open(someRows(200, DIM, 1)), await open(someRows(200, DIM, 2))]
  const report = await measureGap({ image, text, parts: [] })
  const origin = { dtype: 'f32' as const, shards: [] }
  const found = (rows: number) =>
    diagnose({ ...report, rows: { image: rows, text: 10_000 } }, { image: origin, text: origin })
      .filter(({ code }) => code === 'few-rows')
      .map(({ level }) => level)
  t.deepEqual([DIM - 1, DIM, 10 * DIM - 1, 10 * DIM].map(found), [['warning'], ['note'], ['note'], []])
})
