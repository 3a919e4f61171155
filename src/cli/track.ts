import { once } from 'node:events'
import { type Command, InvalidArgumentError } from 'commander'
import type { LivePage } from '../report/track/serve.ts'
import type { TrackRecord } from '../results.ts'
import { addReportOptions, type HtmlOptions, htmlWriter } from './html.ts'
import { addCommonOptions, atLeast, type CommonOptions, positive } from './options.ts'
import { tell } from './output.ts'
import { written } from './print.ts'
import { INTERRUPTED, perform } from './session.ts'
import { inputLines } from './stdin.ts'

interface Options extends CommonOptions, HtmlOptions {
  freezeAt?: number
  energy?: number
  rank?: number
  every?: number
  window?: number
  topEigen?: number
  retrievalPairs?: number
  seed?: number
  ids?: string
  captionsPerImage?: number
  out?: string
  state?: string
  follow?: boolean
  until?: number
  serve?: number | true
}

/** What a run is while it is looked at. */
interface Watched {
  records: readonly TrackRecord[]
  page?: LivePage
}

/** A tracker needs every row of a step. */
const ADVICE = {
  BAD_ROW: 'repair the row; a tracker leaves none out',
  NOT_PAIRED: 'write as many image as text embeddings',
}

export function addTrack(program: Command): void {
  const command = program
    .command('track')
    .description('follow the gap of a training run')
    .argument('<src>', 'folder of step_N folders, - for lines on standard input, or a log of an earlier run (.jsonl)')
    .option('--freeze-at <step>', 'step from which the frame stays; needed for a new run', atLeast(0))
    .option('--out <file>', 'append every record to this log')
    .option('--state <file>', 'keep the state here, and continue with it where it exists')
    .option('--follow', 'wait for more steps until interrupted')
    .option('--until <step>', 'stop after this step', atLeast(0))
    .option(
      '--serve [port]',
      'show the run in a page that every user of this machine can read, until interrupted (default: a free port)',
      port,
    )
    .option('--every <n>', 'record only steps that are multiples of this (default: 1)', atLeast(1))
    .option('--energy <share>', 'share of the energy in the frame (default: 0.99)', positive)
    .option('--rank <r>', 'dimension of the frame, instead of a share', atLeast(1))
    .option('--window <n>', 'records whose covariances are averaged (default: 10)', atLeast(1))
    .option('--top-eigen <n>', 'eigencomponents compared with the gradients (default: 128)', atLeast(2))
    .option('--retrieval-pairs <n>', 'pairs that retrieval is measured on, at most (default: 4096)', atLeast(0))
    .option('--ids <ids>', 'item of each probe pair: a file of ids, a column beside the image rows, or none')
    .option('--captions-per-image <n>', 'each image has this many probe pairs, in order', atLeast(1))
    .option('--seed <n>', 'seed of what is sampled (default: 0)', atLeast(0))
  addCommonOptions(addReportOptions(command)).action((src: string, options: Options) =>
    perform({ json: options.json, advice: ADVICE }, async run => {
      const signal = run.signal as AbortSignal
      const { trackReportData } = await import('../report/track/data.ts')
      const { trackText } = await import('./track-table.ts')
      const write = await htmlWriter(options, [], run.signal)
      const watched: Watched = { records: [] }
      if (options.serve !== undefined) {
        const { serveRun } = await import('../report/track/serve.ts')
        const at = options.serve === true ? 0 : options.serve
        watched.page = await serveRun(() => trackReportData(watched.records), at)
        tell(`modality-gap: the run is shown at ${watched.page.url}`)
      }
      try {
        await (src.endsWith('.jsonl') ? logged(src, options, watched, signal) : recorded(src, options, watched, signal))
        if (watched.page && !signal.aborted) {
          watched.page.tell()
          await once(signal, 'abort')
        }
      } finally {
        await watched.page?.close()
      }
      if (signal.aborted && options.serve === undefined) {
        // what was recorded is shown all the same
        process.exitCode = INTERRUPTED
      }
      const report = trackReportData(watched.records)
      const files = watched.records.length > 0 ? await write(report, { title: 'Training run' }) : []
      return { report, text: `${trackText(watched.records)}${written(files)}` }
    }),
  )
}

async function logged(src: string, { follow }: Options, watched: Watched, signal: AbortSignal): Promise<void> {
  const { followTrackLog, readTrackLog } = await import('../tracker/log.ts')
  const show = (records: readonly TrackRecord[]) => {
    watched.records = records
    watched.page?.tell()
  }
  const onCut = () =>
    tell(`modality-gap: ${src} ends within a line, which an interruption cut short; that line is left out`)
  show(follow ? await followTrackLog(src, show, signal) : await readTrackLog(src, { onCut }))
}

async function recorded(src: string, options: Options, watched: Watched, signal: AbortSignal): Promise<void> {
  const { openRun, recordSteps, refuseOtherRun } = await import('../tracker/run.ts')
  const { followSteps, stepsFrom, stepsIn } = await import('../tracker/source.ts')
  const {
    freezeAt,
    energy,
    rank,
    every,
    window,
    topEigen,
    retrievalPairs,
    seed,
    threads,
    ids,
    captionsPerImage,
    out,
    state,
    overwrite,
  } = options
  const chosen = { freezeAt, energy, rank, every, window, topEigen, retrievalPairs, seed }
  const tracker = await openRun({ ...chosen, threads, ids, captionsPerImage, state, log: out, overwrite })
  if (src !== '-') {
    await refuseOtherRun(tracker, src, { signal })
  }
  watched.records = tracker.records
  const range = { after: tracker.lastStep, until: options.until }
  const steps =
    src === '-'
      ? stepsFrom(inputLines(signal), range)
      : options.follow
        ? followSteps(src, range, signal)
        : stepsIn(src, range)
  await recordSteps(tracker, steps, { state, signal, onRecord: () => watched.page?.tell() })
}

function port(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isInteger(value) || value < 0 || value > 65_535) {
    throw new InvalidArgumentError('It has to be a port, 0 to 65535.')
  }
  return value
}
