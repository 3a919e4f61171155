import { IMAGE_PLACE, idOf, refuseWeights, type Speaker, type Turn } from './turn.ts'

/** Names of roles in the layouts that are read. */
const ROLES: Readonly<Record<string, Speaker>> = {
  human: 'user',
  user: 'user',
  gpt: 'assistant',
  assistant: 'assistant',
  bot: 'assistant',
  system: 'system',
}

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
    return refuse('its conversation is no list of turns')
  }
  const images: string[] = []
  const turns = list.map((each: unknown, i): Turn => {
    const turn = Object(each) as Record<string, unknown>
    const name = turn.from ?? turn.role
    const role = typeof name === 'string' ? ROLES[name] : undefined
    if (role === undefined || !Object.hasOwn(ROLES, name as string)) {
      return refuse(`turn ${i + 1} is by ${JSON.stringify(name)}, not by one of ${Object.keys(ROLES).join(', ')}`)
    }
    refuseWeights(turn, refuse, `turn ${i + 1}`, { learned: role === 'assistant' })
    const called = ['tool_calls', 'function_call'].find(key => turn[key] !== undefined && turn[key] !== null)
    if (called !== undefined) {
      refuse(`turn ${i + 1} has ${called}, and calls of tools are not trained`)
    }
    const content = textOf(turn.value ?? turn.content, images, what => refuse(`turn ${i + 1} holds ${what}`))
    return { role, content: content ?? refuse(`turn ${i + 1} says nothing that is text`) }
  })
  const { system } = record
  if (typeof system === 'string' && system !== '' && turns[0]?.role !== 'system') {
    turns.unshift({ role: 'system', content: system })
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
    const { type, text, image, image_url } = Object(each) as Record<string, unknown>
    if (type !== 'image' && type !== 'image_url') {
      if (type !== undefined && type !== 'text') {
        refuse(`a part of type ${JSON.stringify(type)}, where text and image are known`)
      }
      return typeof text === 'string' ? text : undefined
    }
    const id = idOf(image) ?? idOf(Object(image_url).url) ?? idOf(image_url)
    if (id !== undefined) {
      images.push(id)
    }
    return IMAGE_PLACE
  })
  return parts.includes(undefined) ? undefined : parts.join('')
}
