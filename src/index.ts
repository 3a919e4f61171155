export type { RunOptions } from './abort.ts'
export { Aligner, type AlignInput, type FitInput, type Sides, type TransformOptions } from './align.ts'
export {
  analyzeCaptions,
  type CaptionsInput,
  type CaptionsReport,
  type CaptionWords,
  type Corpus,
  type CorpusReport,
  readCaptions,
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
export { DualEncoder, type EmbedInput, embedPairs, type TrainInput, type TrainRun } from './encoder.ts'
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
} from './encoder-options.ts'
export type { DroppedPairs, EmbedReport, HeldOut, Recall, TrainReport } from './encoder-reports.ts'
export { type ErrorCode, type ErrorPlace, ModalityGapError } from './errors.ts'
export { findings, type TrackFinding } from './findings.ts'
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
  ResumableOutputOptions,
  Role,
  Step,
  ThreadOptions,
} from './options.ts'
export type {
  CaptionsData,
  CompareData,
  DiagnosisData,
  MatrixData,
  MeasureData,
  RecommendationData,
  ReportData,
  RetrievalData,
  SampleSizeData,
  SpectrumData,
} from './report/data.ts'
export type { FiguresData, Modality, NeighbourData, RowLabels } from './report/figures.ts'
export { projectionParquet } from './report/parquet.ts'
export { type ChartOptions, type ReportOptions, writeCharts, writeReport } from './report/report.ts'
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
export { ARMS, type Arm, type ArmInput, type OwnArm } from './revision/arms.ts'
export type { Question } from './revision/ask.ts'
export type { MmeScore } from './revision/benchmarks/mme-score.ts'
export { type ReadBenchmarkOptions, readBenchmark } from './revision/benchmarks/read.ts'
export {
  BENCHMARKS,
  type BenchmarkGroup,
  type BenchmarkKind,
  type BenchmarkRecord,
  type PublishedBenchmark,
} from './revision/benchmarks/record.ts'
export type { BenchmarkScore, GroupScore, OpenMetric, OpenScore } from './revision/benchmarks/score.ts'
export type { TogetherScore } from './revision/benchmarks/together.ts'
export { type ArmRun, type CompareArmsOptions, compareArms } from './revision/compare.ts'
export type { ArmsReport, GainsOfArm, MetricGroup, MetricOfArms } from './revision/compare-report.ts'
export type { Override } from './revision/config/overlay.ts'
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
} from './revision/config.ts'
export { dataCost, PAPER_COSTS, PAPER_PRICES, type Prices, type PublishedCost, type Tokens } from './revision/cost.ts'
export type { DroppedRecords } from './revision/data/bad-records.ts'
export type { EmbeddingIds } from './revision/data/embedding-rows.ts'
export type { IdMatch } from './revision/data/row-lookup.ts'
export type { RecordPlace } from './revision/data/sample.ts'
export type { MissingRows, TrainingSetReport } from './revision/data/training-set.ts'
export type { Speaker, Turn } from './revision/data/turn.ts'
export {
  type BatchOptions,
  Dataset,
  type DatasetItem,
  type DatasetOptions,
  type DatasetSplit,
  openDataset,
  type ShuffleOptions,
} from './revision/dataset.ts'
export type { EvaluationReport, RecordsScore } from './revision/evaluation.ts'
export type { GapAt, GapOnTheWay } from './revision/gap-on-the-way.ts'
export type { GenerateOptions } from './revision/generate-options.ts'
export type { HandOverOptions } from './revision/hand-over.ts'
export { type LogRecord, readTrainLog } from './revision/logs.ts'
export { type ModelBatch, VisionModel } from './revision/model.ts'
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
} from './revision/model-options.ts'
export { type Difference, differenceOf, type Spread, spreadOf } from './revision/paired-differences.ts'
export { type ModelRows, type ModelRowsOptions, openModelRows } from './revision/rows.ts'
export { ReVision, type ReVisionReport, type ReVisionRunOptions } from './revision/run.ts'
export type { StageName } from './revision/stage-file.ts'
export { type Bleu, type BleuOptions, type BleuSmoothing, bleu4 } from './revision/text-metrics/bleu.ts'
export {
  type ChoiceAnswer,
  type ChoiceScore,
  choiceAccuracy,
  chosenLetter,
  lettersOf,
} from './revision/text-metrics/choice.ts'
export { type CiderOptions, ciderD } from './revision/text-metrics/cider.ts'
export type { Judged } from './revision/text-metrics/ngrams.ts'
export { type MeanScore, type RougeOptions, type RougeVariant, rougeL } from './revision/text-metrics/rouge.ts'
export { type TokenF1, tokenF1 } from './revision/text-metrics/token-f1.ts'
export {
  answerTokens,
  captionTokens,
  rougeTokens,
  splitTokens,
  type Tokenizer,
} from './revision/text-metrics/tokenize.ts'
export {
  type YesNoAnswer,
  type YesNoRule,
  type YesNoScore,
  yesNoScore,
  yesOrNo,
} from './revision/text-metrics/yes-no.ts'
export type { TrainerCallbacks, TrainerControl, TrainingProgress, TrainingReport } from './revision/trainer-options.ts'
export type { Tally, TrainerState } from './revision/trainer-state.ts'
export type { ImagePlacement } from './revision/turns.ts'
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
export { Tracker, type TrackerUse, type TrackRows, type TrackStep } from './track.ts'
export { readTrackLog } from './track-log.ts'
export type {
  BiasRecord,
  ConditionRecord,
  CouplingRecord,
  RecallRecord,
  TrackRecord,
  USideRecord,
  VSideRecord,
} from './track-record.ts'
export { type TrackData, trackReportData } from './track-report/data.ts'
export type { TrackerOptions } from './tracker-options.ts'
