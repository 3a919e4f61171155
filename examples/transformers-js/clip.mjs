/**
 * Embeds pictures and captions with CLIP in transformers.js and closes the gap between them. Downloads the model once.
 *
 *   npm start -- FOLDER    pictures NAME.jpg or NAME.png, the caption of each in NAME.txt; at least two
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import {
  AutoProcessor,
  AutoTokenizer,
  CLIPTextModelWithProjection,
  CLIPVisionModelWithProjection,
  cat,
  RawImage,
} from '@huggingface/transformers'
import { alignTensors } from './align.mjs'

const MODEL = 'Xenova/clip-vit-base-patch32'
const BATCH = 32

const folder = process.argv[2]
if (folder === undefined) throw new Error('give a folder of pictures, each with a caption in a .txt of the same name')
const captioned = name => existsSync(join(folder, name.replace(extname(name), '.txt')))
const pictures = readdirSync(folder).filter(name => /\.(jpe?g|png)$/i.test(name) && captioned(name))
const captions = pictures.map(name => readFileSync(join(folder, name.replace(extname(name), '.txt')), 'utf8').trim())

const tokenizer = await AutoTokenizer.from_pretrained(MODEL)
const textModel = await CLIPTextModelWithProjection.from_pretrained(MODEL)
const processor = await AutoProcessor.from_pretrained(MODEL)
const visionModel = await CLIPVisionModelWithProjection.from_pretrained(MODEL)

const texts = await batches(captions, async batch => {
  const { text_embeds } = await textModel(tokenizer(batch, { padding: true, truncation: true }))
  return text_embeds
})
const images = await batches(pictures, async batch => {
  const read = await Promise.all(batch.map(name => RawImage.read(join(folder, name))))
  const { image_embeds } = await visionModel(await processor(read))
  return image_embeds
})

const { gap, moved, aligner } = await alignTensors(images, texts)
console.log(`gap ${gap.before.toFixed(4)} before, ${gap.after.toExponential(2)} after, on the rows of the fit`)
console.log(`moved texts: [${moved.dims.join(', ')}]`)
await aligner.save('clip.safetensors', { overwrite: true })

/** Tensors of all batches, one below the other. */
async function batches(all, embed) {
  const parts = []
  for (let i = 0; i < all.length; i += BATCH) parts.push(await embed(all.slice(i, i + BATCH)))
  return cat(parts, 0)
}
