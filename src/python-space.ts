/** White space as Python's `str.split` and `str.strip` know it, which is not all of JavaScript's `\s` and some more. */
const SPACES = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000'
const RUN = new RegExp(`[${SPACES}]+`)
const ONE = new RegExp(`[${SPACES}]`)

/** The words of a text, as `str.split()` of Python has them. */
export function pythonSplit(text: string): string[] {
  return text.split(RUN).filter(word => word !== '')
}

/** The text without white space at both ends, as `str.strip()` of Python has it. */
export function pythonStripped(text: string): string {
  let [start, end] = [0, text.length]
  while (start < end && ONE.test(text.charAt(start))) {
    start++
  }
  while (end > start && ONE.test(text.charAt(end - 1))) {
    end--
  }
  return text.slice(start, end)
}
