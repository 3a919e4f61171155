export function workflowTools(): { actionlint: string; zizmor: string }
