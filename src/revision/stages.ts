import { existsSync } from 'node:fs'
import { join, parse } from 'node:path'
import type { RunOptions } from '../abort.ts'
import { ModalityGapError } from '../errors.ts'
import { native } from '../native.ts'
import { refuseLinks } from '../no-links.ts'
import { tidyCheckpoints } from './checkpoints.ts'
import { DEFAULT_LENGTH } from './config/sections.ts'
import { keepConfig, type ReVisionConfig, type Stage1Config, type Stage2Config } from './config.ts'
import { contentsOf, filesOfModel } from './contents.ts'
import { type JoinedSample, type SampleList, TrainingSet } from './data/training-set.ts'
import { openRecords, wordingOf } from './evaluation.ts'
import { withFolderLock } from './folder-lock.ts'
import type { HeldOut } from './held-out.ts'
import { tagsOf } from './logs.ts'
import { VisionModel } from './model.ts'
import type { LearnOptions, ModelOptions } from './model-options.ts'
import type { ModelRows } from './rows.ts'
import { sampleAnswers } from './sample-answers.ts'
import { enterStage, PROJECTOR, type StageName, type StageStart } from './stage-file.ts'
import { EventWriter } from './tensorboard.ts'
import { train } from './trainer.ts'
import {
  type LogSink,
  stepsPerEpoch,
  type TrainerCallbacks,
  type TrainingReport,
  totalSteps,
} from './trainer-options.ts'
import { toModelSample } from './turns.ts'
import { Workspace } from './workspace.ts'

/** Records that are held out of a stage; `set` is to be closed. */
interface HeldOutRecords {
  set?: TrainingSet
  list: SampleList
  rows: ModelRows
}

/**
 * What a finished stage left in its folder.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND` when it was not finished
 */
export function leftBy(folder: string, stage: Stage1Config | Stage2Config): StageStart {
  const projector = join(folder, PROJECTOR)
  if (!existsSync(projector)) {
    const message = `${folder} holds no finished stage: ${projector} is missing`
    throw new ModalityGapError('NOT_FOUND', message, { file: projector })
  }
  const mode = 'mode' in stage ? stage.mode : 'projector'
  return {
    projector,
    adapter: mode === 'lora' ? join(folder, 'adapter') : undefined,
    model: mode === 'full' ? join(folder, 'model') : undefined,
  }
}

/**
 * Runs one stage of a configuration: pretraining of the projector on text rows with the language model frozen, or
 * tuning on real images. Its folder in the output gets checkpoints, the log, and `mm_projector.safetensors` (with mode
 * `lora` also `adapter/`, with mode `full` the whole model in `model/`).
 *
 * @throws {@link ModalityGapError} as {@link enterStage}, {@link TrainingSet.open}, {@link VisionModel.open} and
 * {@link train} do
 */
export async function runStage(
  name: StageName,
  config: ReVisionConfig,
  start: StageStart,
  { callbacks, ...run }: RunOptions & { callbacks?: TrainerCallbacks } = {},
): Promise<TrainingReport> {
  if (!config[name]) {
    throw new ModalityGapError('BAD_OPTION', `${name} is not part of this configuration`)
  }
  const output = join(config.output, name)
  return await withFolderLock(output, async () => await runLocked(name, config, start, { output, callbacks, ...run }))
}

async function runLocked(
  name: StageName,
  config: ReVisionConfig,
  start: StageStart,
  { output, callbacks, ...run }: RunOptions & { output: string; callbacks?: TrainerCallbacks },
): Promise<TrainingReport> {
  const stage = config[name] as Stage1Config | Stage2Config
  native.removeDrafts(output)
  await tidyCheckpoints(output)
  await refuseLinks(['adapter', 'model', 'runs', 'samples.jsonl', 'log.jsonl'].map(name => join(output, name)))
  const workspace = new Workspace(config)
  const begun = [start.model ?? config.model.path, start.projector ?? config.projector.init, start.adapter]
  const files = await Promise.all(begun.filter(path => path !== undefined).map(filesOfModel))
  const contents = {
    records: await contentsOf([stage.data].flat()),
    rows: await workspace.contents(stage.rows),
    model: await contentsOf(files.flat()),
  }
  const resume = await enterStage(name, config, start, contents)
  await keepConfig(config)
  const side = await workspace.side(stage.rows, run)
  const set = await TrainingSet.open({
    data: stage.data,
    lookup: side.lookup,
    key: stage.key,
    missing: stage.missing,
    valSize: stage.valSize,
    maxSamples: stage.maxSamples,
    onBad: config.records.onBad,
    cache: workspace.cache,
    seed: config.seed,
  })
  const held: HeldOutRecords[] = []
  let opened: VisionModel | undefined
  try {
    await openHeldOut(held, stage, config, workspace, { own: set.validation, rows: side.rows }, run)
    const steps = totalSteps(set.train.length, stage)
    const learn = learnOf(stage, steps)
    const model = await VisionModel.open(modelOf(config, { dim: side.rows.dim, stage, learn, start }))
    opened = model
    const wording = { ...wordingOf(config), prompt: stage.prompt ?? config.prompt }
    const template = stage.template ?? config.template
    const toSample = (sample: JoinedSample) => toModelSample(sample, wording)
    const heldOut = held.map(({ list, rows }) => ({ list, rows, toSample }))
    await checkLabels(model, heldOut)
    const perEpoch = stepsPerEpoch(set.train.length, stage.batchSize)
    const report = await train(
      {
        model,
        rows: side.rows,
        train: set.train,
        toSample,
        heldOut,
        samples: signal => sampleAnswers(model, held, { config, wording, template }, signal),
        output,
        seed: config.seed,
        batchSize: stage.batchSize,
        microBatch: stage.microBatch,
        steps,
        evalEvery: cadence(stage.evalEvery, perEpoch, steps),
        saveEvery: cadence(stage.saveEvery, perEpoch, steps),
        saveTotalLimit: stage.saveTotalLimit,
        logEvery: cadence(config.logging.every, perEpoch, steps),
        log: logFiles(name, config.logging, output),
        sinks: resumedFrom => sinksOf(name, config.logging, output, resumedFrom),
        bestMetric: config.bestMetric,
        greaterIsBetter: config.greaterIsBetter || config.bestMetric === 'eval_accuracy',
        earlyStop: config.earlyStop,
        loadBest: config.loadBest,
        resume,
        export: folder => model.export(folder, 'learned', { overwrite: true }),
      },
      callbacks,
      run.signal,
    )
    await model.export(output, 'all', { overwrite: true })
    const { skipped, missing, dropped } = set.report
    return {
      ...report,
      ...(skipped > 0 ? { skipped, ...(missing ? { missing } : {}) } : {}),
      ...(dropped ? { dropped } : {}),
    }
  } finally {
    opened?.dispose()
    await Promise.all([set, ...held.flatMap(({ set }) => set ?? [])].map(each => each.close()))
  }
}

/**
 * Adds the held-out records of a stage: its own, or, where it is to be evaluated on its way without any, those of the
 * evaluation.
 */
async function openHeldOut(
  held: HeldOutRecords[],
  { evalEvery }: Stage1Config | Stage2Config,
  config: ReVisionConfig,
  workspace: Workspace,
  { own, rows }: { own: SampleList; rows: ModelRows },
  run: RunOptions,
): Promise<void> {
  const asked = evalEvery !== 0 || config.earlyStop !== undefined
  if (own.length > 0) {
    held.push({ list: own, rows })
  } else if (asked) {
    for (const file of [config.evaluation.data ?? []].flat()) {
      const { set, rows } = await openRecords(file, config, workspace, run)
      held.push({ set, list: set.train, rows })
    }
  }
}

/** What is wrong with held-out records is reported before the first update. */
async function checkLabels(model: VisionModel, heldOut: readonly HeldOut[]): Promise<void> {
  for (const { list, toSample } of heldOut) {
    for (let place = 0; place < list.length; place++) {
      await model.sizes([toSample(await list.at(place))])
    }
  }
}

/** What the model of a stage is opened with; `dim` is the width of the embeddings. */
export function modelOf(
  config: ReVisionConfig,
  {
    dim,
    stage,
    learn,
    start,
  }: { dim: number; stage?: Stage1Config | Stage2Config; learn?: LearnOptions; start: StageStart },
): ModelOptions {
  const { init, ...projector } = config.projector
  const template = stage?.template ?? config.template
  return {
    path: start.model ?? config.model.path,
    dtype: config.model.dtype,
    dim,
    projector: { ...projector, init: start.projector ?? init },
    adapter: start.adapter,
    template,
    // the templates of this package take none
    templateArguments: template === 'model' ? config.templateArguments : undefined,
    endToken: stage && 'endToken' in stage ? stage.endToken : undefined,
    maxLength: stage?.maxLength ?? longest(config),
    seed: config.seed,
    threads: config.threads,
    learn,
  }
}

/** Positions of a model in use: those that it was trained on, or more. */
function longest({ stage1, stage2 }: ReVisionConfig): number {
  const lengths = [stage1, stage2].map(stage => (stage ? stage.maxLength : 0))
  return Math.max(DEFAULT_LENGTH, ...lengths)
}

function learnOf(stage: Stage1Config | Stage2Config, steps: number): LearnOptions {
  const { learningRate, schedule, scheduleShape, warmupRatio, warmupSteps, weightDecay, maxGradNorm, optimizer } = stage
  const { beta1, beta2, eps } = optimizer ?? {}
  const tuning =
    'mode' in stage
      ? { mode: stage.mode, lora: stage.lora, projectorLearningRate: stage.projectorLearningRate }
      : { mode: 'projector' as const }
  return {
    ...tuning,
    learningRate,
    schedule,
    scheduleShape,
    warmupRatio,
    warmupSteps,
    weightDecay,
    maxGradNorm,
    adamBeta1: beta1,
    adamBeta2: beta2,
    adamEpsilon: eps,
    steps,
  }
}

/** Updates between two events; a share is one of all updates, rounded up as Hugging Face does. */
function cadence(every: number | 'epoch', perEpoch: number, steps: number): number {
  if (every === 'epoch') {
    return perEpoch
  }
  return every > 0 && every < 1 ? Math.ceil(steps * every) : every
}

/** The log of a stage and the answers beside it; a path for both stages gets the stage's name before its ending. */
function logFiles(
  name: StageName,
  { jsonl }: ReVisionConfig['logging'],
  output: string,
): { lines: string; samples: string } | undefined {
  if (jsonl === false) {
    return undefined
  }
  if (jsonl === true) {
    return { lines: join(output, 'log.jsonl'), samples: join(output, 'samples.jsonl') }
  }
  const { dir, name: stem, ext } = parse(jsonl)
  return { lines: join(dir, `${stem}.${name}${ext}`), samples: join(dir, `${stem}.${name}.samples${ext}`) }
}

async function sinksOf(
  name: StageName,
  { tensorboard }: ReVisionConfig['logging'],
  output: string,
  resumedFrom: number | undefined,
): Promise<LogSink[]> {
  if (tensorboard === false) {
    return []
  }
  const folder = typeof tensorboard === 'string' ? join(tensorboard, name) : join(output, 'runs')
  const writer = await EventWriter.open(folder, { resumedFrom })
  return [
    {
      write: record => writer.scalars(record.step, tagsOf(record)),
      text: (step, tag, text) => writer.text(step, tag, text),
      close: () => writer.close(),
    },
  ]
}
