// What jobs give back. The types are made from the Rust types (`native/types.d.ts`); here they get what the façade adds.
import type { AlignerGap, Causes, FitResult, GapResult } from '../native/types.js'

export type { ProgressEvent as Progress } from '../native/binding.js'
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
  FittedOptions,
  FrameReport,
  Gap,
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
} from '../native/types.js'

/** Distances between the means on one set of rows, before and after a fit. */
export type FitGap = Omit<AlignerGap, 'held'>

/** How grave a finding is. */
export type FindingLevel = 'problem' | 'warning' | 'note'

/** Something worth knowing about rows, with its evidence and what to do. */
export interface Finding {
  /** Stable name. */
  code:
    | 'modalities-swapped'
    | 'rows-misaligned'
    | 'f16-overflow'
    | 'rows-not-unit'
    | 'duplicates'
    | 'shared-component'
    | 'few-rows'
    | 'in-sample'
    | 'below-floor'
    | 'sides-related'
    | 'scale-far-from-one'
  /** How grave it is. */
  level: FindingLevel
  /** What is the case, in words. */
  text: string
  /** The numbers that say so. */
  evidence: string
  /** What to do. */
  advice: string
}

/** What looks wrong or is worth knowing of a result. */
export interface Diagnosed {
  /** The gravest first. */
  diagnosis: Finding[]
}

/** What a fit found. */
export interface FitReport extends FitResult, Diagnosed {}

/** The gap between two modalities and what it is made of. */
export interface GapReport extends GapResult, Partial<Causes>, Diagnosed {}
