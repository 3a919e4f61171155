export type { RunOptions } from './abort.ts'
export { Aligner, type AlignInput, type FitInput, type Sides, type TransformOptions } from './align.ts'
export { readCaptions } from './analyze/caption-files.ts'
export {
  analyzeCaptions,
  type CaptionsInput,
  type CaptionsReport,
  type CaptionWords,
  type Corpus,
  type CorpusReport,
} from './analyze/captions.ts'
export {
  analyzeDomains,
  analyzeModalities,
  type Domain,
  type DomainsInput,
  type DomainsReport,
  type ModalitiesInput,
  type ModalitiesReport,
} from './analyze/matrices.ts'
export {
  analyzeSampleSize,
  type SampleSizeInput,
  type SampleSizePoint,
  type SampleSizeReport,
} from './analyze/sample-size.ts'
export { type CollectOptions, collect } from './collect.ts'
export {
  type CompareInput,
  type CompareReport,
  compareStrategies,
  type Recommendation,
  type StrategyReport,
} from './compare.ts'
export { type ConvertOptions, convert } from './convert.ts'
export type { Engine, EngineOptions, PassTask, PendingPass, WorkOptions } from './distributed.ts'
export {
  Embeddings,
  type EmbeddingsInput,
  type EmbeddingsOptions,
  openEmbeddings,
} from './embeddings.ts'
export { DualEncoder, type EmbedInput, embedPairs, type TrainInput, type TrainRun } from './encoder/encoder.ts'
export type {
  AdamWOptions,
  EmbedOptions,
  EncoderShape,
  OnBadPair,
  PairOptions,
  ScheduleKind,
  TowerShape,
  TrainOptions,
  TrainProbe,
  TrainStep,
} from './encoder/options.ts'
export { type ErrorCode, type ErrorPlace, ModalityGapError } from './errors.ts'
export type { GroupOptions } from './group-options.ts'
export { type InspectOptions, inspect } from './inspect.ts'
export { type MeasureInput, measureGap } from './measure.ts'
export type { CauseOptions, MeasureOptions } from './measure-options.ts'
export type {
  Centroid,
  Dtype,
  FitOptions,
  Format,
  Method,
  OnBadRow,
  OutputOptions,
  OverwriteOptions,
  Pool,
  ReadFormat,
  ResumableOutputOptions,
  Role,
  Step,
  ThreadOptions,
} from './options.ts'
export * from './report/index.ts'
export type {
  AlignerFit,
  AlignerGap,
  AlignerInfo,
  BadRow,
  BiasRecord,
  Causes,
  CollectReport,
  ConditionRecord,
  ConvertReport,
  CouplingRecord,
  CovarianceReport,
  Decomposition,
  DrawnRow,
  DrawnStage,
  DroppedPairs,
  EmbeddingsInfo,
  EmbedReport,
  Figures,
  Finding,
  FindingLevel,
  FitGap,
  FitReport,
  FittedOptions,
  FrameReport,
  Gap,
  GapReport,
  GapVerdict,
  GroupsReport,
  HeldOut,
  ImageText,
  InspectReport,
  JudgedGap,
  MeanNorms,
  MeasurePart,
  Metrics,
  NeighboursReport,
  Norms,
  NotCarried,
  PassedShard,
  PhantomDrift,
  PreservationReport,
  Progress,
  QueryOutcomes,
  Recall,
  RecallByChance,
  RecallRecord,
  Refused,
  ResidualReport,
  RetrievalChanceRecord,
  RetrievalReport,
  Sampled,
  Seconds,
  ShardInfo,
  ShownNeighbour,
  ShownQuery,
  SideInfo,
  SimilarityReport,
  SpectrumReport,
  StageInfo,
  TrackRecord,
  TrainReport,
  TransformReport,
  USideRecord,
  VSideRecord,
} from './results.ts'
export * from './revision/index.ts'
export type { RowIds } from './row-ids.ts'
export type { NumberRows, Rows, Tensor } from './rows.ts'
export { type SparkEngine, type SparkOptions, spark } from './spark.ts'
export { type SparkCluster, type SparkClusterOptions, sparkCluster } from './spark-cluster.ts'
export { STRATEGIES, type StrategyName, type StrategyOptions } from './strategies.ts'
export {
  type MergeTask,
  type MomentsTask,
  type ReceiptOf,
  runTask,
  type TaskReceipt,
  type TaskShard,
  type TaskSpec,
  type TransformTask,
} from './task.ts'
export { taskList } from './task-list.ts'
export * from './text-metrics/index.ts'
export { findings, type TrackFinding } from './tracker/findings.ts'
export { readTrackLog } from './tracker/log.ts'
export type { TrackerOptions } from './tracker/options.ts'
export { Tracker, type TrackerUse, type TrackRows, type TrackStep } from './tracker/tracker.ts'
