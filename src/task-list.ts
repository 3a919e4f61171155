import { checkPath, output } from './checks.ts'
import type { Engine } from './distributed.ts'
import { ModalityGapError } from './errors.ts'
import { writeWhole } from './whole-file.ts'

/**
 * For any scheduler: the tasks of the next pass are written to `file`, one JSON text a line, and the job ends with `TASKS_PENDING`. When
 * they have been run (`modality-gap task` or `modality-gap-worker`, with one line each), the job is run again with `resume`; it takes
 * up their results and writes the tasks of the pass after that, until it is done.
 */
export function taskList(file: string): Engine {
  checkPath(file, 'taskList', output)
  return {
    async runTasks(tasks, { stage }) {
      await writeWhole(file, tasks.map(task => `${JSON.stringify(task)}\n`).join(''))
      const message = `${stage}: ${tasks.length} ${tasks.length === 1 ? 'task' : 'tasks'} to run, one a line of ${file}; then run the same job again, with resume`
      throw new ModalityGapError('TASKS_PENDING', message, { file })
    },
  }
}
