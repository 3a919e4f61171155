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
export type {
  CauseOptions,
  Causes,
  CovarianceReport,
  Decomposition,
  FrameReport,
  ResidualReport,
  SpectrumReport,
} from './causes.ts'
export {
  type CompareInput,
  type CompareReport,
  compareStrategies,
  type Recommendation,
  type StrategyReport,
} from './compare.ts'
export { convert } from './convert.ts'
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
export type { DroppedPairs, EmbedReport, HeldOut, Recall, TrainReport } from './encoder/reports.ts'
export { type ErrorCode, type ErrorPlace, ModalityGapError } from './errors.ts'
export type { GroupOptions } from './group-options.ts'
export { type InspectOptions, inspect } from './inspect.ts'
export { type MeasureInput, measureGap } from './measure.ts'
export type { MeasureOptions } from './measure-options.ts'
export type {
  DrawnRow,
  Figures,
  MeasurePart,
  Metrics,
  NeighboursReport,
  PreservationReport,
  RetrievalReport,
  RetrievalSide,
  ShownNeighbour,
  ShownQuery,
  SimilarityReport,
} from './metrics.ts'
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
export type { Finding, FindingLevel, GapVerdict, ImageText } from './report-parts.ts'
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
  GroupsReport,
  InspectReport,
  JudgedGap,
  MeanNorms,
  Norms,
  NotCarried,
  PerSide,
  PhantomDrift,
  Progress,
  Sampled,
  Seconds,
  ShardInfo,
  SideInfo,
  StageInfo,
  TransformReport,
} from './reports.ts'
export * from './revision/index.ts'
export type { RowIds } from './row-ids.ts'
export type { NumberRows, Rows, Tensor } from './rows.ts'
export { STRATEGIES, type StrategyName, type StrategyOptions } from './strategies.ts'
export {
  type MergeTask,
  type MomentsTask,
  type Receipt,
  runTask,
  type TaskShard,
  type TaskSpec,
  type TransformTask,
} from './task.ts'
export * from './text-metrics/index.ts'
export { findings, type TrackFinding } from './tracker/findings.ts'
export { readTrackLog } from './tracker/log.ts'
export type { TrackerOptions } from './tracker/options.ts'
export type {
  BiasRecord,
  ConditionRecord,
  CouplingRecord,
  RecallRecord,
  TrackRecord,
  USideRecord,
  VSideRecord,
} from './tracker/record.ts'
export { Tracker, type TrackerUse, type TrackRows, type TrackStep } from './tracker/tracker.ts'
