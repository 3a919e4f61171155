import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
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
  t.regex((await t.throwsAsync(pairs(folder, latin1))).message, /no UTF-8.*Latin-1/)
})
