// What `modality-gap/revision` exports: trainings of a language model, their data, evaluation and comparison.
export type { ReadLogOptions } from '../json-log.ts'
export { ARMS, type Arm, type ArmInput, type OwnArm } from './arms.ts'
export type { Question } from './ask.ts'
export type { MmeScore } from './benchmarks/mme-score.ts'
export { type ReadBenchmarkOptions, readBenchmark } from './benchmarks/read.ts'
export {
  BENCHMARKS,
  type BenchmarkGroup,
  type BenchmarkKind,
  type BenchmarkRecord,
  type PublishedBenchmark,
} from './benchmarks/record.ts'
export type { BenchmarkScore, GroupScore, OpenMetric, OpenScore } from './benchmarks/score.ts'
export type { TogetherScore } from './benchmarks/together.ts'
export { type ArmRun, type CompareArmsOptions, compareArms } from './compare.ts'
export type { ArmsReport, GainsOfArm, MetricGroup, MetricOfArms } from './compare-report.ts'
export type { Override } from './config/overlay.ts'
export {
  type BenchmarkConfig,
  type CompareConfig,
  checkConfig,
  type EarlyStopConfig,
  type EmbeddingsConfig,
  type EvaluationConfig,
  type LoadedConfig,
  type LoggingConfig,
  loadConfig,
  type ModelConfig,
  type Partly,
  type ProjectorConfig,
  type RecordsConfig,
  type ReVisionConfig,
  type ReVisionConfigInput,
  type Stage1Config,
  type Stage2Config,
} from './config.ts'
export { dataCost, PAPER_COSTS, PAPER_PRICES, type Prices, type PublishedCost, type Tokens } from './cost.ts'
export type { DroppedRecords } from './data/bad-records.ts'
export type { EmbeddingIds } from './data/embedding-rows.ts'
export type { IdMatch } from './data/row-lookup.ts'
export type { RecordPlace } from './data/sample.ts'
export type { MissingRows, TrainingSetReport } from './data/training-set.ts'
export type { Speaker, Turn } from './data/turn.ts'
export {
  type BatchOptions,
  Dataset,
  type DatasetItem,
  type DatasetOptions,
  type DatasetSplit,
  openDataset,
  type ShuffleOptions,
} from './dataset.ts'
export type { EvaluationReport, RecordsScore } from './evaluation.ts'
export type { GapAt, GapOnTheWay } from './gap-on-the-way.ts'
export type { GenerateOptions } from './generate-options.ts'
export type { HandOverOptions } from './hand-over.ts'
export { type LogRecord, readTrainLog } from './logs.ts'
export { type ModelBatch, VisionModel } from './model.ts'
export type {
  Answer,
  AnswerPiece,
  CallOptions,
  ExportKind,
  LearnMode,
  LearnOptions,
  LoraOptions,
  LossReport,
  ModelInfo,
  ModelOptions,
  ModelSample,
  ProjectorOptions,
  SampleSizes,
  SamplingOptions,
  StepReport,
} from './model-options.ts'
export { type Difference, differenceOf, type Spread, spreadOf } from './paired-differences.ts'
export { type ModelRows, type ModelRowsOptions, openModelRows } from './rows.ts'
export { ReVision, type ReVisionReport, type ReVisionRunOptions } from './run.ts'
export type { StageName } from './stage-file.ts'
export type { TrainerCallbacks, TrainerControl, TrainingProgress, TrainingReport } from './trainer-options.ts'
export type { Tally, TrainerState } from './trainer-state.ts'
export type { ImagePlacement } from './turns.ts'
