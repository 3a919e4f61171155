import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet'
import { ModalityGapError } from '../../errors.ts'
import { unreadable } from '../../unreadable.ts'
import { jsonRecords } from './json-records.ts'
import { pickleIds } from './pickle-ids.ts'
import { idOf } from './sample.ts'

/** Columns that hold ids, in the order in which they are looked for. */
export const ID_COLUMNS = ['id', 'image_id', 'key', 'image_path', 'image'] as const

/**
 * The ids in a file, one for each row, in their order:
 * - parquet: a column, as in the metadata of clip-retrieval;
 * - a published pickle: its `id`;
 * - JSON lines or a JSON array of objects: a key;
 * - anything else: text, one id on each line.
 *
 * @param column the column or key. @defaultValue the first of `usual` that is there
 * @param usual names that are looked for. @defaultValue {@link ID_COLUMNS}
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`; `BAD_SELECTOR` without such a column; `BAD_FORMAT` with
 * file and row
 */
export function idsIn(path: string, column?: string, usual: readonly string[] = ID_COLUMNS): AsyncGenerator<string> {
  const ending = /\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase()
  switch (ending) {
    case 'parquet':
      return parquetIds(path, column, usual)
    case 'pkl':
    case 'pickle':
      return pickleIds(path, column)
    case 'json':
    case 'jsonl':
    case 'ndjson':
      return jsonIds(path, column, usual)
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

async function* lineIds(path: string): AsyncGenerator<string> {
  const input = createReadStream(path)
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      yield line
    }
  } catch (cause) {
    unreadable(path, cause)
  } finally {
    input.destroy()
  }
}

async function* parquetIds(path: string, column: string | undefined, usual: readonly string[]): AsyncGenerator<string> {
  const file = await asyncBufferFromFile(path).catch(cause => unreadable(path, cause))
  const metadata = await parquetMetadataAsync(file).catch(cause => badParquet(path, cause))
  const names = parquetSchema(metadata).children.map(({ element }) => element.name)
  const key = column ?? columnIn(names, usual, path)
  if (!names.includes(key)) {
    throw new ModalityGapError('BAD_SELECTOR', `${path}: there is no column ${key} among ${names.join(', ')}`, {
      file: path,
    })
  }
  let row = 0
  for (const group of metadata.row_groups) {
    const rowEnd = row + Number(group.num_rows)
    const read = parquetReadObjects({ file, metadata, columns: [key], rowStart: row, rowEnd })
    for (const record of await read.catch(cause => badParquet(path, cause))) {
      const value: unknown = record[key]
      yield idOf(typeof value === 'bigint' ? value.toString() : value) ?? badId(path, row, key)
      row++
    }
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
  throw new ModalityGapError('BAD_FORMAT', `${file}: ${key} of row ${row} is neither text nor number`, { file, row })
}

function badParquet(file: string, cause: Error): never {
  throw new ModalityGapError('BAD_FORMAT', `${file}: it is no parquet that can be read: ${cause.message}`, {
    file,
    cause,
  })
}
