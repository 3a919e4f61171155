import type { CompareArmsOptions } from '../revision/compare.ts'
import type { LogRecord } from '../revision/logs.ts'
import type { ReVisionRunOptions } from '../revision/run.ts'
import type { TrainerCallbacks, TrainingProgress } from '../revision/trainer-options.ts'
import { tell } from './output.ts'
import { clock, figure } from './print.ts'
import type { Bar } from './progress.ts'

/**
 * Listeners that show a training: on a terminal in the bar, elsewhere as one line for each line of the log.
 *
 * @param prefix what stands before the stage
 */
export function shownTraining(bar: Bar, prefix = () => ''): NonNullable<ReVisionRunOptions['callbacks']> {
  return { stage1: shown(bar, () => `${prefix()}stage 1`), stage2: shown(bar, () => `${prefix()}stage 2`) }
}

/** Listeners that show a comparison: which run it is at, and that run. */
export function shownRuns(bar: Bar): Pick<CompareArmsOptions, 'callbacks' | 'onRun'> {
  let current = ''
  return {
    callbacks: shownTraining(bar, () => current),
    onRun({ arm, seed, index, count, cached }) {
      const run = `${index + 1}/${count} ${arm}, seed ${seed}`
      current = `${run}, `
      if (!bar.visible) {
        tell(`${run}${cached ? ': its result is there already' : ''}`)
      }
    },
  }
}

function shown(bar: Bar, name: () => string): TrainerCallbacks {
  let last: TrainingProgress | undefined
  let evaluated = ''
  return {
    onStepEnd({ loss }, progress) {
      last = progress
      const { step: done, steps: total, seconds } = progress
      bar.show({ stage: name(), done, total, unit: 'updates', seconds, detail: `loss ${figure(loss)}${evaluated}` })
    },
    onLog(record) {
      const losses = lossesOf(record)
      if (!bar.visible && losses !== undefined) {
        tell(`${name()}: ${record.step}/${last?.steps ?? record.step}, ${losses}${left(last)}`)
      }
    },
    onEvaluate({ eval_loss }) {
      evaluated = typeof eval_loss === 'number' ? `, held out ${figure(eval_loss)}` : ''
    },
  }
}

function lossesOf({ loss, eval_loss }: LogRecord): string | undefined {
  if (typeof eval_loss === 'number') {
    return `held-out loss ${figure(eval_loss)}`
  }
  return typeof loss === 'number' ? `loss ${figure(loss)}` : undefined
}

function left(progress: TrainingProgress | undefined): string {
  return progress && progress.step < progress.steps ? `, ${clock(progress.secondsLeft)} left` : ''
}
