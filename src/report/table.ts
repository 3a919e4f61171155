/** A cell of a table. */
export type Cell = string | number | null

/** Numbers of a chart, as people read them and as files hold them. */
export interface Table {
  /** Names of the columns. */
  head: readonly string[]
  /** Rows of as many cells. */
  rows: readonly (readonly Cell[])[]
}

/** Comma-separated values (RFC 4180). Text that a spreadsheet would run as a formula starts with an apostrophe. */
export function csv({ head, rows }: Table): string {
  return [head, ...rows].map(row => `${row.map(csvCell).join(',')}\r\n`).join('')
}

function csvCell(cell: Cell): string {
  if (typeof cell !== 'string') {
    return cell === null ? '' : String(cell)
  }
  const text = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** Every number, text and truth value of some JSON under its path, such as `gap.interval[0]`. */
export function flat(data: unknown): Table {
  const rows: Cell[][] = []
  const walk = (value: unknown, path: string) => {
    if (Array.isArray(value)) {
      value.forEach((item, i) => {
        walk(item, `${path}[${i}]`)
      })
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, item] of Object.entries(value)) {
        walk(item, path === '' ? key : `${path}.${key}`)
      }
    } else if (value !== undefined) {
      rows.push([path, typeof value === 'number' || value === null ? value : String(value)])
    }
  }
  walk(data, '')
  return { head: ['name', 'value'], rows }
}
