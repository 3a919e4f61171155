import type { RunOptions } from '../abort.ts'
import type { JoinedSample, SampleList } from './data/training-set.ts'
import type { VisionModel } from './model.ts'
import type { ModelSample } from './model-options.ts'
import type { ModelRows } from './rows.ts'

/** Samples whose losses are computed by one call. */
const AT_A_TIME = 64

/** Held-out samples. */
export interface HeldOut {
  /** The samples. */
  list: SampleList
  /** Rows of their images. */
  rows?: ModelRows
  /** A sample as the model takes it. */
  toSample(sample: JoinedSample): ModelSample
}

/** Loss of held-out samples, in nats per token that counts, with what follows from it; Hugging Face's names. */
export interface HeldOutLoss {
  eval_loss: number
  eval_perplexity: number
  eval_accuracy: number
  eval_samples: number
}

/** The loss over the tokens of all samples of some lists. */
export async function heldOutLoss(
  { model, microBatch }: { model: VisionModel; microBatch?: number },
  lists: readonly HeldOut[],
  { signal, onProgress }: RunOptions = {},
): Promise<HeldOutLoss> {
  const began = performance.now()
  const total = lists.reduce((count, { list }) => count + list.length, 0)
  let [loss, labels, right, done] = [0, 0, 0, 0]
  for (const { list, rows, toSample } of lists) {
    for (let from = 0; from < list.length; from += AT_A_TIME) {
      const places = Array.from({ length: Math.min(AT_A_TIME, list.length - from) }, (_, i) => from + i)
      const samples = await Promise.all(places.map(async place => toSample(await list.at(place))))
      const found = await model.evaluate({ samples, rows, microBatch }, { signal })
      loss += sum(found.losses)
      labels += sum(found.labels)
      right += found.right
      done += samples.length
      onProgress?.({ stage: 'held-out loss', rows: done, total, seconds: (performance.now() - began) / 1000 })
    }
  }
  return {
    eval_loss: loss / labels,
    eval_perplexity: Math.exp(loss / labels),
    eval_accuracy: right / labels,
    eval_samples: total,
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
