import { camelCase } from './names.ts'

/** A part of a configuration that changes another one; `null` takes a key away. */
export type Override = { readonly [key: string]: unknown }

/**
 * A configuration with changes: sections are merged key by key, all else is replaced. Keys are the same that differ in
 * their spelling only, `learning_rate` and `learningRate`.
 */
export function mergeOverrides(base: Override, changes: Override): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(changes)) {
    const own = Object.keys(merged).find(each => camelCase(each) === camelCase(key)) ?? key
    const before = merged[own]
    merged[own] = isSection(before) && isSection(value) ? mergeOverrides(before, value) : value
  }
  return merged
}

/** Values of our own names, with those of a configuration over them. */
export function under(defaults: Override, value: Override): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...defaults }
  for (const [key, own] of Object.entries(value)) {
    const below = merged[key]
    merged[key] = isSection(below) && isSection(own) ? under(below, own) : own
  }
  return merged
}

function isSection(value: unknown): value is Override {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether changes reach a place, named as they name it. */
export function reaches(changes: Override, path: readonly (string | number)[]): boolean {
  let at: unknown = changes
  for (const key of path) {
    if (!isSection(at)) {
      return true
    }
    const own = Object.keys(at).find(each => camelCase(each) === camelCase(String(key)))
    if (own === undefined) {
      return false
    }
    at = at[own]
  }
  return true
}
