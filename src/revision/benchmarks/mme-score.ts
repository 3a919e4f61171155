import { togetherScore } from './together.ts'

/** Scores of MME (arXiv 2306.13394), each category with accuracy and accuracy+ in percent, 200 at most. */
export interface MmeScore {
  /** Sum over the ten categories of perception, 2,000 at most. */
  perception: number
  /** Sum over the four categories of cognition, 800 at most. */
  cognition: number
  /** Share of all images whose questions were all answered right. */
  accuracyPlus: number
}

const PERCEPTION = [
  'existence',
  'count',
  'position',
  'color',
  'posters',
  'celebrity',
  'scene',
  'landmark',
  'artwork',
  'OCR',
]
const COGNITION = ['commonsense_reasoning', 'numerical_calculation', 'text_translation', 'code_reasoning']

interface MmeAnswer {
  category?: string
  together?: string | undefined
  right: boolean
}

/** Scores as MME sums them; categories that it does not have count in accuracy+ only, those without questions nothing. */
export function mmeScore(answers: readonly MmeAnswer[]): MmeScore {
  const sum = (categories: readonly string[]) =>
    categories
      .map(name => answers.filter(({ category }) => category === name))
      .filter(own => own.length > 0)
      .map(own => 100 * (share(own.map(({ right }) => right)) + accuracyPlus(own)))
      .reduce((total, each) => total + each, 0)
  return { perception: sum(PERCEPTION), cognition: sum(COGNITION), accuracyPlus: accuracyPlus(answers) }
}

function accuracyPlus(answers: readonly MmeAnswer[]): number {
  return togetherScore(answers)?.accuracy ?? 0
}

function share(right: readonly boolean[]): number {
  return right.filter(Boolean).length / right.length
}
