import { isDeepStrictEqual } from 'node:util'

/** Who says a turn. */
export type Speaker = 'system' | 'user' | 'assistant'

/** One turn of a conversation. */
export interface Turn {
  /** Who says it. */
  role: Speaker
  /** What is said; `<image>` is the place of an image. */
  content: string
  /** Whether the model learns it, where it is the assistant's. @defaultValue `true` */
  learned?: boolean
}

/** The place of an image in a text. */
export const IMAGE_PLACE = '<image>'

/** Ids are texts; numbers are taken as they are written, but for whole ones that a double has rounded. */
export function idOf(value: unknown): string | undefined {
  const exact =
    typeof value === 'number' && Number.isFinite(value) && (Number.isSafeInteger(value) || !Number.isInteger(value))
  return typeof value === 'string' || typeof value === 'bigint' || exact ? String(value) : undefined
}

/** Keys that say how much something is learned, as OpenAI, axolotl and ms-swift name them. */
export const WEIGHTS = ['weight', 'train', 'training', 'loss', 'loss_weight', 'loss_scale', 'train_detail'] as const

/** Keys of a turn that tools use in opposite senses. */
const AMBIGUOUS = ['mask', 'loss_mask', 'trainable', 'learnable'] as const
/** Names of flags that nobody has defined; with true, false or a number they say how a turn is learned. */
const UNDEFINED =
  /^(?!.*_ids?$)(?:.*_)?(?:loss|train|trained|training|learn|learned|weight|weights|mask|masked|supervised)(?:_|$)/i

/** Whether a value says nothing, also where a table keeps lists as JSON. */
export function saysNothing(value: unknown): boolean {
  return EMPTY.some(empty => isDeepStrictEqual(value, empty))
}

const EMPTY: readonly unknown[] = [undefined, null, '', false, [], {}, '[]', '{}']

/** Whether a key says anything. */
export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null
}

/** Whether something with such a weight is learned: in full or not at all; `undefined` for weights that are neither. */
export function weightOf(value: unknown): boolean | undefined {
  return value === 1 || value === true ? true : value === 0 || value === false ? false : undefined
}

/**
 * Whether a turn is to be learned, by its own weights.
 *
 * @throws what `refuse` does, for a weight between the two, weights that differ, and others than the assistant's to be learned
 */
export function isLearned(
  turn: Record<string, unknown>,
  role: Speaker,
  refuse: (message: string) => never,
  what: string,
): boolean {
  const known: readonly string[] = [...WEIGHTS, ...AMBIGUOUS, 'masked']
  const undefinedFlag = Object.keys(turn).find(
    key => !known.includes(key) && UNDEFINED.test(key) && ['boolean', 'number'].includes(typeof turn[key]),
  )
  const ambiguous = AMBIGUOUS.find(key => isGiven(turn[key])) ?? undefinedFlag
  if (ambiguous !== undefined) {
    refuse(
      `${what} has ${ambiguous}: ${JSON.stringify(turn[ambiguous])}; say whether it is learned as train: true or false`,
    )
  }
  const said: { key: string; learned: boolean | undefined }[] = WEIGHTS.filter(key => isGiven(turn[key])).map(key => ({
    key,
    learned: weightOf(turn[key]),
  }))
  if (isGiven(turn.masked)) {
    // torchtune's name, the other way round
    const masked = weightOf(turn.masked)
    said.push({ key: 'masked', learned: masked === undefined ? undefined : !masked })
  }
  for (const { key, learned } of said) {
    const has = `${what} has ${key}: ${JSON.stringify(turn[key])}`
    if (learned === undefined) {
      refuse(`${has}, and a turn is learned in full (1, true) or not at all (0, false)`)
    }
    if (learned && role !== 'assistant') {
      refuse(`${has}, and only what the assistant says is learned`)
    }
    if (learned !== said[0]?.learned) {
      refuse(`${has}, which contradicts its ${said[0]?.key}: ${JSON.stringify(turn[said[0]?.key as string])}`)
    }
  }
  return said[0]?.learned ?? role === 'assistant'
}
