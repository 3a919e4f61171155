import { text as textual } from '../checks.ts'
import { pythonSplit } from '../python-space.ts'

/** Takes a text apart; every metric says which one it uses when none is given. */
export type Tokenizer = (text: string) => string[]

/** Text that was tokenised before: split at white space as Python's `str.split` does, nothing else changed. */
export function splitTokens(text: string): string[] {
  textual(text, 'splitTokens')
  return pythonSplit(text)
}

/**
 * Tokens of a caption as COCO's evaluation has them: lower case, contractions apart (`is n't`, `dog 's`), hyphened words
 * whole, punctuation dropped, brackets by name (`-lrb-`).
 *
 * A caption that was tokenised before (`the man 's hat`, `is n't`, `-LRB-`) keeps its tokens.
 *
 * It follows the rules of the Stanford tokenizer (3.4.1, `-lowerCase`, then COCO's list of punctuation) that captions
 * need. It differs where that one knows more abbreviations, treats runs such as `?!` as words, or splits web addresses.
 */
export function captionTokens(text: string): string[] {
  textual(text, 'captionTokens')
  const plain = text.toLowerCase().replaceAll(/[‘’]/g, "'")
  return (plain.match(PIECES) ?? []).flatMap(apart).filter(token => !DROPPED.has(token))
}

/** Abbreviations with their point; words and numbers with what binds them; brackets and signs that stand for words. */
const PIECES =
  /-(?:lrb|rrb|lsb|rsb|lcb|rcb)-|(?<![^\s"`])'(?:s|m|d|re|ve|ll)(?![\p{L}\p{N}_'])|(?<!\S)'n'(?!\S)|\b(?:mr|mrs|ms|dr|st|vs|etc|jr|sr|prof)\.|\b(?:\p{L}\.){2,}|'(?:tis|twas)\b|'\d+s\b|[@\p{L}\p{N}_](?:[\p{L}\p{M}\p{N}_]|'(?=\p{L})|[/-](?=[\p{L}\p{N}_])|(?<=\p{N})[.,:](?=\p{N}))*|[()[\]{}$%&#*+=^~/<>|€£¥]/gu

/** Words that the tokenizer takes apart, and where. */
const SPLIT: Readonly<Record<string, number>> = {
  cannot: 3,
  "y'all": 2,
  gonna: 3,
  gotta: 3,
  wanna: 3,
  gimme: 3,
  lemme: 3,
  "'tis": 2,
  "'twas": 2,
}

const BRACKETS: Readonly<Record<string, string>> = {
  '(': '-lrb-',
  ')': '-rrb-',
  '[': '-lsb-',
  ']': '-rsb-',
  '{': '-lcb-',
  '}': '-rcb-',
}

const DROPPED: ReadonlySet<string> = new Set(["'", '-', '--'])

const ENDINGS = ["n't", "'s", "'m", "'d", "'re", "'ve", "'ll"]

/** The parts of a piece: contractions are taken off its end one by one. */
function apart(piece: string): string[] {
  const endings: string[] = []
  let end = piece.length
  while (splitAt(piece, end) === undefined) {
    const ending = ENDINGS.find(each => each.length < end && piece.endsWith(each, end))
    if (ending === undefined) {
      break
    }
    endings.push(ending)
    end -= ending.length
  }
  const rest = piece.slice(0, end)
  const at = splitAt(piece, end)
  return [...(at === undefined ? [BRACKETS[rest] ?? rest] : [rest.slice(0, at), rest.slice(at)]), ...endings.reverse()]
}

const LONGEST_SPLIT = Math.max(...Object.keys(SPLIT).map(({ length }) => length))

function splitAt(piece: string, end: number): number | undefined {
  return end <= LONGEST_SPLIT ? SPLIT[piece.slice(0, end)] : undefined
}

/** Tokens of the ROUGE package (Lin 2004) without stemming: lower case, runs of `a`–`z` and digits. */
export function rougeTokens(text: string): string[] {
  textual(text, 'rougeTokens')
  return text.toLowerCase().match(/[a-z0-9]+/g) ?? []
}

/**
 * Tokens of SQuAD's evaluation (Rajpurkar et al. 2016): lower case, ASCII punctuation removed, `a`, `an`, `the` removed,
 * split at white space.
 */
export function answerTokens(text: string): string[] {
  textual(text, 'answerTokens')
  return splitTokens(text.toLowerCase().replaceAll(PUNCTUATION, '').replaceAll(ARTICLES, ' '))
}

const PUNCTUATION = /[!-/:-@[-`{-~]/g
/** `\b` of JavaScript knows ASCII only: an article is one when no letter, digit or underscore of any script touches it. */
const ARTICLES = /(?<![\p{L}\p{N}_])(?:an?|the)(?![\p{L}\p{N}_])/gu
