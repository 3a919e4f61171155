import { textsOf } from './answers.ts'
import type { ReVisionConfig } from './config.ts'
import { epochOrder } from './data/order.ts'
import type { SampleList } from './data/training-set.ts'
import type { VisionModel } from './model.ts'
import type { ModelRows } from './rows.ts'
import type { SampleAnswer } from './trainer-options.ts'
import { askedOf, type Wording } from './turns.ts'

/** Sets the choice of records to show apart from other choices of the same seed. */
const SHOWN = 2

/** Answers to a few records of the first list, the same ones at every evaluation of a seed. */
export async function sampleAnswers(
  model: VisionModel,
  [held]: readonly { list: SampleList; rows: ModelRows }[],
  { config, wording, template }: { config: ReVisionConfig; wording: Wording; template: string },
  signal?: AbortSignal,
): Promise<SampleAnswer[]> {
  const { seed, evaluation } = config
  if (held === undefined || evaluation.samples === 0) {
    return []
  }
  const { list, rows } = held
  const order = epochOrder(list.length, seed, SHOWN)
  const places = Array.from({ length: Math.min(evaluation.samples, list.length) }, (_, i) => order(i))
  const records = await Promise.all(places.map(place => list.at(place)))
  const asked = askedOf(records, wording, template)
  const samples = asked.map(({ sample }) => sample)
  const texts = await textsOf(model, { samples, rows }, config, { signal })
  return asked.map(({ sample: { id, turns }, references: [reference = ''] }, i) => ({
    id,
    prompt: turns.at(-1)?.content ?? '',
    reference,
    answer: texts[i] as string,
  }))
}
