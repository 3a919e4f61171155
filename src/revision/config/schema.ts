import * as v from 'valibot'
import * as sections from './sections.ts'

/** A stage, or `false` for none. */
const orNone = <T extends v.GenericSchema>(stage: T) => v.lazy(input => (input === false ? v.literal(false) : stage))

/** The whole of a configuration. Its entries carry their descriptions; the reference in `docs/` is made of them. */
export const schema = v.strictObject({
  model: sections.model,
  projector: v.optional(sections.projector, {}),
  embeddings: v.optional(sections.embeddings, {}),
  stage1: v.optional(orNone(sections.stage1), false),
  stage2: v.optional(orNone(sections.stage2), false),
  evaluation: v.optional(sections.evaluation, {}),
  logging: v.optional(sections.logging, {}),
  earlyStop: v.optional(sections.earlyStop),
  ...sections.rootEntries,
})

/** A configuration as it is written: what has a default may be left out. */
export type ReVisionConfigInput = v.InferInput<typeof schema>

/** A configuration with its defaults. What the native side has defaults for is there only when it was given. */
export type ReVisionConfig = v.InferOutput<typeof schema>

/** Options of stage 1. */
export type Stage1Config = v.InferOutput<typeof sections.stage1>

/** Options of stage 2. */
export type Stage2Config = v.InferOutput<typeof sections.stage2>

/** The entries of an object in the schema, below what wraps it; nothing for a plain value. */
export function entriesOf(at: v.GenericSchema): v.ObjectEntries | undefined {
  const inner = unwrapped(at, {})
  return 'entries' in inner ? (inner.entries as v.ObjectEntries) : undefined
}

/** The schema of the elements of a list; nothing for what is no list. */
export function itemOf(at: v.GenericSchema): v.GenericSchema | undefined {
  const inner = unwrapped(at, [])
  return 'item' in inner ? (inner.item as v.GenericSchema) : undefined
}

/** Looks through optional, piped and lazy schemas, as they would treat `sample`. */
function unwrapped(at: v.GenericSchema, sample: unknown): v.GenericSchema {
  if ('wrapped' in at) {
    return unwrapped(at.wrapped as v.GenericSchema, sample)
  }
  if ('getter' in at) {
    return unwrapped((at.getter as (input: unknown) => v.GenericSchema)(sample), sample)
  }
  return at
}
