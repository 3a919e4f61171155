/** The real Tensor class of transformers.js goes in, and comes out as a tensor of the same shape. No model is needed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Tensor } from '@huggingface/transformers'
import { openEmbeddings } from 'modality-gap'
import { alignTensors } from './align.mjs'

const DIM = 8

/** Rows of no particular length around a mean, as a model gives them. */
function embeddings(count, phase) {
  const values = Float32Array.from(
    { length: count * DIM },
    (_, i) => 3 * Math.sin(i * phase) + 5 * Math.cos((i % DIM) * phase),
  )
  return new Tensor('float32', values, [count, DIM])
}

test('a tensor opens as rows', async () => {
  const rows = await openEmbeddings(embeddings(5, 1.7))
  assert.deepEqual([rows.rows, rows.dim, rows.dtype], [5, DIM, 'f32'])
})

test('texts are moved onto the images and keep their shape', async () => {
  const images = embeddings(40, 1.3)
  const texts = embeddings(30, 2.9)
  const kept = texts.data.slice()
  const { gap, moved, aligner } = await alignTensors(images, texts)
  assert.ok(gap.before > 0.1, `gap ${gap.before}`)
  assert.ok(gap.after < gap.before / 10, `${gap.before} to ${gap.after}`)
  assert.deepEqual(moved.dims, texts.dims)
  assert.deepEqual(texts.data, kept, 'the input stays as it was')
  const back = new Tensor('float32', moved.data, moved.dims)
  for (const row of back.tolist()) {
    // f32 components of a row of length one
    assert.ok(Math.abs(Math.hypot(...row) - 1) < 1e-6)
  }
  const single = aligner.transform(new Tensor('float32', texts.data.slice(0, DIM), [1, DIM]))
  assert.deepEqual(single.data, moved.data.slice(0, DIM))
})

test('half precision, which comes as bits, goes in as f16', async () => {
  const bits = Uint16Array.from({ length: 4 * DIM }, (_, i) => 0x3c00 + 37 * i)
  const rows = await openEmbeddings(new Tensor('float16', bits, [4, DIM]))
  assert.deepEqual([rows.rows, rows.dim, rows.dtype], [4, DIM, 'f16'])
})

test('a tensor of more than two dimensions is refused by name', async () => {
  const hidden = new Tensor('float32', new Float32Array(2 * 3 * DIM).fill(1), [2, 3, DIM])
  await assert.rejects(openEmbeddings(hidden), { code: 'BAD_SHAPE' })
})
