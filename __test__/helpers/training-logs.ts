import type { TrainerState } from '../../src/revision/trainer-state.ts'

/** What is written at a step: values, or a tag and a text. */
interface Written {
  step: number
  scalars?: Record<string, number>
  text?: [tag: string, text: string]
}

interface Events {
  /** Milliseconds since 1970, one for each record, file heads and the restart included. */
  times: number[]
  before: Written[]
  resumedFrom: number
  after: Written[]
}

/** A run that writes five events, is interrupted, and continues after step 2. */
export const EVENTS: Events = {
  times: Array.from({ length: 12 }, (_, i) => 1_700_000_000_250 + i * 125),
  before: [
    { step: 0, text: ['samples', '**A fox.** ☃'] },
    { step: 1, scalars: { 'train/loss': 3.25, 'train/learning_rate': 5e-4 } },
    { step: 2, scalars: { 'train/loss': 2.1 } },
    { step: 3, scalars: { 'train/loss': 1.9, 'train/grad_norm': Number.POSITIVE_INFINITY } },
    { step: 300, text: ['samples', ''] },
  ],
  resumedFrom: 2,
  after: [
    { step: 3, scalars: { 'train/loss': 1.8 } },
    { step: 4, scalars: { 'train/loss': 1.7, 'eval/loss': 2 } },
    { step: 3_000_000_000_000, scalars: { 'train/loss': 1e-40 } },
    { step: 3_000_000_000_001, text: ['samples', 'x'.repeat(300)] },
  ],
}

/** A state in the middle of a run. */
export const STATE: TrainerState = {
  epoch: 0.5,
  global_step: 20,
  max_steps: 40,
  num_train_epochs: 1,
  train_batch_size: 16,
  logging_steps: 10,
  eval_steps: 20,
  save_steps: 20,
  log_history: [
    { epoch: 0.25, grad_norm: 1.5, learning_rate: 5e-5, loss: 2.75, step: 10 },
    { epoch: 0.5, grad_norm: 0.75, learning_rate: 2.5e-5, loss: 2.5, step: 20 },
    { epoch: 0.5, eval_loss: 2.625, eval_runtime: 1.5, step: 20 },
  ],
  best_metric: 2.625,
  best_model_checkpoint: 'out/checkpoint-20',
}
