import { type Checks, callback, checkOptions, listOf, record, text as textual } from '../checks.ts'
import { ModalityGapError } from '../errors.ts'
import type { Tokenizer } from './tokenize.ts'

/** A text to judge and the texts it is compared with. */
export interface Judged {
  /** What the model said. */
  text: string
  /** What people said; at least one. */
  references: readonly string[]
}

const judged = listOf(record({ text: textual, references: listOf(textual) }), 'a list of { text, references }')

/** The option that every metric has that takes texts apart. */
export const tokenizerChecks: Checks<{ tokenize?: Tokenizer }> = { tokenize: callback }

/**
 * Every metric wants something to judge, and something to judge it by.
 *
 * @param of the metric
 * @throws {@link ModalityGapError} `EMPTY` without texts, `BAD_SAMPLE` for one without references, `BAD_OPTION` for
 * anything else than texts and options
 */
export function checkJudged<T extends object>(
  of: string,
  texts: readonly Judged[],
  options: T,
  checks: Checks<T>,
): void {
  judged(texts, of)
  checkOptions(options, `the second argument of ${of}`, checks)
  if (texts.length === 0) {
    throw new ModalityGapError('EMPTY', 'there are no texts to judge')
  }
  const row = texts.findIndex(({ references }) => references.length === 0)
  if (row !== -1) {
    throw new ModalityGapError('BAD_SAMPLE', `text ${row} has no reference to be compared with`, { row })
  }
}

/**
 * The tokens of a text by a tokenizer that anybody may have written.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION` when it gives something else than texts
 */
export function tokensOf(text: string, tokenize: Tokenizer): string[] {
  const tokens: unknown = tokenize(text)
  tokenLists(tokens, 'what tokenize returns')
  return tokens as string[]
}

const tokenLists = listOf(textual, 'a list of tokens, as text')

/** How often each run of 1 to `order` tokens stands in a text; keys hold the tokens, an entry of the list an order. */
export type Ngrams = ReadonlyMap<string, number>[]

/** Counts the n-grams of every order up to `order`. */
export function ngramsOf(tokens: readonly string[], order: number): Ngrams {
  return Array.from({ length: order }, (_, i) => {
    const counts = new Map<string, number>()
    for (let start = 0; start + i < tokens.length; start++) {
      // no tokenizer leaves a line's end in a token
      const key = tokens.slice(start, start + i + 1).join('\n')
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
    return counts
  })
}

/** Sum of a list. */
export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

/** Mean of a list that is not empty. */
export function mean(values: readonly number[]): number {
  return sum(values) / values.length
}
