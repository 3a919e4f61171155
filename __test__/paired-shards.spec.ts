import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { Aligner } from '../src/align.ts'
import { analyzeDomains } from '../src/analyze/matrices.ts'
import { analyzeSampleSize } from '../src/analyze/sample-size.ts'
import { compareStrategies } from '../src/compare.ts'
import { convert } from '../src/convert.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import { measureGap } from '../src/measure.ts'
import { modalityGap } from './helpers/cli.ts'
import { writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'

const GAP = join(import.meta.dirname, 'fixtures', 'rows', 'shard-gap')

async function sides(root = GAP) {
  const image = await openEmbeddings(join(root, 'img_emb'), { role: 'image', label: 'image' })
  return { image, text: await openEmbeddings(root, { role: 'text' }).catch(error => error) }
}

test('shards of other numbers are not pairs, in every call that pairs', async t => {
  const folder = folderOf(t)
  cpSync(join(GAP, 'img_emb'), join(folder, 'i'), { recursive: true })
  cpSync(join(GAP, 'text_emb'), join(folder, 't'), { recursive: true })
  const image = await openEmbeddings(join(folder, 'i'))
  const text = await openEmbeddings(join(folder, 't'))
  const expected = { code: 'NOT_PAIRED', message: /img_emb_1\.npy.*text_emb_2\.npy/s }
  await t.throwsAsync(() => measureGap({ image, text, paired: true }), expected)
  await t.throwsAsync(() => Aligner.fit({ target: image, source: text, method: 'procrustes', paired: true }), expected)
  await t.throwsAsync(() => compareStrategies({ image, text, paired: true }), expected)
  const pairs = { method: 'procrustes', paired: true } as const
  await t.throwsAsync(
    () => analyzeSampleSize({ target: image, source: text, ...pairs, sizes: [20], trials: 1 }),
    expected,
  )
  const domains = ['a', 'b'].map(name => ({ name, image, text }))
  await t.throwsAsync(() => analyzeDomains({ domains, ...pairs }), expected)
  const both = { target: image, source: text, ...pairs, out: join(folder, 'out') }
  await t.throwsAsync(() => Aligner.alignTo(both), expected)
  // unpaired rows need no partners
  t.is((await measureGap({ image, text })).rows.image, 150)
  for (const command of [
    ['measure', '--paired', '--image', join(folder, 'i'), '--text', join(folder, 't')],
    [
      'fit',
      '--paired',
      '--method',
      'procrustes',
      '--image',
      `${folder}/i/*.npy`,
      '--text',
      `${folder}/t/*.npy`,
      '--out',
      join(folder, 'a.safetensors'),
    ],
  ]) {
    const { code, stderr } = await modalityGap(command)
    t.is(code, 1)
    t.regex(stderr, /img_emb_1\.npy/)
  }
})

test('shards 0 and 3 are pairs once the others are gone', async t => {
  const folder = folderOf(t)
  cpSync(GAP, folder, { recursive: true })
  rmSync(join(folder, 'img_emb', 'img_emb_1.npy'))
  rmSync(join(folder, 'text_emb', 'text_emb_2.npy'))
  const { image, text } = await sides(folder)
  const { retrieval, rows } = await measureGap({ image, text, paired: true })
  t.is(rows.image, 100)
  // NumPy: every text is nearest to its image
  t.is(retrieval?.textToImage.r1, 1)
  t.is(retrieval?.imageToText.r1, 1)
  t.deepEqual(
    text.shards.map(({ metadata }: { metadata: string }) => metadata),
    [0, 3].map(k => join(folder, 'metadata', `metadata_${k}.parquet`)),
  )
})

test('metadata of another number is never carried along', async t => {
  const { text } = await sides()
  t.like(text, { code: 'BAD_FORMAT' })
  t.regex(text.message, /none for text_emb_2\.npy/)
  const out = join(folderOf(t), 'out')
  const { code, stderr } = await modalityGap(['align', '--image', GAP, '--text', GAP, '--out', out])
  t.is(code, 1)
  t.regex(stderr, /text_emb_2\.npy/)
  await t.throwsAsync(async () => convert(await openEmbeddings(join(GAP, 'text_emb')), out), { code: 'BAD_FORMAT' })
})

test('one file in each folder is paired by its number, and by nothing where the user names it', async t => {
  const folder = folderOf(t)
  for (const name of ['i/img_0.npy', 't/text_1.npy']) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeNpy(join(folder, name), someRows(30, 4, 1), [30, 4])
  }
  const open = async (a: string, b: string) => ({
    image: await openEmbeddings(join(folder, a)),
    text: await openEmbeddings(join(folder, b)),
    paired: true,
  })
  await t.throwsAsync(async () => measureGap(await open('i', 't')), { code: 'NOT_PAIRED', message: /numbers differ/ })
  await t.notThrowsAsync(async () => measureGap(await open('i/img_0.npy', 't/text_1.npy')))
})

test('metadata of every kind are counted', async t => {
  const folder = folderOf(t)
  for (const name of ['img_emb', 'metadata']) {
    mkdirSync(join(folder, name), { recursive: true })
  }
  writeNpy(join(folder, 'img_emb', 'img_emb_0.npy'), someRows(3, 4, 1), [3, 4])
  const { writeFileSync } = await import('node:fs')
  const kinds: Record<string, [right: string, wrong: string]> = {
    jsonl: ['\ufeff{"id":1}\r\n{"id":2}\r\n{"id":3}\r\n\r\n', '{"id":1}\n{"id":2}\n'],
    json: ['[{"id":1},{"id":2},{"id":3}]\n', '[{"id":1}]'],
    csv: ['id,c\n1,"a\nb"\n2,b\n3,c\n\n', 'id,c\n1,a\n2,b\n3,c\n4,d\n'],
    txt: ['a\r\nb\r\nc\r\n', 'a\nb\n'],
  }
  for (const [ending, [right, wrong]] of Object.entries(kinds)) {
    const path = join(folder, 'metadata', `metadata_0.${ending}`)
    writeFileSync(path, right)
    t.is((await openEmbeddings(folder, { role: 'image' })).shards[0]?.metadata, path)
    writeFileSync(path, wrong)
    await t.throwsAsync(() => openEmbeddings(folder, { role: 'image' }), {
      code: 'BAD_FORMAT',
      message: /describes \d rows/,
    })
    rmSync(path)
  }
  writeFileSync(join(folder, 'metadata', 'metadata_0.lmdb'), 'x')
  await t.throwsAsync(() => openEmbeddings(folder, { role: 'image' }), { code: 'UNSUPPORTED' })
})

test('a dropped row leaves its line of metadata out', async t => {
  const folder = folderOf(t)
  for (const name of ['text_emb', 'metadata']) {
    mkdirSync(join(folder, name), { recursive: true })
  }
  const rows = someRows(4, 4, 1)
  rows[4] = Number.NaN
  writeNpy(join(folder, 'text_emb', 'text_emb_0.npy'), rows, [4, 4])
  const { readFileSync, writeFileSync } = await import('node:fs')
  writeFileSync(join(folder, 'metadata', 'metadata_0.jsonl'), '{"id":0}\n{"id":1}\n{"id":2}\n{"id":3}\n')
  const out = folderOf(t)
  const text = await openEmbeddings(folder, { role: 'text', onBadRow: 'drop' })
  t.is((await convert(text, out)).rows, 3)
  t.is(readFileSync(join(out, 'metadata', 'metadata_0.jsonl'), 'utf8'), '{"id":0}\n{"id":2}\n{"id":3}\n')
})
