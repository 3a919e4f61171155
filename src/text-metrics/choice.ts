import { listOf, record, text as textual } from '../checks.ts'
import { ModalityGapError } from '../errors.ts'
import { isOneOfSeveral, letterAt, NAMING } from './letter.ts'
import { comparableWords, holds, narrow, type Piece, piecesOf, placesOf, readable, stripped, touch } from './pieces.ts'
import { type Said, saidOf } from './statement.ts'
import { isVerdict } from './verdict.ts'
import { yesOrNo } from './yes-no.ts'

/** An answer to a question with options. */
export interface ChoiceAnswer {
  /** What the model said. */
  text: string
  /** Texts of the options, in the order of their letters. */
  options: readonly string[]
  /** Letter of the right one, `'A'` for the first. */
  answer: string
}

/** Accuracy where options were given. */
export interface ChoiceScore {
  /** Questions. */
  count: number
  /** Answers that name the right option. */
  correct: number
  /** correct / count: an answer that names no option is wrong. */
  accuracy: number
  /** Answers in which no option could be made out. */
  unparsed: number
}

const optionList = listOf(textual, 'a list of options')
const choices = listOf(
  record({ text: textual, options: optionList, answer: textual }),
  'a list of { text, options, answer }',
)

/**
 * Accuracy of multiple choice.
 *
 * @throws {@link ModalityGapError} `EMPTY`; `BAD_SAMPLE` with the row where the right letter is none of the options'
 */
export function choiceAccuracy(answers: readonly ChoiceAnswer[]): ChoiceScore {
  choices(answers, 'choiceAccuracy')
  if (answers.length === 0) {
    throw new ModalityGapError('EMPTY', 'there are no answers to judge')
  }
  let [correct, unparsed] = [0, 0]
  answers.forEach(({ text, options, answer }, row) => {
    if (!lettersOf(options).includes(answer)) {
      throw new ModalityGapError('BAD_SAMPLE', `answer ${answer} of question ${row} is none of its options`, { row })
    }
    const letter = chosenLetter(text, options)
    correct += letter === answer ? 1 : 0
    unparsed += letter === undefined ? 1 : 0
  })
  return { count: answers.length, correct, accuracy: correct / answers.length, unparsed }
}

/** Letters of the options. */
export function lettersOf(options: readonly string[]): string[] {
  optionList(options, 'lettersOf')
  return options.map((_, i) => String.fromCharCode(65 + i))
}

/**
 * The letter of the option that an answer names, or nothing when it names none or several. The first reading that finds
 * one counts; those of `docs/answers.md` are compared with published ones there:
 * 1. a letter and nothing else: `B`, `b`, `(B)`, `B.`, `**B**`;
 * 2. a statement, the last one if there are several: `The answer is B`, `**Answer:** (B)`, `correct option: B.`,
 *    `\boxed{B}`; where words follow, the only option whose text they hold. A statement of several letters is none;
 * 3. the only letter that is called right or chosen: `Option B is correct`, `I would go with B`; then the only one that has a line
 *    of its own;
 * 4. a letter that opens the answer, and no other in brackets: `B. a dog`, `(B) a dog`, `B: a dog`;
 * 5. the text of an option and nothing else, whatever its case and its closing mark;
 * 6. the only letter in brackets, then the only one that is named as an option: `(B), as it barks`, `option B`; then the only one of
 *    all, where it ends the answer behind a comma, a colon or a word such as `is` or `but`;
 * 7. the only option whose text stands in the answer as whole words; a text inside a longer one found is not counted;
 * 8. the only one of three or more that is not called wrong;
 * 9. of the options yes and no the one that {@link yesOrNo} reads.
 *
 * A letter that is called wrong is none, and so is an option's text behind a negation (`not a dog`, `rather than a dog`). An article
 * before an option's text does not count, nor do thoughts (`<think>…</think>`). Numbers keep sign and point: an answer `3.5` names neither 5 nor 3.
 */
export function chosenLetter(text: string, options: readonly string[]): string | undefined {
  textual(text, 'chosenLetter')
  const letters = lettersOf(options)
  const said = readable(text)
  const pieces = piecesOf(said)
  const compared = options.map(narrow).map(option => ({ plain: plain(option), words: optionWords(option) }))
  const found =
    soleLetter(pieces, compared) ?? readingOf(said, pieces, letters, compared) ?? asked(said, letters, compared)
  return found !== undefined && letters.includes(found) ? found : undefined
}

/** An option as answers are compared with it. */
interface Option {
  plain: string
  words: string[]
}

/** Stands for an answer that names several. */
const SEVERAL = 'several'

function readingOf(
  text: string,
  pieces: readonly Piece[],
  letters: readonly string[],
  options: readonly Option[],
): string | undefined {
  const said = saidOf(pieces, letters, !options.some(({ plain }) => isVerdict(plain)))
  const named = (place: number | undefined) => (place === undefined ? undefined : letters[place])
  return (
    stated(text, pieces, said, named, options) ??
    oneOrSeveral(said.verdicts) ??
    oneOrSeveral(said.possible) ??
    only([...said.inLine]) ??
    opening(pieces, said, letters) ??
    named(exactly(text, options)) ??
    only([...said.bracketed].filter(letter => !said.rejected.has(letter))) ??
    only([...said.named].filter(letter => !said.rejected.has(letter))) ??
    closing(pieces, letters) ??
    named(mentioned(text, options)) ??
    only(letters.length > 2 ? letters.filter(letter => !said.rejected.has(letter)) : [])
  )
}

/** The option that is yes or no, of two that are nothing else, by the reading of answers that want them. */
function asked(said: string, letters: readonly string[], options: readonly Option[]): string | undefined {
  const answers = options.map(option => option.plain)
  const both = answers.length === 2 && answers.includes('yes') && answers.includes('no')
  const place = both ? answers.indexOf(yesOrNo(said) ?? '') : -1
  return letters[place]
}

/** Marks around a letter that is alone. */
const AROUND = '("\'*[_`)].:,{}$?!<>=→-✅✓✔☑'

function soleLetter(pieces: readonly Piece[], options: readonly Option[]): string | undefined {
  const words = pieces.filter(({ kind, text }) => kind === 'word' || (kind === 'mark' && !AROUND.includes(text)))
  // `A:` before another letter stands for `Answer:`, unless that is the text of option A
  const [first, second] = words
  const announced =
    words.length === 2 &&
    first?.text === 'A' &&
    pieces[pieces.indexOf(first) + 1]?.text === ':' &&
    options[0]?.plain !== (second?.lower ?? '')
  const named = announced || NAMING.has(first?.lower ?? '') ? words.slice(1) : words
  const [only] = named
  return named.length === 1 && /^[a-z]$/i.test(only?.text ?? '') ? only?.text.toUpperCase() : undefined
}

function stated(
  text: string,
  pieces: readonly Piece[],
  { statements }: Said,
  named: (place: number | undefined) => string | undefined,
  options: readonly Option[],
): string | undefined {
  for (const statement of statements.toReversed()) {
    if ('several' in statement) {
      return SEVERAL
    }
    if ('letter' in statement) {
      return statement.letter
    }
    const words = text.slice(pieces[statement.from]?.start, pieces[statement.to - 1]?.end)
    const place = statement.to > statement.from ? (exactly(words, options) ?? mentioned(words, options)) : undefined
    if (place !== undefined) {
      return named(place)
    }
  }
  return undefined
}

/** Marks behind a letter that opens an answer. */
const OPENS = ').:]-–—,;'

function opening(
  pieces: readonly Piece[],
  { bracketed, rejected }: Said,
  letters: readonly string[],
): string | undefined {
  const first = pieces.findIndex(({ text }) => !'*_`"“(['.includes(text))
  const letter = letterAt(pieces, first)
  if (letter === undefined || bracketed.size > 1 || rejected.has(letter) || isOneOfSeveral(pieces, first, letter)) {
    return undefined
  }
  const next = pieces[first + 1]
  const closes = next === undefined || next.kind === 'line' || (next.kind === 'mark' && OPENS.includes(next.text))
  const reasons = ['because', 'as', 'since', 'for'].includes(next?.lower ?? '')
  return (closes || reasons) && !listsOthers(pieces, letter) && !listsAll(pieces, letters) ? letter : undefined
}

/** Whether every letter is followed by a mark as in a list of options, in one line: `A. a cat B. a fox`. */
function listsAll(pieces: readonly Piece[], letters: readonly string[]): boolean {
  const listed = new Set(
    pieces.flatMap(({ text }, i) => {
      const mark = pieces[i + 1]
      return touch(pieces[i], mark) && ').:'.includes(mark?.text ?? ' ') && pieces[i + 2] !== undefined ? [text] : []
    }),
  )
  return letters.length > 1 && letters.every(letter => listed.has(letter))
}

const HAN = /^\p{Script=Han}+$/u

/** Words before a letter with which an answer ends. */
const LEADING: ReadonlySet<string> = new Set('but so is ist est es get gives giving matches mark'.split(' '))

/** The only letter of an answer, where it ends it behind a comma, a colon, such a word or Han characters: `Based on the image, B.` */
function closing(pieces: readonly Piece[], letters: readonly string[]): string | undefined {
  const places = pieces.flatMap((_, i) => (letters.includes(letterAt(pieces, i) ?? '') ? [i] : []))
  const [place] = places
  const before = pieces[(place ?? 0) - 1]
  if (
    place === undefined ||
    places.length > 1 ||
    !(',:'.includes(before?.text ?? ' ') || HAN.test(before?.text ?? '') || LEADING.has(before?.lower ?? ''))
  ) {
    return undefined
  }
  return pieces.slice(place + 1).every(({ kind }) => kind !== 'word') ? pieces[place]?.text : undefined
}

/** Whether other letters begin a line as well, as where all options are repeated. */
function listsOthers(pieces: readonly Piece[], own: string): boolean {
  return pieces.some((piece, i) => {
    const mark = pieces[i + 1]?.text ?? ''
    const begins = pieces[i - 1]?.kind === 'line' && /^[A-Z]$/.test(piece.text) && ').:'.includes(mark) && mark !== ''
    return begins && piece.text !== own
  })
}

/** An option's or answer's text without case, white space and marks that say nothing. */
function plain(text: string): string {
  return stripped(text.toLowerCase().replaceAll(/\s+/g, ' '), '"\'(*“‘', '"\')*.,;:!”’').replace(/^(?:an?|the) /, '')
}

const ARTICLES: readonly string[] = ['a', 'an', 'the']

/** The words of an option without an article before them. */
function optionWords(option: string): string[] {
  const words = comparableWords(option)
  return words.length > 1 && ARTICLES.includes(words[0] as string) ? words.slice(1) : words
}

function exactly(said: string, options: readonly Option[]): number | undefined {
  const own = plain(said)
  return only(options.flatMap((option, i) => (option.plain === own && own !== '' ? [i] : [])))
}

function mentioned(said: string, options: readonly Option[]): number | undefined {
  const text = comparableWords(said)
  const found = options.flatMap(({ words }, i) =>
    // a longer text cannot stand in a shorter one
    words.length <= text.length && holds(text, words) ? [{ i, words }] : [],
  )
  const whole = found.filter(one => !found.some(other => other !== one && holds(other.words, one.words)))
  const meant = whole.filter(({ words }) => placesOf(text, words).some(place => !isDenied(text, place)))
  return only(meant.map(({ i }) => i))
}

const DENYING: readonly string[] = ['not', 'no', 'never', 'than', 'without', 'neither', 'nor', 't']

/** Whether what stands at a place is denied: `not a dog`, `isn't a dog`, `rather than a dog`, `instead of a dog`. */
function isDenied(words: readonly string[], place: number): boolean {
  const before = words.slice(Math.max(0, place - 4), place).filter(word => !ARTICLES.includes(word))
  const [second, last] = [before.at(-2), before.at(-1) ?? '']
  return DENYING.includes(last) || (last === 'of' && second === 'instead')
}

/** The only one of some letters; of several none is meant. */
function oneOrSeveral(found: ReadonlySet<string>): string | undefined {
  return found.size === 0 ? undefined : (only([...found]) ?? SEVERAL)
}

function only<T>(found: readonly T[]): T | undefined {
  return found.length === 1 ? found[0] : undefined
}
