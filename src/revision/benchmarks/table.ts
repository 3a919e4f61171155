import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { parse } from 'csv-parse'
import { ModalityGapError } from '../../errors.ts'
import { openRegular } from '../../regular-file.ts'
import { lettersOf } from '../../text-metrics/choice.ts'
import { unreadable } from '../../unreadable.ts'
import { utf8Pieces } from '../../utf8.ts'
import { refuseTwice } from '../data/id-files.ts'
import { isMme } from './mme-score.ts'
import { type BenchmarkName, type BenchmarkRecord, yesNoAnswer } from './record.ts'

/** A cell `image` up to this length names the row that holds the picture; a longer one is the picture. */
const REFERENCE_LENGTH = 64
/** Bytes of a row at most, pictures included. */
const MAX_ROW_BYTES = 128 * 2 ** 20
/** What MMBench adds to the number of a question whose options have moved on. */
const ROTATION = 1_000_000n
/** Columns of options: single letters, as many as there are. */
const OPTION = /^[A-Z]$/

type Row = Record<string, string | undefined>

/**
 * Reads a table of tabs as MMBench, MMStar and MMMU are published for VLMEvalKit: columns `index`, `question`, `answer`,
 * options `A`, `B`, …, and where they are `hint`, `category`, `image_path`, `image`.
 *
 * Pictures in base64 are dropped as they pass by. The image's id is the first of: `image_path`; the row that a short
 * `image` names; `index`, where there is a picture.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`; `BAD_FORMAT` with file and row
 */
export async function tableRecords(path: string, name: BenchmarkName): Promise<BenchmarkRecord[]> {
  const records: BenchmarkRecord[] = []
  const rows: Pick<Row, 'index' | 'image' | 'image_path'>[] = []
  const input = (await openRegular(path)).createReadStream()
  const parser = parse({
    bom: true,
    columns: (header: string[]) => refuseTwice(header, path),
    delimiter: '\t',
    max_record_size: MAX_ROW_BYTES,
    relax_quotes: true,
    skip_empty_lines: true,
    cast: (cell, { column }) => (column === 'image' && cell.length > REFERENCE_LENGTH ? pictureOf(cell) : cell),
  })
  try {
    const text = Readable.from(utf8Pieces(input, path)).on('error', cause => parser.destroy(cause))
    for await (const row of text.pipe(parser)) {
      records.push(recordOf(row as Row, { file: path, row: records.length }, name))
      const { index, image, image_path } = row as Row
      rows.push({ index, image, image_path })
    }
  } catch (cause) {
    throw atRow(path, records.length, cause)
  } finally {
    input.destroy()
  }
  return withTogether(isMme(name.benchmark) ? withPictures(records, rows) : records)
}

/** Marks the questions of one picture, which holds it or names the row that does. */
function withPictures(
  records: readonly BenchmarkRecord[],
  rows: readonly Pick<Row, 'index' | 'image' | 'image_path'>[],
): BenchmarkRecord[] {
  const pictures = new Map(rows.filter(({ image }) => image?.startsWith(PICTURE)).map(row => [row.index, row.image]))
  return records.map((record, i) => {
    const { image, image_path } = rows[i] as (typeof rows)[number]
    const picture = image?.startsWith(PICTURE) ? image : pictures.get(image)
    return given(image_path) === undefined && picture !== undefined
      ? { ...record, together: `${record.category}\t${picture}` }
      : record
  })
}

/**
 * Marks the questions that stand there with their options in several orders: MMBench numbers these alike up to a million.
 */
function withTogether(records: readonly BenchmarkRecord[]): BenchmarkRecord[] {
  const keyOf = ({ id, question, kind }: BenchmarkRecord) =>
    kind === 'choice' && /^\d+$/.test(id) ? `${BigInt(id) % ROTATION}\t${question}` : undefined
  const times = new Map<string | undefined, number>()
  for (const record of records) {
    times.set(keyOf(record), (times.get(keyOf(record)) ?? 0) + 1)
  }
  return records.map(record => {
    const key = keyOf(record)
    const several = key !== undefined && (times.get(key) ?? 0) > 1
    return several ? { ...record, together: key } : record
  })
}

/** Stands for a picture that was dropped: no cell begins so, and equal pictures have equal ones. */
const PICTURE = '\0picture '

function pictureOf(cell: string): string {
  return PICTURE + createHash('sha256').update(cell).digest('hex')
}

function atRow(file: string, row: number, cause: unknown): unknown {
  const { code, message } = cause as NodeJS.ErrnoException
  if (cause instanceof ModalityGapError) {
    return cause
  }
  if (typeof code === 'string' && code.startsWith('CSV_')) {
    return new ModalityGapError('BAD_FORMAT', `${file}: row ${row}: ${message}`, { file, row, cause })
  }
  return unreadable(file, cause)
}

function recordOf(row: Row, place: { file: string; row: number }, name: BenchmarkName): BenchmarkRecord {
  const { index, question, hint, answer, category } = row
  if (question === undefined || index === undefined) {
    const missing = question === undefined ? 'question' : 'index'
    throw new ModalityGapError('BAD_FORMAT', `${place.file}: there is no column ${missing}`, { file: place.file })
  }
  const options = optionsOf(row)
  const common = { id: index, ...imageOf(row), question: [given(hint), question].filter(Boolean).join('\n'), ...name }
  return {
    ...common,
    ...(options.length > 0 ? { options } : {}),
    ...answersOf(answer, options, place),
    ...(given(category) ? { category } : {}),
  }
}

function answersOf(
  answer: string | undefined,
  options: readonly string[],
  place: { file: string; row: number },
): Pick<BenchmarkRecord, 'kind' | 'answers'> {
  const right = given(answer)?.trim()
  if (options.length > 0) {
    const letter = right?.toUpperCase()
    if (letter !== undefined && !lettersOf(options).includes(letter)) {
      const message = `${place.file}: row ${place.row}: answer ${right} is none of ${options.length} options`
      throw new ModalityGapError('BAD_FORMAT', message, place)
    }
    return { kind: 'choice', answers: letter === undefined ? [] : [letter] }
  }
  const word = yesNoAnswer(right)
  return word === undefined
    ? { kind: 'open', answers: right === undefined ? [] : [right] }
    : { kind: 'yes-no', answers: [word] }
}

/** The options up to the first that is empty; `nan` is what pandas writes for such ones, where nothing follows. */
function optionsOf(row: Row): string[] {
  const cells = Object.keys(row)
    .filter(name => OPTION.test(name))
    .sort()
    .map(name => row[name] ?? '')
  const empty = cells.findIndex(cell => cell.trim() === '')
  const filled = empty === -1 ? cells : cells.slice(0, empty)
  return filled.slice(0, filled.findLastIndex(cell => cell.trim() !== 'nan') + 1)
}

function imageOf({ image_path, image, index }: Row): { image?: string } {
  const path = given(image_path)
  const own = given(image)
  const id = path ?? (own?.startsWith(PICTURE) ? index : own)
  return id === undefined ? {} : { image: id }
}

/** What a cell says; pandas writes `nan` for nothing. */
function given(cell: string | undefined): string | undefined {
  return cell === undefined || ['', 'nan', 'none'].includes(cell.trim().toLowerCase()) ? undefined : cell
}
