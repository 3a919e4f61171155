export const MEMORY: number
export function reserved(): number
export const SECONDS: number

export interface BoundedEnd {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
  /** Ended because it showed no sign of life. */
  hung: boolean
}

export function boundedNode(
  args: readonly string[],
  bounds?: { bytes?: number; seconds?: number; onLine?: (line: string) => void; env?: Record<string, string> },
): Promise<BoundedEnd>

export function addressSpace(): number | undefined
