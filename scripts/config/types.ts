import { join } from 'node:path'
import * as v from 'valibot'
import { entriesOf, itemOf, schema } from '../../src/revision/config/schema.ts'

/** The types of the configuration. */
export const TYPES = join(import.meta.dirname, '..', '..', 'src', 'revision', 'config', 'types.ts')

const WIDTH = 120

const HEAD = `// made from the schema by scripts/config-docs.mjs
import type { ScheduleKind } from '../../encoder/options.ts'
import type { FitOptions } from '../../options.ts'
import type { YesNoRule } from '../../text-metrics/yes-no.ts'
import type { ArmInput } from '../arms.ts'
import type { BenchmarkGroup } from '../benchmarks/record.ts'
import type { OpenMetric } from '../benchmarks/score.ts'
import type { Tokens } from '../cost.ts'
import type { EmbeddingIds } from '../data/embedding-rows.ts'
import type { ImagePlacement } from '../turns.ts'
import type { TemplateName } from './sections.ts'
`

/** The types as they should be, with their descriptions and defaults: a configuration that has been checked. */
export function configTypes(): string {
  const entries = Object.entries(schema.entries) as [string, v.GenericSchema][]
  const sections = entries.flatMap(([key, entry]) => {
    const inner = entriesOf(entry)
    return inner ? [`/** Section \`${key}\`. */\nexport interface ${nameOf(key)} {\n${fields(inner, '  ')}\n}`] : []
  })
  const benchmark = entriesOf(itemOf(entriesOf(schema.entries.evaluation)?.benchmarks as v.GenericSchema) ?? schema)
  sections.unshift(
    `/** A benchmark. */\nexport interface BenchmarkConfig {\n${fields(benchmark as v.ObjectEntries, '  ')}\n}`,
  )
  const root = entries.map(([key, entry]) => rootField(key, entry)).join('\n')
  const all = [
    ...sections,
    `/** A checked configuration, with its defaults. */\nexport interface ReVisionConfig {\n${root}\n}`,
  ]
  return `${HEAD}\n${all.join('\n\n')}\n`
}

/** A section by its name, a stage or none, or a value. */
function rootField(key: string, entry: v.GenericSchema): string {
  if (!entriesOf(entry)) {
    return field(key, entry, '  ')
  }
  const stage = key.startsWith('stage')
  const optional = 'wrapped' in entry && v.getDefault(entry as Parameters<typeof v.getDefault>[0]) === undefined
  const says = stage ? `Section \`${key}\`, or none.` : `Section \`${key}\`.`
  return `  /** ${says} */\n  ${key}${optional ? '?' : ''}: ${stage ? 'false | ' : ''}${nameOf(key)}`
}

function nameOf(key: string): string {
  return `${key.charAt(0).toUpperCase()}${key.slice(1)}Config`
}

function fields(entries: v.ObjectEntries, indent: string): string {
  return Object.entries(entries)
    .map(([key, entry]) => field(key, entry as v.GenericSchema, indent))
    .join('\n')
}

function field(key: string, entry: v.GenericSchema, indent: string): string {
  const inner = 'wrapped' in entry ? (entry.wrapped as v.GenericSchema) : entry
  const fallback = 'wrapped' in entry ? v.getDefault(entry as Parameters<typeof v.getDefault>[0]) : undefined
  const optional = 'wrapped' in entry && fallback === undefined
  const says = v.getDescription(inner as Parameters<typeof v.getDescription>[0]) ?? ''
  const tail = fallback === undefined ? '' : ` @defaultValue \`${JSON.stringify(fallback).replaceAll('"', "'")}\``
  return `${comment(`${says}${tail}`, indent)}\n${indent}${key}${optional ? '?' : ''}: ${typeOf(inner, indent)}`
}

/** A docstring in lines that fit. */
function comment(text: string, indent: string): string {
  const whole = `${indent}/** ${text} */`
  if (whole.length <= WIDTH) {
    return whole
  }
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1) as string
    if (`${indent} *${line} ${word}`.length > WIDTH) {
      lines.push('')
    }
    lines[lines.length - 1] += ` ${word}`
  }
  return [`${indent}/**`, ...lines.map(line => `${indent} *${line}`), `${indent} */`].join('\n')
}

function typeOf(entry: v.GenericSchema, indent: string): string {
  const { type } = v.getMetadata(entry as Parameters<typeof v.getMetadata>[0]) as { type?: string }
  if (type !== undefined) {
    return type
  }
  switch (entry.type) {
    case 'picklist':
      return (entry as v.PicklistSchema<readonly string[], undefined>).options.map(option => `'${option}'`).join(' | ')
    case 'strict_object':
      return `{\n${fields(entriesOf(entry) as v.ObjectEntries, `${indent}  `)}\n${indent}}`
    case 'array':
      return `${typeOf((entry as unknown as { item: v.GenericSchema }).item, indent)}[]`
    default:
      return entry.type
  }
}
