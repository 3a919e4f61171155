import { AFTER_LETTER, isOneOfSeveral, letterAt, NAMING, SOFT, skipSoft, TO_LETTER } from './letter.ts'
import { type Piece, startsWithDigit, touch } from './pieces.ts'
import { listedVerdict, opensLine, verdictAfter } from './verdict.ts'

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
const COPULAS = set('is be was s are')
/** Words that may stand between the noun and its copula. */
const LINKS = set(
  'to for in of here from among that which based shown on according given would must should will seems appears could might may this these question therefore then now also i we you',
)
/** Words that may stand between the copula and the letter. */
const FILLERS = set(
  'both option choice letter answer number clearly most likely probably definitely certainly therefore thus indeed simply just the actually still obviously either text mathrm mathbf textbf boldsymbol',
)
const NEGATIONS = set('not never neither nor cannot without')
const CHOOSING = set(
  'choose choosing chose pick picked select selected selecting say guess think believe therefore so hence thus probably likely definitely maybe perhaps leaves leaving',
)
const EXCLUDING = set('except exclude excluded eliminate eliminated than not nor neither')
/** Pieces that are looked at for a copula, and as words of a statement. */
const [TO_COPULA, STATED] = [12, 64]

/**
 * Reads what an answer says of letters, in time linear in its pieces; statements may name others than the options have.
 *
 * @param judgesLines whether `B. Correct` in a list judges B, rather than repeats an option
 */
export function saidOf(pieces: readonly Piece[], letters: readonly string[], judgesLines: boolean): Said {
  const said: Said = {
    statements: [],
    verdicts: new Set(),
    possible: new Set(),
    rejected: new Set(),
    named: new Set(),
    bracketed: new Set(),
    inLine: new Set(),
  }
  // one letter with `False` behind it may be an option's text
  const isList =
    judgesLines && new Set(pieces.flatMap((piece, i) => (opensLine(pieces, i) ? [piece.text] : []))).size > 1
  pieces.forEach((piece, i) => {
    if (piece.kind === 'word' && NOUNS.has(piece.lower)) {
      const found = statementAt(pieces, i, letters)
      if (found !== undefined) {
        said.statements.push(found)
      }
    }
    const letter = letterAt(pieces, i)
    if (letter !== undefined && letters.includes(letter)) {
      judge(pieces, i, { letter, said, isList })
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
    if (piece?.text === '.' && pieces[noun]?.lower === 'ans' && at === noun + 1) {
      return at
    }
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

/** Notes what stands around a letter. */
function judge(
  pieces: readonly Piece[],
  at: number,
  { letter, said, isList }: { letter: string; said: Said; isList: boolean },
): void {
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
  const verdict = (isList ? listedVerdict(pieces, at) : undefined) ?? verdictAfter(pieces, at)
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
  const goes =
    (last === 'with' && ['go', 'going', 'went'].includes(second)) ||
    (last === 'to' && ['corresponds', 'corresponding'].includes(second))
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
