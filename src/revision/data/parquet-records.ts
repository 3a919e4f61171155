import { followedToken } from '../../abort.ts'
import { unwrap } from '../../errors.ts'
import { native } from '../../native.ts'
import { RECORD_KEYS } from './sample.ts'

/**
 * The rows of a parquet file as JSON texts, of the columns that say something in a record; pictures in it are passed over. Some
 * rows are given at a time.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`, `BAD_FORMAT`; `BAD_SELECTOR` without such a column
 */
export async function* parquetRecords(path: string): AsyncGenerator<string[]> {
  const records = unwrap(await native.NativeRecords.open(path, [...RECORD_KEYS], followedToken()))
  for (;;) {
    const batch = unwrap(await records.next(followedToken()))
    if (batch.length === 0) {
      return
    }
    yield batch
  }
}
