// Material of the ReVision study, in the cache folder: embeddings by an emoji encoder, and records that name them.
//
//   images/train/, images/held-out/
//                    rows of the renderings in training, and of those held out, in the clip-retrieval layout
//   texts/CORPUS/    rows of texts: `short` names of the emoji in training, `long` ones with tags, group and code,
//                    `icons` names of icons that have no picture in any training
//   CORPUS.jsonl     {id, caption}: for stage 1, id being that of the text's row
//   pairs.jsonl      {id, image, caption}: renderings in training with their names
//   unseen-rendering.jsonl, unseen-emoji.jsonl
//                    the same of renderings held out, by why they are (see emoji.mjs)
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { convert, DualEncoder, embedPairs, openEmbeddings } from '../../dist/index.js'
import { tarball, unpack } from '../pinned.mjs'
import { emojiFolder, prepareEmoji } from './emoji.mjs'

const HELD_OUT = ['unseen-rendering', 'unseen-emoji']
// Material Design Icons, Apache-2.0; only the names are used
export const ICONS = {
  name: '@iconify-json/mdi',
  version: '1.2.3',
  integrity: 'sha512-O3cLwbDOK7NNDf2ihaQOH5F9JglnulNDFV7WprU2dSoZu3h3cWH//h74uQAB87brHmvFVxIOkuBX2sZSzYhScg==',
}

/** Folder of the material that is called `name`. */
export function studyFolder(name) {
  return join(emojiFolder(), `study-${name}`)
}

/**
 * Embeds everything with an encoder, once.
 *
 * @param {{ encoder: string, name: string, skinTones?: boolean }} options folder of a trained encoder, a name for what is
 *   made of it, and whether people come with skin-tone variants
 * @returns {Promise<string>} the folder
 */
export async function prepareStudy({ encoder, name, skinTones }) {
  const folder = studyFolder(name)
  const done = join(folder, 'done')
  if (existsSync(done)) {
    return folder
  }
  const { pairs } = prepareEmoji({ skinTones })
  mkdirSync(folder, { recursive: true })
  // beside the list, because paths of images are relative to it
  const renderings = join(emojiFolder(), `study-${name}.jsonl`)
  const named = pairs.map(pair => ({ ...pair, id: `${pair.id}-${pair.vendor}`, emoji: pair.id }))
  writeLines(renderings, named)
  for (const [out, splits] of Object.entries({ train: ['train'], 'held-out': HELD_OUT })) {
    await embedPairs({ encoder, data: renderings, splits, out: join(folder, 'images', out), resume: true })
  }
  for (const split of ['train', ...HELD_OUT]) {
    const own = named.filter(pair => pair.split === split)
    const records = own.map(({ id, captions }) => ({ id, image: id, caption: captions.at(-1) }))
    writeLines(join(folder, split === 'train' ? 'pairs.jsonl' : `${split}.jsonl`), records)
  }
  const model = await DualEncoder.load(encoder)
  for (const [corpus, texts] of Object.entries({ ...emojiTexts(named), icons: iconTexts(named) })) {
    await writeTexts(model, folder, corpus, texts)
  }
  writeFileSync(done, '')
  return folder
}

/** Names, and names with everything that is known, of the emoji in training; one each, however often it is drawn. */
function emojiTexts(named) {
  const details = emojiDetails()
  const known = new Map(named.filter(({ split }) => split === 'train').map(pair => [pair.emoji, pair]))
  const short = [...known.values()].map(({ emoji, captions }) => ({ id: emoji, caption: captions.at(-1) }))
  const long = [...known.values()].map(({ emoji, captions }) => ({
    id: emoji,
    caption: `${captions[0]}. ${details.get(plain(emoji)) ?? ''}code ${emoji.toLowerCase().replaceAll('-', ' ')}`,
  }))
  return { short, long }
}

function emojiDetails() {
  const data = join(emojiFolder(), 'emoji-datasource-google', 'emoji.json')
  const all = JSON.parse(readFileSync(data, 'utf8'))
  return new Map(
    all.map(({ unified, category, subcategory, short_names: names }) => [
      plain(unified),
      `group ${category}, ${subcategory.replaceAll('-', ' ')}, code names ${names.join(' ').replaceAll('_', ' ')}, `,
    ]),
  )
}

/** Names of icons all of whose words the encoder has learned. */
function iconTexts(named) {
  const words = new Set(
    named.filter(({ split }) => split === 'train').flatMap(({ captions }) => captions.flatMap(wordsOf)),
  )
  const { icons } = JSON.parse(readFileSync(join(unpackedIcons(), 'icons.json'), 'utf8'))
  const names = Object.keys(icons).map(name => name.replaceAll('-', ' '))
  return names.filter(name => wordsOf(name).every(word => words.has(word))).map(name => ({ id: name, caption: name }))
}

function wordsOf(text) {
  return text.toLowerCase().match(/[a-z]+/g) ?? []
}

function unpackedIcons() {
  const target = join(emojiFolder(), 'iconify-mdi')
  if (!existsSync(target)) {
    const draft = `${target}.tmp`
    rmSync(draft, { recursive: true, force: true })
    mkdirSync(draft, { recursive: true })
    unpack(tarball(draft, ICONS), draft, ['package/icons.json'])
    renameSync(draft, target)
  }
  return target
}

async function writeTexts(model, folder, corpus, texts) {
  const out = join(folder, 'texts', corpus)
  const rows = await openEmbeddings(await model.embedTexts(texts.map(({ caption }) => caption)), { dim: model.dim })
  mkdirSync(out, { recursive: true })
  await convert(rows, join(out, 'rows.npy'), { dtype: 'f16', overwrite: true })
  writeLines(
    join(out, 'ids.jsonl'),
    texts.map(({ id }) => ({ id })),
  )
  writeLines(join(folder, `${corpus}.jsonl`), texts)
}

function plain(hexcode) {
  return hexcode.toUpperCase().replaceAll('-FE0F', '')
}

function writeLines(file, records) {
  writeFileSync(`${file}.tmp`, records.map(record => `${JSON.stringify(record)}\n`).join(''))
  renameSync(`${file}.tmp`, file)
}
