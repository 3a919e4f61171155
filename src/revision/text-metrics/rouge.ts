import { checkJudged, type Judged, mean } from './ngrams.ts'
import { captionTokens, rougeTokens, type Tokenizer } from './tokenize.ts'

/**
 * How precision P and recall R of the longest common subsequence become one number:
 * - `'coco'`: best P and best R over the references, whichever they come from, and F with β = 1.2;
 * - `'f1'`: the best F1 of a reference, as the ROUGE package reports it.
 */
export type RougeVariant = 'coco' | 'f1'

/** How ROUGE-L is counted. */
export interface RougeOptions {
  /** @defaultValue `'coco'` */
  variant?: RougeVariant
  /** @defaultValue {@link captionTokens} for `'coco'`, {@link rougeTokens} for `'f1'` */
  tokenize?: Tokenizer
}

/** A metric that is the mean of the texts' own. */
export interface MeanScore {
  /** The mean. */
  score: number
  /** The score of each text. */
  each: number[]
}

/** Weight of recall against precision in COCO's evaluation. */
const BETA = 1.2

/**
 * ROUGE-L (Lin 2004): how much of a text and its reference is one common subsequence. Mean over the texts, 0 to 1.
 *
 * @throws {@link ModalityGapError} `EMPTY`, `BAD_SAMPLE` with the text
 */
export function rougeL(texts: readonly Judged[], options: RougeOptions = {}): MeanScore {
  checkJudged(texts)
  const { variant = 'coco', tokenize = variant === 'coco' ? captionTokens : rougeTokens } = options
  const each = texts.map(({ text, references }) => {
    const own = tokenize(text)
    const shares = references.map(reference => sharesOf(own, tokenize(reference)))
    return variant === 'f1'
      ? Math.max(...shares.map(({ precision, recall }) => fMeasure(precision, recall, 1)))
      : fMeasure(
          Math.max(...shares.map(({ precision }) => precision)),
          Math.max(...shares.map(({ recall }) => recall)),
          BETA,
        )
  })
  return { score: mean(each), each }
}

function fMeasure(precision: number, recall: number, beta: number): number {
  if (precision === 0 || recall === 0) {
    return 0
  }
  return ((1 + beta ** 2) * precision * recall) / (recall + beta ** 2 * precision)
}

function sharesOf(own: readonly string[], other: readonly string[]): { precision: number; recall: number } {
  const common = longestCommon(own, other)
  return { precision: common / Math.max(1, own.length), recall: common / Math.max(1, other.length) }
}

/** Length of the longest common subsequence, in memory of one row. */
function longestCommon(own: readonly string[], other: readonly string[]): number {
  const row = new Uint32Array(other.length + 1)
  for (const token of own) {
    let diagonal = 0
    other.forEach((each, j) => {
      const above = row[j + 1] ?? 0
      row[j + 1] = each === token ? diagonal + 1 : Math.max(above, row[j] ?? 0)
      diagonal = above
    })
  }
  return row[other.length] ?? 0
}
