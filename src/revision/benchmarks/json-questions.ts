import { ModalityGapError } from '../../errors.ts'
import { lettersOf } from '../../text-metrics/choice.ts'
import { jsonRecords } from '../data/json-records.ts'
import { badSample, type RecordPlace, refuseMedia, sampleOf } from '../data/sample.ts'
import { IMAGE_PLACE, idOf } from '../data/turn.ts'
import { type BenchmarkName, type BenchmarkRecord, yesNoAnswer } from './record.ts'

/**
 * Reads questions in JSON, whichever of these a record is; unknown keys are left alone:
 * - LLaVA: `{question_id, image, text, category?}`, with answers from {@link withAnswers}; the text may stand under `question`, then also
 *   with `id`, the image under `image_id` or as `{path}`;
 * - POPE: the same with `label: 'yes' | 'no'`;
 * - the same with `answer`, or with `answers`: a list of texts or of `{answer}`, as VQA and TextVQA have ten of them; with `options` or
 *   `choices`, a list of texts or an object of letters, the answer is a letter or one of them;
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
      const known = 'question_id and text (or question), conversations, or references'
      throw new ModalityGapError('BAD_FORMAT', `${path}: record ${row} holds none of ${known}`, { file: path, row })
    }
    records.push({ ...read(value, { file: path, row }), ...name })
  }
  return records
}

type Known = Omit<BenchmarkRecord, 'benchmark' | 'group'>
type Read = (value: Record<string, unknown>, place: RecordPlace) => Known

function readerOf(value: Record<string, unknown>): Read | undefined {
  const { id, question_id, text, conversations, references } = value
  if (Array.isArray(references)) {
    return captioned
  }
  if (conversations !== undefined) {
    return scienceQuestion
  }
  const named = idOf(question_id) !== undefined
  const asks = typeof value.question === 'string' && (named || idOf(id) !== undefined)
  return asks || (named && typeof text === 'string') ? question : undefined
}

const captioned: Read = (value, place) => {
  const { id, references, question: asked, category } = value
  const { file, row } = place
  const name = idOf(id) ?? String(row)
  const answers = references as unknown[]
  if (answers.length === 0 || !answers.every(each => typeof each === 'string')) {
    throw new ModalityGapError('BAD_FORMAT', `${file}: record ${row}: references are not a list of texts`, {
      file,
      row,
    })
  }
  const text = typeof asked === 'string' ? asked : ''
  return {
    id: name,
    image: imageIn(value, place) ?? name,
    question: text,
    answers,
    kind: 'open',
    ...categoryOf(category),
  }
}

const question: Read = (value, place) => {
  const { id, question_id, text, question: asked, category } = value
  const own = imageIn(value, place)
  return {
    id: (idOf(question_id) ?? idOf(id)) as string,
    ...(own === undefined ? {} : { image: own }),
    question: withoutPlace((typeof text === 'string' ? text : asked) as string),
    ...answersIn(value, place),
    ...categoryOf(category),
  }
}

/** The image of a question, which has one at most. */
function imageIn(value: Record<string, unknown>, place: RecordPlace): string | undefined {
  const refuse = (message: string): never => {
    throw new ModalityGapError('BAD_SAMPLE', `${place.file}: record ${place.row}: ${message}`, place)
  }
  refuseMedia(value, refuse)
  const given = [value.image, value.images, value.image_id].find(
    each => each !== undefined && each !== null && each !== '',
  )
  const images: unknown[] = given === undefined ? [] : [given].flat()
  if (images.length > 1) {
    refuse(`it has ${images.length} images, and a question is asked about one`)
  }
  const [image] = images
  const named = idOf(image) ?? idOf(Object(image).path)
  return images.length === 0 ? undefined : (named ?? refuse('its image is named by neither text nor number'))
}

/** Right answers that stand in a question's own record, and what kind of question they make it. */
function answersIn(
  { label, answer, answers, options, choices }: Record<string, unknown>,
  place: RecordPlace,
): Pick<BenchmarkRecord, 'answers' | 'kind' | 'options'> {
  const { file, row } = place
  const refuse = (message: string): never => {
    throw new ModalityGapError('BAD_FORMAT', `${file}: record ${row}: ${message}`, place)
  }
  const given = [label, answer, answers].filter(each => each !== undefined && each !== null)
  if (given.length > 1) {
    return refuse('it has several of label, answer and answers')
  }
  const texts = [given[0] ?? []].flat().map(each => {
    const text = textOf(each) ?? textOf(Object(each).answer)
    return text ?? refuse('its answer is neither a text nor a number')
  })
  const listed = [options, choices].filter(each => each !== undefined && each !== null)
  if (listed.length > 1) {
    return refuse('it has both options and choices')
  }
  if (listed.length === 1) {
    return choiceOf(listed[0], texts, refuse)
  }
  const words = new Set(texts.map(yesNoAnswer))
  const [word] = words
  if (word !== undefined && words.size === 1) {
    return { answers: [word], kind: 'yes-no' }
  }
  // a label says yes or no, or nothing that is known
  return { answers: label === undefined || label === null ? texts : [], kind: 'open' }
}

function choiceOf(
  given: unknown,
  answers: readonly string[],
  refuse: (message: string) => never,
): Pick<BenchmarkRecord, 'answers' | 'kind' | 'options'> {
  const options = (Array.isArray(given) ? given : underLetters(given)).map(textOf)
  if (options.length === 0 || options.includes(undefined)) {
    return refuse('its options are not a list of texts')
  }
  const letters = lettersOf(options as string[])
  const found = answers.map(answer => {
    const [, bare = answer] = /^\(?([A-Za-z])[).]?$/.exec(answer.trim()) ?? []
    const place = options.indexOf(answer)
    const named = letters.find(each => each === answer) ?? letters[place]
    const letter = named ?? letters.find(each => each === bare.toUpperCase())
    return letter ?? refuse(`its answer ${JSON.stringify(answer)} is none of ${options.length} options`)
  })
  if (found.length > 1) {
    return refuse('a question with options has one answer')
  }
  return { options: options as string[], answers: found, kind: 'choice' }
}

/** Options under their letters, in their order from A on. */
function underLetters(given: unknown): unknown[] {
  const own = typeof given === 'object' && given !== null ? (given as Record<string, unknown>) : {}
  const letters = lettersOf(Object.keys(own))
  return letters.every(letter => letter in own) ? letters.map(letter => own[letter]) : []
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined
}

const scienceQuestion: Read = (value, place) => {
  const { id, images, turns } = sampleOf(value, place)
  if (images.length > 1) {
    throw badSample(place, `it has ${images.length} images, and a question is asked about one`, id)
  }
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

/**
 * Right answers of a LLaVA question file, from its file of answers `{question_id, text}`; yes and no are recognised. Questions that
 * share an id, as TextVQA's of one image do, take the lines of that id that repeat them as `prompt`, else in their order.
 *
 * @throws {@link ModalityGapError} `BAD_FORMAT` with file and record where an id has other numbers of lines than of questions, and
 * where no id is that of a question
 */
export async function withAnswers(records: readonly BenchmarkRecord[], path: string): Promise<BenchmarkRecord[]> {
  const lines = await answerLines(path)
  const asked = new Map<string, number>()
  for (const { id } of records) {
    asked.set(id, (asked.get(id) ?? 0) + 1)
  }
  const [first] = lines.keys()
  if (first !== undefined && ![...lines.keys()].some(id => asked.has(id))) {
    const message = `${path}: record 0 answers question ${first}, and no record answers one that is asked here`
    throw new ModalityGapError('BAD_FORMAT', `${message}; give the file of answers to these questions`, {
      file: path,
      row: 0,
    })
  }
  for (const [id, own] of lines) {
    const questions = asked.get(id) ?? 0
    const { row } = own[Math.min(Math.max(questions, 1), own.length - 1)] as AnswerLine
    if (own.length > Math.max(questions, 1)) {
      throw new ModalityGapError('BAD_FORMAT', `${path}: record ${row} answers question ${id} again`, {
        file: path,
        row,
      })
    }
    if (own.length < questions) {
      const message = `${path}: record ${row}: question ${id} stands ${questions} times, and ${own.length} of its lines are here`
      throw new ModalityGapError('BAD_FORMAT', `${message}; every one needs its own`, { file: path, row })
    }
  }
  const left = new Map([...lines].map(([id, own]) => [id, inOrderOf(own, records, id)]))
  return records.map(record => {
    const answer = left.get(record.id)?.shift()?.text
    return answer === undefined ? record : answeredBy(record, answer)
  })
}

/** Lines of one id in the order of its questions, where each repeats one of them. */
function inOrderOf(lines: readonly AnswerLine[], records: readonly BenchmarkRecord[], id: string): AnswerLine[] {
  if (lines.length < 2) {
    return [...lines]
  }
  const open = [...lines]
  const ordered = records
    .filter(record => record.id === id)
    .flatMap(({ question }) => {
      const at = open.findIndex(({ prompt }) => prompt === question)
      return at === -1 ? [] : open.splice(at, 1)
    })
  return ordered.length === lines.length ? ordered : [...lines]
}

function answeredBy(record: BenchmarkRecord, answer: string): BenchmarkRecord {
  const word = record.kind === 'choice' ? undefined : yesNoAnswer(answer)
  return word === undefined ? { ...record, answers: [answer] } : { ...record, answers: [word], kind: 'yes-no' as const }
}

interface AnswerLine {
  text: string
  /** The question as the line repeats it. */
  prompt?: string
  row: number
}

/** Answers by question, from JSON lines `{question_id, text}` as LLaVA's evaluation writes them. */
async function answerLines(path: string): Promise<Map<string, AnswerLine[]>> {
  const answers = new Map<string, AnswerLine[]>()
  for await (const { value, row } of jsonRecords(path)) {
    const id = idOf(value.question_id ?? value.id)
    const text = value.text ?? value.answer
    if (id === undefined || typeof text !== 'string') {
      const message = `${path}: record ${row} holds no question_id and text`
      throw new ModalityGapError('BAD_FORMAT', message, { file: path, row })
    }
    const own = answers.get(id) ?? []
    answers.set(id, own)
    own.push({ text, row, ...(typeof value.prompt === 'string' ? { prompt: withoutPlace(value.prompt) } : {}) })
  }
  return answers
}
