import { lettersOf } from '../../text-metrics/choice.ts'
import type { BenchmarkRecord } from './record.ts'

/**
 * The user's text for a question: the options with their letters and a line that says how to answer, as LLaVA 1.5 asks.
 * A caption has no question of its own; the prompt of the evaluation takes its place.
 */
export function promptOf({ question, options = [], kind }: BenchmarkRecord): string {
  if (kind === 'choice') {
    const letters = lettersOf(options)
    const lines = options.map((option, i) => `${letters[i]}. ${option}`)
    return [question, ...lines, "Answer with the option's letter from the given choices directly."].join('\n')
  }
  return kind === 'yes-no' ? `${question}\nAnswer the question using a single word or phrase.` : question
}
