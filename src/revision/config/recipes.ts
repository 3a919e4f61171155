import { type Override, under } from './overlay.ts'

/** Names of recipes. */
export const RECIPE_NAMES = ['published'] as const

/** What both published stages have in common. */
const COMMON: Override = {
  epochs: 1,
  batchSize: 256,
  maxLength: 2048,
  schedule: 'cosine',
  warmupRatio: 0.03,
  weightDecay: 0,
  maxGradNorm: 1,
}

/**
 * Values that a configuration has where it names a recipe and says nothing else. `published` is what the scripts of
 * arXiv 2602.07026 do, a fork of Bunny's: `mlp2x_gelu` before Llama 3, its embedding repeated 576 times.
 */
const RECIPES: Readonly<Record<(typeof RECIPE_NAMES)[number], Override>> = {
  published: {
    model: { dtype: 'bf16' },
    projector: { type: 'mlp2x_gelu', numVisualTokens: 576, distinctTokens: false, inputScale: 1 },
    // Bunny's conversation for Llama 3, which it calls llama
    template: 'bunny',
    imagePlacement: 'front',
    stage1: { ...COMMON, rows: 'text', template: 'plain', endToken: false, learningRate: 5e-4 },
    stage2: { ...COMMON, rows: 'image', mode: 'full', learningRate: 1e-5 },
  },
}

/** A configuration in our names with the values of the recipe that it names below its own; stages that it lacks stay away. */
export function withRecipe(value: Record<string, unknown>): Record<string, unknown> {
  const { recipe } = value
  const known = RECIPE_NAMES.find(name => name === recipe)
  if (known === undefined) {
    return value
  }
  const { stage1, stage2, ...rest } = RECIPES[known]
  const stages = Object.entries({ stage1, stage2 }).filter(([name]) => typeof value[name] === 'object')
  return under({ ...rest, ...Object.fromEntries(stages) }, value)
}
