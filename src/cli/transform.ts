import { type Command, Option } from 'commander'
import type { TransformReport } from '../results.ts'
import {
  addCommonOptions,
  addEngineOptions,
  addOutputOptions,
  addReadingOptions,
  type EngineChoice,
  engineOf,
  outputOptionsOf,
  readingOf,
  type WritingOptions,
} from './options.ts'
import { count, duration, figure, memory, notCarried, table, written } from './print.ts'
import { perform, resumeCommand } from './session.ts'

interface Options extends WritingOptions, EngineChoice {
  aligner: string
  in: string[]
  side?: 'source' | 'target'
}

export function addTransform(program: Command): void {
  const command = program
    .command('transform')
    .description('move embeddings with a saved aligner')
    .requiredOption('--aligner <file>', 'the aligner file')
    .requiredOption('--in <src...>', 'embeddings to move')
    .requiredOption('--out <path>', 'folder, or file when there is one shard')
    .addOption(
      new Option('--side <side>', 'which side the embeddings belong to (default: source)').choices([
        'source',
        'target',
      ]),
    )
  addOutputOptions(addReadingOptions(command))
  command.option('--resume', 'keep the finished shards of an interrupted run, after checking them')
  addEngineOptions(addCommonOptions(command)).action((options: Options) =>
    perform({ json: options.json, resumeWith: resumeCommand() }, async run => {
      const { Aligner } = await import('../align.ts')
      const { openEmbeddings } = await import('../embeddings.ts')
      const { claimFiles } = await import('../claim.ts')
      const { following } = await import('../abort.ts')
      const { findPlace } = await import('../places.ts')
      const aligner = await Aligner.load(options.aligner, { signal: run.signal })
      // what stands in a folder is looked at by the job itself
      await following(run.signal, [options.out], async () => {
        if (!(await findPlace(options.out))?.folder) {
          await claimFiles([options.out], { overwrite: true }, [options.aligner])
        }
      })
      const side = options.side ?? 'source'
      const name = aligner.info[side].name
      const role = name === 'image' || name === 'text' ? name : 'other'
      const rows = await openEmbeddings(options.in, { role, ...readingOf(options) }, { signal: run.signal })
      const output = { ...outputOptionsOf(options), side: options.side, on: await engineOf(options), ...run }
      const report = await aligner.transformTo(rows, options.out, output)
      return { report, text: transformText(report) }
    }),
  )
}

const VERDICTS = {
  fits: 'the mean of these embeddings, before and after the map, is that of the fit within what sampling gives',
  drifted: 'these embeddings do NOT look like those of the fit: fit again on embeddings like these',
  'too-few-rows': 'too few embeddings to tell whether they look like those of the fit',
} as const

function transformText({
  dim,
  rows,
  dropped,
  fits,
  toTarget,
  seconds: time,
  outputs,
  notCarried: losses,
  ...report
}: TransformReport): string {
  const facts = table([
    ...(fits
      ? [
          ['shift of the mean since the fit', figure(fits.meanShift)],
          ['  expected from sampling, root mean square', figure(fits.floor)],
          ...(fits.critical === undefined ? [] : [['  exceeded by one sample in 200', figure(fits.critical)]]),
          ...(fits.shiftAfter === undefined ? [] : [['shift of the mean after the map', figure(fits.shiftAfter)]]),
          ...(fits.criticalAfter === undefined
            ? []
            : [['  exceeded by one sample in 200', figure(fits.criticalAfter)]]),
          ['trace now', figure(fits.trace)],
          ['  at the fit', figure(fits.storedTrace)],
        ]
      : []),
    ...(toTarget === undefined ? [] : [["distance to the target's mean", figure(toTarget)]]),
    ['time', duration(time.transform)],
    ...memory(report.peakMemoryBytes),
  ])
  const lost = dropped > 0 ? `, ${count(dropped)} bad rows left out` : ''
  const verdict = fits ? `\n${VERDICTS[fits.verdict]}` : ''
  return `${count(rows.input)} embeddings of ${dim} dimensions${lost}${verdict}\n\n${facts}\n${notCarried(losses)}${written(outputs)}`
}
