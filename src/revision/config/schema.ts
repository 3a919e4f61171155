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
  records: v.optional(sections.records, {}),
  logging: v.optional(sections.logging, {}),
  earlyStop: v.optional(sections.earlyStop),
  compare: v.optional(sections.compare),
  ...sections.rootEntries,
})

/** A section `compare` on its own. */
export const compareSchema = v.strictObject({ compare: sections.compare })

/** The entries of an object in the schema, below what wraps it; nothing for a plain value. */
export function entriesOf(at: v.GenericSchema): v.ObjectEntries | undefined {
  const inner = unwrapped(at, {})
  return 'entries' in inner ? (inner.entries as v.ObjectEntries) : undefined
}

/** The schema of the elements of a list; nothing for what is not a list. */
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
