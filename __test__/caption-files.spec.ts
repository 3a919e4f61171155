import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import test from 'ava'
import { readCaptions } from '../src/analyze/caption-files.ts'
import { readConfigFile } from '../src/revision/config/file.ts'
import { idsIn } from '../src/revision/data/id-files.ts'
import { modalityGap } from './helpers/cli.ts'
import { writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'

/** What make_captions.py writes. */
const FILES = join(import.meta.dirname, 'fixtures', 'captions')
const CAPTIONS = ['a fox, on snow', 'číslo 7', '[a] cat']
const GOOD = ['txt', 'txt.gz', 'jsonl', 'json', 'csv', 'tsv', 'parquet', 'arrow', 'pkl'].map(ending => `good.${ending}`)

for (const name of [...GOOD, 'array.txt']) {
  test(`captions of ${name} are read as what they are`, async t => {
    t.deepEqual(await readCaptions(join(FILES, name)), CAPTIONS)
  })
}

const BAD: [name: string, code: string, message: RegExp][] = [
  ['latin1.txt', 'BAD_FORMAT', /line 2 is not UTF-8; if it is Latin-1/],
  ['utf16.txt', 'UNSUPPORTED', /UTF-16/],
  ['utf16-bare.txt', 'UNSUPPORTED', /UTF-16/],
  ['header.txt', 'UNSUPPORTED', /header of a table, image,caption; name it \.csv/],
  ['twice.csv', 'BAD_SELECTOR', /column caption twice/],
  ['none.csv', 'BAD_SELECTOR', /none of its columns is caption or text: image, label/],
  ['none.parquet', 'BAD_SELECTOR', /none of its columns is caption or text: id, label/],
  ['lists.jsonl', 'BAD_FORMAT', /line 1 holds several captions/],
  ['coco.json', 'UNSUPPORTED', /COCO/],
  ['rows.npy', 'UNSUPPORTED', /format npy/],
  ['cut.txt.gz', 'BAD_FORMAT', /cannot be unpacked/],
]

for (const [name, code, message] of BAD) {
  test(`${name} holds no captions and is named as what it is`, async t => {
    const file = join(FILES, name)
    t.like(await t.throwsAsync(readCaptions(file), { message }), { code, file })
  })
}

test('a table of one column is read as its name says, and others by what their header has', async t => {
  const folder = folderOf(t)
  for (const [name, text] of [
    ['one.tsv', 'caption\na cat, on a mat\na dog; a fox\n'],
    ['semicolon.csv', 'id;caption\n1;a cat, on a mat\n2;"a dog; a fox"\n'],
    ['tab.csv', 'id\tcaption\n1\ta cat, on a mat\n2\ta dog; a fox\n'],
  ] as const) {
    writeFileSync(join(folder, name), text)
    t.deepEqual(await readCaptions(join(folder, name)), ['a cat, on a mat', 'a dog; a fox'], name)
  }
})

test('a packed table is read by its header', async t => {
  for (const name of ['good.csv', 'good.tsv', 'good.jsonl']) {
    const file = join(folderOf(t), `${name}.gz`)
    writeFileSync(file, gzipSync(readFileSync(join(FILES, name))))
    t.deepEqual(await readCaptions(file), CAPTIONS, name)
  }
})

test('a text may begin like a file of another kind', async t => {
  const file = join(folderOf(t), 'captions.txt')
  for (const lines of [
    ['ORCHIDS', 'a'],
    ['PAR', 'Rar!'],
    ['{not JSON', '[neither'],
    ['BZh', 'a, b'],
  ]) {
    writeFileSync(file, lines.join('\n'))
    t.deepEqual(await readCaptions(file), lines)
  }
})

test('the command reads captions as the function does', async t => {
  const folder = folderOf(t)
  const rows = join(folder, 'rows.npy')
  writeNpy(rows, someRows(3, 2, 1), [3, 2])
  const asked = (name: string) => [
    'analyze',
    'captions',
    '--image',
    rows,
    '--corpus',
    `short=${rows},${join(FILES, name)}`,
    '--json',
  ]
  const { code, stdout } = await modalityGap(asked('good.parquet'))
  t.is(code, 0)
  t.is(JSON.parse(stdout).corpora[0].captions.count, 3)
  const refused = await modalityGap(asked('latin1.txt'))
  t.is(refused.code, 1)
  t.regex(refused.stderr, /Latin-1, convert it/)
})

test('ids and configurations in another encoding are refused with their line', async t => {
  const folder = folderOf(t)
  const latin1 = (name: string, text: string) => {
    const path = join(folder, name)
    writeFileSync(path, Buffer.from(text, 'latin1'))
    return path
  }
  const config = latin1('c.yaml', 'output: out\nprompt: un café\n')
  t.like(await t.throwsAsync(readConfigFile(config), { message: /line 2 is not UTF-8/ }), {
    code: 'BAD_FORMAT',
    row: 1,
  })
  const all = async (path: string) => {
    const ids: string[] = []
    for await (const id of idsIn(path)) {
      ids.push(id)
    }
    return ids
  }
  const table = latin1('ids.csv', 'id,name\n1,fox\n2,café\n')
  t.like(await t.throwsAsync(all(table), { message: /line 3 is not UTF-8/ }), { code: 'BAD_FORMAT', file: table })
  const semicolons = latin1('semicolon.csv', '"k, l";image_id\n1;a, b\n"2;3";c\n')
  t.deepEqual(await all(semicolons), ['a, b', 'c'])
  const twice = latin1('twice.csv', 'id,id\n1,2\n')
  t.like(await t.throwsAsync(all(twice), { message: /column id twice/ }), { code: 'BAD_SELECTOR' })
  const wide = join(folder, 'ids.txt')
  writeFileSync(wide, Buffer.from('a\nb\n', 'utf16le'))
  t.like(await t.throwsAsync(all(wide), { message: /not text in UTF-8/ }), { code: 'BAD_FORMAT' })
  t.deepEqual(await all(latin1('good.csv', '\u00ef\u00bb\u00bfid,b\n7,x\n')), ['7'])
})
