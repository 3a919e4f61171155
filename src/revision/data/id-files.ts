import { Readable } from 'node:stream'
import { parse } from 'csv-parse'
import { delimiterOf } from '../../delimiter.ts'
import { ModalityGapError } from '../../errors.ts'
import { openRegular } from '../../regular-file.ts'
import { unreadable } from '../../unreadable.ts'
import { utf8Pieces } from '../../utf8.ts'
import { jsonRecords } from './json-records.ts'
import { nativeIds, refuseForeign } from './native-ids.ts'
import { npyIds } from './npy-ids.ts'
import { idOf } from './turn.ts'

/** Columns that hold ids, in the order in which they are looked for. */
export const ID_COLUMNS = ['id', 'image_id', 'key', 'image_path', 'image'] as const

/** Characters of a line of text at most: what is longer is not an id. */
const MAX_LINE = 2 ** 16

/**
 * The ids in a file, one for each row, in their order:
 * - parquet or Arrow: a column, as in the metadata of clip-retrieval;
 * - a published pickle: its `id`;
 * - a PyTorch file: a list or tensor of ids beside the rows, or the keys of a dictionary of rows; a tar archive: the keys of its samples;
 * - JSON lines or a JSON array of objects: a key;
 * - a table with a header, whose cells are separated by commas, semicolons or tabs: a column;
 * - the same packed, `.gz` or `.zst`;
 * - npy: an array of one dimension, of whole numbers or texts;
 * - anything else: text, one id on each line.
 *
 * Whole numbers of any length are read exactly. A byte order mark and blank lines at the end are not ids.
 *
 * @param column the column or key. @defaultValue the first of `usual` that is there
 * @param usual names that are looked for. @defaultValue {@link ID_COLUMNS}
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`; `BAD_SELECTOR` without such a column; `BAD_FORMAT` with
 * file and row; `UNSUPPORTED` for a file of another kind
 */
export function idsIn(path: string, column?: string, usual: readonly string[] = ID_COLUMNS): AsyncGenerator<string> {
  const ending = /\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase()
  switch (ending) {
    case 'parquet':
    case 'pq':
    case 'arrow':
    case 'arrows':
    case 'ipc':
    case 'feather':
    case 'pkl':
    case 'pickle':
    case 'pt':
    case 'pth':
    case 'tar':
    case 'gz':
    case 'zst':
      return nativeIds(path, column, usual)
    case 'json':
    case 'jsonl':
    case 'ndjson':
      return jsonIds(path, column, usual)
    case 'npy':
      return npyIds(path)
    case 'csv':
    case 'tsv':
      return tableIds(path, column, usual)
    default:
      return lineIds(path)
  }
}

async function* jsonIds(path: string, column: string | undefined, usual: readonly string[]): AsyncGenerator<string> {
  let key = column
  for await (const { value, row } of jsonRecords(path)) {
    key ??= columnIn(Object.keys(value), usual, path)
    yield idOf(value[key]) ?? badId(path, row, key)
  }
}

async function* tableIds(path: string, column: string | undefined, usual: readonly string[]): AsyncGenerator<string> {
  const input = (await openRegular(path)).createReadStream()
  const columns = (header: string[]) => refuseTwice(header, path)
  let key = column
  let row = 0
  try {
    const pieces = utf8Pieces(input, path)
    const { value: first = '' } = await pieces.next()
    const delimiter = delimiterOf(first, path)
    const parser = parse({ bom: true, columns, delimiter, relax_quotes: true, skip_empty_lines: true })
    const text = Readable.from(following(first, pieces)).on('error', cause => parser.destroy(cause))
    for await (const record of text.pipe(parser)) {
      const names = Object.keys(record)
      key ??= columnIn(names, usual, path)
      if (!names.includes(key)) {
        throw new ModalityGapError('BAD_SELECTOR', `${path}: there is no column ${key} among ${names.join(', ')}`, {
          file: path,
        })
      }
      yield record[key]
      row++
    }
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (typeof code === 'string' && code.startsWith('CSV_')) {
      throw new ModalityGapError('BAD_FORMAT', `${path}: row ${row}: ${message}`, { file: path, row, cause })
    }
    throw cause instanceof ModalityGapError ? cause : unreadable(path, cause)
  } finally {
    input.destroy()
  }
}

async function* following(first: string, rest: AsyncIterable<string>): AsyncGenerator<string> {
  yield first
  yield* rest
}

/** The names of columns, none of which stands there twice: which one is meant could not be said. */
export function refuseTwice(header: string[], file: string): string[] {
  const twice = header.find((name, i) => header.indexOf(name) < i)
  if (twice !== undefined) {
    const message = `${file}: its header has the column ${twice} twice; rename one`
    throw new ModalityGapError('BAD_SELECTOR', message, { file })
  }
  return header
}

async function* lineIds(path: string): AsyncGenerator<string> {
  const input = (await openRegular(path)).createReadStream()
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let rest = ''
  let row = 0
  let blank = 0
  function* ids(lines: readonly string[]): Generator<string> {
    for (const line of lines) {
      const id = line.endsWith('\r') ? line.slice(0, -1) : line
      if (id.trim() === '') {
        blank++
        continue
      }
      // a blank line between ids is a row without one
      for (; blank > 0; blank--, row++) {
        yield ''
      }
      yield id
      row++
    }
  }
  try {
    for await (const chunk of input) {
      const lines = (rest + decoder.decode(chunk as Buffer, { stream: true })).split('\n')
      rest = lines.pop() as string
      if (rest.includes('\0') || lines.some(line => line.includes('\0'))) {
        throw new TypeError('a byte of zero')
      }
      if (rest.length > MAX_LINE) {
        throw new ModalityGapError('BAD_FORMAT', `${path}: line ${row + 1} is too long for an id`, { file: path, row })
      }
      yield* ids(lines)
    }
    yield* ids([rest + decoder.decode()])
  } catch (cause) {
    if (cause instanceof TypeError) {
      await refuseForeign(path)
      throw new ModalityGapError('BAD_FORMAT', `${path}: row ${row}: it is not text in UTF-8`, {
        file: path,
        row,
        cause,
      })
    }
    throw cause instanceof ModalityGapError ? cause : unreadable(path, cause)
  } finally {
    input.destroy()
  }
}

function columnIn(names: readonly string[], usual: readonly string[], file: string): string {
  const found = usual.find(name => names.includes(name))
  if (found === undefined) {
    const message = `${file}: none of ${usual.join(', ')} is among ${names.join(', ')}; name the column of ids`
    throw new ModalityGapError('BAD_SELECTOR', message, { file })
  }
  return found
}

function badId(file: string, row: number, key: string): never {
  throw new ModalityGapError('BAD_FORMAT', `${file}: ${key} of row ${row} is neither text nor whole number`, {
    file,
    row,
  })
}
