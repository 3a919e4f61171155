/** Who says a turn. */
export type Speaker = 'system' | 'user' | 'assistant'

/** One turn of a conversation. */
export interface Turn {
  /** Who says it. */
  role: Speaker
  /** What is said; `<image>` is the place of an image. */
  content: string
}

/** The place of an image in a text. */
export const IMAGE_PLACE = '<image>'

/** Ids are texts; numbers are taken as they are written, but for whole ones that a double has rounded. */
export function idOf(value: unknown): string | undefined {
  const exact = typeof value === 'number' && (Number.isSafeInteger(value) || !Number.isInteger(value))
  return typeof value === 'string' || typeof value === 'bigint' || exact ? String(value) : undefined
}

/** Keys that say how much something is learned, as OpenAI, axolotl and ms-swift name them. */
export const WEIGHTS = ['weight', 'train', 'training', 'loss', 'loss_weight', 'loss_scale', 'train_detail'] as const

/**
 * Refuses weights that change what is learned: whatever the assistant says counts in full, all else does not.
 *
 * @param learned whether what is weighted is learned
 * @param keys names of weights
 */
export function refuseWeights(
  record: Record<string, unknown>,
  refuse: (message: string) => never,
  what: string,
  { learned, keys = WEIGHTS }: { learned: boolean; keys?: readonly string[] },
): void {
  for (const key of keys) {
    const given = record[key]
    const same = learned ? given === 1 || given === true : given === 0 || given === false
    if (given !== undefined && given !== null && !same) {
      const rule = learned
        ? 'all that the assistant says is learned in full'
        : 'only what the assistant says is learned'
      refuse(`${what} has ${key}: ${JSON.stringify(given)}, and ${rule}`)
    }
  }
}
