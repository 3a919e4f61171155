import { randomUUID } from 'node:crypto'
import { cancelled, type RunOptions } from './abort.ts'
import { type Check, type Checks, flag, output, wrong } from './checks.ts'
import { ModalityGapError } from './errors.ts'
import { runJob } from './job.ts'
import type { Job, JobResult, NativeAligner, PendingPass, Source, TaskReceipt, TaskSpec } from './native.ts'
import type { Progress } from './results.ts'

export type { PendingPass } from './native.ts'

/** Works on shards of a pass of a distributed job; those that are done are left as they are. */
export type PassTask = Extract<
  TaskSpec,
  {
    /** Which of these it is. */
    task: 'pass'
  }
>

/** Who runs the shard tasks of a job, on other machines or in other processes that see the same files or objects. */
export interface Engine {
  /**
   * Runs tasks, each of them in any place and any number of times, and resolves when all have ended. What they print may be given
   * back: a task whose result is missing, foreign or there twice is then refused by name.
   *
   * @throws {@link ModalityGapError} `ENGINE_FAILED` where running the tasks that have no result again may help; anything else ends
   * the job
   */
  runTasks(tasks: readonly PassTask[], pass: PendingPass, run: RunOptions): Promise<readonly TaskReceipt[] | undefined>
}

/** Where a job is run. */
export interface EngineOptions {
  /** Who runs its passes over shards. @defaultValue the threads of this process */
  on?: Engine
}

/** Where a job is run whose result is a report. */
export interface WorkOptions extends EngineOptions {
  /** Folder for the states of finished passes; needed with `on`, whose workers write there, and of no use without it. */
  work?: string
  /** Take up the states found in `work`, after checking them. @defaultValue `false` */
  resume?: boolean
}

/** An engine, as an option. */
export const engine: Check = (value, name) => {
  if (typeof (value as Partial<Engine> | null)?.runTasks !== 'function') {
    throw wrong(value, name, 'an engine, such as spark({ master })')
  }
}

export const workChecks: Checks<WorkOptions> = { on: engine, work: output, resume: flag }

/** Tasks of a pass at most: schedulers take a few milliseconds for each. */
const MOST_TASKS = 2000
/** How often shards without a result are given out again. */
const RESUBMISSIONS = 3
/** Shards that a message names. */
const NAMED = 10

/** Kinds of jobs that can be distributed. */
type Distributed = Job & { kind: 'fit' | 'align' | 'transform' | 'convert' | 'measure' | 'inspect' }

/**
 * Runs a job here or, where it has an engine, pass by pass: a pass that lacks results ends the job, its tasks are run, and the job
 * is run again and takes them up in the order of the shards.
 */
export async function runJobOn<K extends Distributed['kind']>(
  on: Engine | undefined,
  job: Distributed & { kind: K },
  sources: Source[],
  run: RunOptions,
  aligner?: NativeAligner,
): Promise<JobResult<K>> {
  if (on === undefined) {
    return await runJob<K>(job, sources, run, aligner)
  }
  const attempts = new Map<string, number>()
  const watched = { ...run, onProgress: run.onProgress && steady(run.onProgress) }
  for (let { resume } = job; ; resume = true) {
    const result = await runJob<K>({ ...job, distributed: true, resume }, sources, watched, aligner)
    const { pending } = result.report as { pending?: PendingPass }
    if (pending === undefined) {
      return result
    }
    const before = attempts.get(pending.manifest) ?? 0
    attempts.set(pending.manifest, before + 1)
    if (before > RESUBMISSIONS) {
      throw notWhole(pending, 'after four attempts')
    }
    await runPass(on, pending, watched, before < RESUBMISSIONS)
  }
}

/** Progress of a job that begins again after each pass: one clock, and nothing twice of what is done. */
function steady(onProgress: (progress: Progress) => void): (progress: Progress) => void {
  const started = performance.now()
  const done = new Set<string>()
  return progress => {
    if (!done.has(progress.stage)) {
      if (progress.rows === progress.total) {
        done.add(progress.stage)
      }
      onProgress({ ...progress, seconds: (performance.now() - started) / 1000 })
    }
  }
}

/** Runs the tasks of a pass; a failure of the engine is forgiven where there will be another attempt. */
async function runPass(on: Engine, pending: PendingPass, run: RunOptions, again: boolean): Promise<void> {
  const tasks = tasksOf(pending)
  try {
    const results = await on.runTasks(tasks, pending, run)
    if (results) {
      await checkResults(pending, results, run)
    }
  } catch (error) {
    if (run.signal?.aborted) {
      throw cancelled(run.signal.reason)
    }
    if (!again || !(error instanceof ModalityGapError && error.code === 'ENGINE_FAILED')) {
      throw error
    }
  }
}

/** A few shards to each task, in order. */
export function tasksOf({ manifest, refused }: PendingPass): PassTask[] {
  const each = Math.ceil(refused.length / MOST_TASKS)
  const tasks: PassTask[] = []
  for (let at = 0; at < refused.length; at += each) {
    const shards = refused.slice(at, at + each).map(({ shard }) => shard)
    tasks.push({ task: 'pass', version: 1, manifest, shards })
  }
  return tasks
}

/** Tasks of which each ends the others when it fails for good. */
export function stoppable(tasks: readonly PassTask[]): PassTask[] {
  const [first] = tasks
  const stop = first && `${first.manifest}.stop-${randomUUID()}`
  return tasks.map(task => ({ ...task, stop }))
}

async function checkResults(pending: PendingPass, results: readonly TaskReceipt[], run: RunOptions): Promise<void> {
  const { manifest } = pending
  const shards = pending.refused.map(({ shard }) => shard)
  const job = { kind: 'collect', manifest, shards, results } as const
  const { report } = await runJob<'collect'>(job, [], { signal: run.signal })
  if (!report.whole) {
    throw notWhole(report, 'the results are not whole')
  }
}

/** The error of a pass whose results cannot be used. */
export function notWhole({ stage, refused }: Pick<PendingPass, 'stage' | 'refused'>, why: string): ModalityGapError {
  const lines = refused.slice(0, NAMED).map(({ shard, file, reason }) => `\n  shard ${shard}, ${file}: ${reason}`)
  const more = refused.length > NAMED ? `\n  … and ${refused.length - NAMED} more` : ''
  return new ModalityGapError('BAD_RECEIPT', `${stage}: ${why}${lines.join('')}${more}`, { file: refused[0]?.file })
}
