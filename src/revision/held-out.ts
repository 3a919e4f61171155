import type { SampleList } from './data/training-set.ts'
import type { VisionModel } from './model.ts'
import type { ModelSample } from './model-options.ts'
import type { ModelRows } from './rows.ts'

/** Samples whose losses are computed by one call. */
const AT_A_TIME = 64

/** What held-out losses are of. */
export interface HeldOut {
  /** The model. */
  model: VisionModel
  /** Rows of the samples' images. */
  rows?: ModelRows
  /** Samples held at a time. */
  microBatch?: number
  /** The samples. */
  list: SampleList
  /** A sample as the model takes it. */
  toSample(sample: Awaited<ReturnType<SampleList['at']>>): ModelSample
}

/** Loss of held-out samples, in nats per token that counts, with what follows from it. */
export async function heldOutLoss(
  { model, rows, microBatch, list, toSample }: HeldOut,
  signal?: AbortSignal,
): Promise<{ eval_loss: number; eval_perplexity: number; eval_accuracy: number; eval_samples: number }> {
  let [loss, labels, right] = [0, 0, 0]
  for (let from = 0; from < list.length; from += AT_A_TIME) {
    const places = Array.from({ length: Math.min(AT_A_TIME, list.length - from) }, (_, i) => from + i)
    const samples = await Promise.all(places.map(async place => toSample(await list.at(place))))
    const found = await model.evaluate({ samples, rows, microBatch }, { signal })
    loss += sum(found.losses)
    labels += sum(found.labels)
    right += found.right
  }
  return {
    eval_loss: loss / labels,
    eval_perplexity: Math.exp(loss / labels),
    eval_accuracy: right / labels,
    eval_samples: list.length,
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
