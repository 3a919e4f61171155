import { camelCase } from './names.ts'
import type { Override } from './overlay.ts'
import { type Path, type Resolved, resolve } from './resolve.ts'

/** Keys by which options at the top of a file find their stage. */
const TELLING = ['stage1', 'stage2', 'tune_mm_mlp_adapter', 'version', 'stage']

/** Options of a stage that count more than another one: set alone, the other takes their place. */
const ABOVE: Readonly<Record<string, string>> = { epochs: 'steps', warmupRatio: 'warmupSteps' }

/**
 * A configuration without what changes say under another name, so that `lr` takes the place of `learningRate`, or in another way:
 * `epochs` that of `steps`, a mode without adapters that of `lora`. Keys of the same spelling stay: they are replaced as they are.
 */
export function withoutSynonyms(value: Record<string, unknown>, changes: Override): Record<string, unknown> {
  const given = Object.fromEntries(
    TELLING.filter(key => key in value && !(key in changes)).map(key => [key, emptied(value[key])]),
  )
  const own = resolve(value)
  const next = resolve({ ...given, ...(numbered(changes) as Override) })
  const changed = [...next.origins].filter(([, at]) => reachedBy(changes, at))
  const places = new Set(changed.map(([place]) => place))
  let kept = value
  const drop = (place: string) => {
    const before = own.origins.get(place)
    kept = before === undefined || places.has(place) ? kept : without(kept, before)
  }
  for (const [place, at] of changed) {
    const before = own.origins.get(place)
    if (before !== undefined && !alike(before, at) && !isSectionAt(value, before)) {
      kept = without(kept, before)
    }
    const [stage = '', option = ''] = place.split('.')
    const said = valueAt(changes, at) === null ? undefined : valueAt(next.value, [stage, option])
    if (said !== undefined && ABOVE[option] !== undefined) {
      drop(`${stage}.${ABOVE[option]}`)
    }
    if (place === 'stage2.mode' && said !== undefined && said !== 'lora') {
      const adapters = [...own.origins].filter(([each]) => isOfAdapters(each))
      const alsoSet = [...places].some(isOfAdapters)
      kept = alsoSet ? kept : adapters.reduce((rest, [, before]) => without(rest, upToSection(before)), kept)
    }
    // a number of batches leaves their size as it is
    if (option === 'batchSize' && at.at(-1) !== 'gradient_accumulation_steps') {
      kept = withMicroBatch(kept, { own, places, stage, said })
    }
  }
  for (const { place, at, denies } of next.denials) {
    const before = own.origins.get(place)
    const held = valueAt(own.value, place.split('.'))
    if (reachedBy(changes, at) && before !== undefined && !alike(before, at) && denies(held)) {
      kept = without(kept, before)
    }
  }
  return kept
}

function isOfAdapters(place: string): boolean {
  return /^stage2\.lora(?:\.|$)/.test(place)
}

/** The path of the section `lora`, for a key within it. */
function upToSection(at: Path): Path {
  const section = at.indexOf('lora')
  return section < 0 ? at : at.slice(0, section + 1)
}

/** Where an update's size is set: Hugging Face's size of a device's batch as ours, and none that is larger than the update. */
function withMicroBatch(
  kept: Record<string, unknown>,
  { own, places, stage, said }: { own: Resolved; places: ReadonlySet<string>; stage: string; said: unknown },
): Record<string, unknown> {
  const micro = own.origins.get(`${stage}.microBatch`)
  if (micro === undefined || places.has(`${stage}.microBatch`)) {
    return kept
  }
  if (Number(valueAt(own.value, [stage, 'microBatch'])) > Number(said)) {
    return withoutAccumulation(without(kept, micro), micro)
  }
  return camelCase(String(micro.at(-1))) === 'microBatch' ? kept : asMicroBatch(kept, micro)
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
  return isSection(valueAt(value, at))
}

function valueAt(value: unknown, at: Path): unknown {
  return at.reduce<unknown>((inner, key) => Object(inner)[key], value)
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

/** Without Hugging Face's number of batches of an update, which stands beside the size of a batch. */
function withoutAccumulation(value: Record<string, unknown>, beside: Path): Record<string, unknown> {
  return without(value, [...beside.slice(0, -1), 'gradient_accumulation_steps'])
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
