import { listOf, oneOf, record, text as textual } from '../checks.ts'
import { ModalityGapError } from '../errors.ts'
import { names } from '../option-checks.ts'
import { readable, stripped } from './pieces.ts'

/** An answer to a question that wants yes or no. */
export interface YesNoAnswer {
  /** What the model said. */
  text: string
  /** What is right. */
  answer: 'yes' | 'no'
}

/** Readings of answers that want yes or no. */
export const YES_NO_RULES: readonly YesNoRule[] = ['strict', 'pope', 'mme']

/**
 * How an answer is read:
 * - `'strict'`: its first word if that is yes or no, else what all of its yes, no and not agree on, else neither. What only
 *   says that nothing can be said (`I don't know`, `not sure`, `no way to tell`) is neither; what follows a question that is
 *   repeated counts before it, and thoughts (`<think>…</think>`) do not count;
 * - `'pope'`: as published with POPE (Li et al. 2023): no if `No`, `no` or `not` is a word of the first sentence, else yes;
 * - `'mme'`: as published with MME (arXiv 2306.13394): yes if its first four characters hold `yes`, no if they hold `no`,
 *   whatever the case, else neither.
 */
export type YesNoRule = 'strict' | 'pope' | 'mme'

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
  /** How they were read. */
  rule: YesNoRule
}

const rules = oneOf(names<YesNoRule>({ strict: true, pope: true, mme: true }))
const judged = listOf(record({ text: textual, answer: oneOf(['yes', 'no']) }), 'a list of { text, answer }')

/**
 * Scores of POPE (Li et al. 2023), with yes as the positive class.
 *
 * @param rule how an answer is read. @defaultValue `'strict'`
 * @throws {@link ModalityGapError} `EMPTY`
 */
export function yesNoScore(answers: readonly YesNoAnswer[], rule: YesNoRule = 'strict'): YesNoScore {
  judged(answers, 'yesNoScore')
  rules(rule, 'the second argument of yesNoScore')
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
    rule,
  }
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole
}

/** What an answer says, or nothing where it says neither. */
export function yesOrNo(text: string, rule: YesNoRule = 'strict'): 'yes' | 'no' | undefined {
  textual(text, 'yesOrNo')
  rules(rule, 'the second argument of yesOrNo')
  switch (rule) {
    case 'pope': {
      const words = (text.split('.', 1)[0] ?? '').replaceAll(',', '').split(' ')
      return words.some(word => ['No', 'no', 'not'].includes(word)) ? 'no' : 'yes'
    }
    case 'mme': {
      const begin = text.toLowerCase().slice(0, 4)
      return begin.includes('yes') ? 'yes' : begin.includes('no') ? 'no' : undefined
    }
    case 'strict':
      return strictlyRead(readable(text))
  }
}

/** Words of letters of any script in lower case, with the apostrophe of a contraction and without quotes around them. */
function wordsOf(text: string): string[] {
  const plain = withoutQuotations(text).toLowerCase().replaceAll('’', "'").replaceAll(TAG, ' ').replaceAll(EITHER, ' ')
  const runs = plain.match(/[\p{L}\p{M}\p{N}']+/gu) ?? []
  const words = runs.map(run => stripped(run, "'", "'")).filter(word => word !== '')
  const said = words.filter((word, i) => !(word === 'no' && IDIOMS.has(words[i + 1] ?? '')))
  return said.map(word => (Object.hasOwn(SYNONYMS, word) ? (SYNONYMS[word] as string) : word))
}

/** A text without what it quotes in several words, as from a sign in a picture; of a quotation alone all of it. */
function withoutQuotations(text: string): string {
  const parts = text.split(/["“”]/)
  const outside = parts.filter((_, i) => i % 2 === 0)
  if (parts.length % 2 === 0 || !/\p{L}/u.test(outside.join(''))) {
    return text
  }
  return parts.filter((part, i) => i % 2 === 0 || !/\s/.test(part.trim())).join(' ')
}

/** The two that are asked for: `yes/no`. */
const EITHER = /(?<![\p{L}\p{N}])(?:yes ?\/ ?no|no ?\/ ?yes)(?![\p{L}\p{N}])/gu
/** Marks such as `<answer>`. */
const TAG = /<[^<>\s]*>/g

const set = (words: string) => new Set(words.split(' '))

/** What is not known where a negation stands before it: `not sure`, `no way to tell`, `no doubt`. */
const UNKNOWN = set(
  'know known sure certain clear possible determined determinable enough able confident specified information way idea clue doubt question',
)
/** What is not said where it is denied that one can: `cannot say`. */
const UNSAID = set('determine tell say answer help assist comply provide discern ascertain verify confirm judge')
/** What is not seen at all: `cannot see the image`, but not `cannot see a dog in the image`. */
const UNSEEN =
  /^(?:see|view|access|open|process|analy[sz]e) (?:(?:the|any|this|that|your|an) )?(?:images?|pictures?|photos?)(?= |$)(?! (?:of|with) )/
/** Words behind `no way` with which nothing is known. */
const WAY = set('to of for that')
/** How many words after a negation it may be. */
const REACH = 4

/** What is said behind the last question mark, where that is yes or no; else what all of it says. */
function strictlyRead(text: string): 'yes' | 'no' | undefined {
  const behind = text.slice(text.lastIndexOf('?') + 1)
  return (behind.length < text.length ? strictly(wordsOf(behind)) : undefined) ?? strictly(wordsOf(text))
}

/** Other words for yes and no. */
const SYNONYMS: Readonly<Record<string, string>> = { yeah: 'yes', yep: 'yes', yup: 'yes', nope: 'no', nah: 'no' }
/** What is said of nothing in the picture behind a no. */
const IDIOMS = set('problem problems worries')

function strictly(words: readonly string[]): 'yes' | 'no' | undefined {
  const denied = words.flatMap((word, i) => (isNegation(word) && !isRefusal(words, i) ? [i] : []))
  const [first, link = '', other = ''] = words
  if (['and', 'or'].includes(link) && ['yes', 'no'].includes(other)) {
    return undefined
  }
  if (first === 'yes' || (first === 'no' && denied[0] === 0)) {
    return first
  }
  const yes = words.includes('yes')
  const no = denied.length > 0
  return yes === no ? undefined : yes ? 'yes' : 'no'
}

function isNegation(word: string): boolean {
  return word === 'no' || word === 'not' || word === 'cannot' || word.endsWith("n't")
}

/** Whether a negation says only that nothing is known, or that more is the case: `not sure`, `no way to tell`, `not only`. */
function isRefusal(words: readonly string[], at: number): boolean {
  if (words[at + 1] === 'only') {
    return true
  }
  const next = words.slice(at + 1, at + 1 + REACH)
  const stop = next.findIndex(word => word === 'a' || word === 'an' || word === 'any' || word === 'the')
  const near = next.slice(0, stop === -1 ? undefined : stop)
  const word = words[at] as string
  const can =
    word === 'cannot' || word === "can't" || word === "couldn't" || ['can', 'could'].includes(words[at - 1] ?? '')
  // `I cannot.` ends there, and `No way!` is a no
  const leads = (i: number) => near[i] !== 'way' || WAY.has(next[i + 1] ?? '')
  const unsaid = near.some((each, i) => (UNKNOWN.has(each) && leads(i)) || (can && UNSAID.has(each)))
  return unsaid || (can && (next.length === 0 || UNSEEN.test(next.join(' '))))
}
