import { type Command, InvalidArgumentError, Option } from 'commander'
import type { TrainInput } from '../encoder/encoder.ts'
import type { EmbedOptions, OnBadPair } from '../encoder/options.ts'
import { ModalityGapError } from '../errors.ts'
import { withoutMark } from '../plain-text.ts'
import { readRegular } from '../regular-file.ts'
import type { DroppedPairs, TrainReport } from '../results.ts'
import { utf8Of } from '../utf8.ts'
import { addCommonOptions, atLeast, type CommonOptions, positive } from './options.ts'
import { count, duration, figure, percent, table, written } from './print.ts'
import { perform, resumeCommand } from './session.ts'

type TrainFlags = CommonOptions & Partial<Omit<TrainInput, 'data'>> & { data?: string[] }

const ON_BAD_PAIR: Record<OnBadPair, true> = { error: true, drop: true }

interface EmbedFlags extends CommonOptions, EmbedOptions {
  encoder: string
  data: string[]
  out: string
}

export function addEncoder(program: Command): void {
  const encoder = program.command('encoder').description('train a dual encoder, or embed with one')
  addTrain(encoder)
  addEmbed(encoder)
}

function addTrain(encoder: Command): void {
  const command = encoder
    .command('train')
    .description('train an image and a text tower from scratch on pairs')
    .argument('[config]', 'JSON file with the same options by their names in the library; flags go before it')
    .option('--data <list...>', 'jsonl, csv, tar (WebDataset) or folder of images with captions')
    .option('--out <dir>', 'folder for encoder.safetensors, its checkpoint and log.jsonl')
    .option('--epochs <n>', 'passes over the data (default: 40)', atLeast(1))
    .option('--steps <n>', 'updates in all, instead of epochs', atLeast(1))
    .option('--batch-size <n>', 'pairs contrasted with each other (default: 128)', atLeast(2))
    .option('--micro-batch <n>', 'pairs held at a time (default: the batch)', atLeast(1))
    .option('--learning-rate <rate>', 'highest learning rate (default: 0.001)', positive)
    .option('--temperature <t>', 'temperature at the start (default: 0.01)', positive)
    .option('--holdout <share>', 'share held out by chance where the list names no splits', positive)
    .option('--seed <n>', 'seed of everything by chance (default: 0)', atLeast(0))
    .option('--probe-every <n>', 'updates between two probes', atLeast(1))
    .option('--probes <dir>', 'write probes as step_000800/{image,text,grad_image,…}.npy, for track')
    .option('--checkpoint-every <n>', 'updates between two checkpoints', atLeast(1))
    .option('--resume', 'continue from the checkpoint in --out')
    .option('--overwrite', 'begin anew where --out holds another training')
  addPairOptions(command)
  addCommonOptions(command).action((config: string | undefined, { json, onBadRow: _, ...flags }: TrainFlags) =>
    perform({ json, resumeWith: resumeCommand() }, async (run, bar) => {
      const { DualEncoder } = await import('../encoder/encoder.ts')
      const input = { ...(config === undefined ? {} : await readConfig(config)), ...flags }
      if (input.data === undefined || input.out === undefined) {
        throw new ModalityGapError('BAD_OPTION', 'a training needs data and out')
      }
      const { report } = await DualEncoder.train(input as TrainInput, {
        signal: run.signal,
        onStep: step => {
          const { step: done, seconds, total, loss } = step
          bar.show({ stage: 'training', done, total, unit: 'updates', seconds, detail: `loss ${loss.toFixed(3)}` })
        },
      })
      return { report, text: trainedText(report as TrainReport) }
    }),
  )
}

/** Rows come from pairs here. */
const ADVICE = { BAD_ROW: 'leave the pair out of the list' }

function addEmbed(encoder: Command): void {
  const command = encoder
    .command('embed')
    .description('embed pairs, in the clip-retrieval layout')
    .requiredOption('--encoder <path>', 'a trained encoder, or a local folder of transformers or sentence-transformers')
    .requiredOption('--data <list...>', 'jsonl, csv, tar (WebDataset) or folder of images with captions')
    .requiredOption('--out <dir>', 'folder to write into')
    .option('--splits <names>', 'only pairs of these splits', names)
    .option('--shard-rows <n>', 'pairs per shard (default: 10000)', atLeast(1))
    .option('--prompt <name>', "the encoder's prompt that texts stand behind (default: its own default)")
    .option('--full', 'f32 instead of f16')
    .option('--resume', 'keep the finished shards of an interrupted run')
    .option('--overwrite', 'replace what stands where the output goes')
  addPairOptions(command)
  addCommonOptions(command).action(({ json, onBadRow: _, ...options }: EmbedFlags) =>
    perform({ json, resumeWith: resumeCommand(), advice: ADVICE }, async run => {
      const { embedPairs } = await import('../encoder/encoder.ts')
      const report = await embedPairs(options, run)
      const rows = report.rows === report.pairs ? '' : `${count(report.rows)} captions of `
      const pairs = `${rows}${count(report.pairs)} pairs in ${report.dim} dimensions`
      return { report, text: `${pairs}${leftOut(report.dropped)}${written(report.outputs)}` }
    }),
  )
}

function addPairOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--on-bad-pair <policy>', 'what becomes of pairs that cannot be used (default: error)').choices(
        Object.keys(ON_BAD_PAIR),
      ),
    )
    .option('--allow-outside-images', 'lists may name images outside of their folders')
}

/** Pairs that were left out, in lines of their own. */
function leftOut({ count: pairs, first }: DroppedPairs): string {
  if (pairs === 0) {
    return ''
  }
  const rest = pairs > first.length ? [`  … and ${count(pairs - first.length)} more`] : []
  return [`\n${count(pairs)} pairs left out:`, ...first.map(said => `  ${said}`), ...rest].join('\n')
}

async function readConfig(file: string): Promise<Partial<TrainInput>> {
  const bytes = await readRegular(file)
  try {
    return JSON.parse(withoutMark(utf8Of(bytes, file)))
  } catch (cause) {
    if (cause instanceof ModalityGapError) {
      throw cause
    }
    throw new ModalityGapError('BAD_OPTION', `${file}: ${(cause as Error).message}`, { file, cause })
  }
}

function names(text: string): string[] {
  const found = text.split(',').map(name => name.trim())
  if (found.includes('')) {
    throw new InvalidArgumentError('It has to be names with commas between them.')
  }
  return found
}

/** What a training has come to, with a line for each part of the data that was held out. */
export function trainedText(report: TrainReport): string {
  const { encoder, parameters, pairs, dropped, steps, loss, temperature, heldOut, seconds } = report
  const rows = Object.entries(heldOut).map(([name, held]) => [
    name,
    count(held.rows),
    figure(held.gap),
    percent(held.textToImage.r5),
    percent(held.imageToText.r5),
    percent(held.chanceR5),
  ])
  const heading = `${count(parameters)} parameters, ${count(pairs)} pairs, ${count(steps)} updates in ${duration(seconds)}
loss ${figure(loss)}, temperature ${figure(temperature)}${leftOut(dropped)}`
  const held = [['held out', 'pairs', 'gap', 'text to image R@5', 'image to text R@5', 'chance'], ...rows]
  return `${heading}${rows.length === 0 ? '' : `\n\n${table(held)}`}${written([encoder])}`
}
