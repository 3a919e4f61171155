import { createInterface } from 'node:readline'
import type { Command } from 'commander'
import type { TrackRecord } from '../track-record.ts'
import { addCommonOptions, atLeast, type CommonOptions, positive } from './options.ts'
import { INTERRUPTED, perform, type Result } from './session.ts'

interface Options extends CommonOptions {
  freezeAt?: number
  energy?: number
  rank?: number
  every?: number
  window?: number
  topEigen?: number
  retrievalPairs?: number
  seed?: number
  out?: string
  state?: string
  follow?: boolean
  until?: number
}

export function addTrack(program: Command): void {
  const command = program
    .command('track')
    .description('follow the gap of a training run')
    .argument('<src>', 'folder of step_N folders, - for lines on standard input, or a log of an earlier run (.jsonl)')
    .option('--freeze-at <step>', 'step from which the frame stays; needed for a new run', atLeast(0))
    .option('--out <file>', 'append every record to this log')
    .option('--state <file>', 'keep the state here, and go on with it where it exists')
    .option('--follow', 'wait for more steps until interrupted')
    .option('--until <step>', 'stop after this step', atLeast(0))
    .option('--every <n>', 'record only steps that are multiples of this (default: 1)', atLeast(1))
    .option('--energy <share>', 'share of the energy in the frame (default: 0.99)', positive)
    .option('--rank <r>', 'dimension of the frame, instead of a share', atLeast(1))
    .option('--window <n>', 'records whose covariances are averaged (default: 10)', atLeast(1))
    .option('--top-eigen <n>', 'eigencomponents compared with the gradients (default: 128)', atLeast(2))
    .option('--retrieval-pairs <n>', 'pairs that retrieval is measured on, at most (default: 4096)', atLeast(0))
    .option('--seed <n>', 'seed of what is sampled (default: 0)', atLeast(0))
  addCommonOptions(command).action((src: string, options: Options) =>
    perform({ json: options.json }, async ({ signal }) =>
      src.endsWith('.jsonl') ? shown(await logged(src)) : shown(await recorded(src, options, signal)),
    ),
  )
}

async function logged(src: string): Promise<readonly TrackRecord[]> {
  const { readTrackLog } = await import('../track-log.ts')
  return readTrackLog(src)
}

async function recorded(src: string, options: Options, signal?: AbortSignal): Promise<readonly TrackRecord[]> {
  const { openRun, recordSteps } = await import('../track-run.ts')
  const { followSteps, stepsFrom, stepsIn } = await import('../track-source.ts')
  const { json, onBadRow, out, follow, until, ...run } = options
  const tracker = await openRun({ ...run, log: out })
  const range = { after: tracker.lastStep, until }
  const steps =
    src === '-'
      ? stepsFrom(createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY, signal }), range)
      : follow
        ? followSteps(src, range, signal)
        : stepsIn(src, range)
  await recordSteps(tracker, steps, { state: options.state, signal })
  if (signal?.aborted) {
    // what was recorded is shown all the same
    process.exitCode = INTERRUPTED
  }
  return tracker.records
}

async function shown(records: readonly TrackRecord[]): Promise<Result> {
  const { findings } = await import('../findings.ts')
  const { trackText } = await import('./track-table.ts')
  return { report: { records, findings: findings(records) }, text: trackText(records) }
}
