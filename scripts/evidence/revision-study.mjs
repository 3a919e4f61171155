/**
 * The comparisons of the ReVision study, as configurations: SmolLM2-135M-Instruct before the emoji encoder. Every run is
 * kept in the cache folder; one that was interrupted continues from its last checkpoint.
 */
import { cpSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { emojiFolder } from '../data/emoji.mjs'

/** Updates between two checkpoints, which is what an interruption can cost. */
const SAVE_EVERY = 200

/** What a finished run leaves. */
const FINISHED = 'comparison.json'
/** Updates of a run of every comparison but `main` and `toned`. */
export const OTHER_STEPS = 400
/** Updates of a run of `toned`. */
export const TONED_STEPS = 220

/** What all arms share. */
function shared({ model, folder, steps, threads }) {
  const texts = corpus => ({
    text: join(folder, 'texts', corpus, 'rows.npy'),
    textIds: { from: join(folder, 'texts', corpus, 'ids.jsonl') },
  })
  const base = {
    model: { path: model },
    projector: { numVisualTokens: 4, distinctTokens: true, inputScale: 'sqrt' },
    embeddings: { image: join(folder, 'images', 'train'), ...texts('short') },
    prompt: 'What does this emoji show?\n<image>',
    stage1: {
      data: join(folder, 'short.jsonl'),
      template: 'model',
      batchSize: 16,
      steps,
      learningRate: 3e-3,
      maxLength: 128,
      saveEvery: SAVE_EVERY,
      saveTotalLimit: 1,
    },
    evaluation: {
      image: join(folder, 'images', 'held-out'),
      data: [join(folder, 'unseen-rendering.jsonl'), join(folder, 'unseen-emoji.jsonl')],
      maxSamples: 400,
      answers: 100,
      generate: { maxNewTokens: 16 },
    },
    logging: { every: 50 },
    threads,
  }
  return { base, texts }
}

/**
 * The comparisons by name, in the order of their worth.
 *
 * @param {{ model: string, folder: string, seeds: number[], steps: number, threads: number }} material language model,
 *   folder of the study's data, seeds, updates of the main comparison, native threads
 */
export function comparisons({ model, folder, seeds, steps: most, threads }) {
  const pairs = { data: join(folder, 'pairs.jsonl') }
  const few = seeds.slice(0, 2)
  const corpus = (name, texts) => ({
    name,
    like: 'realign',
    with: { stage1: { data: join(folder, `${name}.jsonl`) }, embeddings: texts(name) },
  })
  // a few real images: adapters beside the frozen model
  const tune = base => ({
    ...base,
    stage2: {
      ...pairs,
      mode: 'lora',
      lora: { rank: 8, alpha: 16, dropout: 0 },
      batchSize: 16,
      steps: 60,
      maxSamples: 300,
      learningRate: 3e-4,
      projectorLearningRate: 1e-3,
      maxLength: 128,
    },
  })
  const strategies = () => ({
    arms: ['realign', 'none', 'paired', 'mean-shift', 'c3'].map(arm =>
      arm === 'paired' ? { name: arm, like: arm, with: { stage1: pairs } } : arm,
    ),
    seeds,
  })
  const of = (name, steps, compare, change = base => base) => {
    const { base, texts } = shared({ model, folder, steps, threads })
    // comparisons of as many updates share a folder, and so the arms that they have in common
    const output = folderOf(change === tune ? 'tuned' : `updates-${steps}`)
    return [name, { ...change(base), output, compare: compare(texts) }]
  }
  return new Map([
    of('main', most, strategies),
    of('early', OTHER_STEPS, strategies),
    of('steps', OTHER_STEPS, texts => ({
      arms: [
        'realign',
        'none',
        'bca',
        corpus('long', texts),
        'anchor+trace',
        'anchor',
        corpus('icons', texts),
        'centering',
        'realign-iterated',
      ],
      seeds: few,
    })),
    of('tuned', OTHER_STEPS, () => ({ ...strategies(), seeds: few }), tune),
    of(
      'tuning',
      OTHER_STEPS,
      texts => ({
        arms: [
          'realign',
          'no-stage1',
          'none',
          'blind',
          { name: 'realign-60', like: 'realign', with: { stage2: { maxSamples: 180 } } },
          { name: 'realign-30', like: 'realign', with: { stage2: { maxSamples: 90 } } },
          'bca',
          corpus('long', texts),
          corpus('icons', texts),
        ],
        seeds: few,
      }),
      tune,
    ),
    // N is what the captions allow twice; epochs are equal, so that twice the texts are twice the updates
    of('scaling', OTHER_STEPS, () => {
      const part = (count, steps) => ({ stage1: { maxSamples: count, steps } })
      return {
        arms: [
          { name: 'text-n', like: 'realign', with: part(800, OTHER_STEPS) },
          { name: 'text-2n', like: 'realign', with: part(1600, 2 * OTHER_STEPS) },
          { name: 'pairs-n', like: 'paired', with: { stage1: { ...pairs, maxSamples: 800, steps: OTHER_STEPS } } },
        ],
        seeds: few,
        reference: 'pairs-n',
      }
    }),
  ])
}

/** The strategies on material with skin-tone variants of people, which is `folder`. */
export function tonedComparison({ seeds, ...material }) {
  const main = comparisons({ ...material, seeds: seeds.slice(0, 2), steps: TONED_STEPS }).get('main')
  return { ...main, output: folderOf('toned') }
}

function folderOf(name) {
  return join(emojiFolder(), 'revision', name)
}

/** Tuning begins with the projectors that the other comparisons have trained, where they are there already. */
export function reuseProjectors({ output, compare }) {
  for (const arm of compare.arms) {
    for (const seed of compare.seeds) {
      const name = arm.name ?? arm
      const to = join(output, name, `seed-${seed}`)
      // an arm of its own has trained its own; one that tunes otherwise begins like another
      const from = [name, arm.like ?? name]
        .map(trained => join(folderOf(`updates-${OTHER_STEPS}`), trained, `seed-${seed}`))
        .find(run => existsSync(join(run, FINISHED)))
      if (from !== undefined && !existsSync(join(to, 'stage1'))) {
        cpSync(join(from, 'stage1'), join(to, 'stage1'), { recursive: true })
      }
    }
  }
}

/** The part of a comparison whose runs are finished; none when nothing can be compared. */
export function finishedPart(config) {
  const { output, compare } = config
  const done = (arm, seed) => existsSync(join(output, arm.name ?? arm, `seed-${seed}`, FINISHED))
  const arms = compare.arms.filter(arm => compare.seeds.every(seed => done(arm, seed)))
  const names = arms.map(arm => arm.name ?? arm)
  return arms.length < 2 || !names.includes(compare.reference ?? 'realign')
    ? undefined
    : { ...config, compare: { ...compare, arms } }
}
