// Prepares pairs of emoji renderings and captions from npm packages, in a cache folder outside the repository.
//
// Renderings: emoji-datasource-{google,apple,twitter,facebook} 16; names and tags: emojibase-data 17 (MIT). Google's
// artwork is under Apache-2.0, Twitter's under CC BY 4.0: both may be shown and shipped with their notices. Apple's and
// Facebook's are for training on this machine only: never commit, show or picture them.
//
// Splits, by a hash of the emoji and so the same for everybody:
//   train             known emoji as three of the vendors draw them
//   unseen-rendering  the same emoji as the fourth draws them, by the hash Google or Twitter
//   unseen-emoji      a tenth of all emoji, kept from training, as all four draw them
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tarball, unpack } from '../pinned.mjs'
import { cacheFolder } from './wheels.mjs'

const VENDORS = ['google', 'apple', 'facebook', 'twitter']
/** Package of each vendor's renderings, and that of the names. */
export const PACKAGES = {
  google: pin(
    'emoji-datasource-google',
    '16.0.0',
    'ZRexfzs7MVoLnmzZmNsO4TKhnAJp5D++Vm6PpUpH/jEQQlemp3l88CjZ+DoZ2faM9R4QxZkOPJCoT8DlPhfQ3A==',
  ),
  apple: pin(
    'emoji-datasource-apple',
    '16.0.0',
    'dVYjsK0FnCry9F+PBtnivhG2K0xdwlmqYaSgiUtztUdAGPYiHYhZcVKvNBqC791g2qyEcFNTBO6utg4eQ3uLTw==',
  ),
  facebook: pin(
    'emoji-datasource-facebook',
    '16.0.0',
    'b9ZxJdB7nMWGckH1vyCjPSosaa6MJYuojPPFiQ0LmDIZS8vlG454XKcmTFKrXIMAA72O4MRJMYFhvWI8pjyciQ==',
  ),
  twitter: pin(
    'emoji-datasource-twitter',
    '16.0.0',
    '7F+uCuHH+7Qnrc15P5tnbvKkg9E6tlzi4MnT2uW1RlN4pLYTza6cP/dstIfSDMtpjFLWuZewWg8jBbuL2eyELQ==',
  ),
  names: pin(
    'emojibase-data',
    '17.0.0',
    'Yvgb5AWoHViHV/gq1qr5ZAarcBip+B27/ZLRsUJkbgAEaLlZ/fof9g882LTpmEpyhBNEC0m2SEmItljHsTygjA==',
  ),
}
/** Whose renderings are held out, one of them for each emoji: those that may be shown. */
const HELD_OUT_VENDORS = ['google', 'twitter']
const HELD_OUT_SHARE = 0.1

/** Folder of the prepared data. */
export function emojiFolder() {
  return join(cacheFolder(), 'emoji')
}

/**
 * Downloads what is missing and writes `pairs.jsonl`; returns its path. With `skinTones` people come with skin-tone variants,
 * twice as many pictures, and the list is `pairs-toned.jsonl`.
 */
export function prepareEmoji({ skinTones = false } = {}) {
  const folder = emojiFolder()
  mkdirSync(folder, { recursive: true })
  const data = unpacked(folder, PACKAGES.names, ['package/en/data.json', 'package/LICENSE'])
  const named = JSON.parse(readFileSync(join(data, 'en', 'data.json'), 'utf8'))
  const all = named.flatMap(({ skins = [], ...emoji }) => [
    emoji,
    ...skins.map(skin => ({ ...skin, tags: emoji.tags })),
  ])
  const captions = new Map(all.map(emoji => [plain(emoji.hexcode), captionsOf(emoji)]))
  const pairs = VENDORS.flatMap(vendor => pairsOf(folder, vendor, captions, skinTones))
  const list = join(folder, skinTones ? 'pairs-toned.jsonl' : 'pairs.jsonl')
  writeFileSync(`${list}.tmp`, pairs.map(pair => `${JSON.stringify(pair)}\n`).join(''))
  renameSync(`${list}.tmp`, list)
  return { list, pairs }
}

function pairsOf(folder, vendor, captions, skinTones) {
  const { name } = PACKAGES[vendor]
  const members = ['package/emoji.json', 'package/LICENSE', `package/img/${vendor}/64`]
  const source = unpacked(folder, PACKAGES[vendor], members)
  const all = JSON.parse(readFileSync(join(source, 'emoji.json'), 'utf8'))
  return all.flatMap(({ skin_variations: skins = {}, ...emoji }) => {
    // a person is in one split in all colours
    const split = splitOf(emoji.unified, vendor)
    return [emoji, ...(skinTones ? Object.values(skins) : [])].flatMap(({ unified, image, ...drawn }) => {
      const words = captions.get(plain(unified))
      if (!drawn[`has_img_${vendor}`] || words === undefined) {
        return []
      }
      return [{ image: `${name}/img/${vendor}/64/${image}`, captions: words, split, id: unified, vendor }]
    })
  })
}

function splitOf(id, vendor) {
  const digest = createHash('sha256').update(plain(id)).digest()
  if (digest.readUInt32LE(0) / 2 ** 32 < HELD_OUT_SHARE) {
    return 'unseen-emoji'
  }
  return vendor === HELD_OUT_VENDORS[digest[4] % HELD_OUT_VENDORS.length] ? 'unseen-rendering' : 'train'
}

/** Name and tags; training also sees the name alone. */
function captionsOf({ label, tags = [] }) {
  return tags.length === 0 ? [label] : [`${label}: ${tags.join(', ')}`, label]
}

/** One spelling with and without the variation selector. */
function plain(hexcode) {
  return hexcode.toUpperCase().replaceAll('-FE0F', '')
}

/** The unpacked members of a package, downloaded once. */
function unpacked(folder, pinned, members) {
  const target = join(folder, pinned.name)
  if (existsSync(target)) {
    return target
  }
  const downloads = join(folder, 'packages')
  mkdirSync(downloads, { recursive: true })
  const partial = `${target}.tmp`
  rmSync(partial, { recursive: true, force: true })
  mkdirSync(partial)
  unpack(tarball(downloads, pinned), partial, members)
  renameSync(partial, target)
  return target
}

function pin(name, version, sha512) {
  return { name, version, integrity: `sha512-${sha512}` }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { list, pairs } = prepareEmoji()
  const counts = grouped(pairs)
  const parts = Object.entries(counts).map(([split, rows]) => `${rows.length} ${split}`)
  process.stdout.write(`${list}: ${parts.join(', ')}\n`)
}

function grouped(pairs) {
  const groups = {}
  for (const pair of pairs) {
    groups[pair.split] = [...(groups[pair.split] ?? []), pair]
  }
  return groups
}
