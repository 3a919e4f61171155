export const INSTALL: string
export function workflowTools(): { actionlint: string; zizmor: string }
