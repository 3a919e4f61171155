import type { RunOptions } from '../abort.ts'
import { isCancelled, ModalityGapError } from '../errors.ts'
import type { Progress } from '../results.ts'
import { type Advice, describe } from './describe.ts'
import { readyOutput, show, showJson, tell } from './output.ts'
import { type Bar, progressBar } from './progress.ts'

/** Exit codes, a contract for scripts. */
export const FAILURE = 1
export const USAGE = 2
/** Tasks have been listed for somebody else to run. */
export const PENDING = 3
export const INTERRUPTED = 130

/** What a command found: a JSON document, and the same for people. */
export interface Result {
  report: unknown
  text: string
}

export interface SessionOptions {
  /** Print the report instead of the text. */
  json?: boolean
  /** The command that continues where this one was interrupted; absent when there is nothing to keep. */
  resumeWith?: string
  /** Advice in place of the usual one, whose options the command lacks. */
  advice?: Advice
  /** What an interruption leaves. @defaultValue `'finished shards are kept'` */
  kept?: string
}

/** Runs a command: bar on a terminal, result on stdout unless the command has printed by itself, errors as one line on stderr, Ctrl-C stops it in good order. */
export async function perform(
  options: SessionOptions,
  work: (run: RunOptions, bar: Bar) => Promise<Result | undefined>,
): Promise<void> {
  const controller = new AbortController()
  const interrupt = () => {
    if (controller.signal.aborted) {
      process.exit(INTERRUPTED)
    }
    controller.abort()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, interrupt)
  }
  const bar = await progressBar()
  const onProgress = (progress: Progress) => {
    // made while the native threads are at work
    readyOutput()
    bar.update(progress)
  }
  try {
    const result = await work({ signal: controller.signal, onProgress }, bar)
    bar.stop()
    if (result !== undefined) {
      options.json ? showJson(result.report) : show(`${result.text}\n`)
    }
  } catch (error) {
    bar.stop()
    fail(error, options)
  }
}

function fail(error: unknown, { resumeWith, advice, kept = 'finished shards are kept' }: SessionOptions): void {
  if (isCancelled(error)) {
    const next = resumeWith ? `; ${kept}, continue with: ${resumeWith}` : '; nothing was left behind'
    tell(`modality-gap: interrupted${next}`)
    process.exitCode = INTERRUPTED
    return
  }
  tell(`modality-gap: ${describe(error, advice)}`)
  if (error instanceof ModalityGapError && error.code === 'TASKS_PENDING') {
    process.exitCode = PENDING
    return
  }
  process.exitCode = error instanceof ModalityGapError && error.code === 'BAD_OPTION' ? USAGE : FAILURE
}

/** The command line as it was typed, with `--resume`, and without what would begin anew. */
export function resumeCommand(argv: readonly string[] = process.argv.slice(2)): string {
  const words = argv.filter(word => word !== '--overwrite')
  return commandLine(words.includes('--resume') ? words : [...words, '--resume'])
}

/** A command line as it was typed. */
export function commandLine(words: readonly string[] = process.argv.slice(2)): string {
  return ['modality-gap', ...words.map(quoted)].join(' ')
}

function quoted(word: string): string {
  return /^[\w@%+=:,./#-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
