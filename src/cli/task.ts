import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { ModalityGapError } from '../errors.ts'
import { withoutMark } from '../plain-text.ts'
import type { TaskSpec } from '../task.ts'
import { perform } from './session.ts'

const STDIN = 0

export function addTask(program: Command): void {
  program
    .command('task')
    .description('run one shard task and print its receipt: what a scheduler calls')
    .argument('<spec>', 'JSON file that describes the task, - for stdin')
    .action((path: string) =>
      perform({ json: true }, async run => {
        const spec = readSpec(path)
        const { runTask } = await import('../task.ts')
        return { report: await runTask(spec, run), text: '' }
      }),
    )
}

function readSpec(path: string): TaskSpec {
  const file = path === '-' ? 'stdin' : path
  let text: string
  try {
    text = readFileSync(path === '-' ? STDIN : path, 'utf8')
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    throw code === 'ENOENT'
      ? new ModalityGapError('NOT_FOUND', 'no such file', { file, cause })
      : new ModalityGapError('UNREADABLE', message, { file, cause })
  }
  try {
    return JSON.parse(withoutMark(text))
  } catch (cause) {
    throw new ModalityGapError('BAD_FORMAT', `not JSON: ${(cause as Error).message}`, { file, cause })
  }
}
