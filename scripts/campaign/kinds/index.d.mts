export interface Kind {
  id: string
  make(folder: string): void | Promise<void>
  targets: string[]
  read(folder: string, file: string): unknown
  weight?: number
}
export const KINDS: Kind[]
