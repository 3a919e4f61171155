import { type Checks, oneOf } from '../checks.ts'
import { checkJudged, type Judged, mean, tokenizerChecks, tokensOf } from './ngrams.ts'
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

const checks: Checks<RougeOptions> = { ...tokenizerChecks, variant: oneOf(['coco', 'f1']) }

/**
 * ROUGE-L (Lin 2004): how much of a text and its reference is one common subsequence. Mean over the texts, 0 to 1.
 *
 * @throws {@link ModalityGapError} `EMPTY`, `BAD_SAMPLE` with the text
 */
export function rougeL(texts: readonly Judged[], options: RougeOptions = {}): MeanScore {
  checkJudged('rougeL', texts, options, checks)
  const { variant = 'coco', tokenize = variant === 'coco' ? captionTokens : rougeTokens } = options
  const each = texts.map(({ text, references }) => {
    const own = tokensOf(text, tokenize)
    const shares = references.map(reference => sharesOf(own, tokensOf(reference, tokenize)))
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

/**
 * Length of the longest common subsequence by the bits of a row of the table (Hyyrö 2004): 32 cells at a time, and only from a match
 * on to where its carry is taken up.
 */
function longestCommon(own: readonly string[], other: readonly string[]): number {
  const places = placesOf(other)
  const row = new Uint32Array(Math.ceil(other.length / 32)).fill(0xffffffff)
  for (const token of own) {
    let carry = 0
    let word = 0
    for (const { at, bits } of places.get(token) ?? []) {
      // a carry continues through words that are all ones and is taken up by the first that is not
      for (; carry === 1 && word < at; word++) {
        carry = add(row, word, 0, carry)
      }
      word = at + 1
      carry = add(row, at, bits, carry)
    }
    for (; carry === 1 && word < row.length; word++) {
      carry = add(row, word, 0, carry)
    }
  }
  return zeros(row, other.length)
}

/** One word of V ← (V + (V ∧ M)) ∨ (V ∧ ¬M); answers what is carried into the next. */
function add(row: Uint32Array, word: number, bits: number, carry: number): number {
  const before = row[word] as number
  const sum = before + ((before & bits) >>> 0) + carry
  row[word] = (sum >>> 0) | (before & ~bits)
  return sum > 0xffffffff ? 1 : 0
}

/** Where each token stands, as bits of the words of a row, in ascending order. */
function placesOf(tokens: readonly string[]): Map<string, { at: number; bits: number }[]> {
  const places = new Map<string, { at: number; bits: number }[]>()
  tokens.forEach((token, i) => {
    const own = places.get(token) ?? []
    places.set(token, own)
    const at = i >>> 5
    const last = own.at(-1)
    if (last?.at === at) {
      last.bits |= 1 << (i & 31)
    } else {
      own.push({ at, bits: 1 << (i & 31) })
    }
  })
  return places
}

function zeros(row: Uint32Array, length: number): number {
  let count = 0
  for (let i = 0; i < length; i++) {
    count += ((row[i >>> 5] as number) >>> (i & 31)) & 1 ? 0 : 1
  }
  return count
}
