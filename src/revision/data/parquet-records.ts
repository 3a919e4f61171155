import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet'
import { ModalityGapError } from '../../errors.ts'
import { unreadable } from '../../unreadable.ts'
import { RECORD_KEYS } from './sample.ts'

/**
 * The rows of a parquet file as records, of the columns that say something in one; pictures in it are passed over. A group of rows is
 * held at a time.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`; `BAD_FORMAT`
 */
export async function* parquetRecords(path: string): AsyncGenerator<object> {
  const file = await asyncBufferFromFile(path).catch(cause => unreadable(path, cause))
  const metadata = await parquetMetadataAsync(file).catch(cause => damaged(path, cause))
  const names = parquetSchema(metadata).children.map(({ element }) => element.name)
  const columns = names.filter(name => RECORD_KEYS.has(name))
  if (columns.length === 0) {
    const message = `${path}: none of its columns ${names.join(', ')} is one of a record: ${[...RECORD_KEYS].join(', ')}`
    throw new ModalityGapError('BAD_FORMAT', message, { file: path })
  }
  let rowStart = 0
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows)
    const rows = await parquetReadObjects({ file, metadata, columns, rowStart, rowEnd }).catch(cause =>
      damaged(path, cause),
    )
    for (const row of rows) {
      yield plain(row) as object
    }
    rowStart = rowEnd
  }
}

/** A value as JSON has it: integers beyond its own as texts, no bytes. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') {
    return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString()
  }
  if (Array.isArray(value)) {
    return value.map(plain)
  }
  if (typeof value !== 'object' || value === null || value instanceof Date) {
    return value
  }
  return ArrayBuffer.isView(value)
    ? undefined
    : Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]))
}

function damaged(file: string, cause: Error): never {
  throw new ModalityGapError('BAD_FORMAT', `${file}: it is no parquet that can be read: ${cause.message}`, {
    file,
    cause,
  })
}
