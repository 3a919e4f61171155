import { type Checks, oneOf } from '../checks.ts'
import { names } from '../option-checks.ts'
import { checkJudged, type Judged, type Ngrams, ngramsOf, sum, tokenizerChecks, tokensOf } from './ngrams.ts'
import { captionTokens, type Tokenizer } from './tokenize.ts'

/** Longest run of tokens that counts. */
const ORDER = 4

/**
 * What is done about an order in which nothing matches:
 * - `'none'`: nothing; BLEU is 0 (Papineni et al. 2002);
 * - `'exp'`: the k-th such precision is 1/(2ᵏ·total), as in `mteval` and by default in sacrebleu;
 * - `'floor'`: 0.1 matches (method 1 of Chen and Cherry 2014);
 * - `'add-one'`: one more match and one more n-gram in every order above 1 (method 2, Lin and Och 2004);
 * - `'coco'`: no smoothing but COCO's guards against division by zero, 1e-15 matches and 1e-9 n-grams more.
 */
export type BleuSmoothing = 'none' | 'exp' | 'floor' | 'add-one' | 'coco'

/** How BLEU is counted. */
export interface BleuOptions {
  /** @defaultValue `'none'` */
  smoothing?: BleuSmoothing
  /** @defaultValue {@link captionTokens} */
  tokenize?: Tokenizer
}

/** BLEU of a corpus. */
export interface Bleu {
  /** BLEU-4, 0 to 1. */
  bleu: number
  /** Precisions of orders 1 to 4 after smoothing. */
  precisions: number[]
  /** exp(1 − r/c) where the texts are shorter than their references, else 1. */
  brevityPenalty: number
  /** Tokens of the texts, c. */
  length: number
  /** Tokens of the references nearest in length, the shorter of two, r. */
  referenceLength: number
}

/** Matches and n-grams by order. */
interface Counts {
  matches: number[]
  totals: number[]
}

const checks: Checks<BleuOptions> = {
  ...tokenizerChecks,
  smoothing: oneOf(names<BleuSmoothing>({ none: true, exp: true, floor: true, 'add-one': true, coco: true })),
}

/**
 * BLEU-4 of a corpus (Papineni et al. 2002): matches, n-grams and lengths are summed over all texts before they are
 * divided.
 *
 * @throws {@link ModalityGapError} `EMPTY`, `BAD_SAMPLE` with the text
 */
export function bleu4(texts: readonly Judged[], options: BleuOptions = {}): Bleu {
  checkJudged('bleu4', texts, options, checks)
  const { smoothing = 'none', tokenize = captionTokens } = options
  const counts: Counts = { matches: new Array(ORDER).fill(0), totals: new Array(ORDER).fill(0) }
  let [length, referenceLength] = [0, 0]
  for (const { text, references } of texts) {
    const own = tokensOf(text, tokenize)
    const others = references.map(reference => tokensOf(reference, tokenize))
    length += own.length
    referenceLength += nearest(
      own.length,
      others.map(other => other.length),
    )
    add(
      counts,
      ngramsOf(own, ORDER),
      others.map(other => ngramsOf(other, ORDER)),
    )
  }
  const precisions = precisionsOf(counts, smoothing)
  const brevityPenalty = penalty(length, referenceLength, smoothing)
  // COCO's guards against division by zero would leave a trace of a score where nothing matches
  const bleu = sum(counts.matches) === 0 ? 0 : brevityPenalty * Math.exp(sum(precisions.map(Math.log)) / ORDER)
  return { bleu, precisions, brevityPenalty, length, referenceLength }
}

function nearest(length: number, others: readonly number[]): number {
  const off = (other: number) => Math.abs(other - length)
  return others.reduce((best, other) =>
    off(other) < off(best) || (off(other) === off(best) && other < best) ? other : best,
  )
}

/** Adds a text's n-grams; one matches as often as the reference that has it most. */
function add({ matches, totals }: Counts, own: Ngrams, others: readonly Ngrams[]): void {
  own.forEach((grams, i) => {
    for (const [gram, count] of grams) {
      const most = Math.max(...others.map(other => other[i]?.get(gram) ?? 0))
      matches[i] = (matches[i] ?? 0) + Math.min(count, most)
      totals[i] = (totals[i] ?? 0) + count
    }
  })
}

function precisionsOf({ matches, totals }: Counts, smoothing: BleuSmoothing): number[] {
  // without a single shared token there is nothing to smooth
  const smooth = sum(matches) === 0 && smoothing !== 'coco' ? 'none' : smoothing
  let missed = 1
  return matches.map((match, i) => {
    missed *= match === 0 ? 2 : 1
    return precision(match, totals[i] ?? 0, { smooth, order: i + 1, missed })
  })
}

/** Precision of one order; `missed` is two to the number of orders so far in which nothing matched. */
function precision(
  match: number,
  total: number,
  { smooth, order, missed }: { smooth: BleuSmoothing; order: number; missed: number },
): number {
  switch (smooth) {
    case 'coco':
      return (match + 1e-15) / (total + 1e-9)
    case 'add-one':
      return order === 1 ? ratio(match, total) : (match + 1) / (total + 1)
    case 'floor':
      return ratio(match === 0 ? 0.1 : match, total)
    case 'exp':
      return ratio(match === 0 ? 1 / missed : match, total)
    case 'none':
      return ratio(match, total)
  }
}

function ratio(match: number, total: number): number {
  return total === 0 ? 0 : match / total
}

function penalty(length: number, reference: number, smoothing: BleuSmoothing): number {
  const shortfall = smoothing === 'coco' ? (reference + 1e-9) / (length + 1e-15) : reference / length
  return length >= reference && smoothing !== 'coco' ? 1 : Math.exp(Math.min(0, 1 - shortfall))
}
