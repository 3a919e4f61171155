import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'ava'
import { embedPairs } from '../src/index.ts'
import { picture } from './helpers/pictures.ts'
import { folderOf } from './helpers/place.ts'
import { system } from './helpers/system.ts'

const CLIP = join(import.meta.dirname, '..', 'crates', 'encoder', 'tests', 'fixtures', 'clip')

/** Writes files below a folder; a number is a picture, a text itself. */
function lay(folder: string, files: Record<string, number | string>): string {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), typeof content === 'number' ? picture(content) : content)
  }
  return folder
}

let runs = 0

/** Captions of what was embedded, and what was left out. */
async function pairs(folder: string, data: string, options: object = {}) {
  const out = join(folder, `out-${runs++}`)
  const { dropped } = await embedPairs({ encoder: CLIP, data, out, onBadPair: 'drop', ...options })
  const lines = readFileSync(join(out, 'metadata', 'metadata_0.jsonl'), 'utf8')
    .trim()
    .split('\n')
  return { captions: lines.map(line => JSON.parse(line).caption), dropped }
}

test('a folder of images is read by the rules of an archive of the same files', async t => {
  const folder = folderOf(t)
  const files = {
    'a.jpeg.txt': 'not of a',
    'a.png': 1,
    'a.txt': 'fox',
    'b/a.png': 2,
    'b/a.json': '{"caption": "owl", "license": "CC0"}',
    'b/c/a.png': 3,
    'b/c/a.caption': 'cat',
    'lone.png': 4,
    'words.txt': 'no picture',
    'two.png': 5,
    'two.webp': 6,
    'two.txt': 'which of two',
    'stats.json': '{"count": 3}',
    'README.md': 'about it',
    '.DS_Store': 'x',
    '._a.png': 'x',
    'old.tiff': 'x',
  }
  const data = lay(join(folder, 'images'), files)
  const { captions, dropped } = await pairs(folder, data)
  t.deepEqual(captions, ['fox', 'owl', 'cat'])
  const said = dropped.first.join('\n')
  for (const what of [
    /a\.jpeg.* has no image/,
    /lone has no caption/,
    /words has no image/,
    /two\.png and two\.webp are two images of one key/,
    /\._a\.png.*begins with a point/,
    /old\.tiff is of a kind that is not read/,
  ]) {
    t.regex(said, what)
  }
  t.is(dropped.count, 6)
  const error = await t.throwsAsync(pairs(folder, data, { onBadPair: 'error' }))
  t.like(error, { code: 'BAD_FORMAT' })
  t.regex(error.message, /6 pairs cannot be used/)
})

test('links that lead out of a folder are refused, unless outside images are allowed', async t => {
  const folder = folderOf(t)
  lay(join(folder, 'elsewhere'), { 'secret.png': 1, 'secret.txt': 'secret', 'd/x.png': 2, 'd/x.txt': 'x' })
  const data = lay(join(folder, 'images'), { 'a.png': 3, 'a.txt': 'fox', 'b.png': 4, 'c.txt': 'cat' })
  symlinkSync(join(folder, 'elsewhere', 'secret.txt'), join(data, 'b.txt'))
  symlinkSync(join(folder, 'elsewhere', 'secret.png'), join(data, 'c.png'))
  symlinkSync('a.png', join(data, 'd.png'))
  writeFileSync(join(data, 'd.txt'), 'the fox again')
  const inside = await pairs(folder, data)
  t.deepEqual(inside.captions, ['fox', 'the fox again'])
  t.is(inside.dropped.count, 2)
  t.regex(inside.dropped.first.join('\n'), /b\.txt is a link .*outside.*\n?.*c\.png is a link .*--allow-outside-images/)
  const allowed = await pairs(folder, data, { allowOutsideImages: true })
  t.deepEqual(allowed.captions, ['fox', 'secret', 'cat', 'the fox again'])
  // a list names a link in its folder
  const list = join(data, 'list.jsonl')
  writeFileSync(list, '{"image": "c.png", "caption": "cat"}\n{"image": "d.png", "caption": "fox"}\n')
  const listed = await pairs(folder, list)
  t.deepEqual(listed.captions, ['fox'])
  t.regex(listed.dropped.first[0] ?? '', /c\.png is a link to a file outside/)
  symlinkSync(join(folder, 'elsewhere', 'd'), join(data, 'linked'))
  t.regex((await t.throwsAsync(pairs(folder, data))).message, /linked: it is a link to a folder, which is not followed/)
})

test('a folder with several kinds of sources names them', async t => {
  const folder = folderOf(t)
  const refused = async (files: Record<string, number | string>, message: RegExp) => {
    const data = lay(join(folder, 'data'), files)
    t.like(await t.throwsAsync(pairs(folder, data), { message }), { code: 'BAD_FORMAT' })
    rmSync(data, { recursive: true })
  }
  const line = '{"image": "a.png", "caption": "fox"}\n'
  await refused({ 'a.png': 1, 'metadata.jsonl': line, 'metadata.csv': 'file_name,text\na.png,fox\n' }, /several lists/)
  await refused({ 'a.png': 1, 'a.txt': 'fox', 'b/metadata.jsonl': line }, /list of its own/)
  const parts = lay(join(folder, 'parts'), { 'a.png': 1, 'a.txt': 'fox' })
  const tar = join(folder, '0.tar')
  t.is(system('tar', ['-cf', tar, '-C', parts, 'a.png', 'a.txt']).status, 0)
  const mixed = lay(join(folder, 'mixed'), { 'a.png': 1, 'a.txt': 'fox' })
  mkdirSync(join(mixed, 'shards'))
  renameSync(tar, join(mixed, 'shards', '0.tar'))
  t.regex((await t.throwsAsync(pairs(folder, mixed))).message, /archives and images/)
  rmSync(join(mixed, 'a.png'))
  t.deepEqual((await pairs(folder, mixed)).captions, ['fox'])
})

test('images of a folder that its list does not name are bad pairs, and the list by itself leaves them alone', async t => {
  const folder = folderOf(t)
  const lines = [
    { file_name: 'a.png', text: 'fox' },
    { file_name: './b/../b/c.png', text: 'cat' },
    { file_name: 'd.png', text: '' },
  ]
  const files = {
    'a.png': 1,
    'b/c.png': 2,
    'd.png': 3,
    'e.png': 4,
    'b/f.webp': 5,
    'b/g.tiff': 'x',
    '.hidden.png': 6,
    'about.txt': 'no caption',
    'metadata.jsonl': lines.map(line => JSON.stringify(line)).join('\n'),
  }
  const data = lay(join(folder, 'data'), files)
  const { captions, dropped } = await pairs(folder, data)
  t.deepEqual(captions, ['fox', 'cat'])
  t.is(dropped.count, 4)
  const [empty, ...unnamed] = dropped.first
  t.regex(empty ?? '', /metadata\.jsonl, record 2: its caption is empty/)
  for (const [i, name] of ['b/f.webp', 'b/g.tiff', 'e.png'].entries()) {
    t.true(unnamed[i]?.startsWith(`${join(data, name)}: no record of metadata.jsonl names it`), unnamed[i])
  }
  t.regex((await t.throwsAsync(pairs(folder, data, { onBadPair: 'error' }))).message, /4 pairs cannot be used/)
  const listed = await pairs(folder, join(data, 'metadata.jsonl'))
  t.is(listed.dropped.count, 1)
  lay(data, { 'b/metadata.csv': 'file_name,text\nc.png,cat\n' })
  t.regex(
    (await t.throwsAsync(pairs(folder, data))).message,
    /holds the list metadata\.jsonl, and .*metadata\.csv besides/,
  )
})

test('a list that is not looked for is named, not passed over', async t => {
  const folder = folderOf(t)
  for (const name of ['metadata.parquet', 'captions.csv', 'b/Metadata.JSONL', 'pairs.tsv']) {
    const data = lay(join(folder, 'data'), { 'a.png': 1, 'a.txt': 'fox', [name]: 'x' })
    const error = await t.throwsAsync(pairs(folder, data))
    t.true(error.message.includes(`${join(data, name)}: it may be the list of its folder`), error.message)
    rmSync(data, { recursive: true })
  }
})

test('folders and archives that say splits are splits, as for the loaders of Hugging Face', async t => {
  const folder = folderOf(t)
  const files = {
    'train/a.png': 1,
    'train/a.txt': 'fox',
    'b/val/c.png': 2,
    'b/val/c.txt': 'cat',
    'd.png': 3,
    'd.txt': 'owl',
  }
  const data = lay(join(folder, 'data'), files)
  const captionsOf = async (split: string) => (await pairs(folder, data, { splits: [split] })).captions
  t.deepEqual(await captionsOf('train'), ['owl', 'fox'])
  t.deepEqual(await captionsOf('validation'), ['cat'])
  // one word says no splits
  rmSync(join(data, 'train'), { recursive: true })
  t.deepEqual(await captionsOf('train'), ['cat', 'owl'])
  const parts = lay(join(folder, 'parts'), { 'a.png': 1, 'a.txt': 'fox' })
  const tars = join(folder, 'tars')
  mkdirSync(tars)
  for (const name of ['coco-train-0000.tar', 'coco-test-0000.tar']) {
    t.is(system('tar', ['-cf', join(tars, name), '-C', parts, 'a.png', 'a.txt']).status, 0)
  }
  t.is((await pairs(folder, tars, { splits: ['test'] })).captions.length, 1)
  t.is((await pairs(folder, tars)).captions.length, 2)
})

test('members that describe an archive are passed over, and links in it are named', async t => {
  const folder = folderOf(t)
  const parts = lay(join(folder, 'parts'), {
    '__meta__/info.json': '{"caption": "no pair"}',
    __index__: 'x',
    'a.png': 1,
    'a.txt': 'fox',
    'b.txt': 'cat',
    'c.txt': 'owl',
  })
  symlinkSync('a.png', join(parts, 'b.png'))
  linkSync(join(parts, 'a.png'), join(parts, 'c.png'))
  const tar = join(folder, '0.tar')
  const members = ['__meta__/info.json', '__index__', 'a.png', 'a.txt', 'b.png', 'b.txt', 'c.png', 'c.txt']
  t.is(system('tar', ['-cf', tar, '-C', parts, ...members]).status, 0)
  const { captions, dropped } = await pairs(folder, tar)
  t.deepEqual(captions, ['fox'])
  t.is(dropped.count, 2)
  t.regex(dropped.first[0] ?? '', /b\.png is a link; .*--dereference/)
  t.regex(dropped.first[1] ?? '', /c\.png is a hard link/)
})

test('a list names one image, and each column once', async t => {
  const folder = folderOf(t)
  const data = lay(join(folder, 'data'), { 'a.png': 1, 'b.png': 2 })
  const list = (name: string, text: string) => {
    writeFileSync(join(data, name), text)
    return join(data, name)
  }
  // the rule of imagefolder: file_name says where the image is, whatever else there is
  const folderList = list('metadata.csv', 'image,file_name,text\nanother,a.png,fox\n')
  t.deepEqual((await pairs(folder, folderList)).captions, ['fox'])
  const record = (fields: object) => `${JSON.stringify({ caption: 'fox', ...fields })}\n`
  const two = list(
    'two.jsonl',
    record({ image: 'a.png', file_name: 'b.png' }) + record({ image: 'b.png', path: 'b.png' }),
  )
  const found = await pairs(folder, two)
  t.is(found.captions.length, 1)
  t.regex(found.dropped.first[0] ?? '', /two images, a\.png as image and b\.png as file_name/)
  const twice = list('twice.csv', 'image,caption,caption\na.png,fox,owl\n')
  t.regex((await t.throwsAsync(pairs(folder, twice))).message, /column caption twice/)
  const latin1 = list('latin1.csv', '')
  writeFileSync(latin1, Buffer.from('image,caption\na.png,café\n', 'latin1'))
  t.regex((await t.throwsAsync(pairs(folder, latin1))).message, /not UTF-8.*Latin-1/)
})
