// A language model that learns to see from text: SmolLM2-135M-Instruct, emoji, and a dual encoder of this package.
//
//   1. A dual encoder is trained on emoji and their names (that of `npm run evidence -- dynamics`, kept in the cache folder).
//   2. Stage 1: ReAlign moves embeddings of *names* onto those of pictures, and a projector learns to tell the names from them. No
//      picture is shown, the language model is frozen.
//   3. Stage 2: adapters and the projector are tuned on 300 pictures.
//   4. Pictures that nothing was trained on are named, after each stage.
//
// Usage: npm run example:revision   (twenty minutes on two cores; downloads 110 MB once; continues where it was stopped)
import { Console } from 'node:console'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openEmbeddings, ReVision } from '../dist/index.js'
import { emojiFolder } from '../scripts/data/emoji.mjs'
import { prepareStudy } from '../scripts/data/emoji-study.mjs'
import { smollm2 } from '../scripts/data/smollm2.mjs'
import { finishedRun } from '../scripts/evidence/dynamics-runs.mjs'

/** Pictures of each kind that are named aloud. */
const EXAMPLES = 12
const HELD_OUT = ['unseen-rendering', 'unseen-emoji']

const { encoder } = await finishedRun('cold', 1, 2)
const folder = await prepareStudy({ encoder, name: 'cold-1' })
const at = (...parts) => join(folder, ...parts)
const shared = { batchSize: 16, maxLength: 128, template: 'model', saveEvery: 100, saveTotalLimit: 1 }
const config = {
  model: { path: await smollm2() },
  projector: { type: 'mlp2x_gelu', numVisualTokens: 4, distinctTokens: true, inputScale: 'sqrt' },
  embeddings: {
    text: at('texts', 'short', 'rows.npy'),
    textIds: { from: at('texts', 'short', 'ids.jsonl') },
    image: at('images', 'train'),
    aligner: { method: 'realign' },
  },
  // text before the visual tokens trains far better than starting with them
  prompt: 'What does this emoji show?\n<image>',
  stage1: { ...shared, data: at('short.jsonl'), steps: 400, learningRate: 3e-3 },
  stage2: {
    ...shared,
    data: at('pairs.jsonl'),
    maxSamples: 300,
    steps: 60,
    mode: 'lora',
    lora: { rank: 8, alpha: 16 },
    learningRate: 3e-4,
    projectorLearningRate: 1e-3,
  },
  evaluation: {
    image: at('images', 'held-out'),
    data: HELD_OUT.map(split => at(`${split}.jsonl`)),
    maxSamples: 400,
    answers: 200,
    generate: { maxNewTokens: 16 },
  },
  output: join(emojiFolder(), 'captions'),
  seed: 0,
  resume: true,
}

const both = await ReVision.open(config)
const first = await ReVision.open(config, { stage2: false })
const onProgress = ({ stage, rows, total }) => process.stderr.write(`\r${stage} ${rows}/${total}      `)
const callbacks = { stage1: progress('stage 1'), stage2: progress('stage 2') }
await both.pretrain({ callbacks, onProgress })
await both.finetune({ callbacks, onProgress })

const print = new Console(process.stdout)
for (const [name, revision] of Object.entries({
  'after stage 1, which has seen no picture': first,
  'after stage 2': both,
})) {
  const { evaluation, gap } = await revision.evaluate({ onProgress })
  print.log(`\n${name}`)
  print.table(evaluation.records.map(numbersOf))
  const [raw, aligned, projected] = [gap.raw, gap.aligned, gap.projected].map(({ centroid }) => short(centroid))
  print.log(`gap between texts and pictures: ${raw}, aligned ${aligned}, in the language model’s space ${projected}`)
}
for (const split of HELD_OUT) {
  print.log(`\n${split}`)
  print.table(await named(split))
}
for (const revision of [first, both]) revision.close()

/** What is said about the first pictures of a kind, one of each emoji. */
async function named(split) {
  const seen = new Set()
  const records = lines(at(`${split}.jsonl`)).filter(({ caption }) => !seen.has(caption) && seen.add(caption))
  const every = Math.floor(records.length / EXAMPLES)
  const chosen = Array.from({ length: EXAMPLES }, (_, i) => records[i * every])
  const rows = await openEmbeddings(join(at('images', 'held-out'), 'img_emb'))
  const ids = lines(at('images', 'held-out', 'metadata', 'metadata_0.jsonl')).map(({ id }) => id)
  const pick = chosen.map(({ image }) => ids.indexOf(image))
  const [one, two] = [await first.generate({ rows, pick }), await both.generate({ rows, pick })]
  return chosen.map(({ caption }, i) => ({
    emoji: caption,
    'stage 1': one[i].text.trim(),
    'stage 2': two[i].text.trim(),
  }))
}

function numbersOf({ name, count, loss, shuffledLoss, accuracy, open }) {
  const numbers = {
    loss,
    'loss, others’ pictures': shuffledLoss,
    'next token right': accuracy,
    F1: open.f1,
    'CIDEr-D': open.cider,
  }
  const rounded = Object.entries(numbers).map(([key, value]) => [key, short(value)])
  return { pictures: name.replace('.jsonl', ''), count, ...Object.fromEntries(rounded) }
}

function short(value) {
  return Number(value.toPrecision(3))
}

function progress(stage) {
  const write = text => process.stderr.write(`\r${stage} ${text}      `)
  return { onStepEnd: ({ loss }, { step, steps }) => void write(`${step}/${steps} loss ${loss.toFixed(3)}`) }
}

function lines(file) {
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
}
