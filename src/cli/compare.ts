import { type Command, InvalidArgumentError } from 'commander'
import type { CompareReport } from '../compare.ts'
import { comparedDiagnosis, diagnosisText, groupsSentence } from '../sentences.ts'
import { STRATEGIES, type StrategyName } from '../strategies.ts'
import { addHtmlOptions, type HtmlOptions, htmlWriter } from './html.ts'
import {
  addCommonOptions,
  addGroupOptions,
  addReadingOptions,
  atLeast,
  type CommonOptions,
  type GroupingOptions,
  positive,
  readingOf,
  share,
} from './options.ts'
import { count, figure, leftOut, percent, table, written } from './print.ts'
import { perform } from './session.ts'

interface Options extends CommonOptions, HtmlOptions, GroupingOptions {
  image: string[]
  text: string[]
  paired?: boolean
  methods?: StrategyName[]
  holdout?: number
  energy?: number
  rank?: number
  exact?: boolean
  seed?: number
}

const NAMES = Object.keys(STRATEGIES) as StrategyName[]

export function addCompare(program: Command): void {
  const command = program
    .command('compare')
    .description('fit every strategy on one part of the embeddings and measure it on the other')
    .requiredOption('--image <src...>', 'image embeddings')
    .requiredOption('--text <src...>', 'text embeddings')
    .option('--paired', 'embeddings are pairs: those of one id, where ids are known, otherwise the i-th with the i-th')
    .option('--methods <list>', `strategies, of ${NAMES.join(',')} (default: all that apply)`, methods)
    .option('--holdout <share>', 'share of the embeddings that no fit sees (default: 0.2)', share)
    .option('--energy <share>', 'share of the energy in the frame (default: 0.99)', positive)
    .option('--rank <r>', 'dimension of the frame, instead of a share', atLeast(1))
    .option('--exact', 'let every row ask for its neighbours, however many there are')
    .option('--seed <n>', 'seed of the split and of what is sampled (default: 0)', atLeast(0))
  addCommonOptions(addReadingOptions(addGroupOptions(addHtmlOptions(command)))).action((options: Options) =>
    perform({ json: options.json }, async run => {
      const { compareStrategies } = await import('../compare.ts')
      const { openEmbeddings } = await import('../embeddings.ts')
      const [reading, opening] = [readingOf(options), { signal: run.signal }]
      const { threads, paired, holdout, energy, rank, exact, seed, captionsPerImage } = options
      const image = await openEmbeddings(options.image, { role: 'image', ids: options.imageIds, ...reading }, opening)
      const text = await openEmbeddings(options.text, { role: 'text', ids: options.textIds, ...reading }, opening)
      const write = await htmlWriter(options, [image, text, options.imageIds, options.textIds], run.signal)
      const what = { paired, captionsPerImage, methods: options.methods, holdout, energy, rank, exact, seed, threads }
      const report = await compareStrategies({ image, text, ...what }, run)
      const subtitle = `${options.image.join(', ')} and ${options.text.join(', ')}`
      const files = await write(report, { subtitle })
      return { report, text: `${compared(report)}${written(files)}` }
    }),
  )
}

function compared({ strategies, rows, dropped, holdout, paired, recommended }: CompareReport): string {
  const found = paired ? ['text R@1', 'image R@1', 'images in mixed 10'] : []
  const head = ['', 'gap', 'floor', 'kept of 10', 'Φ', 'Ψ', 'mixing', 'Fréchet of these', ...found]
  const lines = Object.entries(strategies).map(([name, report]) => {
    const { gap, preservation: kept, neighbours, covariance, retrieval } = report
    const found = retrieval
      ? [percent(retrieval.textToImage.r1), percent(retrieval.imageToText.r1), percent(retrieval.mixed.imageShare)]
      : []
    return [
      name,
      figure(gap.centroid),
      figure(gap.floor),
      percent(kept?.omega ?? Number.NaN),
      figure(kept?.phi),
      figure(kept?.psi),
      percent(neighbours?.mixing.all ?? Number.NaN),
      figure(covariance?.frechetBiased),
      ...found,
    ]
  })
  const advice = Object.entries(recommended).flatMap(([purpose, one]) =>
    one ? [`${purpose}: ${one.method}; ${one.why}`] : [],
  )
  const held = `${count(rows.image)} image and ${count(rows.text)} text embeddings held out (${percent(holdout)}), seen by no fit`
  const [first] = Object.values(strategies)
  const grouped = first?.groups ? `\n${groupsSentence(first.groups, first.rows)}` : ''
  const findings = diagnosisText(comparedDiagnosis(strategies))
  return [`${held}${leftOut(dropped)}${grouped}`, table([head, ...lines]), advice.join('\n'), findings]
    .filter(part => part !== '')
    .join('\n\n')
}

function methods(text: string): StrategyName[] {
  const names = text.split(',').map(name => name.trim())
  const unknown = names.find(name => !NAMES.includes(name as StrategyName))
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`unknown strategy \`${unknown}\`; expected ${NAMES.join(', ')}`)
  }
  return names as StrategyName[]
}
