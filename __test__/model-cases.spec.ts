import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { Turn } from '../src/index.ts'
import { ReVision } from '../src/revision/run.ts'
import { jsonOf, MODEL_CASES, measured, modelFolder } from './helpers/model-cases.ts'
import { folderOf } from './helpers/place.ts'
import { linesOf } from './helpers/revision.ts'

/** Nats of a forward in f32 against NumPy's in f64. */
const NATS = 5e-3

async function gives(t: ExecutionContext, path: string, expected: [number, number, number], turns?: readonly Turn[]) {
  const { positions, labels, nats } = await measured(path, turns)
  t.deepEqual([positions, labels], expected.slice(0, 2))
  t.true(Math.abs(nats - expected[2]) < NATS, `${nats}`)
}

test('a plain folder', async t => {
  await gives(t, modelFolder(t), [22, 7, 56.303])
})

test('a template that walks over parts gets contents in parts', async t => {
  await gives(t, modelFolder(t, {}, 'parts-template'), [22, 7, 56.303])
})

test('records with images under such a template learn the same with and without their images', async t => {
  for (const blind of [false, true]) {
    const folder = modelFolder(t, {}, 'parts-template')
    const config = {
      model: { path: folder, dtype: 'f32' },
      embeddings: { image: join(folder, 'img.npy'), imageIds: { from: join(folder, 'ids.txt') } },
      stage2: { data: join(folder, 'records.json'), mode: 'projector', steps: 1, batchSize: 4 },
      logging: { every: 1 },
      blind,
      output: join(folder, 'out'),
    }
    await (await ReVision.open(config)).run()
    const [first] = linesOf(join(folder, 'out', 'stage2', 'log.jsonl'))
    t.is(first?.labels, 20, JSON.stringify(first))
  }
})

test('begin and end token of special_tokens_map.json', async t => {
  await gives(t, modelFolder(t, {}, 'marks-map'), [21, 7, 65.361])
})

test('white space behind a token that swallows it, by either file', async t => {
  const turns = JSON.parse(readFileSync(join(MODEL_CASES, 'strip-flags', 'turns.json'), 'utf8'))
  const tokenizer = jsonOf('tokenizer.json')
  const added = tokenizer.added_tokens as { id: number; content: string }[]
  const marked = added.map(token => ({ ...token, rstrip: token.content.startsWith('<|im_') }))
  await gives(t, modelFolder(t, { 'tokenizer.json': { ...tokenizer, added_tokens: marked } }), [22, 8, 77.224], turns)
  const decoder = Object.fromEntries(marked.map(({ id, ...token }) => [id, token]))
  const config = { ...jsonOf('tokenizer_config.json'), added_tokens_decoder: decoder }
  await gives(t, modelFolder(t, { 'tokenizer_config.json': config }), [22, 8, 77.224], turns)
})

test('a head that the file holds is not tied to the embedding', async t => {
  await gives(
    t,
    modelFolder(t, { 'config.json': { ...jsonOf('config.json'), tie_word_embeddings: true } }),
    [22, 7, 56.303],
  )
})

test('a whole file counts before an older index', async t => {
  const folder = modelFolder(t)
  const weights = readFileSync(join(folder, 'model.safetensors'))
  const older = Buffer.from(weights)
  const header = 8 + Number(older.readBigUInt64LE(0))
  older.fill(0, header)
  const names = Object.keys(JSON.parse(older.subarray(8, header).toString('utf8'))).filter(
    name => name !== '__metadata__',
  )
  writeFileSync(join(folder, 'model-00001-of-00001.safetensors'), older)
  const map = Object.fromEntries(names.map(name => [name, 'model-00001-of-00001.safetensors']))
  writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }))
  await gives(t, folder, [22, 7, 56.303])
})

test('adapters that take a part out of their base are refused by name', async t => {
  const error = await t.throwsAsync(measured(modelFolder(t), undefined, join(MODEL_CASES, 'pissa')))
  t.like(error, { code: 'BAD_MODEL' })
  t.regex(error?.message ?? '', /adapter_config\.json: init_lora_weights is "pissa"/)
})

test('an adapter in the folder of the model is not passed over', async t => {
  const folder = modelFolder(t)
  writeFileSync(join(folder, 'adapter_config.json'), '{ "peft_type": "LORA" }')
  const error = await t.throwsAsync(measured(folder))
  t.like(error, { code: 'BAD_MODEL', file: join(folder, 'adapter_config.json') })
  t.regex(
    error?.message ?? '',
    /an adapter stands in the model's folder, which transformers puts on the model; merge it/,
  )
})

test('a tied model under the name of its head, and tensors that nobody uses', async t => {
  const folder = modelFolder(t, { 'config.json': { ...jsonOf('config.json'), tie_word_embeddings: true } })
  const file = join(folder, 'model.safetensors')
  const rename = (from: string, to: string) => {
    const bytes = readFileSync(file)
    const end = 8 + Number(bytes.readBigUInt64LE(0))
    const text = bytes.subarray(8, end).toString('utf8').replace(`"${from}"`, `"${to}"`)
    const header = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8))
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(header.length))
    writeFileSync(file, Buffer.concat([length, header, bytes.subarray(end)]))
  }
  rename('model.embed_tokens.weight', 'vision_tower.weight')
  const { nats, notes } = await measured(folder)
  t.regex(
    notes.join(),
    /model\.safetensors: tensors that are not the language model's are not used: vision_tower\.weight/,
  )
  // by hand: the same as with the head in place of the embedding
  rename('vision_tower.weight', 'model.embed_tokens.weight')
  const bytes = readFileSync(file)
  const end = 8 + Number(bytes.readBigUInt64LE(0))
  const { 'model.embed_tokens.weight': embedding, 'lm_head.weight': head } = JSON.parse(
    bytes.subarray(8, end).toString('utf8'),
  )
  bytes.copyWithin(end + embedding.data_offsets[0], end + head.data_offsets[0], end + head.data_offsets[1])
  writeFileSync(file, bytes)
  t.is((await measured(folder)).nats, nats)
})

test('a value that is not finite is refused with the tensor that holds it', async t => {
  const folder = modelFolder(t)
  const file = join(folder, 'model.safetensors')
  const bytes = readFileSync(file)
  const end = 8 + Number(bytes.readBigUInt64LE(0))
  const header = JSON.parse(bytes.subarray(8, end).toString('utf8'))
  bytes.writeFloatLE(Number.NaN, end + header['model.norm.weight'].data_offsets[0] + 8)
  writeFileSync(file, bytes)
  const error = await t.throwsAsync(measured(folder))
  t.like(error, { code: 'BAD_MODEL', file })
  t.regex(error?.message ?? '', /model\.norm\.weight holds a value that is not finite \(NaN, in row 0 and column 2\)/)
})

test('numbers of a configuration that make no model are refused', async t => {
  const { head_dim: _, ...rest } = jsonOf('config.json')
  for (const [changes, said] of [
    [{ num_attention_heads: 5 }, /hidden_size 32 is not a multiple of num_attention_heads 5/],
    [{ num_hidden_layers: 1e9 }, /number of layers/],
    [{ num_attention_heads: 0 }, /no heads/],
    [{ vocab_size: 2 ** 40 }, /vocabulary/],
  ] as const) {
    const error = await t.throwsAsync(measured(modelFolder(t, { 'config.json': { ...rest, ...changes } })))
    t.like(error, { code: 'BAD_MODEL' })
    t.regex(error?.message ?? '', said)
  }
})

test('weights in the format of PyTorch are named with a way out, and a missing file is missing', async t => {
  const folder = modelFolder(t)
  renameSync(join(folder, 'model.safetensors'), join(folder, 'pytorch_model.bin'))
  const error = await t.throwsAsync(measured(folder))
  t.like(error, { code: 'BAD_MODEL', file: join(folder, 'pytorch_model.bin') })
  t.regex(error?.message ?? '', /read from safetensors and GGUF; load it with transformers/)
  rmSync(join(folder, 'pytorch_model.bin'))
  await t.throwsAsync(measured(folder), { code: 'NOT_FOUND', message: /model\.safetensors/ })
})

test('empty thoughts are neither learned, printed nor scored', async t => {
  const folder = join(MODEL_CASES, 'qwen3-think')
  const of = (name: string) => join(folder, name)
  const config = {
    model: { path: of('model'), dtype: 'f32' },
    embeddings: { image: of('img.npy'), imageIds: { from: of('ids.txt') } },
    stage2: { data: of('var.json'), mode: 'full', steps: 150, batchSize: 12, learningRate: 3e-3, warmupRatio: 0.1 },
    evaluation: { data: of('var.json'), answers: 12, generate: { maxNewTokens: 16 } },
    output: join(folderOf(t), 'out'),
  }
  const { evaluation } = await (await ReVision.open(config)).run()
  const open = evaluation.records[0]?.open
  t.true((open?.f1 as number) > 0.99, JSON.stringify(open))
  // Cider().compute_score(answers, answers) of pycocoevalcap 1.2: an answer of two words has no runs of three
  t.true(Math.abs((open?.cider as number) - 8.958333333333334) < 1e-9, JSON.stringify(open))
})
