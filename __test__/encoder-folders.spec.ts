import { copyFileSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { DualEncoder, embedPairs } from '../src/index.ts'
import { modalityGap } from './helpers/cli.ts'
import { readNpy } from './helpers/npy.ts'
import { colours, picture } from './helpers/pictures.ts'
import { folderOf } from './helpers/place.ts'
import { system } from './helpers/system.ts'

const FIXTURES = join(import.meta.dirname, 'fixtures', 'encoders')
const PAIRS = join(FIXTURES, 'pairs')

/** The smallest cosine of rows in a file and those that others have computed. */
function cosine(found: string, expected: string): number {
  const [a, b] = [readNpy(found), readNpy(join(FIXTURES, expected))]
  const [rows = 0, dim = 0] = b.shape
  if (`${a.shape}` !== `${b.shape}`) throw new Error(`${a.shape} rows, not ${b.shape}`)
  const row = ({ values }: typeof a, i: number) => values.subarray(i * dim, (i + 1) * dim)
  const dot = (x: Float64Array, y: Float64Array) => x.reduce((sum, v, k) => sum + v * (y[k] as number), 0)
  const cosines = Array.from({ length: rows }, (_, i) => {
    const [x, y] = [row(a, i), row(b, i)]
    return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y))
  })
  return Math.min(...cosines)
}

/** Folders laid one over the other. */
function laid(t: ExecutionContext, ...names: string[]): string {
  const folder = join(folderOf(t), 'encoder')
  for (const name of names) cpSync(join(FIXTURES, name), folder, { recursive: true })
  return folder
}

test('rows of a SigLIP 2, of a CLIP with processor_config.json alone and of one with another edge', async t => {
  const edge40 = laid(t, 'clip')
  copyFileSync(join(edge40, 'edge40.json'), join(edge40, 'preprocessor_config.json'))
  writeFileSync(join(edge40, 'processor_config.json'), '{"processor_class":"CLIPProcessor"}')
  for (const [name, encoder] of [
    ['siglip2', laid(t, 'siglip2')],
    ['processor-config', laid(t, 'clip')],
    ['edge40', edge40],
  ] as const) {
    const out = folderOf(t)
    await embedPairs({ encoder, data: PAIRS, out, full: true })
    const image = cosine(join(out, 'img_emb', 'img_emb_0.npy'), `${name}.image.npy`)
    const text = cosine(join(out, 'text_emb', 'text_emb_0.npy'), `${name}.text.npy`)
    t.true(Math.min(image, text) >= 0.9999, `${name}: images ${image}, texts ${text}`)
  }
})

test('the plan of sentence-transformers says how texts are pooled and what follows', async t => {
  for (const name of ['cls', 'dense']) {
    const out = folderOf(t)
    const report = await embedPairs({
      encoder: laid(t, 'bert', name),
      data: join(FIXTURES, 'sentences.jsonl'),
      out,
      full: true,
    })
    t.is(report.rows, 5)
    const found = cosine(join(out, 'text_emb', 'text_emb_0.npy'), `${name}.text.npy`)
    t.true(found >= 0.9999, `${name}: ${found}`)
  }
})

test('prompts stand before texts by their names, from the command line too', async t => {
  const encoder = laid(t, 'bert', 'cls')
  const prompts = { prompts: { query: 'a red ', document: '' }, default_prompt_name: 'document' }
  writeFileSync(join(encoder, 'config_sentence_transformers.json'), JSON.stringify(prompts))
  const loaded = await DualEncoder.load(encoder)
  t.deepEqual(loaded.prompts, ['document', 'query'])
  const [plain, asked] = [await loaded.embedTexts(['a red fox']), await loaded.embedTexts(['fox'], { prompt: 'query' })]
  t.deepEqual(asked, plain)
  t.notDeepEqual(await loaded.embedTexts(['fox']), plain)
  const error = await t.throwsAsync(loaded.embedTexts(['fox'], { prompt: 'title' }))
  t.like(error, { code: 'BAD_OPTION', message: 'unknown prompt `title`; expected document, query' })

  const folder = folderOf(t)
  const data = join(folder, 'pairs.jsonl')
  writeFileSync(data, '{"image":"x.png","caption":"fox"}\n')
  const out = join(folder, 'out')
  const args = ['encoder', 'embed', '--encoder', encoder, '--data', data, '--out', out, '--full', '--prompt']
  const ended = await modalityGap([...args, 'query'])
  t.is(ended.code, 0, ended.stderr)
  const written = readNpy(join(out, 'text_emb', 'text_emb_0.npy')).values
  t.deepEqual(Float32Array.from(written), plain)
  const wrong = await modalityGap([...args, 'title'])
  t.is(wrong.code, 2)
  t.regex(wrong.stderr, /unknown prompt `title`; expected document, query/)
})

test('a picture is turned as its EXIF orientation says, in lists, archives and single files', async t => {
  const turned = join(FIXTURES, 'turned')
  const encoder = await DualEncoder.load(laid(t, 'siglip2'))
  const rows = await encoder.embedImages([join(turned, 'upright.png'), join(turned, 'exif6.jpg')])
  const { dim } = encoder
  const dot = Array.from({ length: dim }, (_, k) => (rows[k] as number) * (rows[dim + k] as number))
  const sum = dot.reduce((a, b) => a + b, 0)
  t.true(sum >= 0.999, `${sum}`)

  const folder = folderOf(t)
  for (const [i, name] of ['upright.png', 'exif6.jpg'].entries()) {
    copyFileSync(join(turned, name), join(folder, `${i}.${name.slice(-3)}`))
    writeFileSync(join(folder, `${i}.txt`), 'a red fox')
  }
  const archive = join(folder, 'a.tar')
  system('tar', ['-cf', archive, '-C', folder, '0.png', '0.txt', '1.jpg', '1.txt'])
  const out = join(folder, 'out')
  await embedPairs({ encoder: laid(t, 'siglip2'), data: archive, out, full: true })
  t.deepEqual(Float32Array.from(readNpy(join(out, 'img_emb', 'img_emb_0.npy')).values), rows)
  // an encoder that is trained here sees the same picture
  const tower = { width: 8, layers: 1, heads: 2 }
  const model = { dim: 6, imageSize: 8, patch: 4, image: tower, text: tower, tokens: 4 }
  const own = await DualEncoder.train({
    model,
    batchSize: 2,
    steps: 1,
    data: colours(join(folder, 'c')),
    out: join(folder, 'own'),
  })
  const seen = await own.embedImages([join(turned, 'upright.png'), join(turned, 'exif6.jpg')])
  const close = seen.subarray(0, 6).every((value, k) => Math.abs(value - (seen[6 + k] as number)) < 0.02)
  t.true(close, `${seen}`)
})

test('all bad pairs are named at once, or left out and counted', async t => {
  const folder = folderOf(t)
  const data = colours(folder)
  const bad = Array.from({ length: 25 }, (_, i) => JSON.stringify({ image: `absent-${i}.png`, caption: 'none' }))
  const more = [JSON.stringify({ image: '1.png' }), '{', JSON.stringify({ image: 'text.png', caption: 'no picture' })]
  writeFileSync(join(folder, 'text.png'), 'no picture')
  writeFileSync(data, `${readFileSync(data, 'utf8')}${[...more, ...bad].join('\n')}\n`)
  const encoder = laid(t, 'siglip2')
  const out = join(folder, 'out')
  const error = await t.throwsAsync(embedPairs({ encoder, data, out, shardRows: 4 }))
  t.like(error, { code: 'BAD_FORMAT', file: data, row: 10 })
  const lines = error.message.split('\n')
  t.regex(lines[0] as string, /28 pairs cannot be used; .*--on-bad-pair drop/)
  t.is(lines.length, 22)
  t.regex(lines[21] as string, /and 8 more/)

  const report = await embedPairs({ encoder, data, out, shardRows: 4, onBadPair: 'drop' })
  t.like(report, { rows: 10, dropped: { count: 28 } })
  t.is(report.dropped.first.length, 20)
  t.true(report.dropped.first.some(said => said.includes('text.png: no readable image')))
  const again = await embedPairs({ encoder, data, out, shardRows: 4, onBadPair: 'drop', resume: true })
  t.like(again, { rows: 10, kept: report.outputs.length / 3, dropped: { count: 28 } })

  const tower = { width: 8, layers: 1, heads: 2 }
  const model = { dim: 6, imageSize: 8, patch: 4, image: tower, text: tower, tokens: 4 }
  const training = { model, batchSize: 4, steps: 2, data, out: join(folder, 'trained') }
  t.regex((await t.throwsAsync(DualEncoder.train(training))).message, /28 pairs cannot be used/)
  const trained = await DualEncoder.train({ ...training, onBadPair: 'drop' })
  t.like(trained.report, { pairs: 8, dropped: { count: 28 } })

  const args = ['--encoder', encoder, '--data', data, '--out', join(folder, 'cli'), '--on-bad-pair', 'drop']
  const ended = await modalityGap(['encoder', 'embed', ...args])
  t.is(ended.code, 0, ended.stderr)
  t.regex(ended.stdout, /10 pairs in 32 dimensions\n28 pairs left out:\n/)
  t.regex(ended.stdout, /and 8 more/)
})

test('a key of webdataset ends at the first point, and no caption meets the image of another', async t => {
  const encoder = laid(t, 'siglip2')
  const folder = folderOf(t)
  const embed = (data: string, onBadPair: 'error' | 'drop' = 'error') =>
    embedPairs({ encoder, data, out: join(folder, 'out'), onBadPair, overwrite: true })
  const dots = await t.throwsAsync(embed(join(FIXTURES, 'dots.tar')))
  t.like(dots, { code: 'BAD_FORMAT', file: join(FIXTURES, 'dots.tar'), row: 0 })
  t.regex(dots.message, /22\.00\.jpg and 22\.01\.jpg are two images of one key, 22; .*rename/)
  const mispaired = await t.throwsAsync(embed(join(FIXTURES, 'mispaired.tar')))
  t.regex(mispaired.message, /v1\.0\.jpg and v1\.1\.jpg are two images of one key, v1/)
  t.like(await embed(join(FIXTURES, 'mispaired.tar'), 'drop'), { rows: 1, dropped: { count: 1 } })
  t.like(await t.throwsAsync(embed(join(FIXTURES, 'dots.tar'), 'drop')), { code: 'EMPTY' })

  const files: Record<string, Buffer | string> = {
    'a/1.png': picture(1),
    'a/1.txt': '\ufeffof a\r\n',
    'b/1.png': picture(2),
    'b/1.json': '\ufeff{"caption":"of b"}',
    'latin.png': picture(3),
    'latin.txt': Buffer.from('caf\xe9', 'latin1'),
    '._mac.png': 'resource fork',
    'bmp.bmp': 'BM',
    'bmp.txt': 'a bitmap',
    'mute.png': picture(4),
    'x.0.png': picture(5),
    'x.1.txt': 'of another',
    'one.png': picture(6),
    'one.txt': 'first',
    'one.caption': 'second',
  }
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, 'parts', name, '..'), { recursive: true })
    writeFileSync(join(folder, 'parts', name), content)
  }
  const odd = join(folder, 'odd.tar')
  const parts = join(folder, 'parts')
  system('tar', ['-cf', odd, '-C', parts, ...Object.keys(files)])
  const { message } = await t.throwsAsync(embed(odd))
  for (const said of [
    /latin\.txt: it is not UTF-8 from byte 3 on/,
    /the member \._mac\.png has no key/,
    /bmp\.bmp is of a kind that is not read/,
    /mute has no caption/,
    /x\.0\.png and x\.1\.txt have one key, x, and differ behind it/,
    /one\.txt and one\.caption are two captions of one key, one/,
  ]) {
    t.regex(message, said)
  }
  t.like(await embed(odd, 'drop'), { rows: 2, dropped: { count: 6 } })
  const metadata = readFileSync(join(folder, 'out', 'metadata', 'metadata_0.jsonl'), 'utf8')
    .trim()
    .split('\n')
  t.deepEqual(
    metadata.map(line => JSON.parse(line).caption),
    ['of a', 'of b'],
  )

  const good = ['-C', parts, 'a/1.png', 'a/1.txt']
  const appended = join(folder, 'appended.tar')
  system('tar', ['-cf', appended, ...good])
  const once = readFileSync(appended)
  system('tar', ['-rf', appended, ...good])
  t.regex((await t.throwsAsync(embed(appended))).message, /a\/1\.png stands in it 2 times/)
  const behind = join(folder, 'behind.tar')
  writeFileSync(behind, Buffer.concat([once, once]))
  t.regex((await t.throwsAsync(embed(behind))).message, /two archives were put one behind the other/)
})

test('lists may begin with a byte order mark, end their lines with CRLF and hold blank lines', async t => {
  const folder = folderOf(t)
  colours(folder)
  const encoder = laid(t, 'siglip2')
  const lists = {
    'a.jsonl': '\ufeff{"image":"1.png","caption":"one"}\r\n\r\n{"image":"2.png","caption":"two"}\r\n\r\n',
    'a.csv': '\ufeffimage,caption\r\n1.png,one\r\n\r\n2.png,two\r\n\r\n',
  }
  for (const [name, text] of Object.entries(lists)) {
    writeFileSync(join(folder, name), text)
    t.is(
      (await embedPairs({ encoder, data: join(folder, name), out: join(folder, 'out'), overwrite: true })).rows,
      2,
      name,
    )
  }
  const parts = join(folder, 'parts')
  mkdirSync(parts)
  writeFileSync(join(parts, '1.png'), picture(1))
  writeFileSync(join(parts, '1.txt'), '\ufeffone\r\n\r\n')
  await embedPairs({ encoder, data: parts, out: join(folder, 'out'), overwrite: true })
  const [line] = readFileSync(join(folder, 'out', 'metadata', 'metadata_0.jsonl'), 'utf8').split('\n')
  t.is(JSON.parse(line as string).caption, 'one')
})

test('a list leads out of its folder only if it is allowed to, and to regular files only', async t => {
  const folder = folderOf(t)
  const encoder = laid(t, 'siglip2')
  writeFileSync(join(folder, 'outside.png'), picture(1))
  const inner = join(folder, 'inner')
  mkdirSync(inner)
  const list = join(inner, 'pairs.jsonl')
  const embed = (image: string, allowOutsideImages = false) => {
    writeFileSync(list, `${JSON.stringify({ image, caption: 'a' })}\n`)
    return embedPairs({ encoder, data: list, out: join(folder, 'out'), allowOutsideImages, overwrite: true })
  }
  for (const image of ['../outside.png', join(folder, 'outside.png'), 'x/../../outside.png']) {
    const error = await t.throwsAsync(embed(image))
    t.like(error, { code: 'BAD_FORMAT', file: list, row: 0 })
    t.regex(error.message, /outside of the folder of this list; .*--allow-outside-images/)
  }
  t.is((await embed('../outside.png', true)).rows, 1)
  // which has neither pipes nor devices among its files
  if (process.platform === 'win32') return
  system('mkfifo', [join(inner, 'pipe.png')])
  symlinkSync('/dev/zero', join(inner, 'zero.png'))
  for (const [image, outside] of [
    ['pipe.png', false],
    ['zero.png', true],
    ['/dev/zero', true],
  ] as const) {
    const error = await t.throwsAsync(embed(image, outside))
    t.is((error as { code?: string }).code, 'BAD_IMAGE')
    t.regex(error.message, /not a regular file/)
  }
})

test('folders of another make are named as what they are, not as missing', async t => {
  const folder = folderOf(t)
  const empty = await t.throwsAsync(DualEncoder.load(folder))
  t.like(empty, { code: 'BAD_MODEL', file: folder })
  t.regex(empty.message, /it holds no encoder: neither config\.json \(transformers\)/)
  const timm = { model_cfg: { vision_cfg: { timm_model_name: 'vit_base_patch16_siglip_224' } } }
  writeFileSync(join(folder, 'open_clip_config.json'), JSON.stringify(timm))
  const other = await t.throwsAsync(DualEncoder.load(folder))
  t.like(other, { code: 'BAD_MODEL', file: join(folder, 'open_clip_config.json') })
  t.regex(other.message, /timm_model_name/)
  t.like(await t.throwsAsync(DualEncoder.load(join(folder, 'nowhere'))), { code: 'NOT_FOUND' })
})

test('JPEGs with halved colours give the rows of the pixels that libjpeg-turbo decodes, to 0.9999', async t => {
  // make_jpeg.py: each JPEG, and a PNG with its pixels as Pillow has them
  const folder = join(FIXTURES, 'jpeg')
  const names = ['420', '422', 'progressive'].flatMap(kind => [32, 64].map(side => `${kind}-${side}`))
  const rowsOf = async (ending: 'jpg' | 'png') => {
    const out = folderOf(t)
    const data = join(out, 'pairs.jsonl')
    writeFileSync(
      data,
      names.map(name => `${JSON.stringify({ image: join(folder, `${name}.${ending}`), caption: name })}\n`).join(''),
    )
    await embedPairs({ encoder: join(FIXTURES, 'siglip2'), data, out, full: true, allowOutsideImages: true })
    return readNpy(join(out, 'img_emb', 'img_emb_0.npy'))
  }
  const [{ values: jpg, shape }, { values: png }] = [await rowsOf('jpg'), await rowsOf('png')]
  const dim = shape[1] as number
  for (const [i, name] of names.entries()) {
    const [a, b] = [jpg, png].map(rows => [...rows.subarray(i * dim, (i + 1) * dim)]) as [number[], number[]]
    const cosine = a.reduce((sum, v, k) => sum + v * (b[k] as number), 0) / (Math.hypot(...a) * Math.hypot(...b))
    t.true(cosine >= 0.9999, `${name}: ${cosine}`)
    t.true(cosine < 1, `${name}: decoders agree to the bit, which docs/encoders.md may say then`)
  }
})
