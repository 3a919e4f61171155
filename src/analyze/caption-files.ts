import { isUtf8 } from 'node:buffer'
import { gunzipSync } from 'node:zlib'
import { parse } from 'csv-parse/sync'
import { checkPath } from '../checks.ts'
import { delimiterOf } from '../delimiter.ts'
import { ModalityGapError } from '../errors.ts'
import { parseExact } from '../exact-json.ts'
import { linesOf, withoutMark } from '../plain-text.ts'
import { mostUnpacked, readRegular } from '../regular-file.ts'
import { utf8Of } from '../utf8.ts'

/** Columns and keys that hold a caption, in the order in which they are looked for. */
const KEYS: readonly string[] = ['caption', 'text']
/** Names that the header of a table with captions may have beside these. */
const HEADER =
  /^(captions?|text|title|image|image_id|image_path|file_name|filename|filepath|path|url|id|key|index|split|comment)$/i

/**
 * Reads captions, one for each row of their embeddings:
 * - text in UTF-8, one on each line;
 * - JSON lines, or one JSON array, of strings or of objects with `caption` or `text`;
 * - CSV or TSV with a header that names `caption` or `text`;
 * - parquet, Arrow or a published pickle, their column or key `caption` or `text`;
 * - any text of these in gzip.
 *
 * What a file is, its first bytes tell, and for tables of text its ending.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`; `BAD_FORMAT` with the line as row; `BAD_SELECTOR` for a table without
 * captions; `UNSUPPORTED` for a file of another kind, by its name
 */
export async function readCaptions(path: string): Promise<string[]> {
  checkPath(path, 'readCaptions')
  const bytes = await readRegular(path)
  if (isTable(bytes)) {
    return await columnOf(path)
  }
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    return textCaptions(unpacked(bytes, path), path, path.replace(/\.gz$/i, ''))
  }
  // what is text may begin like anything else; what is none is named as what it is
  const { refuseForeign } = await import('../revision/data/native-ids.ts')
  await refuseForeign(path, { but: isUtf8(bytes) && !bytes.includes(0) ? /^(?!HTML|a pointer)/ : undefined })
  return textCaptions(bytes, path, path)
}

/** Whether a file is parquet, Arrow or a pickle. */
function isTable(bytes: Buffer): boolean {
  const start = bytes.subarray(0, 6).toString('latin1')
  const isStream = bytes.length > 4 && bytes.readUInt32LE(0) === 0xffffffff
  const isPickle = bytes[0] === 0x80 && (bytes[1] ?? 0) >= 2 && (bytes[1] ?? 0) <= 5
  return start.startsWith('PAR1') || start === 'ARROW1' || isStream || isPickle
}

async function columnOf(path: string): Promise<string[]> {
  const { nativeIds } = await import('../revision/data/native-ids.ts')
  const captions: string[] = []
  for await (const caption of nativeIds(path, undefined, KEYS, true)) {
    captions.push(caption)
  }
  return captions
}

function unpacked(bytes: Buffer, file: string): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: mostUnpacked(bytes.length) })
  } catch (cause) {
    const message = `${file}: it cannot be unpacked: ${(cause as Error).message}`
    throw new ModalityGapError('BAD_FORMAT', message, { file, cause })
  }
}

/** Captions of a text; `name` says by its ending what kind of text it is. */
function textCaptions(bytes: Uint8Array, file: string, name: string): string[] {
  const text = withoutMark(utf8Of(bytes, file))
  const ending = /\.(csv|tsv|jsonl?|ndjson)$/i.exec(name)?.[1]?.toLowerCase()
  if (ending === 'csv' || ending === 'tsv') {
    return tableCaptions(text, file)
  }
  const lines = linesOf(text)
  if (ending !== undefined || isJson(text, lines)) {
    return jsonCaptions(text, lines, file)
  }
  refuseHeader(lines[0] ?? '', file)
  return lines
}

/** Whether a text without an ending that says so is a JSON array, or lines of JSON objects. */
function isJson(text: string, lines: readonly string[]): boolean {
  const begins = text.trimStart()[0]
  const first = lines.find(line => line.trim() !== '') ?? ''
  return (begins === '[' && parsed(text) !== undefined) || (begins === '{' && parsed(first) !== undefined)
}

function jsonCaptions(text: string, lines: readonly string[], file: string): string[] {
  const begins = text.trimStart()[0]
  if (begins === '[' || (begins === '{' && lines.length > 1 && parsed(lines[0] as string) === undefined)) {
    const whole = parsed(text)
    if (Array.isArray(whole)) {
      return whole.map((value, row) => captionOf(value, { file, row, what: `element ${row}` }))
    }
    if (typeof whole === 'object') {
      throw new ModalityGapError('UNSUPPORTED', `${file}: is ${oneObject(whole as object)}`, { file })
    }
  }
  return lines.flatMap((line, row) => {
    if (line.trim() === '') {
      return []
    }
    const what = `line ${row + 1}`
    const value = parsed(line)
    if (value === undefined) {
      throw new ModalityGapError('BAD_FORMAT', `${file}: ${what} is not JSON`, { file, row })
    }
    if (lines.length === 1 && typeof value === 'object' && value !== null && 'annotations' in value) {
      throw new ModalityGapError('UNSUPPORTED', `${file}: is ${oneObject(value)}`, { file })
    }
    return [captionOf(value, { file, row, what })]
  })
}

/** JSON that is one object is not a list of captions. */
function oneObject(value: object): string {
  const kind = 'annotations' in value ? "JSON of COCO's annotations" : 'one JSON object'
  return `${kind}; bring its captions into the order of the rows, one on each line or in an array`
}

/** The value of a JSON text; nothing for what is none. */
function parsed(text: string): unknown {
  try {
    return parseExact(text)
  } catch {
    return undefined
  }
}

function captionOf(value: unknown, { file, row, what }: { file: string; row: number; what: string }): string {
  const { caption, text } = Object(value) as Record<string, unknown>
  const found = [value, caption, text].find(each => typeof each === 'string')
  if (found !== undefined) {
    return found as string
  }
  const several = [value, caption, text].some(Array.isArray)
  const why = several ? 'holds several captions; a row has one' : 'holds neither caption nor text'
  throw new ModalityGapError('BAD_FORMAT', `${file}: ${what} ${why}`, { file, row })
}

function tableCaptions(text: string, file: string): string[] {
  let records: string[][]
  try {
    records = parse(text, { delimiter: delimiterOf(text, file), relax_quotes: true, skip_empty_lines: true })
  } catch (cause) {
    throw new ModalityGapError('BAD_FORMAT', `${file}: ${(cause as Error).message}`, { file, cause })
  }
  const [header = [], ...rows] = records
  const key = KEYS.find(name => header.includes(name))
  if (key === undefined) {
    throw withoutCaptions(file, header)
  }
  if (header.indexOf(key) !== header.lastIndexOf(key)) {
    throw new ModalityGapError('BAD_SELECTOR', `${file}: its header has the column ${key} twice; rename one`, { file })
  }
  return rows.map(row => row[header.indexOf(key)] ?? '')
}

/** A text whose first line is the header of a table would give its rows for captions. */
function refuseHeader(line: string, file: string): void {
  const cells = line.split(/[,;\t|]/).map(cell => cell.trim().replace(/^"(.*)"$/, '$1'))
  const isHeader = cells.length > 1 && cells.every(cell => HEADER.test(cell))
  if (isHeader && cells.some(cell => /^(captions?|text|comment)$/i.test(cell))) {
    const message = `${file}: begins with the header of a table, ${line.trim()}; name it .csv or .tsv, or take its captions out`
    throw new ModalityGapError('UNSUPPORTED', message, { file })
  }
}

function withoutCaptions(file: string, names: readonly string[]): ModalityGapError {
  const shown = names.slice(0, 20).join(', ')
  const message = `${file}: none of its columns is ${KEYS.join(' or ')}: ${shown}; rename the one with the captions`
  return new ModalityGapError('BAD_SELECTOR', message, { file })
}
