/** A word, a mark or a line's end of a text. */
export interface Piece {
  /** The piece as it stands there. */
  text: string
  /** In lower case. */
  lower: string
  /** A run of letters and digits, one other character, or a line's end. */
  kind: 'word' | 'mark' | 'line'
  /** Its first character in the text. */
  start: number
  /** What follows its last character. */
  end: number
}

/**
 * One repetition of one class: whatever the text, the engine looks at each character a bounded number of times. Words of Han
 * characters, which have no blanks around them, end where other letters begin.
 */
const PIECE = /\p{Script=Han}+|(?:(?!\p{Script=Han})[\p{L}\p{M}\p{N}])+|\n|\S/gu

/** Takes a text apart into words, marks and line ends, in time linear in its length. */
export function piecesOf(text: string): Piece[] {
  const pieces: Piece[] = []
  for (const { 0: piece, index: start } of text.matchAll(PIECE)) {
    const kind = piece === '\n' ? 'line' : WORD.test(piece) ? 'word' : 'mark'
    pieces.push({ text: piece, lower: piece.toLowerCase(), kind, start, end: start + piece.length })
  }
  return pieces
}

const WORD = /^[\p{L}\p{M}\p{N}]/u

/** Whether two pieces touch. */
export function touch(left: Piece | undefined, right: Piece | undefined): boolean {
  return left !== undefined && right !== undefined && left.end === right.start
}

const SIGNS: Readonly<Record<string, string>> = { '-': '-', '−': '-', '+': '' }
/** Signs that tell two options apart, as words do; `#` does behind a word only, as in `C#`. */
const SYMBOL = /^[\p{Sc}%°<>=≤≥≠±+×÷√∞−]$/u
/** A sign in words. */
const MINUS: ReadonlySet<string> = new Set(['minus', 'negative'])
const DIGITS = /^\p{N}+$/u

/** A number and its unit without a blank between them: `10cm`. */
const UNIT =
  /^(-?[\d.,:/]+)(mm|cm|km|m|mg|g|kg|ms|s|h|hz|khz|mhz|ghz|kb|mb|gb|tb|ml|l|v|kv|w|kw|j|kj|n|pa|kpa|k|am|pm|px|mph|ft|lb|oz)$/

/**
 * The words of a text for comparing it with an option, in lower case. Numbers keep their sign, point and fraction
 * (`-3`, `3.5`, `1/2`, `10:30`; thousands lose their comma); `%`, `°`, currencies and signs of mathematics are words.
 */
export function comparableWords(text: string): string[] {
  const pieces = piecesOf(text)
  const words: string[] = []
  for (let i = 0; i < pieces.length; ) {
    const { word, next } = wordAt(pieces, i)
    if (word !== undefined) {
      const [, number, unit] = UNIT.exec(word) ?? []
      words.push(...(number === undefined || unit === undefined ? [word] : [number, unit]))
    }
    i = next
  }
  return words
}

function wordAt(pieces: readonly Piece[], i: number): { word?: string; next: number } {
  const piece = pieces[i] as Piece
  const before = pieces[i - 1]
  if (MINUS.has(piece.lower) && startsWithDigit(pieces[i + 1])) {
    return numberAt(pieces, i + 1, '-')
  }
  if (piece.kind === 'word') {
    return numberAt(pieces, i, '')
  }
  const sign = SIGNS[piece.text]
  const free = !touch(before, piece) || (before?.kind === 'mark' && before.text !== ')')
  if (free && touch(piece, pieces[i + 1]) && startsWithDigit(pieces[i + 1])) {
    if (sign !== undefined) {
      return numberAt(pieces, i + 1, sign)
    }
    if (piece.text === '.') {
      return numberAt(pieces, i + 1, '0.')
    }
  }
  const symbol = SYMBOL.test(piece.text) || (piece.text === '#' && touch(before, piece) && before?.kind === 'word')
  return symbol ? { word: piece.text, next: i + 1 } : { next: i + 1 }
}

/** The word or number that begins at a piece; what binds digits to digits belongs to it. */
function numberAt(pieces: readonly Piece[], i: number, begin: string): { word: string; next: number } {
  let word = begin + (pieces[i] as Piece).lower
  let next = i + 1
  while (DIGITS.test((pieces[next - 1] as Piece).text)) {
    const [mark, digits] = [pieces[next], pieces[next + 1]]
    const bound = touch(pieces[next - 1], mark) && touch(mark, digits) && startsWithDigit(digits)
    if (!bound || !'.,:/'.includes(mark?.text ?? ' ')) {
      break
    }
    const thousands = mark?.text === ',' && /^\d{3}$/.test(digits?.text ?? '')
    word += (thousands ? '' : mark?.text) + (digits?.lower ?? '')
    next += 2
  }
  return { word, next }
}

/** Whether a piece is a number, or begins as one. */
export function startsWithDigit(piece: Piece | undefined): boolean {
  return piece?.kind === 'word' && /^\p{N}/u.test(piece.text)
}

/** Whether a run of words stands among others. */
export function holds(words: readonly string[], run: readonly string[]): boolean {
  return placesOf(words, run).length > 0
}

/** Where a run of words begins among others, places that do not overlap (Knuth, Morris and Pratt 1977: linear in both). */
export function placesOf(words: readonly string[], run: readonly string[]): number[] {
  const places: number[] = []
  if (run.length === 0) {
    return places
  }
  const back = new Int32Array(run.length)
  for (let i = 1, matched = 0; i < run.length; i++) {
    while (matched > 0 && run[i] !== run[matched]) {
      matched = back[matched - 1] as number
    }
    matched += run[i] === run[matched] ? 1 : 0
    back[i] = matched
  }
  let matched = 0
  words.forEach((word, i) => {
    while (matched > 0 && word !== run[matched]) {
      matched = back[matched - 1] as number
    }
    matched += word === run[matched] ? 1 : 0
    if (matched === run.length) {
      places.push(i + 1 - run.length)
      matched = 0
    }
  })
  return places
}

/** Tags around what a model thinks before it answers. */
const THOUGHTS: readonly (readonly [string, string])[] = [
  ['<think>', '</think>'],
  ['[THINK]', '[/THINK]'],
  ['<seed:think>', '</seed:think>'],
  ['<|START_THINKING|>', '<|END_THINKING|>'],
  ['◁think▷', '◁/think▷'],
  ['<thought>', '</thought>'],
]

/** What of an answer is read: what follows its thoughts, without marks of its end, in narrow characters. */
export function readable(text: string): string {
  const said = inBox(withoutThoughts(text)).replace(END_MARKS, '').replaceAll(FORMAT_TAG, ' ')
  return narrow(said.replaceAll('\ufe0f', ''))
}

/** Tags of HTML that only change how a text looks. */
const FORMAT_TAG = /<\/?(?:b|strong|i|em|u|p|span|code|br) ?\/?>/g

/** What GLM's models put into a box as their answer, else the text. */
function inBox(text: string): string {
  const [open, close] = ['<|begin_of_box|>', '<|end_of_box|>']
  const start = text.lastIndexOf(open)
  if (start === -1) {
    return text
  }
  const end = text.indexOf(close, start)
  return text.slice(start + open.length, end === -1 ? undefined : end)
}

/** Marks with which templates end an answer, where it was decoded with them. */
const END_MARKS = /(?:<(?:\|[^<>|\s]{1,40}\||\/s|eos|end_of_turn)>){1,8}\s*$/

/** What follows the thoughts of an answer; nothing where they have no end. */
function withoutThoughts(text: string): string {
  for (const [open, close] of THOUGHTS) {
    const end = text.lastIndexOf(close)
    if (end !== -1) {
      return text.slice(end + close.length)
    }
    if (text.trimStart().startsWith(open)) {
      return ''
    }
  }
  return text
}

/** A text with ASCII's marks and letters in place of their wide forms, character by character. */
export function narrow(text: string): string {
  const marks = text.replaceAll(/[\uff01-\uff5e]/g, wide => String.fromCharCode(wide.charCodeAt(0) - 0xfee0))
  return marks
    .replaceAll(/[「『【]/g, '[')
    .replaceAll(/[」』】]/g, ']')
    .replaceAll('。', '.')
}

/** A text without some characters at its ends. */
export function stripped(text: string, before: string, after: string): string {
  let [start, end] = [0, text.length]
  while (start < end && isOneOf(text, start, before)) {
    start++
  }
  while (end > start && isOneOf(text, end - 1, after)) {
    end--
  }
  return text.slice(start, end)
}

function isOneOf(text: string, at: number, some: string): boolean {
  return some.includes(text.charAt(at)) || /\s/.test(text.charAt(at))
}
