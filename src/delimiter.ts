const DELIMITERS = [',', ';', '\t'] as const

/** What separates the cells of a table of text: what its first line has most of, outside of quotes; without any, what its name says. */
export function delimiterOf(text: string, name: string): string {
  const [line = ''] = text.trimStart().split('\n', 1)
  const bare = line.replace(/(^|[,;\t])"(?:[^"]|"")*"/g, '$1')
  const counts = DELIMITERS.map(delimiter => bare.split(delimiter).length - 1)
  const most = Math.max(...counts)
  if (most === 0) {
    return /\.tsv\b/i.test(name) ? '\t' : ','
  }
  return DELIMITERS[counts.indexOf(most)] as string
}
