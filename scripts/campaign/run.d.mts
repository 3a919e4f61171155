/** What came of a case. */
export interface Case {
  number: number
  kind: string
  /** The file that was changed, or the name of a file by design. */
  file: string
  verdict: 'error' | 'read' | 'wrong'
  code?: string
  message?: string
  why?: string
  seconds?: number
}

export const FAMILY: string

export function campaign(spec: {
  cases: number
  seed: string
  kinds?: readonly string[]
  families?: boolean
  jobs?: number
  onCase?: (found: Case) => void
}): Promise<Case[]>
