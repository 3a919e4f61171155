// Makes samples/emoji: held-out embeddings of a dual encoder trained on emoji, in the clip-retrieval layout.
//
// The encoder is the one of `npm run evidence -- dynamics`, started at temperature 0.01 with seed 0: taken from the cache, or
// trained now, in some minutes. The sample holds only rows of renderings that it has never seen and that may be shown:
// Twitter's (CC BY 4.0) and Google's (Apache-2.0). No picture is shipped.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { embedPairs, measureGap, openEmbeddings } from '../dist/index.js'
import { prepareEmoji } from './data/emoji.mjs'
import { finishedRun, runFolder } from './evidence/dynamics-runs.mjs'

const SHOWN = new Set(['google', 'twitter'])
const SETTING = 'cold'
const SEED = 0

const sample = join(import.meta.dirname, '..', 'samples', 'emoji')
const { list, pairs } = prepareEmoji()
const { encoder, report } = await finishedRun(SETTING, SEED)

// beside the list, because paths of images are relative to it
const held = join(dirname(list), 'sample.jsonl')
const shown = pairs.filter(({ split, vendor }) => split !== 'train' && SHOWN.has(vendor))
writeFileSync(held, shown.map(pair => `${JSON.stringify(pair)}\n`).join(''))
const made = join(runFolder(SETTING, SEED), 'sample')
rmSync(made, { recursive: true, force: true })
const { rows, dim } = await embedPairs({ encoder, data: held, out: made })

rmSync(sample, { recursive: true, force: true })
mkdirSync(join(sample, 'metadata'), { recursive: true })
for (const folder of ['img_emb', 'text_emb']) {
  cpSync(join(made, folder), join(sample, folder), { recursive: true })
}
writeFileSync(join(sample, 'metadata', 'metadata_0.jsonl'), metadata())
const image = await openEmbeddings(sample, { role: 'image' })
const text = await openEmbeddings(sample, { role: 'text' })
const measured = await measureGap({ image, text, paired: true, exact: true })
writeFileSync(join(sample, 'README.md'), readme(measured))
process.stdout.write(`${sample}: ${rows} rows of ${dim}, gap ${measured.gap.centroid.toFixed(4)}\n`)

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

function readme({ gap, trace, retrieval }) {
  const twitter = shown.filter(({ vendor }) => vendor === 'twitter').length
  const unknown = shown.filter(({ split }) => split === 'unseen-emoji').length
  const length = side => Math.sqrt(1 - trace[side]).toFixed(2)
  const found = Object.entries(report.heldOut).map(
    ([name, held]) =>
      `| ${name} | ${held.rows} | ${held.gap.toFixed(3)} | ${held.textToImage.r5.toFixed(3)} | ${held.imageToText.r5.toFixed(3)} | ${held.chanceR5.toFixed(3)} |`,
  )
  return `# emoji: real embeddings of held-out pairs

${rows} image rows and ${rows} text rows of ${dim} columns, unit length, f16, in the clip-retrieval layout; row i of one
side pairs with row i of the other, and line i of \`metadata/metadata_0.jsonl\` says what it is.

| property | here |
| --- | --- |
| centroid gap | ${gap.centroid.toFixed(4)} |
| its noise floor | ${gap.floor.toFixed(4)} |
| lengths of the means, image and text | ${length('image')}, ${length('text')} |
| R@1, image by caption and caption by image | ${retrieval.textToImage.r1.toFixed(3)}, ${retrieval.imageToText.r1.toFixed(3)} |

The rows come from a small dual encoder of this package, trained from scratch for minutes on renderings of emoji and their names
(\`npm run sample\` repeats it, seed ${SEED}). It is real, and no CLIP: it knows emoji and nothing else. No row here was trained
on: ${rows - unknown} are renderings of emoji that the encoder knows as other vendors draw them, ${unknown} are of emoji that it has
never seen; ${twitter} are Twitter's, the others Google's. On all its held-out pairs, in f32:

| held out | pairs | gap | R@5, image by caption | R@5, caption by image | chance |
| --- | --- | --- | --- | --- | --- |
${found.join('\n')}

## Provenance

- Twemoji, copyright Twitter, Inc and other contributors, CC BY 4.0; the rows were computed from its 64-pixel pictures as
  packaged in \`emoji-datasource-twitter\` 16.
- Noto Emoji, copyright Google Inc., Apache License 2.0, as packaged in \`emoji-datasource-google\` 16.
- Names and tags: \`emojibase-data\` 17, MIT.

No picture is contained. The encoder was also trained on renderings that are not distributed here.
`
}
