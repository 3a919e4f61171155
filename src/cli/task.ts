import type { Command } from 'commander'
import { ModalityGapError } from '../errors.ts'
import { withoutMark } from '../plain-text.ts'
import { readRegular } from '../regular-file.ts'
import type { TaskSpec } from '../task.ts'
import { utf8Of } from '../utf8.ts'
import { showLine } from './output.ts'
import { perform } from './session.ts'
import { wholeInput } from './stdin.ts'

/** Bytes of a specification at most: it names shards and options. */
const MAX_SPEC = 64e6

/** A task says in its specification what other commands say in options. */
const ADVICE = {
  BAD_ROW: 'repair the row, or leave such rows out with "onBadRow": "drop" in the task',
  OVERFLOW: 'choose a wider "dtype" in the task',
}

export function addTask(program: Command): void {
  program
    .command('task')
    .description('run one shard task and print its receipt: what a scheduler calls')
    .argument('<spec>', 'JSON file that describes the task, the JSON itself, or - for stdin')
    .action((path: string) =>
      perform({ advice: ADVICE }, async run => {
        const spec = await readSpec(path, run.signal)
        const { runTask } = await import('../task.ts')
        showLine(await runTask(spec, run))
        return undefined
      }),
    )
}

async function readSpec(path: string, signal: AbortSignal | undefined): Promise<TaskSpec> {
  if (path.trimStart().startsWith('{')) {
    return parsed(path, 'the argument') as TaskSpec
  }
  return parsed(...(await textOf(path, signal))) as TaskSpec
}

/** The values of a file of JSON texts, one a line. */
export async function jsonLines(path: string, signal: AbortSignal | undefined): Promise<unknown[]> {
  const [text, file] = await textOf(path, signal)
  const lines = text.split('\n').filter(line => line.trim() !== '')
  return lines.map(line => parsed(line, file))
}

async function textOf(path: string, signal: AbortSignal | undefined): Promise<[text: string, file: string]> {
  const file = path === '-' ? 'stdin' : path
  const bytes = path === '-' ? await wholeInput(signal, MAX_SPEC) : await readRegular(path, MAX_SPEC).catch(missing)
  return [withoutMark(utf8Of(bytes, file)), file]
}

function parsed(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ModalityGapError('BAD_FORMAT', `not JSON: ${(cause as Error).message}`, { file, cause })
  }
}

function missing(cause: unknown): never {
  if (cause instanceof ModalityGapError && cause.code === 'NOT_FOUND') {
    throw new ModalityGapError('NOT_FOUND', 'no such file', { file: cause.file, cause })
  }
  throw cause
}
