import { Aligner, measureGap, openEmbeddings } from 'modality-gap'

/**
 * Measures the gap between two tensors of embeddings and moves the texts. transformers.js does not scale its embeddings to
 * unit length; modality-gap does so as it reads them.
 *
 * @param images tensor of shape [n, d], such as `image_embeds`
 * @param texts tensor of shape [m, d], such as `text_embeds`
 */
export async function alignTensors(images, texts) {
  const target = await openEmbeddings(images)
  const source = await openEmbeddings(texts)
  const aligner = await Aligner.fit({ target, source })
  const { gap } = await measureGap({ image: target, text: source, aligner, parts: [] })
  return { aligner, gap, moved: aligner.transform(texts) }
}
