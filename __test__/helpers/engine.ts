import type { Engine, PassTask, PendingPass } from '../../src/distributed.ts'
import { ModalityGapError } from '../../src/errors.ts'
import { runTask } from '../../src/task.ts'

/** Runs tasks here, the last first and each twice, as a scheduler may. */
export function here(seen: PendingPass[] = []): Engine {
  return {
    async runTasks(tasks, pass) {
      seen.push(pass)
      for (const task of tasks.toReversed()) await runTask(task)
      return await Promise.all(tasks.map(task => runTask(task)))
    },
  }
}

/** Runs the tasks of passes before the one with this name, and ends the job there; `found` gets its tasks. */
export function until(stage: string, found: PassTask[]): Engine {
  return {
    async runTasks(tasks, pass) {
      if (pass.stage === stage) {
        found.push(...tasks)
        throw new ModalityGapError('TASKS_PENDING', stage)
      }
      return await Promise.all(tasks.map(task => runTask(task)))
    },
  }
}
