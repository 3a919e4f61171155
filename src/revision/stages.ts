import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { RunOptions } from '../abort.ts'
import { ModalityGapError } from '../errors.ts'
import type { ReVisionConfig, Stage1Config, Stage2Config } from './config.ts'
import { TrainingSet } from './data/training-set.ts'
import { tagsOf } from './logs.ts'
import { VisionModel } from './model.ts'
import type { LearnOptions, ModelOptions } from './model-options.ts'
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
import type { Workspace } from './workspace.ts'

/** The stages of a run, in their order. */
export type StageName = 'stage1' | 'stage2'

/** What a stage begins with: files that an earlier one wrote. */
export interface StageStart {
  /** A projector. */
  projector?: string
  /** Adapters. */
  adapter?: string
  /** A language model that is no longer the configured one. */
  model?: string
}

/**
 * What a finished stage left in its folder.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND` when it was not finished
 */
export function leftBy(folder: string, stage: Stage1Config | Stage2Config): StageStart {
  const projector = join(folder, 'mm_projector.safetensors')
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

/** More metrics of the evaluations of a stage. */
export type StageEvaluation = (
  model: VisionModel,
  step: number,
  signal?: AbortSignal,
) => Promise<Record<string, number>>

/**
 * Runs one stage of a configuration: pretraining of the projector on text rows with the language model frozen, or
 * tuning on real images. Its folder in the output gets checkpoints, the log, and `mm_projector.safetensors` (with mode
 * `lora` also `adapter/`, with mode `full` the whole model in `model/`).
 *
 * @throws {@link ModalityGapError} as {@link TrainingSet.open}, {@link VisionModel.open} and {@link train} do
 */
export async function runStage(
  name: StageName,
  config: ReVisionConfig,
  workspace: Workspace,
  start: StageStart,
  { callbacks, evaluate, ...run }: RunOptions & { callbacks?: TrainerCallbacks; evaluate?: StageEvaluation } = {},
): Promise<TrainingReport> {
  const stage = config[name]
  if (!stage) {
    throw new ModalityGapError('BAD_OPTION', `${name} is not part of this configuration`)
  }
  const side = await workspace.side(stage.rows, run)
  const set = await TrainingSet.open({
    data: stage.data,
    lookup: side.lookup,
    key: stage.key,
    missing: stage.missing,
    valSize: stage.valSize,
    maxSamples: stage.maxSamples,
    seed: config.seed,
  })
  const output = join(config.output, name)
  const sinks = await sinksOf(config, output)
  try {
    const steps = totalSteps(set.train.length, stage)
    const learn = learnOf(stage, steps)
    const model = await VisionModel.open(await modelOf(config, workspace, { stage, learn, start }))
    const wording = { prompt: stage.prompt ?? config.prompt, system: config.system, blind: config.blind }
    const perEpoch = stepsPerEpoch(set.train.length, stage.batchSize)
    const report = await train(
      {
        model,
        rows: side.rows,
        train: set.train,
        validation: set.validation,
        toSample: sample => toModelSample(sample, wording),
        evaluate: evaluate && ((step, signal) => evaluate(model, step, signal)),
        output,
        seed: config.seed,
        batchSize: stage.batchSize,
        microBatch: stage.microBatch,
        steps,
        evalEvery: cadence(stage.evalEvery, perEpoch),
        saveEvery: cadence(stage.saveEvery, perEpoch),
        saveTotalLimit: stage.saveTotalLimit,
        logEvery: config.logging.every,
        log: config.logging.jsonl,
        sinks: sinks.map(({ sink }) => sink),
        bestMetric: config.bestMetric,
        greaterIsBetter: config.greaterIsBetter,
        earlyStop: config.earlyStop,
        resume: config.resume,
        export: folder => model.export(folder, 'learned'),
      },
      callbacks,
      run.signal,
    )
    await model.export(output, 'all')
    return report
  } finally {
    await Promise.all([set.close(), ...sinks.map(({ close }) => close())])
  }
}

/** What the model of a stage is opened with. */
export async function modelOf(
  config: ReVisionConfig,
  workspace: Workspace,
  { stage, learn, start }: { stage?: Stage1Config | Stage2Config; learn?: LearnOptions; start: StageStart },
): Promise<ModelOptions> {
  const { init, ...projector } = config.projector
  return {
    path: start.model ?? config.model.path,
    dtype: config.model.dtype,
    dim: await workspace.dim(),
    projector: { ...projector, init: start.projector ?? init },
    adapter: start.adapter,
    template: stage?.template ?? config.template,
    endToken: stage && 'endToken' in stage ? stage.endToken : undefined,
    maxLength: stage?.maxLength,
    seed: config.seed,
    threads: config.threads,
    learn,
  }
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

function cadence(every: number | 'epoch', perEpoch: number): number {
  return every === 'epoch' ? perEpoch : every
}

async function sinksOf(
  { logging }: ReVisionConfig,
  output: string,
): Promise<{ sink: LogSink; close: () => Promise<void> }[]> {
  if (logging.tensorboard === false) {
    return []
  }
  const folder = typeof logging.tensorboard === 'string' ? logging.tensorboard : join(output, 'runs')
  const writer = await EventWriter.open(folder)
  const sink: LogSink = {
    write: record => writer.scalars(record.step, tagsOf(record)),
    text: (step, tag, text) => writer.text(step, tag, text),
  }
  return [{ sink, close: () => writer.close() }]
}
