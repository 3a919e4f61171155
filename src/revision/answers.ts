import type { RunOptions } from '../abort.ts'
import type { ReVisionConfig } from './config.ts'
import type { AnswerRun } from './generate-options.ts'
import type { ModelBatch, VisionModel } from './model.ts'
import type { Answer, AnswerPiece, SamplingOptions } from './model-options.ts'

/** Prompts that are answered at a time. */
const AT_A_TIME = 16

/** Answers to any number of prompts, in their order; a few at a time, so that memory does not grow with them. */
export async function answersInTurn(
  model: VisionModel,
  { samples, rows }: Pick<ModelBatch, 'samples' | 'rows'>,
  sampling: SamplingOptions,
  { signal, onProgress, onText, onAnswer }: AnswerRun = {},
): Promise<Answer[]> {
  const began = performance.now()
  const answers: Answer[] = []
  for (let from = 0; from < samples.length; from += AT_A_TIME) {
    const hear = onText && (({ answer, text }: AnswerPiece) => onText({ answer: from + answer, text }))
    const batch = { samples: samples.slice(from, from + AT_A_TIME), rows }
    const found = await model.answer(batch, { ...sampling, first: from }, { signal, onText: hear })
    found.forEach((answer, i) => {
      onAnswer?.(answer, from + i)
    })
    answers.push(...found)
    const seconds = (performance.now() - began) / 1000
    onProgress?.({ stage: 'answers', rows: answers.length, total: samples.length, seconds })
  }
  return answers
}

/** The texts of such answers as an evaluation draws them, without white space around them. */
export async function textsOf(
  model: VisionModel,
  batch: Pick<ModelBatch, 'samples' | 'rows'>,
  { seed, evaluation }: ReVisionConfig,
  run: RunOptions,
): Promise<string[]> {
  const answers = await answersInTurn(model, batch, { seed, ...evaluation.generate }, run)
  return answers.map(({ text }) => text.trim())
}
