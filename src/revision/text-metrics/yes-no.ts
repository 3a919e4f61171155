import { ModalityGapError } from '../../errors.ts'

/** An answer to a question that wants yes or no. */
export interface YesNoAnswer {
  /** What the model said. */
  text: string
  /** What is right. */
  answer: 'yes' | 'no'
}

/**
 * How an answer is read:
 * - `'strict'`: its first word if that is yes or no, else what all of its yes, no and not agree on, else neither;
 * - `'pope'`: as published with POPE (Li et al. 2023): no if `No`, `no` or `not` is a word of the first sentence, else yes.
 */
export type YesNoRule = 'strict' | 'pope'

/** Accuracy and leaning of yes-no answers; what divides by zero is `null`. */
export interface YesNoScore {
  /** Questions. */
  count: number
  /** Right answers. */
  correct: number
  /** correct / count: an answer that says neither is wrong. */
  accuracy: number
  /** Share of answers yes that are right. */
  precision: number | null
  /** Share of questions with answer yes that were answered so. */
  recall: number | null
  /** Harmonic mean of precision and recall. */
  f1: number | null
  /** Share of answers yes: above the share of such questions, the model sees what is not there. */
  yesRatio: number
  /** Answers that say neither. */
  unparsed: number
}

/**
 * Scores of POPE (Li et al. 2023), with yes as the positive class.
 *
 * @param rule how an answer is read. @defaultValue `'strict'`
 * @throws {@link ModalityGapError} `EMPTY`
 */
export function yesNoScore(answers: readonly YesNoAnswer[], rule: YesNoRule = 'strict'): YesNoScore {
  if (answers.length === 0) {
    throw new ModalityGapError('EMPTY', 'there are no answers to judge')
  }
  const read = answers.map(({ text, answer }) => ({ said: yesOrNo(text, rule), answer }))
  const count = (said: 'yes' | 'no' | undefined, answer?: 'yes' | 'no') =>
    read.filter(each => each.said === said && (answer === undefined || each.answer === answer)).length
  const [hits, saidYes] = [count('yes', 'yes'), count('yes')]
  const wantYes = read.filter(({ answer }) => answer === 'yes').length
  const precision = share(hits, saidYes)
  const recall = share(hits, wantYes)
  const correct = hits + count('no', 'no')
  return {
    count: read.length,
    correct,
    accuracy: correct / read.length,
    precision,
    recall,
    f1: share(2 * hits, saidYes + wantYes),
    yesRatio: saidYes / read.length,
    unparsed: count(undefined),
  }
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole
}

/** What an answer says, or nothing where it says neither. */
export function yesOrNo(text: string, rule: YesNoRule = 'strict'): 'yes' | 'no' | undefined {
  if (rule === 'pope') {
    const words = (text.split('.')[0] ?? '').replaceAll(',', '').split(' ')
    return words.some(word => ['No', 'no', 'not'].includes(word)) ? 'no' : 'yes'
  }
  const words: string[] =
    text
      .toLowerCase()
      .replaceAll('’', "'")
      .match(/[a-z']+/g) ?? []
  const [first] = words
  if (first === 'yes' || first === 'no') {
    return first
  }
  const yes = words.includes('yes')
  const no = words.some(word => word === 'no' || word === 'not' || word.endsWith("n't"))
  return yes === no ? undefined : yes ? 'yes' : 'no'
}
