/**
 * Characters that a terminal obeys, or that change the order in which it shows others: controls but tab and line feed, C1 controls,
 * marks of direction, line and paragraph separators, tags.
 */
const OBEYED = /[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\u{e0000}-\u{e007f}]/gu

/** Characters that are passed on. */
const PASSED = new Set(['\t', '\n'])

/**
 * A text as it may reach a terminal: names of files, keys and columns, messages of templates and answers of models may hold escape
 * sequences, which are written out here (`\x1b[2J`) and obeyed by none. What was made so once stays as it is.
 */
export function printable(text: string): string {
  return text.replaceAll(OBEYED, each => (PASSED.has(each) ? each : written(each)))
}

/** The same on one line: line breaks and tabs are written out as well. */
export function printableLine(text: string): string {
  return printable(text).replaceAll('\n', String.raw`\n`).replaceAll('\t', String.raw`\t`)
}

function written(character: string): string {
  const code = character.codePointAt(0) as number
  const hex = code.toString(16)
  return code <= 0xff ? `\\x${hex.padStart(2, '0')}` : code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\u{${hex}}`
}
