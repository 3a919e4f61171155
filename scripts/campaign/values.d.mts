export function notFinite(value: unknown, place?: string): string | undefined
