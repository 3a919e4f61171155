import { ModalityGapError } from '../../errors.ts'
import { jsonRecords } from '../data/json-records.ts'
import { IMAGE_PLACE, idOf, type RecordPlace, sampleOf } from '../data/sample.ts'
import { lettersOf } from '../text-metrics/choice.ts'
import { type BenchmarkName, type BenchmarkRecord, yesNoAnswer } from './record.ts'

/**
 * Reads questions in JSON, whichever of these a record is; unknown keys are left alone:
 * - LLaVA: `{question_id, image, text, category?}`, with answers from {@link withAnswers};
 * - POPE: the same with `label: 'yes' | 'no'`;
 * - ScienceQA as LLaVA converts it: `{id, image?, conversations}`, options read from the question, the answer's letter
 *   from `The answer is X`;
 * - captions: `{id, image?, references: []}`, the image by default of the same id.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`; `BAD_FORMAT` and `BAD_SAMPLE` with file and record
 */
export async function jsonQuestions(path: string, name: BenchmarkName): Promise<BenchmarkRecord[]> {
  const records: BenchmarkRecord[] = []
  for await (const { value, row } of jsonRecords(path)) {
    const read = readerOf(value)
    if (read === undefined) {
      const known = 'question_id and text, conversations, or references'
      throw new ModalityGapError('BAD_FORMAT', `${path}: record ${row} holds none of ${known}`, { file: path, row })
    }
    records.push({ ...read(value, { file: path, row }), ...name })
  }
  return records
}

type Known = Omit<BenchmarkRecord, 'benchmark' | 'group'>
type Read = (value: Record<string, unknown>, place: RecordPlace) => Known

function readerOf(value: Record<string, unknown>): Read | undefined {
  const { question_id, text, conversations, references } = value
  if (Array.isArray(references)) {
    return captioned
  }
  if (conversations !== undefined) {
    return scienceQuestion
  }
  return idOf(question_id) !== undefined && typeof text === 'string' ? question : undefined
}

const captioned: Read = ({ id, image, references, question: asked, category }, { file, row }) => {
  const name = idOf(id) ?? String(row)
  const answers = references as unknown[]
  if (answers.length === 0 || !answers.every(each => typeof each === 'string')) {
    throw new ModalityGapError('BAD_FORMAT', `${file}: record ${row}: references are no list of texts`, { file, row })
  }
  const text = typeof asked === 'string' ? asked : ''
  return { id: name, image: idOf(image) ?? name, question: text, answers, kind: 'open', ...categoryOf(category) }
}

const question: Read = ({ question_id, image, text, label, category }) => {
  const answer = yesNoAnswer(label)
  return {
    id: idOf(question_id) as string,
    ...(idOf(image) === undefined ? {} : { image: idOf(image) }),
    question: withoutPlace(text as string),
    answers: answer === undefined ? [] : [answer],
    kind: answer === undefined ? 'open' : 'yes-no',
    ...categoryOf(category),
  }
}

const scienceQuestion: Read = (value, place) => {
  const { id, images, turns } = sampleOf(value, place)
  const [asked, answered] = turns.filter(({ role }) => role !== 'system').map(({ content }) => content)
  const { text, options } = parted(withoutPlace(asked as string))
  const letter = /\bThe answer is \(?([A-Z])\b/.exec(answered as string)?.[1]
  const image = images[0] === undefined ? {} : { image: images[0] }
  if (options.length === 0) {
    return { id, ...image, question: text, answers: [answered as string], kind: 'open' }
  }
  if (letter === undefined || !lettersOf(options).includes(letter)) {
    const { file, row } = place
    const message = `${file}: record ${row}: its answer names none of ${options.length} options`
    throw new ModalityGapError('BAD_FORMAT', message, { file, row })
  }
  return { id, ...image, question: text, options, answers: [letter], kind: 'choice' }
}

function categoryOf(category: unknown): { category?: string } {
  return typeof category === 'string' && category !== '' ? { category } : {}
}

function withoutPlace(text: string): string {
  return text.replaceAll(IMAGE_PLACE, '').trim()
}

/** A question and the options that stand in it as `Options: (A) … (B) …`, letters in order. */
function parted(text: string): { text: string; options: string[] } {
  const line = /^Options: .*$/m.exec(text)
  if (line === null) {
    return { text, options: [] }
  }
  const options: string[] = []
  let rest = line[0].slice('Options: '.length)
  for (let code = 65; rest.startsWith(`(${String.fromCharCode(code)}) `); code++) {
    const next = rest.indexOf(` (${String.fromCharCode(code + 1)}) `)
    options.push(rest.slice(4, next === -1 ? undefined : next).trim())
    rest = next === -1 ? '' : rest.slice(next + 1)
  }
  return {
    text: text
      .replace(line[0], '')
      .replaceAll(/\n{2,}/g, '\n')
      .trim(),
    options,
  }
}

/** Right answers of a LLaVA question file, from its file of answers `{question_id, text}`; yes and no are recognised. */
export async function withAnswers(records: readonly BenchmarkRecord[], path: string): Promise<BenchmarkRecord[]> {
  const answers = await answerTexts(path)
  return records.map(record => {
    const answer = answers.get(record.id)
    if (answer === undefined) {
      return record
    }
    const word = record.kind === 'choice' ? undefined : yesNoAnswer(answer)
    return word === undefined
      ? { ...record, answers: [answer] }
      : { ...record, answers: [word], kind: 'yes-no' as const }
  })
}

/**
 * Answers by question, from JSON lines `{question_id, text}` as LLaVA's evaluation writes them.
 *
 * @throws {@link ModalityGapError} `BAD_FORMAT` with file and record, also for a question that is answered twice
 */
export async function answerTexts(path: string): Promise<Map<string, string>> {
  const answers = new Map<string, string>()
  for await (const { value, row } of jsonRecords(path)) {
    const id = idOf(value.question_id ?? value.id)
    const text = value.text ?? value.answer
    if (id === undefined || typeof text !== 'string' || answers.has(id)) {
      const what = answers.has(id ?? '') ? `answers question ${id} again` : 'holds no question_id and text'
      throw new ModalityGapError('BAD_FORMAT', `${path}: record ${row} ${what}`, { file: path, row })
    }
    answers.set(id, text)
  }
  return answers
}
