/** A text without the byte order mark that some editors put before it. */
export function withoutMark(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text
}

/** The lines of a text, whatever ends them; blank ones at its end are none. */
export function linesOf(text: string): string[] {
  const lines = withoutMark(text).split(/\r?\n/)
  return lines.slice(0, lines.findLastIndex(line => line.trim() !== '') + 1)
}
