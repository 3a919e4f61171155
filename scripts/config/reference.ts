import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { type Alias, IGNORED, REFUSED, ROOT_ALIASES, STAGE_ALIASES } from '../../src/revision/config/aliases.ts'
import { entriesOf, itemOf, schema } from '../../src/revision/config/schema.ts'

/** The reference of the configuration. */
export const REFERENCE = join(import.meta.dirname, '..', '..', 'docs', 'revision-config.md')

const MARK = '<!-- what follows is made from the schema by scripts/config-docs.mjs -->'

/** The reference as it should be: its introduction as it stands, its tables from the schema. */
export function reference(): string {
  const [introduction] = readFileSync(REFERENCE, 'utf8').split(MARK)
  return `${introduction}${MARK}\n\n${[...tables(), aliases(), ignored(), refused()].join('\n\n')}\n`
}

/** A table for the top of a file and for every section, in the order of the schema. */
function tables(): string[] {
  const top = Object.entries(schema.entries).filter(([, entry]) => entriesOf(entry as v.GenericSchema) === undefined)
  const rows = top.flatMap(([key, entry]) => rowsOf(key, entry as v.GenericSchema))
  const sections = Object.entries(schema.entries).flatMap(([key, entry]) => {
    const entries = entriesOf(entry as v.GenericSchema)
    const inner = Object.entries(entries ?? {}).flatMap(([name, each]) => rowsOf(name, each as v.GenericSchema))
    return entries ? [`## \`${key}\`\n\n${table(inner)}`] : []
  })
  return [`## Top of the file\n\n${table(rows)}`, ...sections]
}

interface Row {
  key: string
  what: string
  fallback: string
  says: string
}

/** A row for a value, and rows for what is inside it, under dotted names. */
function rowsOf(key: string, entry: v.GenericSchema): Row[] {
  const item = itemOf(entry)
  const entries = entriesOf(entry) ?? (item && entriesOf(item))
  const described = descriptionOf(entry)
  const own: Row = {
    key: entries && item ? `${key}[]` : key,
    what: described.what ?? '',
    fallback: fallbackOf(entry),
    says: described.says ?? '',
  }
  const inner = Object.entries(entries ?? {}).flatMap(([name, each]) =>
    rowsOf(`${own.key}.${name}`, each as v.GenericSchema),
  )
  return [own, ...inner]
}

function descriptionOf(entry: v.GenericSchema): { what?: string; says?: string } {
  const inner = 'wrapped' in entry ? (entry.wrapped as v.GenericSchema) : entry
  const { what } = v.getMetadata(inner as Parameters<typeof v.getMetadata>[0]) as { what?: string }
  return { what, says: v.getDescription(inner as Parameters<typeof v.getDescription>[0]) }
}

function fallbackOf(entry: v.GenericSchema): string {
  if (!('wrapped' in entry)) {
    return 'required'
  }
  const value = v.getDefault(entry as Parameters<typeof v.getDefault>[0]) as unknown
  return value === undefined ? '' : `\`${JSON.stringify(value)}\``
}

function table(rows: readonly Row[]): string {
  const lines = rows.map(({ key, what, fallback, says }) => `| \`${key}\` | ${what} | ${fallback} | ${says} |`)
  return ['| key | value | default | |', '| --- | --- | --- | --- |', ...lines].join('\n')
}

function aliases(): string {
  const lines = (list: readonly Alias[], place: string) =>
    list.flatMap(({ names, to, note = '' }) => names.map(name => `| \`${name}\` | \`${place}${to}\` | ${note} |`))
  const head = ['| name | ours | |', '| --- | --- | --- |']
  return `## Names of other tools

At the top of a file:

${[...head, ...lines(ROOT_ALIASES, '')].join('\n')}

In a stage, or at the top of a file with one stage at most:

${[...head, ...lines(STAGE_ALIASES, '…')].join('\n').replaceAll('`…', '`')}`
}

function ignored(): string {
  return `## Names without effect

They are accepted and named in one warning: ${IGNORED.map(name => `\`${name}\``).join(', ')}.`
}

function refused(): string {
  const lines = Object.entries(REFUSED).map(
    ([name, { allowed, instead }]) => `| \`${name}\` | ${allowed.map(each => `\`${each}\``).join(', ')} | ${instead} |`,
  )
  return `## Names that may say one thing only

${['| name | allowed | why |', '| --- | --- | --- |', ...lines].join('\n')}`
}
