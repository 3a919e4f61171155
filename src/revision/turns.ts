import { IMAGE_PLACE, type Sample, type Turn } from './data/sample.ts'
import type { JoinedSample } from './data/training-set.ts'
import type { ModelSample } from './model-options.ts'

/** What a run says around its samples. */
export interface Wording {
  /** The user's text around `<image>` where a record has no question. */
  prompt: string
  /** What the assistant is told about itself; absent for the template's own. */
  system?: string
  /** Whether images are left out, for a model that is to see nothing. */
  blind?: boolean
}

/** A sample as the model takes it. */
export function toModelSample(sample: JoinedSample, wording: Wording): ModelSample {
  const { id, rows } = sample
  return { id, turns: turnsOf(sample, wording), rows: wording.blind ? [] : rows }
}

/** Its turns without the last, which is what the model is to say. */
export function toPrompt(sample: JoinedSample, wording: Wording): ModelSample {
  const { turns, ...rest } = toModelSample(sample, wording)
  return { ...rest, turns: turns.slice(0, -1) }
}

function turnsOf({ turns }: Pick<Sample, 'turns'>, { prompt, system, blind }: Wording): Turn[] {
  const asked = turns.map(turn => (turn.content.trim() === IMAGE_PLACE ? { ...turn, content: prompt } : turn))
  const told = system === undefined || asked[0]?.role === 'system' ? asked : [systemTurn(system), ...asked]
  return blind ? told.map(turn => ({ ...turn, content: withoutImages(turn.content) })) : told
}

function systemTurn(content: string): Turn {
  return { role: 'system', content }
}

/** A text without places of images and the line breaks beside them. */
function withoutImages(text: string): string {
  return text.replaceAll(/\n?<image>\n?/g, '')
}
