// What `modality-gap/text-metrics` exports: scores of captions and answers.
export { type Bleu, type BleuOptions, type BleuSmoothing, bleu4 } from './bleu.ts'
export {
  type ChoiceAnswer,
  type ChoiceScore,
  choiceAccuracy,
  chosenLetter,
  lettersOf,
} from './choice.ts'
export { type CiderOptions, ciderD } from './cider.ts'
export type { Judged } from './ngrams.ts'
export { type MeanScore, type RougeOptions, type RougeVariant, rougeL } from './rouge.ts'
export { type TokenF1, tokenF1 } from './token-f1.ts'
export {
  answerTokens,
  captionTokens,
  rougeTokens,
  splitTokens,
  type Tokenizer,
} from './tokenize.ts'
export {
  type YesNoAnswer,
  type YesNoRule,
  type YesNoScore,
  yesNoScore,
  yesOrNo,
} from './yes-no.ts'
