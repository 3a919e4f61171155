import { type Command, InvalidArgumentError, Option } from 'commander'
import { given } from '../job.ts'
import type { Question } from '../revision/ask.ts'
import type { Answer, AnswerPiece, ExportKind, SamplingOptions } from '../revision/model-options.ts'
import { atLeast, atLeastZero } from './options.ts'
import { show } from './output.ts'
import { addConfigCommand, type ConfigFlags, openRun } from './revision-options.ts'
import { perform } from './session.ts'

interface GenerateFlags extends ConfigFlags, SamplingOptions {
  prompt?: string
  rows?: string[]
  pick?: number[]
  images?: string[]
  encoder?: string
}

interface ExportFlags extends ConfigFlags {
  out: string
  kind?: ExportKind
  rows?: boolean
}

const KINDS = Object.keys({
  learned: true,
  all: true,
  merged: true,
  llava: true,
  hf: true,
  mmproj: true,
} satisfies Record<ExportKind, true>)

export function addGenerate(group: Command): void {
  addConfigCommand(group, 'generate', 'answers about images, by what was trained')
    .option('--prompt <text>', 'what is asked (default: the prompt of the configuration)')
    .option('--rows <src...>', 'embeddings of images, one answer each')
    .option('--split <name>', 'split of --rows, where a data set has several')
    .option('--pick <numbers>', 'only these of the embeddings, by their numbers, such as 0,7,12', numbers)
    .option('--images <file...>', 'image files instead of embeddings, embedded by --encoder')
    .option('--encoder <path>', 'encoder of the images (default: embeddings.encoder)')
    .option('--max-new-tokens <n>', 'tokens of an answer at most (default: 128)', atLeast(1))
    .option('--temperature <t>', '0 takes the likeliest token (default: 0)', atLeastZero)
    .option('--top-p <share>', 'share of the probability that is drawn from (default: 1)', portion)
    .option('--stop <text...>', 'texts that end an answer')
    .option('--seed <n>', 'seed of the draws (default: that of the configuration)', atLeast(0))
    .action((config: string, flags: GenerateFlags) =>
      perform({ json: flags.json }, async run => {
        const revision = await openRun(config, flags)
        const { question, names } = await asked(flags)
        const { maxNewTokens, temperature, topP, stop, seed } = flags
        const sampling = given({ maxNewTokens, temperature, topP, stop, seed })
        if (flags.json) {
          const answers = await revision.generate(question, { ...sampling, ...run })
          return {
            report: answers.map((answer, i) => ({ ...given({ name: names[i] || undefined }), ...answer })),
            text: '',
          }
        }
        if (names.length > 1) {
          // a bar on the terminal that answers go to would be in their way
          const watched = process.stdout.isTTY ? { signal: run.signal } : run
          const onAnswer = ({ text }: Answer, i: number) =>
            show(`${i === 0 ? '' : '\n'}${names[i]}: ${onOneLine(text)}`)
          const report = await revision.generate(question, { ...sampling, ...watched, onAnswer })
          return { report, text: '' }
        }
        // a single answer is passed on as it comes
        const onText = ({ text }: AnswerPiece) => show(text)
        const report = await revision.generate(question, { ...sampling, signal: run.signal, onText })
        return { report, text: '' }
      }),
    )
}

/** The question, and a name for each of its answers. */
async function asked({
  prompt,
  rows,
  pick,
  images,
  encoder,
  split,
}: GenerateFlags): Promise<{ question: Question; names: string[] }> {
  if (rows === undefined) {
    const all = images ?? ['']
    const names = pick?.map(place => all[place] ?? `image ${place}`) ?? all
    return { question: { prompt, images, encoder, pick }, names }
  }
  const { openEmbeddings } = await import('../embeddings.ts')
  const opened = await openEmbeddings(rows, { role: 'image', split })
  const all = pick ?? Array.from({ length: opened.rows }, (_, row) => row)
  return { question: { prompt, rows: opened, pick, images }, names: all.map(row => `row ${row}`) }
}

function onOneLine(text: string): string {
  return text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '')
    .join(' ')
}

export function addExport(group: Command): void {
  addConfigCommand(group, 'export', 'what was trained, in files that others read')
    .requiredOption('--out <dir>', 'folder to write into')
    .addOption(
      new Option(
        '--kind <kind>',
        'projector and adapters, all that has learned, the model with its adapters merged, or the projector for LLaVA’s trainers, transformers or llama.cpp (default: learned)',
      ).choices(KINDS),
    )
    .option('--overwrite', 'replace what stands in the folder')
    .option('--rows', 'also the records of the training and their embeddings, as published pickles')
    .action((config: string, { out, kind, rows, overwrite, ...flags }: ExportFlags) =>
      perform({ json: flags.json }, async run => {
        const files = await (await openRun(config, flags)).export(out, { kind, rows, overwrite, ...run })
        return { report: { files }, text: `written:\n${files.map(file => `  ${file}`).join('\n')}` }
      }),
    )
}

function numbers(text: string): number[] {
  return text.split(',').map(atLeast(0))
}

function portion(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 1)) {
    throw new InvalidArgumentError('It has to be a number above 0, up to 1.')
  }
  return value
}
