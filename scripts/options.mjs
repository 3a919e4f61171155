// The options of a script; where they are wrong, a sentence and exit code 2 instead of a stack trace.
import { parseArgs } from 'node:util'

/** `parseArgs` of node:util. */
export function scriptOptions(config) {
  try {
    return parseArgs(config)
  } catch (error) {
    return wrongUsage(error.message)
  }
}

/** Ends the script because it was called wrongly. */
export function wrongUsage(message) {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}
