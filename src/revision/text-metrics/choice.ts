import { ModalityGapError } from '../../errors.ts'

/** An answer to a question with options. */
export interface ChoiceAnswer {
  /** What the model said. */
  text: string
  /** Texts of the options, in the order of their letters. */
  options: readonly string[]
  /** Letter of the right one, `'A'` for the first. */
  answer: string
}

/** Accuracy where options were given. */
export interface ChoiceScore {
  /** Questions. */
  count: number
  /** Answers that name the right option. */
  correct: number
  /** correct / count: an answer that names no option is wrong. */
  accuracy: number
  /** Answers in which no option could be made out. */
  unparsed: number
}

/**
 * Accuracy of multiple choice.
 *
 * @throws {@link ModalityGapError} `EMPTY`; `BAD_SAMPLE` with the row where the right letter is none of the options'
 */
export function choiceAccuracy(answers: readonly ChoiceAnswer[]): ChoiceScore {
  if (answers.length === 0) {
    throw new ModalityGapError('EMPTY', 'there are no answers to judge')
  }
  let [correct, unparsed] = [0, 0]
  answers.forEach(({ text, options, answer }, row) => {
    if (!lettersOf(options).includes(answer)) {
      throw new ModalityGapError('BAD_SAMPLE', `answer ${answer} of question ${row} is none of its options`, { row })
    }
    const letter = chosenLetter(text, options)
    correct += letter === answer ? 1 : 0
    unparsed += letter === undefined ? 1 : 0
  })
  return { count: answers.length, correct, accuracy: correct / answers.length, unparsed }
}

/** Letters of the options. */
export function lettersOf(options: readonly string[]): string[] {
  return options.map((_, i) => String.fromCharCode(65 + i))
}

/**
 * The letter of the option that an answer names, or nothing when it names none or several. The first reading that finds
 * one counts:
 * 1. a letter and nothing else: `B`, `b`, `(B)`, `B.`, `**B**`;
 * 2. a statement, the last one if there are several: `The answer is B`, `Answer: (B)`, `correct option is B.`;
 * 3. a letter that opens the answer, and no other in brackets: `B. a dog`, `(B) a dog`, `B: a dog`;
 * 4. the text of an option and nothing else, whatever its case and its closing mark;
 * 5. the only letter in brackets: `I would say (B), as it barks`;
 * 6. the only option whose text stands in the answer as whole words; a text inside a longer one found is not counted.
 */
export function chosenLetter(text: string, options: readonly string[]): string | undefined {
  const letters = lettersOf(options)
  const said = text.trim()
  for (const read of [alone, stated, opening]) {
    const letter = read(said)
    if (letter !== undefined) {
      return letters.includes(letter) ? letter : undefined
    }
  }
  const place = exactly(said, options) ?? bracketed(said, letters) ?? mentioned(said, options)
  return place === undefined ? undefined : letters[place]
}

function alone(said: string): string | undefined {
  return /^[\s("'*[]*([a-z])[\s)"'*\].:,]*$/i.exec(said)?.[1]?.toUpperCase()
}

/** `A` and `I` before a word may be an article and a name: they count only where the sentence goes on as after a letter. */
const STATED =
  /\b(?:answer|option|choice)\b\s*(?:(?:is|would be|should be)\b|[:=])?\s*(?:option\s+)?[("'*[]*((?![AI]\s+(?!(?:is|was|because|as|since|for|and)\b)\p{L})[A-Z])(?![\w'’])/giu

function stated(said: string): string | undefined {
  const found = [...said.matchAll(STATED)].map(match => match[1] ?? '')
  return found.findLast(letter => letter === letter.toUpperCase())
}

function opening(said: string): string | undefined {
  const letter = /^(?:\(([A-Z])\)|\[([A-Z])\]|([A-Z])[).:])(?=\s)/.exec(said)?.slice(1).find(Boolean)
  return bracketsIn(said).size > 1 ? undefined : letter
}

function bracketsIn(said: string): Set<string> {
  return new Set([...said.matchAll(/\(([A-Z])\)/g)].map(match => match[1] ?? ''))
}

function plain(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/^[\s"'(*]+|[\s"')*.,;:!]+$/g, '')
}

function exactly(said: string, options: readonly string[]): number | undefined {
  const own = plain(said.replace(/^(?:the|my)?\s*(?:correct\s+)?answer\s*(?:is|:)\s*/i, ''))
  return only(options.flatMap((option, i) => (plain(option) === own && own !== '' ? [i] : [])))
}

function bracketed(said: string, letters: readonly string[]): number | undefined {
  return only([...bracketsIn(said)].map(letter => letters.indexOf(letter)).filter(place => place !== -1))
}

function mentioned(said: string, options: readonly string[]): number | undefined {
  const text = ` ${wordsOf(said)} `
  const found = options.flatMap((option, i) => {
    const words = wordsOf(option)
    return words !== '' && text.includes(` ${words} `) ? [{ i, words }] : []
  })
  const whole = found.filter(
    one => !found.some(other => other !== one && ` ${other.words} `.includes(` ${one.words} `)),
  )
  return only(whole.map(({ i }) => i))
}

function wordsOf(text: string): string {
  return (text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? []).join(' ')
}

function only(places: readonly number[]): number | undefined {
  return places.length === 1 ? places[0] : undefined
}
