// What `modality-gap/report` exports: results as pages, charts and tables.

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
} from './data.ts'
export type { FiguresData, Modality, NeighbourData, RowLabels } from './figures.ts'
export { projectionParquet } from './parquet.ts'
export { type ChartOptions, type ReportOptions, writeCharts, writeReport } from './report.ts'
export { type TrackData, trackReportData } from './track/data.ts'
