import type { RunOptions } from '../abort.ts'
import type { Answer, AnswerPiece, SamplingOptions } from './model-options.ts'

/** How answers are watched and stopped. */
export interface AnswerRun extends RunOptions {
  /** Hears pieces of answers as they are certain; what it throws stops the call, which then rejects with it. */
  onText?: (piece: AnswerPiece) => void
  /** Hears whole answers with their numbers, a few at a time; what it throws stops the call, which then rejects with it. */
  onAnswer?: (answer: Answer, number: number) => void
}

/** How answers are drawn, watched and stopped. */
export interface GenerateOptions extends SamplingOptions, Omit<AnswerRun, 'onProgress'> {
  /** Called after every few answers; what it throws stops the call, which then rejects with it. */
  onProgress?: AnswerRun['onProgress']
}
