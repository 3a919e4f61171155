import {
  anyOf,
  type Checks,
  callback,
  flag,
  listOf,
  localInput,
  needed,
  number,
  object,
  oneOf,
  record,
  signal,
  text,
  whole,
} from '../checks.ts'
import { SCHEDULES } from '../encoder/encoder.ts'
import { names, threads } from '../option-checks.ts'
import type { Speaker, Turn } from './data/turn.ts'
import type { GenerateOptions } from './generate-options.ts'
import type {
  AnswerPiece,
  CallOptions,
  ExportKind,
  LearnMode,
  LearnOptions,
  LoraOptions,
  ModelOptions,
  ModelSample,
  ProjectorOptions,
  SamplingOptions,
} from './model-options.ts'

export const EXPORTS = names<ExportKind>({
  learned: true,
  all: true,
  merged: true,
  llava: true,
  hf: true,
  mmproj: true,
})
const MODES = names<LearnMode>({ projector: true, lora: true, full: true })
const SPEAKERS = names<Speaker>({ system: true, user: true, assistant: true })

/** Columns and tokens that no model has more of; a slip beyond them would ask for all memory. */
const WIDEST = 65_536

const learnChecks: Checks<LearnOptions> = {
  mode: oneOf(MODES),
  freezeProjector: flag,
  lora: object<LoraOptions>({
    rank: whole(1, WIDEST),
    alpha: number(),
    dropout: number(),
    targets: listOf(text, 'a list of names'),
  }),
  learningRate: number(),
  projectorLearningRate: number(),
  weightDecay: number(),
  adamBeta1: number(),
  adamBeta2: number(),
  adamEpsilon: number(),
  maxGradNorm: number(),
  schedule: oneOf(SCHEDULES),
  scheduleShape: object<NonNullable<LearnOptions['scheduleShape']>>({
    cycles: whole(1, 2 ** 32 - 1),
    power: number(),
    end: number(),
  }),
  warmupRatio: number(),
  warmupSteps: whole(),
  steps: needed(whole()),
  activationBytes: whole(),
}

export const modelChecks: Checks<ModelOptions> = {
  path: needed(localInput),
  dtype: oneOf(['bf16', 'f32']),
  dim: needed(whole(1, WIDEST)),
  projector: object<ProjectorOptions>({
    type: text,
    numVisualTokens: whole(1, WIDEST),
    distinctTokens: flag,
    inputScale: anyOf("a number above 0 or 'sqrt'", number(Number.MIN_VALUE), oneOf(['sqrt'])),
    init: localInput,
  }),
  adapter: localInput,
  template: text,
  templateArguments: record({}),
  endToken: flag,
  maxLength: whole(1),
  seed: whole(),
  learn: object<LearnOptions>(learnChecks),
  threads,
}

/** Samples, as a model takes them. */
export const samples = listOf(
  object<ModelSample>({
    id: needed(text),
    turns: needed(
      listOf(
        object<Turn>({ role: needed(oneOf(SPEAKERS)), content: needed(text), learned: flag }),
        'a list of turns, { role, content }',
      ),
    ),
    rows: needed(listOf(whole(), 'a list of numbers of rows')),
    epoch: whole(),
  }),
  'a list of samples, { id, turns, rows }',
)

export const callChecks: Checks<CallOptions> = { signal }

export const answerChecks: Checks<CallOptions & { onText?: (piece: AnswerPiece) => void }> = {
  ...callChecks,
  onText: callback,
}

export const samplingChecks: Checks<SamplingOptions> = {
  maxNewTokens: whole(1),
  temperature: number(),
  topP: number(),
  seed: whole(),
  first: whole(),
  stop: listOf(text, 'a list of texts'),
}

export const generateChecks: Checks<GenerateOptions> = {
  ...samplingChecks,
  ...answerChecks,
  onProgress: callback,
  onAnswer: callback,
}
