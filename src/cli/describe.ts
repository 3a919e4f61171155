import { type ErrorCode, ModalityGapError } from '../errors.ts'
import { hasScheme } from '../remote.ts'

const ADVICE: Partial<Record<ErrorCode, string>> = {
  NOT_FOUND: 'check the path',
  UNREADABLE: 'check that it is a readable file or folder',
  BAD_FORMAT: 'correct it or write it again',
  UNSUPPORTED: 'store the embeddings as f16, bf16, f32 or f64 in one of the formats that --help lists',
  EMPTY: 'give a file or folder that holds embeddings',
  BAD_SELECTOR: 'name one that exists in SRC',
  WIDTH_MISMATCH: 'use embeddings of one encoder',
  BAD_ROW:
    'repair the row, or leave such rows out with --on-bad-row drop (in a configuration, embeddings.onBadRow: drop)',
  TOO_FEW_ROWS: 'give more embeddings',
  OVERFLOW: 'choose a wider --dtype',
  NOT_PAIRED: 'give as many embeddings on both sides, or leave out --paired',
  NOT_CONVERGED: 'raise --tolerance or --centroid-iterations',
  BAD_ALIGNER: 'give a file that "modality-gap fit" or "align" wrote',
  BAD_STATE: 'give a file that "modality-gap track --state" wrote',
  BAD_RECEIPT: 'run again without --resume',
  WRITE_FAILED: 'check free space and permissions',
  PANIC: 'this is a defect of modality-gap, please report it',
}

/** Codes whose messages may say themselves what to do, behind a semicolon. */
const SAID_BY_THE_MESSAGE: ReadonlySet<ErrorCode> = new Set([
  'EMPTY',
  'BAD_FORMAT',
  'BAD_SELECTOR',
  'UNSUPPORTED',
  'NOT_PAIRED',
])

/** Advice of a command that lacks the options which the usual advice names. */
export type Advice = Partial<Record<ErrorCode, string>>

/** What went wrong, where, and what to do; a line, or a list of what is wrong with a line of advice. */
export function describe(error: unknown, own: Advice = {}): string {
  if (!(error instanceof ModalityGapError)) {
    return `unexpected error: ${error instanceof Error ? error.message : String(error)}`
  }
  const { code, file } = error
  // the message about a configuration names its line as an editor counts it
  const row = code === 'BAD_OPTION' ? undefined : error.row
  const place = [file, row === undefined ? undefined : `row ${row}`].filter(part => part !== undefined).join(', ')
  // for these the message continues with advice to a caller of the API
  const what = code === 'BAD_ROW' || code === 'OVERFLOW' ? withoutPlace(error).split('; ', 1)[0] : withoutPlace(error)
  // a message that says what to do needs no general advice
  const says = SAID_BY_THE_MESSAGE.has(code) || (file !== undefined && hasScheme(file))
  const advice = says && what?.includes('; ') ? undefined : (own[code] ?? adviceOn(code, file))
  // a list names the places itself
  return what?.includes('\n')
    ? `${what}${advice ? `\n${advice}` : ''}`
    : `${what}${place ? ` (${place})` : ''}${advice ? `: ${advice}` : ''}`
}

/** What to do; permissions and free space are not what an object of a store lacks. */
function adviceOn(code: ErrorCode, file: string | undefined): string | undefined {
  const ofFiles = code === 'UNREADABLE' || code === 'WRITE_FAILED'
  return ofFiles && file !== undefined && hasScheme(file) ? undefined : ADVICE[code]
}

/** The message without the file and row that it may begin with. */
function withoutPlace({ message, file, row }: ModalityGapError): string {
  let what = message
  for (const part of [file, row === undefined ? undefined : `row ${row}`]) {
    if (part !== undefined && what.startsWith(`${part}: `)) {
      what = what.slice(part.length + 2)
    }
  }
  return what
}
