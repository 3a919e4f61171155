export interface Family {
  id: string
  group: string
}

export const GROUPS: Record<string, unknown>

export const FAMILIES: Family[]
