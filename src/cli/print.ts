import type { NotCarried } from '../results.ts'
import { printableLine } from './printable.ts'

/** A table of text: the first column starts at the left, the others end at the right. */
export function table(cells: readonly (readonly string[])[]): string {
  const rows = cells.map(row => row.map(printableLine))
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length)
    })
  }
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ')
  return rows.map(row => `  ${line(row)}`.trimEnd()).join('\n')
}

/** A count with thousands separated. */
export function count(value: number): string {
  // Intl would take longer to start than many a command
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** A number to four figures; small ones in powers of ten; a dash for what was not computed. */
export function figure(value: number | null | undefined): string {
  if (value === undefined || value === null) {
    return '–'
  }
  const size = Math.abs(value)
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(3) : value.toPrecision(4)
}

/** A share of one, in percent. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`
}

/** A duration given in seconds. */
export function duration(seconds: number | undefined): string {
  if (seconds === undefined) {
    return '–'
  }
  return seconds < 1 ? `${Math.ceil(seconds * 1000)} ms` : `${seconds.toFixed(2)} s`
}

/** A duration for people who wait: `1 h 05 min`, `3 min 20 s`, `12 s`. */
export function clock(seconds: number): string {
  const whole = Math.round(seconds)
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60]
  const two = (value: number) => String(value).padStart(2, '0')
  if (hours > 0) {
    return `${hours} h ${two(minutes)} min`
  }
  return minutes > 0 ? `${minutes} min ${two(whole % 60)} s` : `${whole} s`
}

/** The row of a table that tells the memory, where it is known. */
export function memory(bytes: number | undefined): string[][] {
  return bytes === undefined ? [] : [['peak memory', `${Math.round(bytes / 1e6)} MB`]]
}

/** Bad rows that were left out, a line for each side that lost any. */
export function leftOut(dropped: object): string {
  const lost = Object.entries(dropped).filter((entry): entry is [string, number] => entry[1] > 0)
  return lost.map(([name, bad]) => `\nleft out: ${count(bad)} bad ${name} rows`).join('')
}

/** What stands beside the rows and was written nowhere. */
export function notCarried(losses: readonly NotCarried[] = []): string {
  const line = ({ names, file, files }: NotCarried) => {
    const more = files > 1 ? ` and ${count(files - 1)} more files` : ''
    return `\nnot carried along: ${names.join(', ')}${file === undefined ? '' : ` of ${file}`}${more}`
  }
  return losses.map(line).join('')
}

/** The files written, shortened to the first few. */
export function written(paths: readonly string[]): string {
  const shown = paths.slice(0, 4).map(path => `\n  ${path}`)
  const more = paths.length > 4 ? `\n  and ${count(paths.length - 4)} more` : ''
  return paths.length === 0 ? '' : `\nwritten:${shown.join('')}${more}`
}
