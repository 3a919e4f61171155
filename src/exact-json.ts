/** A whole number that may lie beyond 2⁵³, or a number that Python writes and JSON does not know. */
const OTHER = /[1-9]\d{15}|NaN|Infinity/

/** The words of Python for numbers that JSON does not know. */
const WORD = /-?(?:NaN|Infinity)/y

/**
 * Parses JSON without rounding whole numbers beyond 2⁵³: such ones come as the text of their digits, for only ids are
 * that long. NaN and infinities, as Python writes them, are null.
 *
 * @throws SyntaxError as `JSON.parse` does
 */
export function parseExact(text: string): unknown {
  return JSON.parse(OTHER.test(text) ? asJson(text) : text)
}

/** The same JSON with whole numbers that a double does not hold in quotes, and null for numbers that it does not know. */
function asJson(text: string): string {
  const pieces: string[] = []
  let from = 0
  for (let at = 0; at < text.length; ) {
    const letter = text[at] as string
    WORD.lastIndex = at
    if (letter === '"') {
      at = endOfString(text, at)
    } else if (WORD.test(text)) {
      pieces.push(text.slice(from, at), 'null')
      from = WORD.lastIndex
      at = from
    } else if (letter === '-' || isDigit(letter)) {
      const end = endOfNumber(text, at)
      const number = text.slice(at, end)
      if (/^-?[1-9]\d{15,}$/.test(number) && !Number.isSafeInteger(Number(number))) {
        pieces.push(text.slice(from, at), `"${number}"`)
        from = end
      }
      at = end
    } else {
      at++
    }
  }
  return [...pieces, text.slice(from)].join('')
}

function isDigit(letter: string): boolean {
  return letter >= '0' && letter <= '9'
}

/** The place behind a string that begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; ; ) {
    const quote = text.indexOf('"', at)
    if (quote === -1) {
      return text.length
    }
    let escapes = 0
    while (text[quote - 1 - escapes] === '\\') {
      escapes++
    }
    if (escapes % 2 === 0) {
      return quote + 1
    }
    at = quote + 1
  }
}

/** The place behind a number that begins at `start`. */
function endOfNumber(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && (isDigit(text[at] as string) || '+-.eE'.includes(text[at] as string))) {
    at++
  }
  return at
}
