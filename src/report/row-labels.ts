/** Names of rows for tooltips and tables, such as captions and file names, by row. */
export interface RowLabels {
  /** Of image rows. */
  image?: readonly string[] | Readonly<Record<number, string>>
  /** Of text rows. */
  text?: readonly string[] | Readonly<Record<number, string>>
}
