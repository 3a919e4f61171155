import type { Figures } from '../results.ts'
import type { Chart } from './chart.ts'
import type { Table } from './table.ts'

/** A number at the top of the report. */
export interface Card {
  label: string
  value: string
  note?: string
}

/** Numbers that are written, not drawn. */
export interface Facts extends Table {
  caption: string
}

/** A part of the report: charts first, then numbers. */
export interface Section {
  id: string
  title: string
  charts: Chart[]
  facts: Facts[]
  queries?: NonNullable<Figures['neighbours']>
}
