import { withoutSecrets } from '../secrets.ts'
import { printable } from './printable.ts'

let guarded = false

/** Makes standard output ready when it is first needed: that takes as long as reading the arguments does. */
export function readyOutput(): NodeJS.WriteStream {
  if (!guarded) {
    guarded = true
    process.stdout.on('error', unwritten)
  }
  return process.stdout
}

/** Writes a text for people to standard output. */
export function show(text: string): void {
  put(printable(withoutSecrets(text)))
}

/** Writes a JSON document to standard output, character by character as it is but for secrets in addresses. */
export function showJson(report: unknown): void {
  put(`${withoutSecrets(JSON.stringify(report, null, 2))}\n`)
}

/** Writes a JSON document to standard output in one line, for programs that read lines. */
export function showLine(report: unknown): void {
  put(`${JSON.stringify(report)}\n`)
}

/** Writes a line for people to standard error. */
export function tell(line: string): void {
  process.stderr.write(`${printable(line)}\n`)
}

/** Files take what is written at once, and tell at once that they cannot. */
function put(text: string): void {
  try {
    readyOutput().write(text)
  } catch (error) {
    unwritten(error as NodeJS.ErrnoException)
  }
}

/** Ends the process with a word when standard output does not take what was found: its disk is full, or its reader has gone. */
function unwritten(error: NodeJS.ErrnoException): never {
  const why = error.code === 'EPIPE' ? 'its reader closed it before all was written' : error.message
  tell(`modality-gap: standard output could not be written: ${why}`)
  process.exit(1)
}
