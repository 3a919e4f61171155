/** A whole number that may lie beyond 2⁵³. */
const LONG = /[1-9]\d{15}/

/**
 * Parses JSON without rounding whole numbers beyond 2⁵³: such ones come as the text of their digits, for only ids are
 * that long.
 *
 * @throws SyntaxError as `JSON.parse` does
 */
export function parseExact(text: string): unknown {
  return JSON.parse(LONG.test(text) ? withTexts(text) : text)
}

/** The same JSON with whole numbers that a double does not hold in quotes. */
function withTexts(text: string): string {
  const pieces: string[] = []
  let from = 0
  for (let at = 0; at < text.length; ) {
    const letter = text[at] as string
    if (letter === '"') {
      at = endOfString(text, at)
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
