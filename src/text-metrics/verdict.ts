import { letterAt, skipSoft } from './letter.ts'
import type { Piece } from './pieces.ts'

const set = (words: string) => new Set(words.split(' '))

/** Words between a letter and what it is called. */
const MODALS = set(
  'is are were was seems appears looks must would should to be being the most more very clearly definitely likely also',
)
const RIGHT = set('correct right true answer best accurate appropriate suitable valid plausible logical reasonable')
/** Verbs with which a letter is called the best one: `C best describes the image`, `C fits best`. */
const FITTING = set(
  'describes matches fits represents explains answers captures reflects illustrates summarizes suits works',
)
const WRONG = set('incorrect wrong false inaccurate unlikely not isn wasn cannot neither')

/** Whether a text is nothing but a word for right or wrong. */
export function isVerdict(text: string): boolean {
  return RIGHT.has(text) || WRONG.has(text)
}

/** Whether a letter is called right, or wrong, by what follows; nothing where neither is said. */
export function verdictAfter(pieces: readonly Piece[], at: number): boolean | undefined {
  let next = skipSoft(pieces, at + 1)
  if (praised(pieces, next)) {
    return true
  }
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
    // `D is more likely`
    if (
      lower === 'likely' &&
      ['more', 'most'].includes(pieces[next - 1]?.lower ?? '') &&
      endsSaying(pieces[next + 1])
    ) {
      return true
    }
    if (!MODALS.has(lower)) {
      return undefined
    }
  }
  return undefined
}

/** Whether a sentence ends with a piece, or continues with a comparison or a reason. */
function endsSaying(piece: Piece | undefined): boolean {
  return piece?.kind !== 'word' || ['than', 'because', 'as', 'since', 'here'].includes(piece.lower)
}

/** Whether the words from `at` on call what stands before them the best one. */
function praised(pieces: readonly Piece[], at: number): boolean {
  const [first = '', second = '', third = '', fourth = ''] = [0, 1, 2, 3].map(i => pieces[at + i]?.lower ?? '')
  const sense = first === 'makes' && second === 'the' && third === 'most' && fourth === 'sense'
  const fits = (first === 'best' && FITTING.has(second)) || (FITTING.has(first) && second === 'best')
  return sense || fits
}

/** Marks by which a list of options says which is right. */
const TICKS = '✓✔✅☑'
const CROSSES = '✗✘❌✕❎'

/** Whether a letter begins a line and is followed by a mark, as in a list of options. */
export function opensLine(pieces: readonly Piece[], at: number): boolean {
  let first = at - 1
  while (first >= at - 4 && '-*•('.includes(pieces[first]?.text ?? ' ')) {
    first--
  }
  const begins = pieces[first] === undefined || pieces[first]?.kind === 'line'
  return (
    begins && letterAt(pieces, at) !== undefined && ').:-–—'.includes(pieces[skipBold(pieces, at + 1)]?.text ?? ' ')
  )
}

/** What a line that begins with a letter says of it and nothing else: `B. Correct`, `- A: wrong`, `C) ✗`. */
export function listedVerdict(pieces: readonly Piece[], at: number): boolean | undefined {
  if (!opensLine(pieces, at)) {
    return undefined
  }
  const word = skipBold(pieces, skipBold(pieces, at + 1) + 1)
  const { lower = ' ', text = ' ' } = pieces[word] ?? {}
  let last = word + 1
  while (last < word + 4 && '*_.!'.includes(pieces[last]?.text ?? ' ')) {
    last++
  }
  if (pieces[last] !== undefined && pieces[last]?.kind !== 'line') {
    return undefined
  }
  const right = TICKS.includes(text) || (RIGHT.has(lower) && lower !== 'answer')
  return right ? true : CROSSES.includes(text) || WRONG.has(lower) ? false : undefined
}

function skipBold(pieces: readonly Piece[], from: number): number {
  let at = from
  while (at < from + 4 && '*_`'.includes(pieces[at]?.text ?? ' ')) {
    at++
  }
  return at
}
