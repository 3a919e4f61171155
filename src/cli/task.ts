import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { ModalityGapError } from '../errors.ts'
import { withoutMark } from '../plain-text.ts'
import type { TaskSpec } from '../task.ts'
import { utf8Of } from '../utf8.ts'
import { perform } from './session.ts'

const STDIN = 0

/** A task says in its specification what other commands say in options. */
const ADVICE = {
  BAD_ROW: 'repair the row, or leave such rows out with "onBadRow": "drop" in the task',
  OVERFLOW: 'choose a wider "dtype" in the task',
}

export function addTask(program: Command): void {
  program
    .command('task')
    .description('run one shard task and print its receipt: what a scheduler calls')
    .argument('<spec>', 'JSON file that describes the task, - for stdin')
    .action((path: string) =>
      perform({ json: true, advice: ADVICE }, async run => {
        const spec = readSpec(path)
        const { runTask } = await import('../task.ts')
        return { report: await runTask(spec, run), text: '' }
      }),
    )
}

function readSpec(path: string): TaskSpec {
  const file = path === '-' ? 'stdin' : path
  let bytes: Buffer
  try {
    bytes = readFileSync(path === '-' ? STDIN : path)
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    throw code === 'ENOENT'
      ? new ModalityGapError('NOT_FOUND', 'no such file', { file, cause })
      : new ModalityGapError('UNREADABLE', message, { file, cause })
  }
  try {
    return JSON.parse(withoutMark(utf8Of(bytes, file)))
  } catch (cause) {
    if (cause instanceof ModalityGapError) {
      throw cause
    }
    throw new ModalityGapError('BAD_FORMAT', `not JSON: ${(cause as Error).message}`, { file, cause })
  }
}
