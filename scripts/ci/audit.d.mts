export const EXCEPTIONS: Map<string, string>
export function judge(report: object, exceptions: Map<string, string>): string[]
