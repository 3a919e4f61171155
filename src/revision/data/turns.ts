import { isDeepStrictEqual } from 'node:util'
import { IMAGE_PLACE, idOf, isGiven, isLearned, type Speaker, saysNothing, type Turn, WEIGHTS } from './turn.ts'

/** Names of roles in the layouts that are read. */
const ROLES: Readonly<Record<string, Speaker>> = {
  human: 'user',
  user: 'user',
  gpt: 'assistant',
  assistant: 'assistant',
  bot: 'assistant',
  system: 'system',
}

/** Keys of a turn under which chat services keep thoughts. */
const THOUGHTS = ['reasoning_content', 'reasoning', 'thinking', 'reasoning_details', 'thinking_blocks'] as const

/** Keys of a turn under which chat services keep what is shown with it. */
const SHOWN = ['image', 'images', 'video', 'videos', 'audio', 'audios', 'files', 'attachments'] as const

/** The place of what is not an image, where LLaVA's kind of records puts it: at the start or the end of a turn. */
const OTHER_PLACE = /^\s*<(?:video|audio)>|<(?:video|audio)>\s*$/

const FOREIGN =
  '<(?:[iI]mg>[^<>]{0,1000}</[iI]mg|\\|image(?:_pad|_\\d{1,3})?\\||\\|vision_start\\||image_placeholder|ImageHere|start_of_image|image[_ ]\\d{1,3})>'
/** The place of an image as models of other kinds write it, at the start or the end of a turn. */
const FOREIGN_PLACE = new RegExp(`^\\s*${FOREIGN}|${FOREIGN}\\s*$`)

/** Turns of a conversation, and images that are named inside them. */
export interface Conversation {
  /** Its turns. */
  turns: Turn[]
  /** Ids from parts `{type: 'image', image}`, in their order. */
  images: string[]
}

/**
 * Turns from `conversations` (`from`, `value`) or `messages` (`role`, `content`); either pair of keys is read in either
 * list. A `system` text of the record goes first.
 *
 * @param refuse throws what is wrong, with the record's place
 */
export function turnsOf(record: Record<string, unknown>, refuse: (message: string) => never): Conversation {
  const list = record.conversations ?? record.messages
  if (!Array.isArray(list)) {
    return refuse('its conversation is not a list of turns')
  }
  const images: string[] = []
  const turns = list.map((each: unknown, i): Turn => {
    const turn = Object(each) as Record<string, unknown>
    for (const [one, other] of [
      ['from', 'role'],
      ['value', 'content'],
    ] as const) {
      if (isGiven(turn[one]) && isGiven(turn[other]) && !isDeepStrictEqual(turn[one], turn[other])) {
        refuse(`turn ${i + 1} has both ${one} and ${other}, and they differ`)
      }
    }
    const name = turn.from ?? turn.role
    const role = typeof name === 'string' ? ROLES[name] : undefined
    if (role === undefined || !Object.hasOwn(ROLES, name as string)) {
      return refuse(`turn ${i + 1} is by ${JSON.stringify(name)}, not by one of ${Object.keys(ROLES).join(', ')}`)
    }
    const learned = isLearned(turn, role, refuse, `turn ${i + 1}`)
    const called = ['tool_calls', 'function_call'].find(key => !saysNothing(turn[key]))
    if (called !== undefined) {
      refuse(`turn ${i + 1} has ${called}, and calls of tools are not trained`)
    }
    const thoughts = THOUGHTS.find(key => !saysNothing(turn[key]))
    if (thoughts !== undefined) {
      refuse(`turn ${i + 1} has ${thoughts}: thoughts stand in the text, between <think> and </think>`)
    }
    const shown = SHOWN.find(key => !saysNothing(turn[key]))
    if (shown !== undefined) {
      refuse(
        `turn ${i + 1} has ${shown}: images are named by the record or by parts of a text, and nothing else is shown`,
      )
    }
    const content = textOf(turn.value ?? turn.content, images, what => refuse(`turn ${i + 1} holds ${what}`))
    const said: Turn = { role, content: content ?? refuse(`turn ${i + 1} says nothing that is text`) }
    const place = OTHER_PLACE.exec(said.content)
    if (place !== null) {
      refuse(`turn ${i + 1} has the place of ${place[0].trim()}, and there are rows of images only`)
    }
    const foreign = role === 'user' ? FOREIGN_PLACE.exec(said.content) : null
    if (foreign !== null) {
      refuse(`turn ${i + 1} has ${foreign[0].trim()}, and the place of an image is ${IMAGE_PLACE}`)
    }
    return role === 'assistant' && !learned ? { ...said, learned } : said
  })
  const { system } = record
  const first = turns[0]?.role === 'system' ? turns[0] : undefined
  if (system !== undefined && system !== null && system !== '' && system !== first?.content) {
    if (typeof system !== 'string' || first !== undefined) {
      refuse(first === undefined ? 'its system is not text' : 'it has a system text and another one as its first turn')
    }
    turns.unshift({ role: 'system', content: system as string })
  }
  return { turns, images }
}

/** The text of a turn; parts are joined, and those that are images become places. */
function textOf(content: unknown, images: string[], refuse: (what: string) => never): string | undefined {
  if (typeof content === 'string') {
    return content
  }
  if (!Array.isArray(content)) {
    return undefined
  }
  const parts = content.map((each: unknown) => {
    const { type, text, image, image_url, path, url, ...others } = Object(each) as Record<string, unknown>
    const flag = [...WEIGHTS, 'masked'].find(key => isGiven(others[key]))
    if (flag !== undefined) {
      refuse(`a part with ${flag}: ${JSON.stringify(others[flag])}, and a turn is learned as a whole`)
    }
    if (type !== 'image' && type !== 'image_url') {
      if (type !== undefined && type !== 'text') {
        refuse(`a part of type ${JSON.stringify(type)}, where text and image are known`)
      }
      return typeof text === 'string' ? text : undefined
    }
    const names = [image, Object(image).path, Object(image_url).url, image_url, path, url]
    const id = names.map(idOf).find(each => each !== undefined)
    if (id !== undefined) {
      images.push(id)
    }
    return IMAGE_PLACE
  })
  return parts.includes(undefined) ? undefined : parts.join('')
}
