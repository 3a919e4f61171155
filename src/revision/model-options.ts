import type { LearnMode, ScheduleKind } from '../native.ts'
import type { Turn } from './data/turn.ts'

export type {
  Answer,
  AnswerPiece,
  LearnMode,
  LossReport,
  ModelInfo,
  SampleSizes,
  StepReport,
} from '../native.ts'

/** A projector from embeddings to soft tokens. */
export interface ProjectorOptions {
  /** `linear`, `mlpNx_gelu` with a number for N, or `identity`, as LLaVA names them. @defaultValue `'mlp2x_gelu'` */
  type?: string
  /** Soft tokens that one embedding becomes. @defaultValue `1` */
  numVisualTokens?: number
  /** Whether the last layer makes them distinct, or one token is repeated, as published. @defaultValue `false` */
  distinctTokens?: boolean
  /** Factor of an embedding on its way in; `'sqrt'` is √dim, which gives unit rows entries of size 1. @defaultValue `1` */
  inputScale?: number | 'sqrt'
  /** A projector to begin with: of this package, LLaVA, Bunny, Hugging Face, or mmproj. */
  init?: string
}

/** Low-rank matrices beside those of the language model. */
export interface LoraOptions {
  /** @defaultValue `64` */
  rank?: number
  /** What they add is multiplied by alpha / rank. @defaultValue `16` */
  alpha?: number
  /** Share of their input that is dropped. @defaultValue `0.05` */
  dropout?: number
  /** Maps of a block by the end of their names. @defaultValue all seven */
  targets?: readonly string[]
}

/** How a model learns; what is left out has the native default that is stated. */
export interface LearnOptions {
  /** @defaultValue `'projector'` */
  mode?: LearnMode
  /** Whether the projector stays as it is. @defaultValue `false` */
  freezeProjector?: boolean
  /** For mode `lora`. */
  lora?: LoraOptions
  /** Highest learning rate. @defaultValue `5e-4` */
  learningRate?: number
  /** The projector's, where it differs. */
  projectorLearningRate?: number
  /** Decay of matrices, not of biases and norms. @defaultValue `0` */
  weightDecay?: number
  /** @defaultValue `0.9` */
  adamBeta1?: number
  /** @defaultValue `0.999` */
  adamBeta2?: number
  /** @defaultValue `1e-8` */
  adamEpsilon?: number
  /** Largest norm of all gradients together; 0 for no bound. @defaultValue `1` */
  maxGradNorm?: number
  /** @defaultValue `'cosine'` */
  schedule?: ScheduleKind
  /** Numbers that some schedules ask for: cycles, power, the rate at the end. */
  scheduleShape?: {
    /** Cycles of `cosine_with_restarts`. @defaultValue `1` */
    cycles?: number
    /** Power of `polynomial`. @defaultValue `1` */
    power?: number
    /** Rate at the end: of `polynomial` as it is, of `cosine_with_min_lr` as a share of the highest. */
    end?: number
  }
  /** Share of the updates in which the rate rises. @defaultValue `0.03` */
  warmupRatio?: number
  /** Updates of that rise, instead of a share. */
  warmupSteps?: number
  /** Updates in all. */
  steps: number
  /** Bytes of intermediate values kept for the way back; what does not fit is computed twice. @defaultValue 2 GiB */
  activationBytes?: number
}

/** What a model is opened with. */
export interface ModelOptions {
  /** The language model: a folder in Hugging Face's layout, or a GGUF file. */
  path: string
  /** How it is computed where it is frozen: products in bf16 and all else in f32, or all in f32. @defaultValue `'bf16'` */
  dtype?: 'bf16' | 'f32'
  /** Columns of the embeddings. */
  dim: number
  /** The projector. */
  projector?: ProjectorOptions
  /** Adapters to begin with: a folder in PEFT's layout. */
  adapter?: string
  /** `plain`, `llama`, `llama-2`, `chatml`, `bunny`, `vicuna`, or `model`, the model's own. @defaultValue `'model'` */
  template?: string
  /** What a model's own template is given beside the conversation, such as `{ enable_thinking: true }`. */
  templateArguments?: Readonly<Record<string, unknown>>
  /** Whether a caption of the template `plain` ends with the end token; published code leaves it out. @defaultValue `true` */
  endToken?: boolean
  /** Positions of a sample at most; longer ones are cut. @defaultValue `2048` */
  maxLength?: number
  /** Seed of first values and of what is dropped. @defaultValue `0` */
  seed?: number
  /** How it learns; absent for use only. */
  learn?: LearnOptions
  /** Native threads. @defaultValue one per core */
  threads?: number
}

/** A sample, and where its images' embeddings stand. */
export interface ModelSample {
  /** Its name, for errors. */
  id: string
  /** What is said; `<image>` is the place of an image. */
  turns: readonly Turn[]
  /** The row of each image among the rows that are given with the call. */
  rows: readonly number[]
  /** Number of the pass over the data: an aligner that adds noise draws it anew in every one. @defaultValue `0` */
  epoch?: number
}

/** How answers are drawn. */
export interface SamplingOptions {
  /** Tokens of an answer at most. @defaultValue `128` */
  maxNewTokens?: number
  /** 0 takes the likeliest token. @defaultValue `0` */
  temperature?: number
  /** Share of the probability that is drawn from. @defaultValue `1` */
  topP?: number
  /** Seed of the draws; those of an answer follow from it and from the answer's number. @defaultValue `0` */
  seed?: number
  /** Number of the first answer, where a list is answered in parts. @defaultValue `0` */
  first?: number
  /** Texts that end an answer. */
  stop?: readonly string[]
}

/**
 * What is written for others:
 * - `'learned'`: the projector, and adapters where there are any;
 * - `'all'`: also the language model, where all of it has learned;
 * - `'merged'`: the projector, and the language model with what its adapters have learned put into it;
 * - `'llava'`: `mm_projector.bin` and the keys of `config.json` that trainers of LLaVA's kind begin with;
 * - `'hf'`: the projector alone as `multi_modal_projector.safetensors`, under the names of transformers' Llava, which
 *   knows `mlp2x_gelu` only;
 * - `'mmproj'`: the projector alone as `mmproj.gguf`, under llama.cpp's names, without a vision tower.
 */
export type ExportKind = 'learned' | 'all' | 'merged' | 'llava' | 'hf' | 'mmproj'

/** How a call is stopped. */
export interface CallOptions {
  /** Stops the call between two parts of a batch, or before the next token; it then rejects with `CANCELLED`. */
  signal?: AbortSignal
}
