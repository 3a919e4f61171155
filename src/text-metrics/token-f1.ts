import { checkJudged, type Judged, mean } from './ngrams.ts'
import { answerTokens } from './tokenize.ts'

/** How well short answers agree. */
export interface TokenF1 {
  /** Mean over the answers of the best F1 of shared tokens with a reference, 0 to 1. */
  f1: number
  /** Share of answers whose tokens are those of a reference. */
  exactMatch: number
  /** F1 of each answer. */
  each: number[]
}

/**
 * Token F1 and exact match of SQuAD (Rajpurkar et al. 2016), tokens of {@link answerTokens}. As in version 2 an answer
 * without tokens agrees with a reference without tokens only.
 *
 * @throws {@link ModalityGapError} `EMPTY`, `BAD_SAMPLE` with the text
 */
export function tokenF1(answers: readonly Judged[]): TokenF1 {
  checkJudged('tokenF1', answers, {}, {})
  const scores = answers.map(({ text, references }) => {
    const own = answerTokens(text)
    const others = references.map(answerTokens)
    return {
      f1: Math.max(0, ...others.map(other => f1(own, other))),
      exact: others.some(other => own.join(' ') === other.join(' ')) ? 1 : 0,
    }
  })
  const each = scores.map(score => score.f1)
  return { f1: mean(each), exactMatch: mean(scores.map(score => score.exact)), each }
}

function f1(own: readonly string[], other: readonly string[]): number {
  if (own.length === 0 || other.length === 0) {
    return own.length === other.length ? 1 : 0
  }
  const left = new Map<string, number>()
  for (const token of other) {
    left.set(token, (left.get(token) ?? 0) + 1)
  }
  let shared = 0
  for (const token of own) {
    const count = left.get(token) ?? 0
    if (count > 0) {
      shared++
      left.set(token, count - 1)
    }
  }
  const [precision, recall] = [shared / own.length, shared / other.length]
  return shared === 0 ? 0 : (2 * precision * recall) / (precision + recall)
}
