export const PACKAGES: Record<string, { name: string; version: string; integrity: string }>
