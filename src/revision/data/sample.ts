import { isDeepStrictEqual } from 'node:util'
import { ModalityGapError } from '../../errors.ts'
import { combined, epochOrder } from './order.ts'
import { IMAGE_PLACE, idOf, isGiven, saysNothing, type Turn, WEIGHTS, weightOf } from './turn.ts'
import { turnsOf } from './turns.ts'

/** A record of training data, whatever its layout. */
export interface Sample {
  /** Its name: the record's `id`, or its number over all files. */
  id: string
  /** Ids of its images, one for each `<image>` in its turns. */
  images: string[]
  /** Perhaps a system turn, then user and assistant in turns, the last by the assistant. A caption is one such pair. */
  turns: Turn[]
  /** All captions of a record that has several; its last turn is one of them, another one in every epoch. */
  captions?: string[]
}

/** Where a record stands. */
export interface RecordPlace {
  /** Its file. */
  file: string
  /** Its number in the file, from 0. */
  row: number
}

/**
 * A record as a sample. Layouts, distinguished by their keys; further keys are left alone:
 * - LLaVA: `{id, image?, conversations: [{from: 'human' | 'gpt' | 'system', value}]}`;
 * - LLaMA-Factory (sharegpt): the same with `images: []`;
 * - messages: `{messages: [{role, content}], image? | images?}`, content a text or a list of parts;
 * - a caption: `{id, image?, caption}`, its image by default of the same id; a list of captions, under `caption` or `captions`, is one
 *   caption in every epoch;
 * - text alone: `{id?, text}`; with an image it is a caption, as in tables of `image` and `text`.
 *
 * What a record says of its own use is obeyed or refused: a turn of the assistant with a weight of 0 is not learned; videos and
 * sounds, tools, boxes that are to be filled in, thoughts beside the text, pairs of preference and other weights are refused.
 *
 * @param number the record's number over all files, its name where it has no other
 * @throws {@link ModalityGapError} `BAD_FORMAT` for another layout; `BAD_SAMPLE` when roles do not alternate from the
 * human on, when nothing is answered, or when `<image>` and images differ in number; both with file and record
 */
export function sampleOf(record: Record<string, unknown>, place: RecordPlace, number = place.row): Sample {
  const id = idOf(record.id) ?? String(number)
  const refuse = (message: string): never => {
    throw badSample(place, message, id)
  }
  if (isGiven(record.id) && idOf(record.id) === undefined) {
    refuse('its id is neither a text nor a number')
  }
  refuseUses(record, refuse)
  const images = imagesOf(record, id, refuse)
  const { caption, text, conversations, messages } = record
  if (isGiven(conversations) && isGiven(messages) && !isDeepStrictEqual(conversations, messages)) {
    refuse('it has both conversations and messages, and they differ')
  }
  if (isGiven(conversations) || isGiven(messages)) {
    const { turns, images: inside } = turnsOf(record, refuse)
    return checked({ id, images: [...(images ?? []), ...inside], turns }, refuse)
  }
  const shown = typeof text === 'string' && images !== undefined && images.length > 0 ? text : undefined
  const [first, ...others] = captionsOf(caption ?? record.captions ?? shown, refuse)
  if (first !== undefined) {
    const turns: Turn[] = [
      { role: 'user', content: IMAGE_PLACE },
      { role: 'assistant', content: first },
    ]
    const several = others.length > 0 ? { captions: [first, ...others] } : {}
    return checked({ id, images: images ?? [id], turns, ...several }, refuse)
  }
  if (typeof text === 'string') {
    return checked({ id, images: [], turns: [{ role: 'assistant', content: text }] }, refuse)
  }
  const known = 'conversations, messages, caption or text'
  throw new ModalityGapError('BAD_FORMAT', `${place.file}: record ${place.row} holds none of ${known}`, { ...place })
}

/** An error about a record, with its place and, where it has one, its name. */
export function badSample({ file, row }: RecordPlace, message: string, id = String(row)): ModalityGapError {
  const name = id === String(row) ? '' : ` (${id})`
  return new ModalityGapError('BAD_SAMPLE', `${file}: record ${row}${name}: ${message}`, { file, row, sample: id })
}

/** Captions of a record: a text, or a list of texts. */
function captionsOf(given: unknown, refuse: (message: string) => never): string[] {
  if (given === undefined || given === null) {
    return []
  }
  const texts = [given].flat()
  if (texts.length === 0 || !texts.every(each => typeof each === 'string')) {
    refuse('its caption is neither a text nor a list of texts')
  }
  if (texts.some(each => each.trim() === '')) {
    refuse('its caption is empty')
  }
  return texts as string[]
}

/** A sample with the caption that is its own in an epoch: every one once, in an order of chance, before any comes again. */
export function inEpoch(
  sample: Sample,
  { seed, epoch, record }: { seed: number; epoch: number; record: number },
): Sample {
  const { captions, turns } = sample
  if (captions === undefined) {
    return sample
  }
  const round = Math.floor(epoch / captions.length)
  const order = epochOrder(captions.length, combined(seed, record), round)
  const caption = captions[order(epoch % captions.length)] as string
  return { ...sample, turns: [...turns.slice(0, -1), { role: 'assistant', content: caption }] }
}

function imagesOf(
  { image, images }: Record<string, unknown>,
  own: string,
  refuse: (message: string) => never,
): string[] | undefined {
  const both = [image, images].every(each => each !== undefined && each !== null)
  if (both && !isDeepStrictEqual([image].flat(), [images].flat())) {
    refuse('it has both image and images, and they differ')
  }
  const given = image ?? images
  if (given === undefined || given === null) {
    return undefined
  }
  const list: unknown[] = Array.isArray(given) ? given : [given]
  const names = list.map(each => idOf(each) ?? idOf(Object(each).path))
  // a picture without a name has that of its record, as captions have
  return list.map((each, i) => names[i] ?? (list.length === 1 && isPicture(each) ? own : ''))
}

/** Whether something is a picture in a cell of a table, as Hugging Face stores it: bytes and a path. */
function isPicture(value: unknown): boolean {
  return typeof value === 'object' && value !== null && ('bytes' in value || 'path' in value)
}

function all(why: string, keys: readonly string[]): Record<string, string> {
  return Object.fromEntries(keys.map(key => [key, why]))
}

/** What is shown beside images. */
const MEDIA: Readonly<Record<string, string>> = {
  ...all('there are rows of images only, none for a video', [
    'video',
    'videos',
    'video_path',
    'video_file',
    'video_url',
  ]),
  ...all('there are rows of images only, none for a sound', [
    ...['audio', 'audios', 'audio_path', 'audio_file', 'audio_url', 'sound', 'speech'],
  ]),
  ...all('there are rows of images only, none for points', ['point_cloud', 'point_clouds']),
}

/** Keys of a record that say of a use which is not made here; those that hold nothing say nothing. */
const USES: Readonly<Record<string, string>> = {
  ...MEDIA,
  tools: 'calls of tools are not trained',
  functions: 'calls of tools are not trained',
  chosen: 'pairs of preference are not trained: give the better answer as a conversation',
  rejected: 'pairs of preference are not trained: give the better answer as a conversation',
  rejected_response: 'pairs of preference are not trained: give the better answer as a conversation',
  rejected_messages: 'pairs of preference are not trained: give the better answer as a conversation',
  rejected_images: 'pairs of preference are not trained: give the better answer as a conversation',
  kto_tag: 'preferences are not trained',
  objects: 'boxes and names of objects are not filled into texts',
}

/** Keys that say something in a record, in any of the layouts. */
export const RECORD_KEYS: ReadonlySet<string> = new Set([
  ...['id', 'image', 'images', 'caption', 'captions', 'text', 'conversations', 'messages', 'system', 'label'],
  ...['masked', 'mask', 'trainable', 'sample_weight'],
  ...Object.keys(USES),
  ...WEIGHTS,
])

/** Refuses a record that shows a video, a sound or points. */
export function refuseMedia(record: Record<string, unknown>, refuse: (message: string) => never): void {
  refuseGiven(record, MEDIA, refuse)
}

function refuseGiven(
  record: Record<string, unknown>,
  keys: Readonly<Record<string, string>>,
  refuse: (message: string) => never,
): void {
  for (const [key, why] of Object.entries(keys)) {
    if (!saysNothing(record[key])) {
      refuse(`it has ${key}: ${why}`)
    }
  }
}

/** Refuses a record by the key that says of a use which is not made here. */
function refuseUses(record: Record<string, unknown>, refuse: (message: string) => never): void {
  refuseGiven(record, USES, refuse)
  if (record.label === false) {
    refuse('it has label: false, and answers that are not wanted are not trained')
  }
  // a number beside 0 is a loss that was measured
  const measured = (key: string) => key === 'loss' && typeof record.loss === 'number' && record.loss !== 0
  const unlearned = ['train', 'training', 'loss', 'trainable'].find(
    key => isGiven(record[key]) && weightOf(record[key]) !== true && !measured(key),
  )
  const masked = isGiven(record.masked) && weightOf(record.masked) !== false ? 'masked' : unlearned
  if (masked !== undefined) {
    const value = JSON.stringify(record[masked])
    refuse(`it has ${masked}: ${value}, and every record is trained on; leave it out of the file, or the key`)
  }
  const { mask } = record
  if (isGiven(mask) && mask !== false && !(typeof mask === 'string' && mask.toLowerCase() === 'user')) {
    refuse(`it has mask: ${JSON.stringify(mask)}, and what the user says is masked, nothing else`)
  }
  for (const key of ['weight', 'sample_weight', 'loss_weight', 'loss_scale']) {
    if (isGiven(record[key]) && weightOf(record[key]) !== true) {
      refuse(`it has ${key}: ${JSON.stringify(record[key])}, and every record counts in full`)
    }
  }
}

function checked(sample: Sample, refuse: (message: string) => never): Sample {
  const { turns, images } = sample
  if (images.includes('')) {
    refuse('an image is named by neither text nor number')
  }
  const spoken = turns[0]?.role === 'system' ? turns.slice(1) : turns
  const onlyAnswer = spoken.length === 1 && spoken[0]?.role === 'assistant'
  if (spoken.length === 0) {
    refuse('it has no turns')
  }
  spoken.forEach(({ role }, i) => {
    const wanted = i % 2 === 0 ? 'user' : 'assistant'
    if (role !== wanted && !onlyAnswer) {
      refuse(`turn ${i + 1} is by ${role} where ${wanted} should speak: turns alternate and begin with the human`)
    }
  })
  if (spoken.at(-1)?.role !== 'assistant') {
    refuse('its last turn is not answered, so there is nothing to learn from it')
  }
  if (turns.every(({ role, learned }) => role !== 'assistant' || learned === false)) {
    refuse('none of its answers is to be learned')
  }
  const places = turns.reduce((count, { content }) => count + content.split(IMAGE_PLACE).length - 1, 0)
  if (places !== images.length) {
    refuse(`it has ${places} times ${IMAGE_PLACE} for ${images.length} images`)
  }
  return sample
}
