export function stageRelease(options: { into: string; artifacts: string; notices: string }): string[]
export function artifactsWithStandIns(from: string, into: string): void
export function isStandIn(folder: string): boolean
