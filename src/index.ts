export type { RunOptions } from './abort.ts'
export { Aligner, type AlignInput, type FitInput, type Sides, type TransformOptions } from './align.ts'
export type {
  CauseOptions,
  Causes,
  CovarianceReport,
  Decomposition,
  FrameReport,
  ResidualReport,
  SpectrumReport,
} from './causes.ts'
export { convert } from './convert.ts'
export {
  Embeddings,
  type EmbeddingsInput,
  type EmbeddingsOptions,
  openEmbeddings,
} from './embeddings.ts'
export { DualEncoder, type EmbedInput, embedPairs, type TrainInput, type TrainRun } from './encoder.ts'
export type {
  AdamWOptions,
  EmbedOptions,
  EncoderShape,
  ScheduleKind,
  TowerShape,
  TrainOptions,
  TrainProbe,
  TrainStep,
} from './encoder-options.ts'
export type { EmbedReport, HeldOut, Recall, TrainReport } from './encoder-reports.ts'
export { type ErrorCode, type ErrorPlace, ModalityGapError } from './errors.ts'
export { type InspectOptions, inspect } from './inspect.ts'
export { type MeasureInput, measureGap } from './measure.ts'
export type {
  Centroid,
  Dtype,
  FitOptions,
  Format,
  Method,
  OnBadRow,
  OutputOptions,
  ResumableOutputOptions,
  Role,
  Step,
  ThreadOptions,
} from './options.ts'
export type {
  AlignerGap,
  AlignerInfo,
  BadRow,
  ConvertReport,
  EmbeddingsInfo,
  FitGap,
  FitReport,
  FittedOptions,
  Gap,
  GapReport,
  ImageText,
  InspectReport,
  MeanNorms,
  Norms,
  PerSide,
  PhantomDrift,
  Progress,
  Sampled,
  Seconds,
  ShardInfo,
  SideInfo,
  TransformReport,
} from './reports.ts'
export type { Rows, Tensor } from './rows.ts'
export {
  type MergeTask,
  type MomentsTask,
  type Receipt,
  runTask,
  type TaskShard,
  type TaskSpec,
  type TransformTask,
} from './task.ts'
