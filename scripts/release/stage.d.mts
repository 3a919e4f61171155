export function stageRelease(options: { into: string; artifacts: string; standIns?: boolean }): string[]
export function isStandIn(folder: string): boolean
