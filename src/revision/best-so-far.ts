import { join } from 'node:path'
import type { LogRecord } from './logs.ts'
import type { TrainerOptions } from './trainer-options.ts'
import type { TrainerState } from './trainer-state.ts'

/** Follows the metric that the best checkpoint is chosen by, and how long it has not become better. */
export class BestSoFar {
  readonly #options: Pick<TrainerOptions, 'output' | 'bestMetric' | 'greaterIsBetter' | 'earlyStop'>
  readonly #state: TrainerState
  /** Evaluations since the best one. */
  #fruitless: number

  /** @param state where the best value stands; it is kept up to date */
  constructor(state: TrainerState, options: TrainerOptions) {
    this.#options = options
    this.#state = state
    this.#fruitless = fruitlessSoFar(state, options.bestMetric)
  }

  /** Takes an evaluation; answers whether it is better than all before. */
  judge(record: LogRecord): boolean {
    const { output, bestMetric, greaterIsBetter, earlyStop } = this.#options
    const value = record[bestMetric]
    if (typeof value !== 'number') {
      return false
    }
    const before = this.#state.best_metric
    const gain = before === null ? Number.POSITIVE_INFINITY : greaterIsBetter ? value - before : before - value
    if (gain > (earlyStop?.minDelta ?? 0)) {
      this.#state.best_metric = value
      this.#state.best_model_checkpoint = join(output, `checkpoint-${record.step}`)
      this.#fruitless = 0
      return true
    }
    this.#fruitless++
    return false
  }

  /** Whether so many evaluations were no better that the training is to stop. */
  get stalled(): boolean {
    const { earlyStop } = this.#options
    return earlyStop !== undefined && this.#fruitless >= earlyStop.patience
  }
}

/** Evaluations since the best one, from the log. */
function fruitlessSoFar({ log_history, best_metric }: TrainerState, bestMetric: string): number {
  const values = log_history.map(record => record[bestMetric]).filter(value => typeof value === 'number')
  const best = values.indexOf(best_metric as number)
  return best === -1 ? 0 : values.length - 1 - best
}
