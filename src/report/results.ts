import { ModalityGapError } from '../errors.ts'
import type { CaptionsData, CompareData, MatrixData, MeasureData, ReportData, SampleSizeData } from './data.ts'
import type { TrackData } from './track/data.ts'

/** Results sorted by kind. */
export interface Results {
  measured: MeasureData[]
  compared: CompareData[]
  sampleSizes: SampleSizeData[]
  domains: MatrixData[]
  modalities: MatrixData[]
  captions: CaptionsData[]
  runs: TrackData[]
}

/**
 * Sorts results by what they hold.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION` for a value that is not a result of this package
 */
export function sorted(data: ReportData | readonly ReportData[]): Results {
  const results: Results = {
    measured: [],
    compared: [],
    sampleSizes: [],
    domains: [],
    modalities: [],
    captions: [],
    runs: [],
  }
  const list: readonly unknown[] = Array.isArray(data) ? data : [data]
  list.forEach((one, i) => {
    if (!place(results, one)) {
      const what = list.length > 1 ? `item ${i} of the data` : 'the data'
      throw new ModalityGapError('BAD_OPTION', `${what} is not a result of measure, align, compare, analyze or track`)
    }
  })
  if (list.length === 0) {
    throw new ModalityGapError('BAD_OPTION', 'there is no result to show')
  }
  return results
}

function place(results: Results, one: unknown): boolean {
  if (typeof one !== 'object' || one === null) {
    return false
  }
  const { strategies, curve, corpora, names, gap, records, findings } = one as Record<string, unknown>
  if (isObject(strategies) && Object.values(strategies).every(one => one === undefined || hasGap(one))) {
    results.compared.push(one as CompareData)
  } else if (Array.isArray(curve)) {
    results.sampleSizes.push(one as SampleSizeData)
  } else if (Array.isArray(corpora)) {
    results.captions.push(one as CaptionsData)
  } else if (Array.isArray(names) && Array.isArray(gap)) {
    results['unbiasedSquared' in one ? 'modalities' : 'domains'].push(one as MatrixData)
  } else if (Array.isArray(records) && Array.isArray(findings) && records.every(hasGap)) {
    results.runs.push(one as TrackData)
  } else if (hasGap(one)) {
    results.measured.push(one as MeasureData)
  } else {
    return false
  }
  return true
}

function hasGap(value: unknown): boolean {
  return isObject(value) && isObject(value.gap) && typeof value.gap.floor === 'number'
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
