import type { YesNoRule } from '../../text-metrics/yes-no.ts'
import { type BenchmarkRecord, benchmarkNamed } from './record.ts'
import { togetherScore } from './together.ts'

/** Scores of MME (arXiv 2306.13394), each category with accuracy and accuracy+ in percent, 200 at most. */
export interface MmeScore {
  /** Sum over the ten categories of perception, 2,000 at most. */
  perception: number
  /** Sum over the four categories of cognition, 800 at most. */
  cognition: number
  /** Share of all images whose questions were all answered right. */
  accuracyPlus: number
  /** How answers were read; sums of different readings are not to be compared. */
  rule: YesNoRule
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

/** Whether a benchmark's name is that of MME. */
export function isMme(benchmark: string): boolean {
  return benchmarkNamed(benchmark)?.name === 'MME'
}

const IMAGE_NAME = /\.(?:jpe?g|png|webp|bmp)$/i
const KNOWN: ReadonlySet<string> = new Set([...PERCEPTION, ...COGNITION].map(name => name.toLowerCase()))

/**
 * Questions of MME with the image that they count together by, whatever layout they come from, and with the category that
 * stands before the image's name where they have none, or one that MME lacks, as the `default` of LLaVA's file.
 */
export function byImage<R extends Pick<BenchmarkRecord, 'id' | 'image' | 'category' | 'together'>>(
  records: readonly R[],
): R[] {
  return records.map(given => {
    const { id, together } = given
    // questions are published under the names of their images, `artwork/10256.jpg`
    const image = given.image ?? (together === undefined && IMAGE_NAME.test(id) ? id : undefined)
    const record = image === undefined ? given : { ...given, image }
    const category = categoryOf(record)
    const own = together ?? (image === undefined ? undefined : [category, image].filter(Boolean).join('\t'))
    return {
      ...record,
      ...(category === undefined ? {} : { category }),
      ...(own === undefined ? {} : { together: own }),
    }
  })
}

function categoryOf({ image, category }: Pick<BenchmarkRecord, 'image' | 'category'>): string | undefined {
  const folder = folderOf(image)
  const known = (name: string | undefined) => KNOWN.has(name?.toLowerCase() ?? '')
  return category === undefined || (!known(category) && known(folder)) ? folder : category
}

function folderOf(image: string | undefined): string | undefined {
  const parts = image?.split('/').filter(part => part !== 'images' && part !== '') ?? []
  return parts.at(-2)
}

/**
 * Scores as MME sums them; categories that it does not have count in accuracy+ only, those without questions nothing. Names of
 * categories are taken whatever their case.
 */
export function mmeScore(answers: readonly MmeAnswer[], rule: YesNoRule): MmeScore {
  const sum = (categories: readonly string[]) =>
    categories
      .map(name => answers.filter(({ category }) => category?.toLowerCase() === name.toLowerCase()))
      .filter(own => own.length > 0)
      .map(own => 100 * (share(own.map(({ right }) => right)) + accuracyPlus(own)))
      .reduce((total, each) => total + each, 0)
  return { perception: sum(PERCEPTION), cognition: sum(COGNITION), accuracyPlus: accuracyPlus(answers), rule }
}

function accuracyPlus(answers: readonly MmeAnswer[]): number {
  return togetherScore(answers)?.accuracy ?? 0
}

function share(right: readonly boolean[]): number {
  return right.filter(Boolean).length / right.length
}
