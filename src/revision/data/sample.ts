import { ModalityGapError } from '../../errors.ts'
import { turnsOf } from './turns.ts'

/** Who says a turn. */
export type Speaker = 'system' | 'user' | 'assistant'

/** One turn of a conversation. */
export interface Turn {
  /** Who says it. */
  role: Speaker
  /** What is said; `<image>` is the place of an image. */
  content: string
}

/** A record of training data, whatever its layout. */
export interface Sample {
  /** Its name: the record's `id`, or its number over all files. */
  id: string
  /** Ids of its images, one for each `<image>` in its turns. */
  images: string[]
  /** Perhaps a system turn, then user and assistant in turns, the last by the assistant. A caption is one such pair. */
  turns: Turn[]
}

/** Where a record stands. */
export interface RecordPlace {
  /** Its file. */
  file: string
  /** Its number in the file, from 0. */
  row: number
}

/** The place of an image in a text. */
export const IMAGE_PLACE = '<image>'

/**
 * A record as a sample. Layouts, told apart by their keys; further keys are left alone:
 * - LLaVA: `{id, image?, conversations: [{from: 'human' | 'gpt' | 'system', value}]}`;
 * - LLaMA-Factory (sharegpt): the same with `images: []`;
 * - messages: `{messages: [{role, content}], image? | images?}`, content a text or a list of parts;
 * - a caption: `{id, image?, caption}`, its image by default of the same id;
 * - text alone: `{id?, text}`.
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
  const images = imagesOf(record)
  const { caption, text, conversations, messages } = record
  if (conversations !== undefined || messages !== undefined) {
    const { turns, images: inside } = turnsOf(record, refuse)
    return checked({ id, images: [...(images ?? []), ...inside], turns }, refuse)
  }
  if (typeof caption === 'string') {
    const turns: Turn[] = [
      { role: 'user', content: IMAGE_PLACE },
      { role: 'assistant', content: caption },
    ]
    return checked({ id, images: images ?? [id], turns }, refuse)
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
  return new ModalityGapError('BAD_SAMPLE', `${file}: record ${row}${name}: ${message}`, { file, row })
}

/** Ids are texts; numbers are taken as they are written. */
export function idOf(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined
}

function imagesOf({ image, images }: Record<string, unknown>): string[] | undefined {
  const given = image ?? images
  if (given === undefined || given === null) {
    return undefined
  }
  return (Array.isArray(given) ? given : [given]).map(each => idOf(each) ?? '')
}

function checked(sample: Sample, refuse: (message: string) => never): Sample {
  const { turns, images } = sample
  if (images.includes('')) {
    refuse('an image is named by neither text nor number')
  }
  const spoken = turns[0]?.role === 'system' ? turns.slice(1) : turns
  const alone = spoken.length === 1 && spoken[0]?.role === 'assistant'
  if (spoken.length === 0) {
    refuse('it has no turns')
  }
  spoken.forEach(({ role }, i) => {
    const wanted = i % 2 === 0 ? 'user' : 'assistant'
    if (role !== wanted && !alone) {
      refuse(`turn ${i + 1} is by ${role} where ${wanted} should speak: turns alternate and begin with the human`)
    }
  })
  if (spoken.at(-1)?.role !== 'assistant') {
    refuse('its last turn is not answered, so there is nothing to learn from it')
  }
  const places = turns.reduce((count, { content }) => count + content.split(IMAGE_PLACE).length - 1, 0)
  if (places !== images.length) {
    refuse(`it has ${places} times ${IMAGE_PLACE} for ${images.length} images`)
  }
  return sample
}
