export interface Entry {
  name: string
  data: Buffer
}
export function isPng(bytes: Buffer): boolean
export function withSums(bytes: Buffer): Buffer
export function isZip(bytes: Buffer): boolean
export function entriesOf(bytes: Buffer): Entry[]
export function withEntry(bytes: Buffer, name: string, data: Buffer): Buffer
export function zipped(entries: Entry[]): Buffer
