import { type Piece, touch } from './pieces.ts'

const set = (words: string) => new Set(words.split(' '))

/** Those that a letter is the name of. */
export const NAMING = set('option choice letter answer statement')
/** Words that continue after a letter, so that `A` and `I` before them are neither an article nor a name. */
export const AFTER_LETTER = set(
  'is was because as since for and or but nor seems appears looks would must should could so which not are',
)
const AFTER_I = set('is or and because as')
/** Marks that stand around a letter or a word and say nothing. */
export const SOFT = '*_`"“”‘’\'()[]{}$\\#«»>'
/** Pieces behind a letter that are looked at. */
export const TO_LETTER = 16

/**
 * The letter that a piece is: one capital that is not part of a name, an abbreviation or a contraction, and no article.
 *
 * @param stated whether a small one counts as well, where nothing follows it in its sentence or brackets enclose it
 */
export function letterAt(pieces: readonly Piece[], at: number, stated = false): string | undefined {
  const [before, piece, after] = [pieces[at - 1], pieces[at], pieces[at + 1]]
  if (piece === undefined || !/^[A-Za-z]$/.test(piece.text) || isPart(pieces, at)) {
    return undefined
  }
  const letter = piece.text.toUpperCase()
  const closed = isOpening(before) && isClosing(after)
  if (letter !== piece.text) {
    const article = 'ai'.includes(piece.text) && after?.kind === 'word'
    const inside =
      after?.kind === 'mark' && touch(after, pieces[at + 2]) && pieces[at + 2]?.kind === 'word' && !isClosing(after)
    return stated && (closed || !(article || inside)) ? letter : undefined
  }
  const isNamed = before?.kind === 'word' && NAMING.has(before.lower) && before.lower !== 'answer'
  const goesOn = after?.kind === 'word' && !(letter === 'I' ? AFTER_I : AFTER_LETTER).has(after.lower)
  return 'AI'.includes(letter) && goesOn && !isNamed && !closed ? undefined : letter
}

function isOpening(piece: Piece | undefined): boolean {
  return piece?.text === '(' || piece?.text === '['
}

function isClosing(piece: Piece | undefined): boolean {
  return piece?.text === ')' || piece?.text === ']'
}

/** Whether a letter is bound to a word beside it: `T-shirt`, `A's`, `vitamin-C`, `U.S.`. */
function isPart(pieces: readonly Piece[], at: number): boolean {
  const [mark, piece, next] = [pieces[at - 1], pieces[at] as Piece, pieces[at + 1]]
  const bindsLeft =
    touch(mark, piece) &&
    "-'’&.".includes(mark?.text ?? ' ') &&
    mark?.kind === 'mark' &&
    touch(pieces[at - 2], mark) &&
    pieces[at - 2]?.kind === 'word' &&
    (mark.text !== '.' || pieces[at - 2]?.text.length === 1)
  const beyond = pieces[at + 2]
  const bindsRight =
    touch(piece, next) &&
    next?.kind === 'mark' &&
    "-'’&.".includes(next.text) &&
    touch(next, beyond) &&
    beyond?.kind === 'word' &&
    (next.text !== '.' || beyond.text.length === 1)
  return bindsLeft || bindsRight
}

/** Whether another letter is named in the same breath: `B or C`, `B, C`, `B and D`. */
export function isOneOfSeveral(pieces: readonly Piece[], at: number, letter: string): boolean {
  let next = skipSoft(pieces, at + 1)
  const link = pieces[next]
  const isOr = link?.lower === 'or' || link?.text === '/'
  if (!isOr && link?.lower !== 'and' && link?.text !== ',' && link?.text !== '&') {
    return false
  }
  next = skipSoft(pieces, next + 1)
  while (['or', 'and', '/', 'option', 'choice', 'also'].includes(pieces[next]?.lower ?? '')) {
    next = skipSoft(pieces, next + 1)
  }
  const other = letterAt(pieces, next, true)
  if (other === undefined || other === letter) {
    return false
  }
  const after = pieces[skipSoft(pieces, next + 1)]
  const begins = after?.kind === 'word' && !['or', 'and', 'because', 'as', 'since', 'for', 'are'].includes(after.lower)
  return isOr || !begins
}

/** The first piece from a place on that is not a soft mark. */
export function skipSoft(pieces: readonly Piece[], from: number): number {
  let at = from
  while (at < from + TO_LETTER && SOFT.includes(pieces[at]?.text ?? ' ')) {
    at++
  }
  return at
}
