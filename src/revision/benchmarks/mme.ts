import { type Dirent, readdirSync, readFileSync } from 'node:fs'
import { basename, join, relative, sep } from 'node:path'
import { ModalityGapError } from '../../errors.ts'
import { withoutMark } from '../../plain-text.ts'
import { unreadable } from '../../unreadable.ts'
import { utf8Of } from '../../utf8.ts'
import { type BenchmarkName, type BenchmarkRecord, yesNoAnswer } from './record.ts'

/** Folders that MME puts between a category and its files. */
const INNER = new Set(['images', 'questions_answers_YN'])

/**
 * Reads MME: a folder for each category with a text file for each image, lines `question TAB answer`; or a text file for
 * each category, lines `image TAB question TAB answer`, as its evaluation takes them. The image's id is
 * `category/file`, with the ending where the picture stands beside its questions.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`; `EMPTY` without questions; `BAD_FORMAT` with file and line
 */
export function mmeRecords(folder: string, name: BenchmarkName): BenchmarkRecord[] {
  const files = filesIn(folder)
  const pictures = new Map(
    files.filter(file => !file.endsWith('.txt')).map(file => [stemOf(idOf(folder, file)), idOf(folder, file)]),
  )
  const records = files
    .filter(file => file.endsWith('.txt'))
    .flatMap(file => linesOf(file).map((line, row) => recordOf(line, { folder, file, row }, pictures, name)))
  if (records.length === 0) {
    throw new ModalityGapError('EMPTY', `${folder} holds no text file with questions`, { file: folder })
  }
  return records
}

function filesIn(folder: string): string[] {
  let entries: Dirent[]
  try {
    entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  } catch (cause) {
    return unreadable(folder, cause)
  }
  return entries
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .sort()
}

/** `category/file`, without MME's inner folders. */
function idOf(folder: string, file: string): string {
  return relative(folder, file)
    .split(sep)
    .filter(part => !INNER.has(part))
    .join('/')
}

function stemOf(id: string): string {
  return id.replace(/\.[^./]+$/, '')
}

function linesOf(file: string): string[] {
  try {
    return withoutMark(utf8Of(readFileSync(file), file))
      .split(/\r?\n/)
      .filter(line => line.trim() !== '')
  } catch (cause) {
    if (cause instanceof ModalityGapError) {
      throw cause
    }
    return unreadable(file, cause)
  }
}

function recordOf(
  line: string,
  { folder, file, row }: { folder: string; file: string; row: number },
  pictures: ReadonlyMap<string, string>,
  name: BenchmarkName,
): BenchmarkRecord {
  const cells = line.split('\t')
  // a line of the evaluation names the image first
  const [picture, question, right] = cells.length >= 3 ? cells : [undefined, ...cells]
  const answer = yesNoAnswer(right)
  if (question === undefined || answer === undefined) {
    const message = `${file}: line ${row + 1} is not a question, a tab, and Yes or No`
    throw new ModalityGapError('BAD_FORMAT', message, { file, row })
  }
  const stem = stemOf(idOf(folder, file))
  const own = picture === undefined ? stem : `${stem}/${picture}`
  const image = picture === undefined ? (pictures.get(stem) ?? stem) : own
  return {
    id: picture === undefined ? `${stem}#${row}` : `${own}#${row}`,
    image,
    together: image,
    question,
    answers: [answer],
    kind: 'yes-no',
    category: stem.includes('/') ? (stem.split('/')[0] as string) : basename(stem),
    ...name,
  }
}
