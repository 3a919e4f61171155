/**
 * One index for images and texts: raw, centred on both sides, and with texts moved by ReAlign; all fitted on half of the
 * pairs and measured on the other half.
 *
 *   npm start [-- --image PATH --text PATH | --pairs FILE.npy]
 *
 * PATH is anything that modality-gap opens; FILE.npy holds [2, pairs, columns], images first. The sample is the default.
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Aligner, openEmbeddings } from 'modality-gap'
import { Index, MetricKind, ScalarKind } from 'usearch'
import { everySecond, readRows } from './rows.mjs'

const TOP = 10
const SAMPLE = fileURLToPath(new URL('../../samples/emoji', import.meta.url))

const { values: options } = parseArgs({
  options: { image: { type: 'string' }, text: { type: 'string' }, pairs: { type: 'string' } },
})
const pairs = options.pairs
const image = await readRows(pairs ? `${pairs}#0` : (options.image ?? SAMPLE), 'image')
const text = await readRows(pairs ? `${pairs}#1` : (options.text ?? SAMPLE), 'text')
if (image.count !== text.count || image.dim !== text.dim) throw new Error('image i and text i have to be a pair')
const { dim } = image

const fit = async options => {
  const target = await openEmbeddings(everySecond(image, 0), { dim })
  const source = await openEmbeddings(everySecond(text, 0), { dim })
  // centring moves either side by its own mean, so the images get an aligner of their own
  return {
    text: await Aligner.fit({ target, source, ...options }),
    image: await Aligner.fit({ target: source, source: target, ...options }),
  }
}
const held = { image: everySecond(image, 1), text: everySecond(text, 1) }
const centred = await fit({ method: 'centering' })
const realign = await fit({ method: 'realign' })

const found = {
  raw: search(held.image, held.text),
  'centred on both sides': search(centred.image.transform(held.image), centred.text.transform(held.text)),
  ReAlign: search(held.image, realign.text.transform(held.text)),
}

console.log(`${held.image.length / dim} pairs that no fit has seen, ${dim} columns`)
console.table(
  Object.fromEntries(
    Object.entries(found).map(([name, { textToImage, imageToText, imageShare }]) => [
      name,
      {
        'text→image R@1': textToImage.toFixed(3),
        'image→text R@1': imageToText.toFixed(3),
        [`images among the top ${TOP} of a text`]: `${(100 * imageShare).toFixed(1)} %`,
      },
    ]),
  ),
)
console.log(recommendation(found, held.image.length / dim))

/** R@1 in indexes of one modality, and the share of images among what texts find in the index of both. */
function search(images, texts) {
  const count = images.length / dim
  const both = indexOf(images, 0)
  add(both, texts, count)
  let imagesFound = 0
  for (let i = 0; i < count; i++) {
    // a text finds itself first, which is not an answer
    const { keys } = both.search(rowOf(texts, i), TOP + 1, 0)
    const others = [...keys].map(Number).filter(key => key !== count + i)
    imagesFound += others.slice(0, TOP).filter(key => key < count).length
  }
  return {
    textToImage: recall(indexOf(images, 0), texts),
    imageToText: recall(indexOf(texts, 0), images),
    imageShare: imagesFound / (TOP * count),
  }
}

/** Share of the queries whose nearest row has their own number. */
function recall(index, queries) {
  const count = queries.length / dim
  let hits = 0
  for (let i = 0; i < count; i++) {
    if (Number(index.search(rowOf(queries, i), 1, 0).keys[0]) === i) hits++
  }
  return hits / count
}

function indexOf(rows, from) {
  // cosine, because centred rows are not of unit length
  const index = new Index({ metric: MetricKind.Cos, dimensions: dim, quantization: ScalarKind.F32 })
  add(index, rows, from)
  return index
}

function add(index, rows, from) {
  const keys = BigUint64Array.from({ length: rows.length / dim }, (_, i) => BigInt(from + i))
  index.add(keys, rows, 0)
}

function rowOf(rows, i) {
  return rows.slice(i * dim, (i + 1) * dim)
}

/** Of those whose R@1 cannot be distinguished from the best the one whose mixed results come nearest to half and half. */
function recommendation(found, count) {
  const entries = Object.entries(found)
  const recalled = ([, { textToImage, imageToText }]) => (textToImage + imageToText) / 2
  const best = entries.reduce((a, b) => (recalled(a) >= recalled(b) ? a : b))
  // every pair asks twice, once each way
  const noise = 2 * Math.sqrt((recalled(best) * (1 - recalled(best))) / (2 * count))
  const equal = entries.filter(entry => recalled(entry) >= recalled(best) - noise)
  const [name] = equal.reduce((a, b) => (imbalance(a) <= imbalance(b) ? a : b))
  const lines = [
    `Use: ${name}. Its R@1 is the best or within the noise of it (±${noise.toFixed(3)}), and of those its mixed results are the least one-sided.`,
  ]
  const lost = found.raw.textToImage - found.ReAlign.textToImage
  if (lost > 0) {
    const [before, after] = [found.raw, found.ReAlign].map(({ textToImage }) => textToImage.toFixed(3))
    lines.push(
      `ReAlign LOWERS text→image R@1 here, from ${before} to ${after}: it gives texts the images' distribution, not their partners' places.`,
    )
  }
  return lines.join('\n')
}

function imbalance([, { imageShare }]) {
  return Math.abs(imageShare - 0.5)
}
