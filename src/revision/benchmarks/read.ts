import { basename } from 'node:path'
import { type Checks, checkOptions, checkPath, oneOf, path as pathCheck, refuseRemote, text } from '../../checks.ts'
import { names } from '../../option-checks.ts'
import { namesIn, placeAt, within } from '../../places.ts'
import { jsonQuestions, withAnswers } from './json-questions.ts'
import { mmeRecords } from './mme.ts'
import { byImage, isMme } from './mme-score.ts'
import { type BenchmarkGroup, type BenchmarkName, type BenchmarkRecord, benchmarkNamed } from './record.ts'
import { tableRecords } from './table.ts'

/** What is known of a benchmark beside its file. */
export interface ReadBenchmarkOptions {
  /** Its name. @defaultValue the published benchmark whose name is in the path's last part, else that part */
  name?: string
  /** What it is about. @defaultValue that of the published benchmark of this name */
  group?: BenchmarkGroup
  /** File of right answers, `{question_id, text}` on each line, for questions that come without. */
  answers?: string
}

const checks: Checks<ReadBenchmarkOptions> = {
  name: text,
  group: oneOf(names<BenchmarkGroup>({ general: true, reasoning: true, hallucination: true })),
  answers: pathCheck,
}

/**
 * Reads a benchmark, whatever its layout: `.tsv`, JSON or JSON lines, a folder of POPE's files (`*.json`, whose names
 * become categories and part of the ids), or a folder of MME.
 *
 * @throws {@link ModalityGapError} as `tableRecords`, `jsonQuestions` and `mmeRecords` do
 */
export async function readBenchmark(path: string, options: ReadBenchmarkOptions = {}): Promise<BenchmarkRecord[]> {
  checkPath(path, 'readBenchmark')
  checkOptions(options, 'the second argument of readBenchmark', checks)
  const name = nameOf(path, options)
  const found = await recordsIn(path, name)
  const records = isMme(name.benchmark) ? byImage(found) : found
  return options.answers === undefined ? records : await withAnswers(records, options.answers)
}

function nameOf(path: string, { name, group }: ReadBenchmarkOptions): BenchmarkName {
  const own = name ?? basename(path)
  const published = benchmarkNamed(own)
  const about = group ?? published?.group
  const benchmark = name ?? published?.name ?? own.replace(/\.[^.]+$/, '')
  return about === undefined ? { benchmark } : { benchmark, group: about }
}

async function recordsIn(path: string, name: BenchmarkName): Promise<BenchmarkRecord[]> {
  if ((await placeAt(path)).folder) {
    const parts = (await namesIn(path)).filter(file => /\.jsonl?$/.test(file)).sort()
    if (parts.length > 0) {
      return await categories(path, parts, name)
    }
    refuseRemote(
      path,
      'readBenchmark',
      'a folder of MME is read from the file system only; download it, and name the copy',
    )
    return mmeRecords(path, name)
  }
  return /\.tsv$/i.test(path) ? await tableRecords(path, name) : await jsonQuestions(path, name)
}

/** POPE numbers the questions of every file anew: the category makes their ids differ. */
async function categories(folder: string, files: readonly string[], name: BenchmarkName): Promise<BenchmarkRecord[]> {
  const all: BenchmarkRecord[] = []
  for (const file of files) {
    const category = file.replace(/\.[^.]+$/, '').replace(/^.*pope_/, '')
    for (const record of await jsonQuestions(within(folder, file), name)) {
      all.push({ ...record, id: `${category}/${record.id}`, category })
    }
  }
  return all
}
