/** What a benchmark is about. */
export type BenchmarkGroup = 'general' | 'reasoning' | 'hallucination'

/** How an answer is judged: by its option's letter, as yes or no, or against references. */
export type BenchmarkKind = 'choice' | 'yes-no' | 'open'

/** A question of any benchmark. */
export interface BenchmarkRecord {
  /** Its name within the benchmark. */
  id: string
  /** Id of the image's embedding; absent for a question without image. */
  image?: string
  /** The question, without options and without the place of the image; empty for captions. */
  question: string
  /** Texts of the options in the order of their letters. */
  options?: string[]
  /** The right letter, `yes` or `no`, or references; empty where the file does not tell. */
  answers: string[]
  /** How an answer is judged. */
  kind: BenchmarkKind
  /** Name of the benchmark. */
  benchmark: string
  /** What the benchmark is about; absent for one that {@link BENCHMARKS} does not list. */
  group?: BenchmarkGroup
  /** The question's category in the benchmark. */
  category?: string
  /** Name of the questions that it counts together with: they are right when all of them are. */
  together?: string
}

/** A benchmark of the paper's table. */
export interface PublishedBenchmark {
  /** Its name. */
  name: string
  /** What it is about. */
  group: BenchmarkGroup
  /** The part of it that the paper reports. */
  part: string
}

/** The eleven benchmarks of arXiv 2602.07026 (appendix H.2), in the groups of its table. */
export const BENCHMARKS: readonly PublishedBenchmark[] = [
  { name: 'MME', group: 'general', part: 'test' },
  { name: 'MMStar', group: 'general', part: 'all' },
  { name: 'ScienceQA', group: 'general', part: 'dev and test, questions with an image' },
  { name: 'RealWorldQA', group: 'general', part: 'all' },
  { name: 'MMMU', group: 'reasoning', part: 'validation, questions with one image' },
  { name: 'MMMU-Pro', group: 'reasoning', part: 'questions with one image' },
  { name: 'VisuLogic', group: 'reasoning', part: 'train' },
  { name: 'LogicVista', group: 'reasoning', part: 'all' },
  { name: 'CRPE', group: 'hallucination', part: 'all' },
  { name: 'POPE', group: 'hallucination', part: 'all' },
  { name: 'HallusionBench', group: 'hallucination', part: 'all' },
]

/** Words that a benchmark's name may be written in. */
const WORDS_OF_NAME = 4

/**
 * The benchmark that a file's name names, by words that make up its name whatever the case: `MMMU-Pro_10.tsv`,
 * `coco_pope_random.json`. The longest such name counts.
 */
export function benchmarkNamed(text: string): PublishedBenchmark | undefined {
  const words = text.toLowerCase().match(/[a-z0-9]+/g) ?? []
  // no name has more words than these
  const lengths = Array.from({ length: WORDS_OF_NAME }, (_, n) => n + 1)
  const runs = new Set(words.flatMap((_, i) => lengths.map(length => words.slice(i, i + length).join(''))))
  const found = BENCHMARKS.filter(({ name }) => runs.has(name.toLowerCase().replace('-', '')))
  return found.sort((a, b) => b.name.length - a.name.length)[0]
}

/** What a reader is informed of the benchmark. */
export interface BenchmarkName {
  /** Name of the benchmark. */
  benchmark: string
  /** What it is about. */
  group?: BenchmarkGroup
}

/** `yes` or `no` where that is the answer. */
export function yesNoAnswer(answer: unknown): 'yes' | 'no' | undefined {
  const plain = typeof answer === 'string' ? answer.trim().toLowerCase().replace(/\.$/, '') : undefined
  return plain === 'yes' || plain === 'no' ? plain : undefined
}
