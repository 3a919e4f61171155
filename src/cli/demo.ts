import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Command, Option } from 'commander'
import type { RunOptions } from '../abort.ts'
import type { Sides } from '../align.ts'
import { packageFolder } from '../place.ts'
import type { GapReport } from '../results.ts'
import { needsPairs, STRATEGIES, type StrategyName } from '../strategies.ts'
import { addCommonOptions, type CommonOptions } from './options.ts'
import { count, figure, percent, table } from './print.ts'
import { perform } from './session.ts'

/** What is said about each sample, and the strategies that its demo compares. */
const SAMPLES = {
  emoji: {
    about: (
      pairs: string,
    ) => `Real embeddings of ${pairs} pictures of emoji and their names, by a small dual encoder trained from scratch
that had never seen these pictures (samples/emoji/README.md).`,
    compared: [],
  },
  'coco-clip': {
    about: (pairs: string) =>
      `Embeddings of ${pairs} images of MS-COCO and their captions by CLIP ViT-B/32 (samples/coco-clip/README.md).`,
    compared: ['none', 'centering', 'mean-shift', 'realign', 'procrustes', 'bca'],
  },
} as const satisfies Record<string, { about: (pairs: string) => string; compared: readonly StrategyName[] }>

type SampleName = keyof typeof SAMPLES

interface Options extends CommonOptions {
  sample: SampleName
  out?: string
  overwrite?: boolean
}

export function addDemo(program: Command): void {
  const command = program
    .command('demo')
    .description('align a sample that comes with the package')
    .addOption(
      new Option('--sample <name>', 'which sample').choices(Object.keys(SAMPLES)).default('emoji' satisfies SampleName),
    )
    .option('--out <dir>', 'where to write (default: a new temporary folder)')
    .option('--overwrite', 'replace what stands there')
  addCommonOptions(command).action((options: Options) =>
    perform({ json: options.json }, async run => {
      const { Aligner } = await import('../align.ts')
      const { fitTable } = await import('./fit-table.ts')
      const { openSides } = await import('./sides.ts')
      const { about, compared } = SAMPLES[options.sample]
      const out = options.out ?? mkdtempSync(join(tmpdir(), 'modality-gap-demo-'))
      const sample = fileURLToPath(new URL(`samples/${options.sample}`, packageFolder))
      const sides = await openSides({
        target: { paths: [sample], name: 'image' },
        source: { paths: [sample], name: 'text' },
      })
      const aligner = await Aligner.alignTo(
        { ...sides, out, threads: options.threads, overwrite: options.overwrite },
        run,
      )
      const strategies = await measured(sides, compared, options, run)
      const text = [
        about(count(sides.target.rows)),
        fitTable(aligner),
        ...strategyTable(strategies),
        nextSteps(out),
      ].join('\n\n')
      return { report: compared.length > 0 ? { ...aligner.report, strategies } : aligner.report, text }
    }),
  )
}

type Strategies = Partial<Record<StrategyName, GapReport>>

/** Each strategy fitted to all pairs and measured on the same pairs. */
async function measured(
  { target, source }: Sides,
  names: readonly StrategyName[],
  { threads }: Options,
  run: RunOptions,
): Promise<Strategies> {
  const { Aligner } = await import('../align.ts')
  const { measureGap } = await import('../measure.ts')
  const strategies: Strategies = {}
  for (const name of names) {
    const aligner = await Aligner.fit({ target, source, ...STRATEGIES[name], paired: needsPairs(name), threads }, run)
    const pairs = { image: target, text: source, aligner, paired: true, exact: true, threads }
    strategies[name] = await measureGap({ ...pairs, parts: ['preservation', 'retrieval'] }, run)
  }
  return strategies
}

const NAMES: Partial<Record<StrategyName, string>> = {
  centering: 'centering, both sides',
  procrustes: 'procrustes (fitted to the pairs)',
}

function strategyTable(strategies: Strategies): string[] {
  const lines = Object.entries(strategies).map(([name, { gap, preservation, retrieval }]) => [
    NAMES[name as StrategyName] ?? name,
    figure(gap.after),
    percent(preservation?.omega ?? Number.NaN),
    percent(retrieval?.textToImage.r1 ?? Number.NaN),
  ])
  const head = ['', 'gap', 'text neighbours kept', 'text to image R@1']
  return lines.length === 0 ? [] : [`strategies, fitted and measured on the same pairs:\n\n${table([head, ...lines])}`]
}

function nextSteps(out: string): string {
  return `next:
  modality-gap inspect ${out}
  modality-gap measure --image YOUR_IMAGES --text YOUR_TEXTS
  modality-gap align --image YOUR_IMAGES --text YOUR_TEXTS --out aligned`
}
