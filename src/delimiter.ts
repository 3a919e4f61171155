const DELIMITERS = [',', ';', '\t'] as const

/** What separates the cells of a table of text: what its first line has most of, outside of quotes. */
export function delimiterOf(text: string): string {
  const [line = ''] = text.trimStart().split('\n', 1)
  const bare = line.replace(/(^|[,;\t])"(?:[^"]|"")*"/g, '$1')
  const counts = DELIMITERS.map(delimiter => bare.split(delimiter).length - 1)
  return DELIMITERS[counts.indexOf(Math.max(...counts))] as string
}
