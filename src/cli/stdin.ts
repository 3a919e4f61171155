import { addAbortSignal } from 'node:stream'
import { cancelled } from '../abort.ts'
import { isCancelled, ModalityGapError } from '../errors.ts'

const LINE_END = 10
/** Bytes of a line at most: it may hold the rows of a step. */
const MAX_LINE = 2 ** 28

/**
 * All of standard input; a signal ends the wait for it.
 *
 * @throws {@link ModalityGapError} `CANCELLED`, `UNREADABLE`; `BAD_FORMAT` for more than `most` bytes
 */
export async function wholeInput(signal: AbortSignal | undefined, most: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of piecesOf(signal)) {
    bytes += piece.length
    refuseLonger(bytes, most, 'it')
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

/**
 * Lines of standard input; a signal ends them.
 *
 * @throws {@link ModalityGapError} `UNREADABLE`; `BAD_FORMAT` for a line without an end
 */
export async function* inputLines(signal: AbortSignal | undefined): AsyncGenerator<string> {
  let begun: Buffer[] = []
  let bytes = 0
  let row = 0
  try {
    for await (const piece of piecesOf(signal)) {
      let from = 0
      for (let end = piece.indexOf(LINE_END); end !== -1; end = piece.indexOf(LINE_END, from)) {
        yield Buffer.concat([...begun, piece.subarray(from, end)]).toString()
        row += 1
        from = end + 1
        begun = []
        bytes = 0
      }
      begun.push(piece.subarray(from))
      bytes += piece.length - from
      refuseLonger(bytes, MAX_LINE, `line ${row + 1}`, row)
    }
  } catch (error) {
    if (isCancelled(error)) {
      return
    }
    throw error
  }
  if (bytes > 0) {
    yield Buffer.concat(begun).toString()
  }
}

async function* piecesOf(signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  try {
    yield* signal === undefined ? process.stdin : addAbortSignal(signal, process.stdin)
  } catch (cause) {
    if (signal?.aborted) {
      throw cancelled(signal.reason)
    }
    throw cause instanceof ModalityGapError
      ? cause
      : new ModalityGapError('UNREADABLE', (cause as Error).message, { file: 'stdin', cause })
  }
}

function refuseLonger(bytes: number, most: number, what: string, row?: number): void {
  if (bytes > most) {
    const place = row === undefined ? { file: 'stdin' } : { file: 'stdin', row }
    throw new ModalityGapError(
      'BAD_FORMAT',
      `stdin: ${what} has more than ${most} bytes, the most that are read`,
      place,
    )
  }
}
