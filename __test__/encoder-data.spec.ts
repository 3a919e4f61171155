import { cpSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import test from 'ava'
import { DualEncoder, embedPairs, openEmbeddings } from '../src/index.ts'
import { colours, picture } from './helpers/pictures.ts'
import { folderOf } from './helpers/place.ts'
import { system } from './helpers/system.ts'

const CLIP = join(import.meta.dirname, '..', 'crates', 'encoder', 'tests', 'fixtures', 'clip')
const tower = { width: 8, layers: 1, heads: 2 }
const small = {
  model: { dim: 6, imageSize: 8, patch: 4, image: tower, text: tower, tokens: 4 },
  batchSize: 4,
  steps: 3,
  threads: 1,
} as const
/** What `readers` writes: pair i of each layout is picture i with this caption. */
const COUNT = 8
const captionOf = (i: number) => `colour ${i}`

test('the same pairs give the same rows and the same encoder from every layout', async t => {
  const folder = folderOf(t)
  const layouts = readers(folder)
  const found = []
  for (const [name, data] of Object.entries(layouts)) {
    const out = join(folder, 'out', name)
    const { rows } = await embedPairs({ encoder: CLIP, data, out })
    t.is(rows, COUNT, name)
    t.deepEqual(
      linesOf(join(out, 'metadata', 'metadata_0.jsonl')).map(({ caption }) => caption),
      Array.from({ length: COUNT }, (_, i) => captionOf(i)),
      name,
    )
    const encoder = await DualEncoder.train({ ...small, data, out: join(out, 'encoder'), holdout: 0.2 })
    t.is(encoder.report?.pairs, COUNT - (encoder.report?.heldOut['held-out']?.rows ?? 0), name)
    const files = ['img_emb/img_emb_0.npy', 'text_emb/text_emb_0.npy'].map(file => readFileSync(join(out, file)))
    found.push({ name, files, text: await encoder.embedTexts([captionOf(1)]) })
  }
  const [first, ...others] = found
  for (const { name, files, text } of others) {
    t.deepEqual(files, first?.files, name)
    t.deepEqual(text, first?.text, name)
  }
})

test('every caption of an image is a row, the image beside each, and its path says which belong together', async t => {
  const folder = folderOf(t)
  const captions = [['a fox', 'red', 'a red fox'], ['blue'], ['an owl', 'a bird']]
  const parts = join(folder, 'parts')
  mkdirSync(parts)
  const lines = captions.map((captions, i) => {
    writeFileSync(join(parts, `${i}.png`), picture(i))
    // a caption beside the list is not that of every row
    const record = { captions, caption: captions[0], image_id: 100 + i }
    writeFileSync(join(parts, `${i}.json`), JSON.stringify(record))
    return JSON.stringify({ image: `${i}.png`, ...record })
  })
  writeFileSync(join(parts, 'pairs.jsonl'), lines.join('\n'))
  const members = captions.flatMap((_, i) => [`${i}.json`, `${i}.png`])
  const layouts = { list: join(parts, 'pairs.jsonl'), tar: pack(join(folder, 'all.tar'), parts, members) }
  const encoder = await DualEncoder.load(CLIP)
  const images = await encoder.embedImages(captions.map((_, i) => join(parts, `${i}.png`)))
  const repeated = captions.flatMap((all, i) =>
    all.map(() => [...images.subarray(i * encoder.dim, (i + 1) * encoder.dim)]),
  )
  const texts = await encoder.embedTexts(captions.flat())
  for (const [name, data] of Object.entries(layouts)) {
    const job = { encoder: CLIP, data, out: join(folder, name), full: true, shardRows: 2 }
    for (const resume of [false, true]) {
      const { pairs, rows, kept } = await embedPairs({ ...job, resume })
      t.deepEqual([pairs, rows, kept], [3, 6, resume ? 2 : 0], name)
    }
    const written = [0, 1].flatMap(shard => linesOf(join(job.out, 'metadata', `metadata_${shard}.jsonl`)))
    t.deepEqual(
      written.map(({ caption }) => caption),
      captions.flat(),
    )
    t.deepEqual(
      written.map(({ image_id }) => image_id),
      [100, 100, 100, 101, 102, 102],
    )
    t.is(new Set(written.map(({ image_path }) => image_path)).size, 3)
    const { image, text } = {
      image: await openEmbeddings(join(job.out, 'img_emb')),
      text: await openEmbeddings(join(job.out, 'text_emb')),
    }
    t.deepEqual([image.rows, text.rows], [6, 6])
    const rowsOf = (side: string) =>
      [0, 1].map(shard => readFileSync(join(job.out, `${side}_emb`, `${side}_emb_${shard}.npy`)))
    const valuesOf = (side: string) =>
      rowsOf(side).flatMap(bytes => {
        const start = 10 + bytes.readUInt16LE(8)
        return Array.from({ length: (bytes.length - start) / 4 }, (_, i) => bytes.readFloatLE(start + 4 * i))
      })
    const expected = { img: repeated.flat(), text: [...texts] }
    for (const [side, values] of Object.entries(expected)) {
      const found = valuesOf(side)
      t.is(found.length, values.length)
      // other neighbours in a batch, other sums: a few roundings of f32
      t.true(
        values.every((value, i) => Math.abs(value - (found[i] as number)) < 1e-6),
        `${name} ${side}`,
      )
    }
  }
})

test('the fields beside a caption reach the metadata, and two captions of one image are refused', async t => {
  const folder = folderOf(t)
  const parts = join(folder, 'parts')
  mkdirSync(parts)
  writeFileSync(join(parts, 'a.png'), picture(1))
  writeFileSync(join(parts, 'a.json'), JSON.stringify({ caption: 'a fox', license: 'CC0' }))
  writeFileSync(join(parts, 'a.txt'), 'a fox\n')
  const data = pack(join(folder, 'one.tar'), parts, ['a.json', 'a.png', 'a.txt'])
  await embedPairs({ encoder: CLIP, data, out: join(folder, 'out') })
  const [line] = linesOf(join(folder, 'out', 'metadata', 'metadata_0.jsonl'))
  t.like(line, { caption: 'a fox', license: 'CC0', split: 'train' })
  writeFileSync(join(parts, 'a.txt'), 'an owl\n')
  const two = pack(join(folder, 'two.tar'), parts, ['a.json', 'a.png', 'a.txt'])
  const error = await t.throwsAsync(embedPairs({ encoder: CLIP, data: two, out: join(folder, 'two') }))
  t.like(error, { code: 'BAD_FORMAT', file: two, row: 0 })
  t.regex(error.message, /a\.txt holds another caption than the \.json of its key, a;/)
})

test('what cannot be read in an archive or a folder is named', async t => {
  const folder = folderOf(t)
  const parts = join(folder, 'parts')
  mkdirSync(parts)
  writeFileSync(join(parts, 'a.png'), 'no picture')
  writeFileSync(join(parts, 'a.txt'), 'a caption')
  writeFileSync(join(parts, 'b.png'), picture(2))
  const embed = (data: string) => t.throwsAsync(embedPairs({ encoder: CLIP, data, out: join(folder, 'out') }))

  const bad = pack(join(folder, 'bad.tar'), parts, ['a.png', 'a.txt'])
  t.like(await embed(bad), { code: 'BAD_IMAGE', file: join(bad, 'a.png') })
  const bare = pack(join(folder, 'bare.tar'), parts, ['a.png', 'a.txt', 'b.png'])
  const error = await embed(bare)
  t.like(error, { code: 'BAD_FORMAT', file: bare, row: 1 })
  t.regex(error.message, /b has no caption/)
  const cut = join(folder, 'cut.tar')
  writeFileSync(cut, readFileSync(bad).subarray(0, 700))
  t.like(await embed(cut), { code: 'BAD_FORMAT', file: cut })
  const packed = join(folder, 'packed.tar')
  writeFileSync(packed, gzipSync(readFileSync(bad)))
  t.regex((await embed(packed)).message, /not a tar archive but gzip-compressed data; unpack it first/)
  t.like(await embed(parts), { code: 'BAD_FORMAT', file: join(parts, 'b.png') })
})

test('resume keeps the shards that are as they were made, and no others', async t => {
  const folder = folderOf(t)
  const data = colours(folder)
  const out = join(folder, 'rows')
  const job = { encoder: CLIP, data, out, shardRows: 4, resume: true }
  const kept = async (change: object = {}) => (await embedPairs({ ...job, ...change })).kept
  t.is(await kept(), 0)
  t.is(await kept(), 3)
  const file = join(out, 'img_emb', 'img_emb_1.npy')
  const rows = readFileSync(file)
  writeFileSync(
    file,
    rows.map((byte, i) => (i === rows.length - 1 ? byte ^ 1 : byte)),
  )
  t.is(await kept(), 2, 'a flipped bit')
  t.deepEqual(readFileSync(file), rows)
  writeFileSync(join(folder, '9.png'), picture(3))
  t.is(await kept(), 2, 'another picture under the same name')
  writeFileSync(data, readFileSync(data, 'utf8').replace('colour 0', 'color 0'))
  t.is(await kept(), 2, 'another caption')
  const weights = join(folder, 'clip')
  cpSync(CLIP, weights, { recursive: true })
  t.is(await kept({ encoder: weights }), 0, 'another encoder')
  utimesSync(join(weights, 'model.safetensors'), new Date(), new Date())
  t.is(await kept({ encoder: weights }), 0, 'the same path, written anew')
  t.is(await kept({ encoder: weights, full: true }), 0, 'another storage type')
  await t.throwsAsync(kept({ encoder: weights, full: true, resume: false }), { code: 'BAD_OPTION' })
  t.is(await kept({ encoder: weights, full: true, resume: false, overwrite: true }), 0)
})

test('a run with fewer shards takes those away that an earlier one left', async t => {
  const folder = folderOf(t)
  const data = colours(folder)
  const out = join(folder, 'rows')
  await embedPairs({ encoder: CLIP, data, out, shardRows: 3 })
  const { outputs } = await embedPairs({ encoder: CLIP, data, out, shardRows: 5, overwrite: true })
  const { rows } = await embedPairs({ encoder: CLIP, data, out, shardRows: 5, resume: true })
  t.is(rows, 10)
  t.is(outputs.length, 6)
  t.deepEqual(readdirSync(join(out, 'img_emb')).sort(), ['img_emb_0.npy', 'img_emb_1.npy'])
  t.deepEqual(readdirSync(join(out, 'metadata')).sort(), ['metadata_0.jsonl', 'metadata_1.jsonl'])
})

/** The same eight pairs in each layout that can be read. */
function readers(folder: string): Record<string, string | string[]> {
  const indices = Array.from({ length: COUNT }, (_, i) => i)
  const parts = join(folder, 'parts')
  mkdirSync(parts)
  for (const i of indices) {
    writeFileSync(join(parts, `${i}.png`), picture(i))
    writeFileSync(join(parts, `${i}.txt`), captionOf(i))
  }
  const jsonl = join(parts, 'list.jsonl')
  writeFileSync(jsonl, indices.map(i => `${JSON.stringify({ image: `${i}.png`, text: captionOf(i) })}\n`).join(''))
  const csv = join(parts, 'list.csv')
  writeFileSync(csv, `file_name,title\n${indices.map(i => `${i}.png,"${captionOf(i)}"\n`).join('')}`)
  const members = (from: number, to: number) => indices.slice(from, to).flatMap(i => [`${i}.png`, `${i}.txt`])
  const tars = join(folder, 'tars')
  mkdirSync(tars)
  const whole = pack(join(folder, 'whole.tar'), parts, members(0, COUNT))
  pack(join(tars, '00000.tar'), parts, members(0, 5))
  pack(join(tars, '00001.tar'), parts, members(5, COUNT))
  return {
    jsonl,
    csv,
    folder: parts,
    webdataset: whole,
    shards: tars,
    listed: [join(tars, '00000.tar'), join(tars, '00001.tar')],
  }
}

/** Packs members of a folder with the system's tar, so that the reader meets what others write. */
function pack(path: string, folder: string, members: readonly string[]): string {
  const { status, stderr } = system('tar', ['-cf', path, '-C', folder, ...members])
  if (status !== 0) throw new Error(stderr)
  return path
}

function linesOf(path: string): Record<string, unknown>[] {
  return readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
}
