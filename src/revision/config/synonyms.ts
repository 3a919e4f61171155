import { camelCase } from './names.ts'
import type { Override } from './overlay.ts'
import { type Path, resolve } from './resolve.ts'

/** Keys by which options at the top of a file find their stage. */
const TELLING = ['stage1', 'stage2', 'tune_mm_mlp_adapter', 'version', 'stage']

/**
 * A configuration without what changes say under another name, so that `lr` takes the place of `learningRate`. Keys of the same
 * spelling stay: they are replaced as they are.
 */
export function withoutSynonyms(value: Record<string, unknown>, changes: Override): Record<string, unknown> {
  const told = Object.fromEntries(
    TELLING.filter(key => key in value && !(key in changes)).map(key => [key, emptied(value[key])]),
  )
  const own = resolve(value).origins
  const changed = [...resolve({ ...told, ...(numbered(changes) as Override) }).origins].filter(([, at]) =>
    reachedBy(changes, at),
  )
  const places = new Set(changed.map(([place]) => place))
  let kept = value
  for (const [place, at] of changed) {
    const before = own.get(place)
    if (before !== undefined && !alike(before, at) && !isSectionAt(value, before)) {
      kept = without(kept, before)
    }
    const micro = place.replace(/batchSize$/, 'microBatch')
    const foreign = own.get(micro)
    if (
      micro !== place &&
      foreign !== undefined &&
      !places.has(micro) &&
      camelCase(String(foreign.at(-1))) !== 'microBatch'
    ) {
      kept = asMicroBatch(kept, foreign)
    }
  }
  return kept
}

/** A section without its keys; a value as it is. */
function emptied(value: unknown): unknown {
  return isSection(value) ? {} : value
}

/** Changes with numbers for what they take away, for nothing stands for a key that is not given. */
function numbered(changes: unknown): unknown {
  if (changes === null) {
    return 0
  }
  return isSection(changes)
    ? Object.fromEntries(Object.entries(changes).map(([key, each]) => [key, numbered(each)]))
    : changes
}

function reachedBy(changes: Override, at: Path): boolean {
  let inner: unknown = changes
  return at.every(key => {
    const found = isSection(inner) && Object.hasOwn(inner, key)
    inner = found ? (inner as Override)[key] : undefined
    return found
  })
}

function alike(a: Path, b: Path): boolean {
  return a.length === b.length && a.every((key, i) => camelCase(String(key)) === camelCase(String(b[i])))
}

function isSectionAt(value: Override, at: Path): boolean {
  return isSection(at.reduce<unknown>((inner, key) => Object(inner)[key], value))
}

function without(value: Record<string, unknown>, [key, ...rest]: Path): Record<string, unknown> {
  const { [String(key)]: inner, ...others } = value
  return rest.length > 0 && isSection(inner) ? { ...value, [String(key)]: without(inner, rest) } : others
}

/** Hugging Face's size of a device's batch as ours, which says nothing of an update's. */
function asMicroBatch(value: Record<string, unknown>, [key, ...rest]: Path): Record<string, unknown> {
  const { [String(key)]: inner, gradient_accumulation_steps: _, ...others } = value
  return rest.length > 0 && isSection(inner)
    ? { ...value, [String(key)]: asMicroBatch(inner, rest) }
    : { ...others, microBatch: inner }
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
