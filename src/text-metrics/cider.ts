import { checkJudged, type Judged, mean, type Ngrams, ngramsOf, sum, tokenizerChecks, tokensOf } from './ngrams.ts'
import type { MeanScore } from './rouge.ts'
import { captionTokens, type Tokenizer } from './tokenize.ts'

/** Longest run of tokens that counts. */
const ORDER = 4
/** Width of the Gaussian penalty on a difference in length, in tokens. */
const SIGMA = 6
/** Factor of the published scores. */
const SCALE = 10

/** How CIDEr-D is counted. */
export interface CiderOptions {
  /** @defaultValue {@link captionTokens} */
  tokenize?: Tokenizer
}

/** tf-idf weights of a text, by order. */
interface Weighted {
  weights: ReadonlyMap<string, number>[]
  norms: number[]
  length: number
}

/**
 * CIDEr-D (Vedantam, Zitnick and Parikh 2015): clipped cosine of tf-idf n-grams with a Gaussian penalty on a difference
 * in length, mean over orders 1 to 4 and over references, times 10.
 *
 * Document frequencies come from the references of these texts, a text's references being one document; so scores depend
 * on the corpus, and one text alone scores 0.
 *
 * @throws {@link ModalityGapError} `EMPTY`, `BAD_SAMPLE` with the text
 */
export function ciderD(texts: readonly Judged[], options: CiderOptions = {}): MeanScore {
  checkJudged('ciderD', texts, options, tokenizerChecks)
  const { tokenize = captionTokens } = options
  const corpus = texts.map(({ text, references }) => ({
    own: ngramsOf(tokensOf(text, tokenize), ORDER),
    others: references.map(reference => ngramsOf(tokensOf(reference, tokenize), ORDER)),
  }))
  const documents = documentsOf(corpus.map(({ others }) => others))
  const idf = (gram: string) => Math.log(texts.length) - Math.log(Math.max(1, documents.get(gram) ?? 0))
  const each = corpus.map(({ own, others }) => {
    const weighted = weigh(own, idf)
    const scores = others.map(other => similarity(weighted, weigh(other, idf)))
    return SCALE * mean(scores)
  })
  return { score: mean(each), each }
}

/** In how many documents each n-gram stands. */
function documentsOf(corpus: readonly (readonly Ngrams[])[]): Map<string, number> {
  const documents = new Map<string, number>()
  for (const references of corpus) {
    const grams = new Set(references.flatMap(reference => reference.flatMap(counts => [...counts.keys()])))
    for (const gram of grams) {
      documents.set(gram, (documents.get(gram) ?? 0) + 1)
    }
  }
  return documents
}

function weigh(grams: Ngrams, idf: (gram: string) => number): Weighted {
  const weights = grams.map(counts => new Map([...counts].map(([gram, count]) => [gram, count * idf(gram)])))
  const norms = weights.map(each => Math.sqrt(sum([...each.values()].map(weight => weight ** 2))))
  return { weights, norms, length: sum([...(grams[0]?.values() ?? [])]) }
}

function similarity(own: Weighted, other: Weighted): number {
  const penalty = Math.exp(-((own.length - other.length) ** 2) / (2 * SIGMA ** 2))
  const cosines = own.weights.map((weights, i) => {
    const theirs = other.weights[i]
    const product = sum(
      [...weights].map(([gram, weight]) => {
        const their = theirs?.get(gram) ?? 0
        return Math.min(weight, their) * their
      }),
    )
    const norm = (own.norms[i] ?? 0) * (other.norms[i] ?? 0)
    return norm === 0 ? 0 : product / norm
  })
  return penalty * mean(cosines)
}
