import { ModalityGapError } from '../../errors.ts'
import { bleu4 } from '../../text-metrics/bleu.ts'
import { choiceAccuracy } from '../../text-metrics/choice.ts'
import { ciderD } from '../../text-metrics/cider.ts'
import type { Judged } from '../../text-metrics/ngrams.ts'
import { rougeL } from '../../text-metrics/rouge.ts'
import { tokenF1 } from '../../text-metrics/token-f1.ts'
import { type YesNoRule, type YesNoScore, yesNoScore } from '../../text-metrics/yes-no.ts'
import { byImage, isMme, type MmeScore, mmeScore } from './mme-score.ts'
import type { BenchmarkGroup, BenchmarkRecord } from './record.ts'
import { type TogetherScore, togetherScore } from './together.ts'

/** Metrics of open answers. */
export type OpenMetric = 'f1' | 'bleu4' | 'rougeL' | 'cider'

/** Scores of open answers against references, 0 to 1; CIDEr-D about 0 to 10. Those that were asked for. */
export interface OpenScore {
  /** Answers. */
  count: number
  /** Token F1 of SQuAD. */
  f1?: number
  /** Share of answers that are a reference, normalised as SQuAD does; comes with the F1. */
  exactMatch?: number
  /** BLEU-4 of the corpus, COCO's variant. */
  bleu4?: number
  /** ROUGE-L, COCO's variant. */
  rougeL?: number
  /** CIDEr-D. */
  cider?: number
}

/** Scores of one benchmark. */
export interface BenchmarkScore {
  /** Name of the benchmark; no two of an evaluation have the same. */
  benchmark: string
  /** The name that it shares with others of an evaluation, with which it counts once in its group; absent where none do. */
  of?: string
  /** What it is about. */
  group?: BenchmarkGroup
  /** Questions with a right answer. */
  count: number
  /** Questions left out because their image has no row; absent where there are none. */
  skipped?: number
  /** Questions left out because no right answer of theirs is known; absent where there are none. */
  unknown?: number
  /** Share of right answers among questions of choice and of yes or no; absent where there are only open ones. */
  accuracy?: number
  /** Answers in which nothing could be made out, among the same. */
  unparsed?: number
  /** More about questions of yes or no. */
  yesNo?: YesNoScore
  /** Questions that count together (options in several orders, MME's of one image), right in all; absent where none do. */
  together?: TogetherScore
  /** MME's own sums; absent for another benchmark. */
  mme?: MmeScore
  /** Open answers. */
  open?: OpenScore
  /** Accuracy of each category, where questions have one and are not open. */
  categories?: Record<string, number>
}

/** What the model said to a question; ids differ within a benchmark only. */
export type AnswerOf = (record: BenchmarkRecord) => string | undefined

/** How answers are judged. */
export interface ScoreOptions {
  /** How yes and no are read. @defaultValue `'strict'` */
  rule?: YesNoRule
  /** Metrics of open answers. @defaultValue all */
  metrics?: readonly OpenMetric[]
}

/**
 * Scores a model's answers, benchmark by benchmark. Questions without a right answer are left out.
 *
 * @throws {@link ModalityGapError} `BAD_SAMPLE` for a question that was not answered; `EMPTY` without right answers
 */
export function scoreBenchmarks(
  records: readonly BenchmarkRecord[],
  answerOf: AnswerOf,
  how: ScoreOptions = {},
): BenchmarkScore[] {
  const names = new Set(records.map(({ benchmark }) => benchmark))
  return [...names].map(name =>
    scoreOne(
      records.filter(({ benchmark }) => benchmark === name),
      answerOf,
      how,
    ),
  )
}

interface Answered extends BenchmarkRecord {
  text: string
}

function scoreOne(
  records: readonly BenchmarkRecord[],
  answerOf: AnswerOf,
  { rule, metrics }: ScoreOptions,
): BenchmarkScore {
  const judged = records.filter(record => record.answers.length > 0).map(record => answered(record, answerOf))
  const [first] = judged
  if (first === undefined) {
    throw new ModalityGapError('EMPTY', `${records[0]?.benchmark} holds no right answers; name a file of them`)
  }
  const closed = judged.filter(({ kind }) => kind !== 'open')
  const open = judged.filter(({ kind }) => kind === 'open')
  return {
    benchmark: first.benchmark,
    ...(first.group === undefined ? {} : { group: first.group }),
    count: judged.length,
    ...(judged.length < records.length ? { unknown: records.length - judged.length } : {}),
    ...(closed.length > 0 ? closedScore(closed, rule) : {}),
    ...(open.length > 0
      ? {
          open: openScore(
            open.map(({ text, answers }) => ({ text, references: answers })),
            metrics,
          ),
        }
      : {}),
  }
}

function answered(record: BenchmarkRecord, answerOf: AnswerOf): Answered {
  const text = answerOf(record)
  if (text === undefined) {
    const message = `question ${record.id} of ${record.benchmark} was not answered`
    throw new ModalityGapError('BAD_SAMPLE', message, { sample: record.id })
  }
  return { ...record, text }
}

/** Right answers and unreadable ones, whichever way questions want to be answered. */
function counted(records: readonly Answered[], rule: YesNoRule | undefined) {
  const choices = records
    .filter(({ kind }) => kind === 'choice')
    .map(({ text, options = [], answers }) => ({ text, options, answer: answers[0] as string }))
  const words = records
    .filter(({ kind }) => kind === 'yes-no')
    .map(({ text, answers }) => ({ text, answer: answers[0] as 'yes' | 'no' }))
  const choice = choices.length > 0 ? choiceAccuracy(choices) : undefined
  const yesNo = words.length > 0 ? yesNoScore(words, rule) : undefined
  const right = (choice?.correct ?? 0) + (yesNo?.correct ?? 0)
  const unparsed = (choice?.unparsed ?? 0) + (yesNo?.unparsed ?? 0)
  return { accuracy: right / records.length, unparsed, yesNo }
}

function closedScore(records: readonly Answered[], rule: YesNoRule | undefined) {
  const { yesNo, ...score } = counted(records, rule)
  const mme = isMme(records[0]?.benchmark ?? '')
  const marked = (mme ? byImage(records) : records).map(record => ({
    ...record,
    right: counted([record], rule).accuracy === 1,
  }))
  const together = togetherScore(marked)
  const names = [...new Set(marked.flatMap(({ category }) => category ?? []))].sort()
  const categories = names.map(name => {
    const own = marked.filter(({ category }) => category === name)
    return [name, counted(own, rule).accuracy] as const
  })
  return {
    ...score,
    ...(yesNo ? { yesNo } : {}),
    ...(together ? { together } : {}),
    ...(mme ? { mme: mmeScore(marked, rule ?? 'strict') } : {}),
    ...(categories.length > 0 ? { categories: Object.fromEntries(categories) } : {}),
  }
}

const METRICS: Readonly<Record<OpenMetric, (judged: readonly Judged[]) => Omit<OpenScore, 'count'>>> = {
  f1: judged => {
    const { f1, exactMatch } = tokenF1(judged)
    return { f1, exactMatch }
  },
  bleu4: judged => ({ bleu4: bleu4(judged, { smoothing: 'coco' }).bleu }),
  rougeL: judged => ({ rougeL: rougeL(judged).score }),
  cider: judged => ({ cider: ciderD(judged).score }),
}

/** Scores of texts against references. */
export function openScore(
  judged: readonly Judged[],
  metrics = Object.keys(METRICS) as readonly OpenMetric[],
): OpenScore {
  return Object.assign({ count: judged.length }, ...metrics.map(metric => METRICS[metric](judged)))
}

/** A group's benchmarks in one number, as the paper's table has it. */
export interface GroupScore {
  /** What the benchmarks are about; `all` for the mean over all of them. */
  group: BenchmarkGroup | 'all'
  /** Benchmarks with an accuracy. */
  benchmarks: number
  /** Mean of their accuracies, each counting the same. */
  accuracy: number
}

/**
 * Means of accuracies by group, and over all benchmarks of a group; benchmarks of no group are left out. Parts that share a name,
 * as the files of POPE do, count once, by their mean.
 */
export function groupScores(scores: readonly BenchmarkScore[]): GroupScore[] {
  const known = joined(scores.filter(({ group, accuracy }) => group !== undefined && accuracy !== undefined))
  return (['general', 'reasoning', 'hallucination', 'all'] as const).flatMap(group => {
    const own = known
      .filter(score => group === 'all' || score.group === group)
      .map(({ accuracy }) => accuracy as number)
    const accuracy = own.reduce((sum, each) => sum + each, 0) / own.length
    return own.length === 0 ? [] : [{ group, benchmarks: own.length, accuracy }]
  })
}

/** One entry for each name that is shared within a group, with the mean of the accuracies. */
function joined(scores: readonly BenchmarkScore[]): Pick<BenchmarkScore, 'group' | 'accuracy'>[] {
  const parts = new Map<string, BenchmarkScore[]>()
  for (const score of scores) {
    const key = `${score.group} ${score.of ?? score.benchmark}`
    parts.set(key, [...(parts.get(key) ?? []), score])
  }
  return [...parts.values()].map(own => ({
    group: own[0]?.group,
    accuracy: own.reduce((sum, { accuracy = 0 }) => sum + accuracy, 0) / own.length,
  }))
}
