import { printable } from './printable.ts'

let guarded = false

/** Makes standard output ready when it is first needed: that takes as long as reading the arguments does. */
export function readyOutput(): NodeJS.WriteStream {
  if (!guarded) {
    guarded = true
    // a reader that has seen enough, such as head, is no failure
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      process.exit(error.code === 'EPIPE' ? 0 : 1)
    })
  }
  return process.stdout
}

/** Writes a text for people to standard output. */
export function show(text: string): void {
  readyOutput().write(printable(text))
}

/** Writes a JSON document to standard output, character by character as it is. */
export function showJson(report: unknown): void {
  readyOutput().write(`${JSON.stringify(report, null, 2)}\n`)
}

/** Writes a line for people to standard error. */
export function tell(line: string): void {
  process.stderr.write(`${printable(line)}\n`)
}
