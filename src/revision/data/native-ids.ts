import { followedToken } from '../../abort.ts'
import { ModalityGapError, unwrap } from '../../errors.ts'
import { native } from '../../native.ts'

/**
 * The ids in a column of parquet or Arrow, or under a key of a pickle: texts and whole numbers, exactly as they are.
 *
 * @param usual names of the column where none is given, in the order in which they are looked for
 * @param captions whether the values are captions, which may be longer than ids
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`, `UNSUPPORTED`; `BAD_SELECTOR` without such a column;
 * `BAD_FORMAT` with file and row
 */
export async function* nativeIds(
  path: string,
  column: string | undefined,
  usual: readonly string[],
  captions = false,
): AsyncGenerator<string> {
  const ids = unwrap(await native.NativeIds.open(path, column, [...usual], captions, followedToken()))
  for (;;) {
    const batch = unwrap(await ids.next(followedToken()))
    if (batch.length === 0) {
      return
    }
    yield* batch
  }
}

/**
 * Throws `UNSUPPORTED` for a file whose first bytes say that it is something else than what was expected, as compressed
 * data, a table or a database are.
 *
 * @param but kinds that are fine, by how they are named
 * @param advice what to do, where the advice for files of rows does not fit
 */
export async function refuseForeign(
  path: string,
  { but, advice }: { but?: RegExp; advice?: string } = {},
): Promise<void> {
  const kind = unwrap(await native.kindOfFile(path, followedToken()))
  if (kind !== null && !but?.test(kind.what)) {
    const said = [kind.what, advice ?? kind.advice].filter(Boolean).join('; ')
    throw new ModalityGapError('UNSUPPORTED', `${path}: is ${said}`, { file: path })
  }
}
