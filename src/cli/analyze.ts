import { type Command, InvalidArgumentError } from 'commander'
import type { RunOptions } from '../abort.ts'
import type { CaptionsReport } from '../analyze/captions.ts'
import type { DomainsReport, ModalitiesReport } from '../analyze/matrices.ts'
import type { SampleSizeReport } from '../analyze/sample-size.ts'
import type { ReportData } from '../report/data.ts'
import { rowsSentence, verdictWord } from '../sentences.ts'
import { addHtmlOptions, type HtmlOptions, htmlWriter } from './html.ts'
import {
  addCaptionsPerImage,
  addCommonOptions,
  addFitOptions,
  addReadingOptions,
  atLeast,
  type CommonOptions,
  type FittingOptions,
  fitOptionsOf,
  positive,
  readingOf,
} from './options.ts'
import { count, figure, leftOut, percent, table, written } from './print.ts'
import { perform } from './session.ts'
import { addSideOptions, openSides, type SideOptions, sidesOf } from './sides.ts'

type Common = CommonOptions & HtmlOptions

export function addAnalyze(program: Command): void {
  const analyze = program.command('analyze').description('sample size, domains, captions, several modalities')
  addSampleSize(analyze)
  addDomains(analyze)
  addCaptions(analyze)
  addModalities(analyze)
}

function addSampleSize(analyze: Command): void {
  const command = analyze
    .command('sample-size')
    .description('how the gap on unseen embeddings falls with the number of embeddings of the fit')
  addSideOptions(command)
  addFitOptions(addReadingOptions(addHtmlOptions(command)))
    .option('--sizes <list>', 'embeddings a side of the fits (default: 100,200,500,… up to all)', sizes)
    .option('--trials <n>', 'fits at each size (default: 5)', atLeast(1))
    .option('--wanted <gap>', 'estimate how many embeddings this gap takes', positive)
  type Options = Common & SideOptions & FittingOptions & { sizes?: number[]; trials?: number; wanted?: number }
  addCommonOptions(command).action((options: Options) =>
    finish(
      options,
      Object.values(sidesOf(options)).flatMap(({ paths }) => paths),
      async run => {
        const { analyzeSampleSize } = await import('../analyze/sample-size.ts')
        const sides = await openSides(sidesOf(options), readingOf(options), run.signal)
        const { sizes, trials, wanted, threads, captionsPerImage } = options
        const report = await analyzeSampleSize(
          { ...sides, ...fitOptionsOf(options), captionsPerImage, sizes, trials, wanted, threads },
          run,
        )
        return { report, text: curve(report) }
      },
    ),
  )
}

function addDomains(analyze: Command): void {
  const command = analyze
    .command('domains')
    .description('fit on each domain, use on every other')
    .requiredOption(
      '--domain <name=image,text...>',
      'a domain: its name, its image embeddings and its text embeddings',
      each(2),
    )
  addFitOptions(addReadingOptions(addHtmlOptions(addCaptionsPerImage(command))))
  addCommonOptions(command).action(
    (options: Common & FittingOptions & { domain: Named[]; captionsPerImage?: number }) =>
      finish(
        options,
        options.domain.flatMap(({ paths }) => paths),
        async run => {
          const { analyzeDomains } = await import('../analyze/matrices.ts')
          const { openEmbeddings } = await import('../embeddings.ts')
          const { threads, captionsPerImage } = options
          const opening = { signal: run.signal }
          const domains = []
          for (const { name, paths } of options.domain) {
            const [image = '', text = ''] = paths
            domains.push({
              name,
              image: await openEmbeddings(image, { role: 'image', ...readingOf(options) }, opening),
              text: await openEmbeddings(text, { role: 'text', ...readingOf(options) }, opening),
            })
          }
          const report = await analyzeDomains({ domains, ...fitOptionsOf(options), captionsPerImage, threads }, run)
          return { report, text: matrix(report, 'fitted on (down), used on (across)') }
        },
      ),
  )
}

function addCaptions(analyze: Command): void {
  const command = analyze
    .command('captions')
    .description('compare corpora of captions for the same images')
    .requiredOption('--image <src...>', 'image embeddings')
    .requiredOption(
      '--corpus <name=text,captions...>',
      'a corpus: its name, its embeddings, and, if there is one, a file of its captions',
      each(1, 2),
    )
    .option('--token-limit <n>', 'tokens that the text encoder takes (default: 77)', atLeast(3))
  addCommonOptions(addReadingOptions(addHtmlOptions(command))).action(
    (options: Common & { image: string[]; corpus: Named[]; tokenLimit?: number }) =>
      finish(options, [options.image, ...options.corpus.map(({ paths }) => paths)].flat(), async run => {
        const { readCaptions } = await import('../analyze/caption-files.ts')
        const { analyzeCaptions } = await import('../analyze/captions.ts')
        const { openEmbeddings } = await import('../embeddings.ts')
        const { threads, tokenLimit } = options
        const [reading, opening] = [readingOf(options), { signal: run.signal }]
        const corpora = []
        for (const { name, paths } of options.corpus) {
          const [rows = '', file] = paths
          const captions = file === undefined ? undefined : await readCaptions(file)
          corpora.push({ name, text: await openEmbeddings(rows, { role: 'text', ...reading }, opening), captions })
        }
        const image = await openEmbeddings(options.image, { role: 'image', ...reading }, opening)
        const report = await analyzeCaptions({ image, corpora, tokenLimit, threads }, run)
        return { report, text: corporaTable(report) }
      }),
  )
}

function addModalities(analyze: Command): void {
  const command = analyze
    .command('modalities')
    .description('the gap between every two of several modalities')
    .requiredOption('--rows <name=src...>', 'a modality: its name and its embeddings', each(1))
  addCommonOptions(addReadingOptions(addHtmlOptions(command))).action((options: Common & { rows: Named[] }) =>
    finish(
      options,
      options.rows.flatMap(({ paths }) => paths),
      async run => {
        const { analyzeModalities } = await import('../analyze/matrices.ts')
        const { openEmbeddings } = await import('../embeddings.ts')
        const modalities = []
        for (const { name, paths } of options.rows) {
          modalities.push([
            name,
            await openEmbeddings(paths[0] ?? '', readingOf(options), { signal: run.signal }),
          ] as const)
        }
        const named_ = Object.fromEntries(modalities)
        const report = await analyzeModalities({ modalities: named_, threads: options.threads }, run)
        return { report, text: matrix(report, 'distance of the means') }
      },
    ),
  )
}

/** Runs an analysis, prints it, and writes the report that was asked for. */
function finish(
  options: Common,
  read: readonly string[],
  work: (run: RunOptions) => Promise<{ report: ReportData; text: string }>,
): Promise<void> {
  return perform({ json: options.json }, async run => {
    const write = await htmlWriter(options, read, run.signal)
    const { report, text } = await work(run)
    const files = await write(report)
    return { report, text: `${text}${written(files)}` }
  })
}

function curve({ curve, rowsFor, model, dropped }: SampleSizeReport): string {
  const head = ['embeddings of the fit', 'gap on unseen embeddings', 'sd', 'noise floor']
  const lines = curve.map(({ n, mean, sd, floor }) => [count(Math.round(n)), figure(mean), figure(sd), figure(floor)])
  const wanted = rowsFor ? `\n\n${rowsSentence(rowsFor, model.limit)}` : ''
  return `${table([head, ...lines])}${leftOut(dropped)}${wanted}`
}

function matrix({ names, gap, floor, verdict, dropped }: DomainsReport | ModalitiesReport, what: string): string {
  const lines = names.map((name, i) => [name, ...names.map((_, j) => figure(gap[i]?.[j]))])
  const floors = names.map((name, i) => [name, ...names.map((_, j) => figure(floor[i]?.[j]))])
  const verdicts = names.map((name, i) => [name, ...names.map((_, j) => verdictWord(verdict[i]?.[j] ?? undefined))])
  const tables = [
    [[what, ...names], ...lines],
    [['noise floor', ...names], ...floors],
    [['the gap is', ...names], ...verdicts],
  ]
  const lost = names.flatMap((name, i) => {
    const of = dropped[i] ?? 0
    return typeof of === 'number'
      ? [[name, of]]
      : [
          [`${name} image`, of.image],
          [`${name} text`, of.text],
        ]
  })
  return `${tables.map(rows => table(rows)).join('\n\n')}${leftOut(Object.fromEntries(lost))}`
}

function corporaTable({ image, corpora, tokenLimit, spectrumRows }: CaptionsReport): string {
  const head = [
    '',
    'embeddings',
    'trace',
    `effective rank of ${count(spectrumRows)} rows`,
    'gap',
    'floor',
    'words',
    `over ${tokenLimit} tokens`,
    'non-visual',
  ]
  const rest = (of: { rows: number; trace: number; effectiveRankBiased: number | null }) => [
    count(of.rows),
    figure(of.trace),
    figure(of.effectiveRankBiased),
  ]
  const lines = corpora.map(corpus => [
    corpus.name,
    ...rest(corpus),
    figure(corpus.gap),
    figure(corpus.floor),
    ...(corpus.captions
      ? [figure(corpus.captions.words), percent(corpus.captions.overLimit), percent(corpus.captions.nonVisual)]
      : ['–', '–', '–']),
  ])
  const lost = [['image', image.dropped], ...corpora.map(({ name, dropped }) => [name, dropped])]
  return `${table([head, ['images', ...rest(image), '', '', '', '', ''], ...lines])}${leftOut(Object.fromEntries(lost))}`
}

/** A name and the sources that bear it. */
interface Named {
  name: string
  paths: string[]
}

/** Collects the values of a variadic option, each a name and `least` to `most` sources. */
function each(least: number, most = least): (text: string, before?: Named[]) => Named[] {
  return (text, before = []) => {
    const [name, rest] = [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]
    const paths = rest.split(',')
    if (!text.includes('=') || name === '' || paths.length < least || paths.length > most || paths.includes('')) {
      throw new InvalidArgumentError(
        `"${text}" is not a name, an equals sign and ${most} source${most > 1 ? 's' : ''}.`,
      )
    }
    return [...before, { name, paths }]
  }
}

function sizes(text: string): number[] {
  return text.split(',').map(atLeast(2))
}
