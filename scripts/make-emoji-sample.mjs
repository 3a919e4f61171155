// Makes samples/emoji: held-out embeddings of a dual encoder trained on emoji, in the clip-retrieval layout.
//
// The encoder is trained on three vendors' renderings of each emoji; the sample holds only rows of renderings that it has
// never seen and that may be shown: Twitter's (CC BY 4.0) and Google's (Apache-2.0).
// No picture is shipped. Usage: node scripts/make-emoji-sample.mjs [folder of a finished training]
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DualEncoder, embedPairs, measureGap, openEmbeddings } from '../dist/index.js'
import { emojiFolder, prepareEmoji } from './data/emoji.mjs'

const SHOWN = new Set(['google', 'twitter'])
const SEED = 0
const EPOCHS = 30

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const sample = join(root, 'samples', 'emoji')
const { list, pairs } = prepareEmoji()
const trained = process.argv[2] ?? join(emojiFolder(), 'encoder')
const training = process.argv[2] === undefined ? await train() : undefined

// beside the list, because paths of images are relative to it
const held = join(dirname(list), 'sample.jsonl')
const shown = pairs.filter(({ split, vendor }) => split !== 'train' && SHOWN.has(vendor))
writeFileSync(held, shown.map(pair => `${JSON.stringify(pair)}\n`).join(''))
const made = join(emojiFolder(), 'sample')
rmSync(made, { recursive: true, force: true })
const { rows, dim } = await embedPairs({ encoder: trained, data: held, out: made })

rmSync(sample, { recursive: true, force: true })
mkdirSync(join(sample, 'metadata'), { recursive: true })
for (const folder of ['img_emb', 'text_emb']) {
  cpSync(join(made, folder), join(sample, folder), { recursive: true })
}
writeFileSync(join(sample, 'metadata', 'metadata_0.jsonl'), metadata())
const image = await openEmbeddings(sample, { role: 'image' })
const text = await openEmbeddings(sample, { role: 'text' })
const { gap } = await measureGap({ image, text, paired: true })
writeFileSync(join(sample, 'README.md'), readme(gap))
process.stdout.write(`${sample}: ${rows} rows of ${dim}, gap ${gap.centroid.toFixed(4)}\n`)

async function train() {
  const onStep = ({ step, total, loss }) => {
    if (step % 20 === 0) process.stderr.write(`\r${step}/${total} loss ${loss.toFixed(3)} `)
  }
  const resume = existsSync(join(trained, 'checkpoint.safetensors'))
  const options = { data: list, out: trained, seed: SEED, epochs: EPOCHS, checkpointEvery: 50, resume }
  const { report } = await DualEncoder.train(options, { onStep })
  process.stderr.write('\n')
  return report
}

/** Names instead of paths, which would be this machine's. */
function metadata() {
  const lines = readFileSync(join(made, 'metadata', 'metadata_0.jsonl'), 'utf8')
    .trim()
    .split('\n')
  return lines
    .map(line => JSON.parse(line))
    .map(({ caption, split, id, vendor }) => `${JSON.stringify({ caption, split, emoji: id, vendor })}\n`)
    .join('')
}

function readme(gap) {
  const twitter = shown.filter(({ vendor }) => vendor === 'twitter').length
  const unknown = shown.filter(({ split }) => split === 'unseen-emoji').length
  const found = Object.entries(training?.heldOut ?? {}).map(
    ([name, held]) =>
      `| ${name} | ${held.rows} | ${held.gap.toFixed(3)} | ${held.textToImage.r5.toFixed(3)} | ${held.imageToText.r5.toFixed(3)} |`,
  )
  return `# emoji: real embeddings of held-out pairs

${rows} image rows and ${rows} text rows of ${dim} columns, unit length, f16, in the clip-retrieval layout; row i of one
side pairs with row i of the other, and line i of \`metadata/metadata_0.jsonl\` says what it is. The centroid gap is
${gap.centroid.toFixed(4)}.

They come from the dual encoder of this package, trained from scratch for minutes on renderings of emoji and their names
(\`scripts/make-emoji-sample.mjs\` repeats it, seed ${SEED}). No row here was trained on: ${rows - unknown} are renderings of
emoji that the encoder knows as other vendors draw them, ${unknown} are of emoji that it has never seen; ${twitter} are Twitter's,
the others Google's.
${found.length === 0 ? '' : `\n| held out | pairs | gap | R@5, image by caption | R@5, caption by image |\n| --- | --- | --- | --- | --- |\n${found.join('\n')}\n`}
## Provenance

- Twemoji, copyright Twitter, Inc and other contributors, CC BY 4.0; the rows were computed from its 64-pixel pictures as
  packaged in \`emoji-datasource-twitter\` 16.
- Noto Emoji, copyright Google Inc., Apache License 2.0, as packaged in \`emoji-datasource-google\` 16.
- Names and tags: \`emojibase-data\` 17, MIT.

No picture is contained. The encoder was also trained on renderings that are not distributed here.
`
}
