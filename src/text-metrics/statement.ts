import { type Piece, startsWithDigit, touch } from './pieces.ts'

/** What an answer says of letters, apart from opening with one. */
export interface Said {
  /** `The answer is …`, in their order; the last one that names something counts. */
  statements: Statement[]
  /** Letters that are called right (`B is correct`) or chosen (`I would go with B`). */
  verdicts: Set<string>
  /** Letters of which it is said that they could be it. */
  possible: Set<string>
  /** Letters that are called wrong or excluded. */
  rejected: Set<string>
  /** Letters that are named as options: `option B`. */
  named: Set<string>
  /** Letters in round brackets. */
  bracketed: Set<string>
  /** Letters that have a line of their own. */
  inLine: Set<string>
}

/** What follows `The answer is`: a letter, several, or words. */
export type Statement = { letter: string } | { several: true } | { from: number; to: number }

const set = (words: string) => new Set(words.split(' '))

/** Words that an answer is announced by; `boxed` is TeX's. */
const NOUNS = set('answer answers ans option choice selection pick guess response solution conclusion letter boxed')
/** Those that a letter is the name of. */
export const NAMING = set('option choice letter answer statement')
const COPULAS = set('is be was s are')
/** Words that may stand between the noun and its copula. */
const LINKS = set(
  'to for in of here from among that which based shown on according given would must should will seems appears could might may this these question therefore then now also i we you',
)
/** Words that may stand between the copula and the letter. */
const FILLERS = set(
  'both option choice letter answer number clearly most likely probably definitely certainly therefore thus indeed simply just the actually still obviously either text mathrm textbf',
)
/** Words that go on after a letter, so that `A` and `I` before them are no article and no name. */
const AFTER_LETTER = set(
  'is was because as since for and or but nor seems appears looks would must should could so which not are',
)
const AFTER_I = set('is or and because as')
const NEGATIONS = set('not never neither nor cannot without')
const MODALS = set(
  'is are were was seems appears looks must would should to be being the most very clearly definitely likely also',
)
const RIGHT = set('correct right true answer best accurate appropriate suitable valid')
const WRONG = set('incorrect wrong false inaccurate unlikely not isn wasn cannot neither')
const CHOOSING = set(
  'choose choosing chose pick picked select selected selecting say guess think believe therefore so hence thus probably likely definitely maybe perhaps',
)
const EXCLUDING = set('except exclude excluded eliminate eliminated than not nor neither')
/** Marks that stand around a letter or a word and say nothing. */
const SOFT = '*_`"“”‘’\'()[]{}$\\#«»>'
/** Pieces that are looked at for a copula, for a letter after it, and as words of a statement. */
const [TO_COPULA, TO_LETTER, STATED] = [12, 16, 64]

/** Reads what an answer says of letters, in time linear in its pieces; statements may name others than the options have. */
export function saidOf(pieces: readonly Piece[], letters: readonly string[]): Said {
  const said: Said = {
    statements: [],
    verdicts: new Set(),
    possible: new Set(),
    rejected: new Set(),
    named: new Set(),
    bracketed: new Set(),
    inLine: new Set(),
  }
  pieces.forEach((piece, i) => {
    if (piece.kind === 'word' && NOUNS.has(piece.lower)) {
      const found = statementAt(pieces, i, letters)
      if (found !== undefined) {
        said.statements.push(found)
      }
    }
    const letter = letterAt(pieces, i)
    if (letter !== undefined && letters.includes(letter)) {
      judge(pieces, i, letter, said)
    }
  })
  return said
}

/** What is stated behind a noun, where it is followed by a copula or a colon. */
function statementAt(pieces: readonly Piece[], noun: number, letters: readonly string[]): Statement | undefined {
  const copula = copulaAfter(pieces, noun)
  if (copula === undefined) {
    return undefined
  }
  let at = copula + 1
  for (const last = at + TO_LETTER; at < last; at++) {
    const piece = pieces[at]
    if (piece === undefined || NEGATIONS.has(piece.lower) || isNt(pieces, at)) {
      return undefined
    }
    const letter = letterAt(pieces, at, true)
    // a small letter may be a variable
    if (letter !== undefined && (letter === piece.text || letters.includes(letter))) {
      return isOneOfSeveral(pieces, at, letter) ? { several: true } : { letter }
    }
    const sign = piece.text === '-' && touch(piece, pieces[at + 1]) && startsWithDigit(pieces[at + 1])
    const skipped = piece.kind === 'line' || SOFT.includes(piece.text) || (':-<'.includes(piece.text) && !sign)
    if (!skipped && !FILLERS.has(piece.lower)) {
      break
    }
  }
  return { from: at, to: sentenceEnd(pieces, at) }
}

function copulaAfter(pieces: readonly Piece[], noun: number): number | undefined {
  let linked = false
  for (let at = noun + 1; at <= noun + TO_COPULA; at++) {
    const piece = pieces[at]
    if (piece === undefined || piece.kind === 'line' || '.!?;'.includes(piece.text)) {
      return undefined
    }
    const tag = (piece.text === '>' || piece.text === '{') && at === noun + 1
    if (tag || COPULAS.has(piece.lower) || ':=→：'.includes(piece.text)) {
      return isNt(pieces, at + 1) ? undefined : at
    }
    if (piece.kind === 'word') {
      linked ||= LINKS.has(piece.lower)
      if (!linked || NEGATIONS.has(piece.lower)) {
        return undefined
      }
    } else if (!SOFT.includes(piece.text) && piece.text !== ',') {
      return undefined
    }
  }
  return undefined
}

/** The `n't` of `isn't`, as pieces have it. */
function isNt(pieces: readonly Piece[], at: number): boolean {
  return pieces[at]?.lower === 't' && "'’".includes(pieces[at - 1]?.text ?? ' ')
}

function sentenceEnd(pieces: readonly Piece[], from: number): number {
  const most = Math.min(pieces.length, from + STATED)
  for (let at = from; at < most; at++) {
    const piece = pieces[at] as Piece
    // a point within a number touches what follows
    if (piece.kind === 'line' || ('.!?;'.includes(piece.text) && !touch(piece, pieces[at + 1]))) {
      return at
    }
  }
  return most
}

/**
 * The letter that a piece is: one capital that is no part of a name, an abbreviation or a contraction, and no article.
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
    const inside = after?.kind === 'mark' && touch(after, pieces[at + 2]) && !isClosing(after)
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

function skipSoft(pieces: readonly Piece[], from: number): number {
  let at = from
  while (at < from + TO_LETTER && SOFT.includes(pieces[at]?.text ?? ' ')) {
    at++
  }
  return at
}

/** Notes what stands around a letter. */
function judge(pieces: readonly Piece[], at: number, letter: string, said: Said): void {
  if (pieces[at - 1]?.text === '(' && pieces[at + 1]?.text === ')') {
    said.bracketed.add(letter)
  }
  if (hasLine(pieces, at)) {
    said.inLine.add(letter)
  }
  const before = wordsBefore(pieces, at)
  const [last = '', second = '', third = ''] = before.filter(
    word => !['option', 'choice', 'letter', 'the'].includes(word),
  )
  if (NAMING.has(before[0] ?? '')) {
    said.named.add(letter)
  }
  const verdict = verdictAfter(pieces, at)
  const excluded = EXCLUDING.has(last) || (last === 'out' && second.startsWith('rul'))
  const together = ['are', 'were'].includes(pieces[skipSoft(pieces, at + 1)]?.lower ?? '')
    ? listedBefore(pieces, at)
    : []
  if (verdict === false || excluded) {
    for (const each of [letter, ...together]) {
      said.rejected.add(each)
    }
    return
  }
  if (verdict === true) {
    for (const each of together) {
      said.verdicts.add(each)
    }
  }
  const is =
    ((last === 'is' || last === 'be') && (['it', 'that', 'this'].includes(second) || ['it', 'that'].includes(third))) ||
    // the same of another letter: `A is correct and so is B`
    (last === 'is' && second === 'so' && third === 'and')
  const could = last === 'be' && ['could', 'might', 'may', 'can'].includes(second)
  const contracted = last === 's' && second === 'it'
  const instead = last === 'but' && before.includes('not')
  const goes = last === 'with' && ['go', 'going', 'went'].includes(second)
  const negated = [second, third].some(word => word === 'not' || word === 't' || word === 'never')
  const after = pieces[at + 1]
  const ends = after?.kind !== 'word' || AFTER_LETTER.has(after.lower)
  const chosen = (CHOOSING.has(last) || is || contracted || goes) && !negated
  if (verdict === true || ((chosen || instead) && ends)) {
    const noted = could && verdict !== true ? said.possible : said.verdicts
    if (isOneOfSeveral(pieces, at, letter)) {
      // the other one is met on its own, without a verb before it
      noted.add(letterAfter(pieces, at) ?? letter)
    }
    noted.add(letter)
  }
}

/** Whether a letter has a line of its own, with nothing but marks around it. */
function hasLine(pieces: readonly Piece[], at: number): boolean {
  const isMark = (piece: Piece | undefined) => SOFT.includes(piece?.text ?? ' ') || piece?.text === '.'
  let [first, last] = [at - 1, at + 1]
  while (first >= at - TO_LETTER && isMark(pieces[first])) {
    first--
  }
  while (last <= at + TO_LETTER && isMark(pieces[last])) {
    last++
  }
  const ends = (piece: Piece | undefined) => piece === undefined || piece.kind === 'line'
  return ends(pieces[first]) && ends(pieces[last])
}

/** Letters that are listed before one: A and B of `A, B and C are`. */
function listedBefore(pieces: readonly Piece[], at: number): string[] {
  const letters: string[] = []
  for (let before = at - 1; before >= at - TO_COPULA; before--) {
    const piece = pieces[before]
    const letter = letterAt(pieces, before)
    if (letter !== undefined) {
      letters.push(letter)
    } else if (
      piece === undefined ||
      !(['and', 'or', ',', '&', 'option', 'options'].includes(piece.lower) || SOFT.includes(piece.text))
    ) {
      break
    }
  }
  return letters
}

/** The next letter behind one of several. */
function letterAfter(pieces: readonly Piece[], at: number): string | undefined {
  for (let next = at + 1; next <= at + TO_LETTER; next++) {
    const letter = letterAt(pieces, next, true)
    if (letter !== undefined) {
      return letter
    }
  }
  return undefined
}

/** Up to five words before a piece of the same sentence, the nearest first. */
function wordsBefore(pieces: readonly Piece[], at: number): string[] {
  const words: string[] = []
  for (let i = at - 1; i >= 0 && i >= at - TO_COPULA && words.length < 5; i--) {
    const piece = pieces[i] as Piece
    if (piece.kind === 'line' || '.!?;,:'.includes(piece.text)) {
      break
    }
    if (piece.kind === 'word') {
      words.push(piece.lower)
    }
  }
  return words
}

/** Whether a letter is called right, or wrong, by what follows; nothing where neither is said. */
function verdictAfter(pieces: readonly Piece[], at: number): boolean | undefined {
  let next = skipSoft(pieces, at + 1)
  for (let words = 0; words < 6; words++, next++) {
    const { lower = '', kind } = pieces[next] ?? {}
    if (kind !== 'word') {
      return undefined
    }
    if (words > 0 && RIGHT.has(lower)) {
      const sideways =
        lower === 'right' && ['of', 'next', 'behind', 'above', 'below', 'side'].includes(pieces[next + 1]?.lower ?? '')
      return sideways ? undefined : true
    }
    if (WRONG.has(lower)) {
      return false
    }
    if (!MODALS.has(lower)) {
      return undefined
    }
  }
  return undefined
}
