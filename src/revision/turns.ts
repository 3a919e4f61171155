import { ModalityGapError } from '../errors.ts'
import { pythonStripped } from '../python-space.ts'
import type { Sample } from './data/sample.ts'
import type { JoinedSample } from './data/training-set.ts'
import { IMAGE_PLACE, type Turn } from './data/turn.ts'
import type { ModelSample } from './model-options.ts'

/** What a run says around its samples. */
export interface Wording {
  /** The user's text around `<image>` where a record has no question. */
  prompt: string
  /** What the assistant is given about itself; absent for the template's own. */
  system?: string
  /** Whether images are left out, for a model that is to see nothing. */
  blind?: boolean
  /** Where the place of an image is put in its turn. @defaultValue `'inline'` */
  imagePlacement?: ImagePlacement
}

/** Where the place of an image is put in its turn. */
export const IMAGE_PLACEMENTS: readonly ImagePlacement[] = ['inline', 'front']

/**
 * Where the place of an image is put in its turn:
 * - `'inline'`: where the record has it;
 * - `'front'`: as LLaVA, Bunny and the paper's authors put it: taken out, white space at both ends of what is left taken off, and
 *   `<image>` with a line break set in front. A turn of several images stays as it is, as in LLaVA-NeXT.
 */
export type ImagePlacement = 'inline' | 'front'

/** A sample as the model takes it. */
export function toModelSample(sample: JoinedSample, wording: Wording): ModelSample {
  const { id, rows } = sample
  return { id, turns: turnsOf(sample, wording), rows: wording.blind ? [] : rows }
}

/** Its turns without the last, which is what the model is to say. */
function toPrompt(sample: JoinedSample, wording: Wording): ModelSample {
  const { turns, ...rest } = toModelSample(sample, wording)
  return { ...rest, turns: turns.slice(0, -1) }
}

/**
 * Whether a prompt asks anything: a text without a question does not, and the template `plain` shows a model the image and
 * nothing else.
 */
export function asks({ turns, rows }: ModelSample, template: string): boolean {
  return turns.at(-1)?.role === 'user' && (template !== 'plain' || rows.length > 0)
}

/** Records that ask something, with what they answer themselves. */
export function askedOf(
  records: readonly JoinedSample[],
  wording: Wording,
  template: string,
): { sample: ModelSample; references: string[] }[] {
  // an answer that is not to be learned is not an answer to compare with
  return records
    .filter(({ turns }) => turns.at(-1)?.learned !== false)
    .map(record => ({
      sample: toPrompt(record, wording),
      references: record.captions ?? [record.turns.at(-1)?.content ?? ''],
    }))
    .filter(({ sample }) => asks(sample, template))
}

function turnsOf({ turns }: Pick<Sample, 'turns'>, { prompt, system, blind, imagePlacement }: Wording): Turn[] {
  const worded = turns.map(turn => (turn.content.trim() === IMAGE_PLACE ? { ...turn, content: prompt } : turn))
  const asked =
    imagePlacement === 'front' ? worded.map(turn => ({ ...turn, content: placedInFront(turn.content) })) : worded
  const all = system === undefined || asked[0]?.role === 'system' ? asked : [systemTurn(system), ...asked]
  return blind ? all.map(turn => ({ ...turn, content: withoutImages(turn.content) })) : all
}

function systemTurn(content: string): Turn {
  return { role: 'system', content }
}

/**
 * A question with one place of an image, which goes first where it has none.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION` for more than one
 */
export function withImage(question: string): string {
  const places = question.split(IMAGE_PLACE).length - 1
  if (places > 1) {
    throw new ModalityGapError('BAD_OPTION', `a question has ${places} places of images, and one image is shown`)
  }
  return places === 1 ? question : `${IMAGE_PLACE}\n${question}`
}

/** A text with the place of its image in front, as {@link ImagePlacement} says. */
export function placedInFront(text: string): string {
  const parts = text.split(IMAGE_PLACE)
  if (parts.length !== 2) {
    return text
  }
  const rest = pythonStripped(parts.join(''))
  return rest === '' ? IMAGE_PLACE : `${IMAGE_PLACE}\n${rest}`
}

/** A question about one image with the place of it where an option puts it. */
export function askedAbout(question: string, placement: ImagePlacement | undefined): string {
  const asked = withImage(question)
  return placement === 'front' ? placedInFront(asked) : asked
}

/** A text without places of images; of the line breaks around one, those that part texts stay. */
export function withoutImages(text: string): string {
  return text.replaceAll(/(\n?)<image>(\n?)/g, (_, before: string, after: string) => (before && after ? '\n' : ''))
}
