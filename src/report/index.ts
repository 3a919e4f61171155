// What `modality-gap/report` exports: results as pages, charts and tables.

export type {
  CaptionsData,
  CompareData,
  DiagnosisData,
  FiguresData,
  MatrixData,
  MeasureData,
  RecommendationData,
  ReportData,
  SampleSizeData,
} from './data.ts'
export { projectionParquet } from './parquet.ts'
export { type ChartOptions, type ReportOptions, writeCharts, writeReport } from './report.ts'
export type { RowLabels } from './row-labels.ts'
export { type TrackData, trackReportData } from './track/data.ts'
