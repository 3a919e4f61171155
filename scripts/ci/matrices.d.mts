export interface MatrixRow {
  os: string
  node?: string
  simd?: string
  without?: string
  target?: string
  cross?: string
  container?: string
}

export function matrices(): Record<'suite' | 'others' | 'build' | 'containers' | 'loads', MatrixRow[]> & {
  image: string
  node: string
  lowest: string
}
