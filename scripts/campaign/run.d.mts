/** What came of a case. */
export interface Case {
  number: number
  kind: string
  /** Of a file by design: the module that it stands in. */
  group?: string
  /** The file that was changed, or the name of a file by design. */
  file: string
  verdict: 'error' | 'read' | 'wrong'
  code?: string
  message?: string
  why?: string
  seconds?: number
}

export const FAMILY: string

/** Address space that a process may take; nothing where the system does not tell. */
export function spaceBound(): Promise<number | undefined>

export function campaign(spec: {
  cases: number
  seed: string
  kinds?: readonly string[]
  families?: boolean
  jobs?: number
  onCase?: (found: Case) => void
}): Promise<Case[]>
