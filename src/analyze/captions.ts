import type { RunOptions } from '../abort.ts'
import { type Checks, listOf, needed, object, text, whole } from '../checks.ts'
import { type Embeddings, opened } from '../embeddings.ts'
import { ModalityGapError } from '../errors.ts'
import { measured } from '../measure.ts'
import { checkCall, runChecks, threadChecks } from '../option-checks.ts'
import type { ThreadOptions } from '../options.ts'
import { isNonVisual } from './words.ts'

/** Tokens that CLIP's text tower takes, start and end included. */
const CLIP_TOKENS = 77

/** Captions of one kind for the same images. */
export interface Corpus {
  /** Its name, such as `'long'`. */
  name: string
  /** Embeddings of its captions. */
  text: Embeddings
  /** The captions themselves, when there are any to read. */
  captions?: readonly string[]
}

/** Which corpora to compare. */
export interface CaptionsInput extends ThreadOptions {
  /** Images that the captions describe. */
  image: Embeddings
  /** The corpora. */
  corpora: readonly Corpus[]
  /** Tokens that the text encoder takes, start and end included. @defaultValue `77` */
  tokenLimit?: number
}

/** What the words of a corpus are like. */
export interface CaptionWords {
  /** Captions. */
  count: number
  /** Mean number of words. */
  words: number
  /** Share of captions that exceed the token limit even if every word were one token: a lower bound on truncation. */
  overLimit: number
  /** Share of words that name nothing to see: function words, hedges, judgements, moods. */
  nonVisual: number
}

/** One corpus against the images. */
export interface CorpusReport {
  /** Its name. */
  name: string
  /** Rows. */
  rows: number
  /** Bad rows left out. */
  dropped: number
  /** exp of the entropy of the spectrum of the population; null where `spectrumRows` are too few. */
  effectiveRank: number | null
  /** That of `spectrumRows` of its rows, to compare with the others. */
  effectiveRankBiased: number | null
  /** Power law of the spectrum of the population; null where `spectrumRows` are too few. */
  alpha: number | null
  /** That of `spectrumRows` of its rows, to compare with the others. */
  alphaBiased: number | null
  /** Trace of its covariance. */
  trace: number
  /** Distance of its mean from the images'. */
  gap: number
  /** Noise floor of that distance. */
  floor: number
  /** Its words, when captions were given. */
  captions?: CaptionWords
}

/** Corpora of captions compared. */
export interface CaptionsReport {
  /** The images they are compared with. */
  image: Pick<
    CorpusReport,
    'rows' | 'dropped' | 'effectiveRank' | 'effectiveRankBiased' | 'alpha' | 'alphaBiased' | 'trace'
  >
  /** The corpora, in the order given. */
  corpora: CorpusReport[]
  /** Tokens that the text encoder takes. */
  tokenLimit: number
  /**
   * Rows, about, that every spectrum was taken from, one of each item: as many as the side with the fewest items has, for effective
   * ranks and power laws of one population differ with the number of independent rows.
   */
  spectrumRows: number
}

const corpus = object<Corpus>({
  name: needed(text),
  text: needed(opened),
  captions: listOf(text, 'a list of captions'),
})

const captionsChecks: Checks<CaptionsInput> = {
  image: needed(opened),
  corpora: needed(listOf(corpus, 'a list of corpora, { name, text, captions }')),
  tokenLimit: whole(1),
  ...threadChecks,
}

/**
 * Compares corpora of captions for one set of images: long captions spread more, and start from a larger gap
 * (arXiv 2602.07026, long-caption paradox: about 30 % larger).
 *
 * @throws {@link ModalityGapError} as `measureGap` does; `NOT_PAIRED` when a corpus has more or fewer captions than rows
 */
export async function analyzeCaptions(input: CaptionsInput, run: RunOptions = {}): Promise<CaptionsReport> {
  checkCall('analyzeCaptions', [input, captionsChecks], [run, runChecks])
  const { image, corpora, tokenLimit = CLIP_TOKENS, threads } = input
  const reports: CorpusReport[] = []
  for (const { name, text, captions } of corpora) {
    if (captions && captions.length !== text.rows) {
      throw new ModalityGapError('NOT_PAIRED', `${name} has ${captions.length} captions for ${text.rows} rows`)
    }
  }
  const spectrumRows = await leastItems(image, corpora, { threads }, run)
  let images: CaptionsReport['image'] | undefined
  for (const { name, text, captions } of corpora) {
    // ids of both sides make the noise that of items; pairs are not compared
    const asked = { image, text, threads, paired: false, parts: ['causes'] as const, covarianceRows: spectrumRows }
    const { gap, rows, dropped, trace, spectrum } = await measured(asked, run)
    const of = (side: 'image' | 'text') => ({
      rows: rows[side],
      dropped: dropped[side],
      effectiveRank: spectrum?.[side].effectiveRank ?? null,
      effectiveRankBiased: spectrum?.[side].effectiveRankBiased ?? null,
      alpha: spectrum?.[side].alpha ?? null,
      alphaBiased: spectrum?.[side].alphaBiased ?? null,
      trace: trace[side],
    })
    images ??= of('image')
    const words = captions && { captions: wordsOf(captions, tokenLimit) }
    reports.push({ name, ...of('text'), gap: gap.centroid, floor: gap.floor, ...words })
  }
  if (!images) {
    throw new ModalityGapError('BAD_OPTION', 'give at least one corpus of captions')
  }
  return { image: images, corpora: reports, tokenLimit, spectrumRows }
}

/** Items of the side that has the fewest of them, without bad rows and repeated ones. */
async function leastItems(
  image: Embeddings,
  corpora: readonly Corpus[],
  threads: ThreadOptions,
  run: RunOptions,
): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (const { text } of corpora) {
    const { rows, groups } = await measured({ image, text, ...threads, paired: false, parts: [] }, run)
    least = Math.min(least, groups?.image ?? rows.image, groups?.text ?? rows.text)
  }
  return least
}

/** What CLIP's tokenizer takes apart before it looks for pairs of bytes: letters, single digits, runs of other signs. */
const PIECES = /'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+/giu

function wordsOf(captions: readonly string[], tokenLimit: number): CaptionWords {
  let [words, nonVisual, over] = [0, 0, 0]
  for (const caption of captions) {
    const pieces = caption.match(PIECES) ?? []
    const letters = pieces.filter(piece => /^\p{L}/u.test(piece))
    words += letters.length
    nonVisual += letters.filter(word => isNonVisual(word.toLowerCase())).length
    // start and end take a token each
    over += pieces.length + 2 > tokenLimit ? 1 : 0
  }
  return {
    count: captions.length,
    words: words / Math.max(1, captions.length),
    overLimit: over / Math.max(1, captions.length),
    nonVisual: nonVisual / Math.max(1, words),
  }
}
