import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { type BleuSmoothing, bleu4 } from '../src/text-metrics/bleu.ts'
import { ciderD } from '../src/text-metrics/cider.ts'
import type { Judged } from '../src/text-metrics/ngrams.ts'
import { rougeL } from '../src/text-metrics/rouge.ts'
import { tokenF1 } from '../src/text-metrics/token-f1.ts'
import { answerTokens, captionTokens, splitTokens } from '../src/text-metrics/tokenize.ts'

interface SacreBleu {
  bleu: number
  precisions: number[]
  brevityPenalty: number
  length: number
  referenceLength: number
}

interface Corpus {
  name: string
  texts: Judged[]
  bleu: Record<Exclude<BleuSmoothing, 'coco'>, SacreBleu>
  bleuCoco: number
  rougeCoco: { score: number; each: number[] }
  rougePackage: number[]
  rougeTokenised: number[]
  cider: { score: number; each: number[] }
}

interface Golden {
  corpora: Corpus[]
  squad: (Judged & { f1: number; exactMatch: number })[]
  captions: { text: string; tokens: string[] }[]
}

const golden = JSON.parse(readFileSync(join(import.meta.dirname, 'fixtures/text-metrics.json'), 'utf8')) as Golden
const tokenize = splitTokens

/** Both sides sum a few hundred terms in f64, in another order: some units in the last place. */
function close(t: ExecutionContext, own: number, theirs: number, what: string): void {
  t.true(Math.abs(own - theirs) <= 1e-13 * Math.max(1, Math.abs(theirs)), `${what}: ${own} instead of ${theirs}`)
}

for (const { name, texts, ...expected } of golden.corpora) {
  test(`BLEU-4 of ${name} texts is sacrebleu's under every smoothing, and COCO's`, t => {
    for (const smoothing of ['none', 'exp', 'floor', 'add-one'] as const) {
      const { precisions, ...own } = bleu4(texts, { smoothing, tokenize })
      const theirs = expected.bleu[smoothing]
      close(t, own.bleu, theirs.bleu, smoothing)
      close(t, own.brevityPenalty, theirs.brevityPenalty, 'brevity penalty')
      t.is(own.length, theirs.length)
      t.is(own.referenceLength, theirs.referenceLength)
      if (own.bleu > 0) {
        precisions.forEach((precision, i) => {
          close(t, precision, theirs.precisions[i] ?? Number.NaN, `${smoothing} ${i + 1}`)
        })
      }
    }
    close(t, bleu4(texts, { smoothing: 'coco', tokenize }).bleu, expected.bleuCoco, 'coco')
  })

  test(`ROUGE-L of ${name} texts is COCO's and the ROUGE package's`, t => {
    const coco = rougeL(texts, { tokenize })
    close(t, coco.score, expected.rougeCoco.score, 'mean')
    for (const [own, theirs] of [
      [coco.each, expected.rougeCoco.each],
      [rougeL(texts, { variant: 'f1', tokenize }).each, expected.rougePackage],
      [rougeL(texts, { variant: 'f1' }).each, expected.rougeTokenised],
    ] as const) {
      t.is(own.length, theirs.length)
      own.forEach((value, i) => {
        close(t, value, theirs[i] ?? Number.NaN, `text ${i}`)
      })
    }
  })

  test(`CIDEr-D of ${name} texts is COCO's`, t => {
    const own = ciderD(texts, { tokenize })
    close(t, own.score, expected.cider.score, 'mean')
    own.each.forEach((value, i) => {
      close(t, value, expected.cider.each[i] ?? Number.NaN, `text ${i}`)
    })
  })
}

test("token F1 and exact match are SQuAD's", t => {
  for (const { f1, exactMatch, ...answer } of golden.squad) {
    const own = tokenF1([answer])
    close(t, own.f1, f1, answer.text)
    t.is(own.exactMatch, exactMatch, answer.text)
  }
  const all = tokenF1(golden.squad)
  close(t, all.f1, golden.squad.reduce((total, { f1 }) => total + f1, 0) / golden.squad.length, 'mean')
})

test("answers are taken apart as by SQuAD's evaluation, whatever their letters and white space", t => {
  const file = join(import.meta.dirname, 'fixtures', 'squad.json')
  const pairs = JSON.parse(readFileSync(file, 'utf8')) as {
    text: string
    reference: string
    tokens: string[]
    f1: number
  }[]
  for (const { text, reference, tokens, f1 } of pairs) {
    t.deepEqual(answerTokens(text), tokens, JSON.stringify(text))
    close(t, tokenF1([{ text, references: [reference] }]).f1, f1, JSON.stringify([text, reference]))
  }
})

test("captions come apart as COCO's tokenizer takes them apart", t => {
  for (const { text, tokens } of golden.captions) {
    t.deepEqual(captionTokens(text), tokens)
  }
})

test('another order of the texts changes no score', t => {
  const texts = golden.corpora[0]?.texts ?? []
  const turned = [...texts].reverse()
  t.deepEqual(bleu4(turned), bleu4(texts))
  t.deepEqual(ciderD(turned).each.reverse(), ciderD(texts).each)
  t.deepEqual(rougeL(turned).each.reverse(), rougeL(texts).each)
})

test('without texts or without references there is nothing to judge', t => {
  for (const metric of [tokenF1, bleu4, rougeL, ciderD]) {
    t.throws(() => metric([]), { code: 'EMPTY' })
    const error = t.throws(() =>
      metric([
        { text: 'a', references: ['a'] },
        { text: 'b', references: [] },
      ]),
    )
    t.like(error, { code: 'BAD_SAMPLE', row: 1 })
  }
})

test("captions that were tokenised before keep the tokens that COCO's tokenizer gives them", t => {
  const captions = JSON.parse(readFileSync(join(import.meta.dirname, 'fixtures/caption-tokens.json'), 'utf8')) as {
    text: string
    tokens: string[]
  }[]
  for (const { text, tokens } of captions) {
    t.deepEqual(captionTokens(text), tokens, text)
  }
})

test('BLEU-4 of texts that share nothing is zero under every smoothing', t => {
  for (const smoothing of ['none', 'exp', 'floor', 'add-one', 'coco'] as const) {
    for (const text of ['', 'umbrella']) {
      t.is(bleu4([{ text, references: ['a red bus'] }], { smoothing }).bleu, 0, `${smoothing} of ${text}`)
    }
  }
})
