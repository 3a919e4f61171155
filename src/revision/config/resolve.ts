import { isDeepStrictEqual } from 'node:util'
import type * as v from 'valibot'
import { nearest } from '../../suggest.ts'
import {
  type Alias,
  aliasNamed,
  HINTS,
  isIgnored,
  OWN_VALUES,
  REFUSED,
  type Refused,
  ROOT_ALIASES,
  STAGE_ALIASES,
} from './aliases.ts'
import { camelCase } from './names.ts'
import { entriesOf, itemOf, schema } from './schema.ts'

/** Keys on the way to a value in a file. */
export type Path = readonly (string | number)[]

/** Something wrong with a file, at a key of it. */
export interface Problem {
  /** What is wrong, for people. */
  message: string
  /** The key. */
  at: Path
}

/** A file in our names. */
export interface Resolved {
  /** The values, not yet checked. */
  value: Record<string, unknown>
  /** Keys of the file by the place their value went to, such as `stage1.learningRate`. */
  origins: ReadonlyMap<string, Path>
  /** Keys that leave a place as it is and speak against some values of it. */
  denials: readonly Denial[]
  /** Keys without effect. */
  ignored: string[]
  /** Unknown keys, contradictions, values that are refused. */
  problems: Problem[]
}

/** A key that leaves ours as it is. */
export interface Denial {
  /** The place, such as `stage2.mode`. */
  place: string
  /** The key. */
  at: Path
  /** Whether it speaks against a value. */
  denies(ours: unknown): boolean
}

const STAGES = ['stage1', 'stage2'] as const

/** Brings a file into our names: camelCase for snake_case, our names for those of other tools. */
export function resolve(file: Record<string, unknown>): Resolved {
  const resolver = new Resolver()
  resolver.object(file, { entries: schema.entries, to: [], at: [] })
  resolver.flat(file)
  resolver.batches()
  resolver.placement()
  resolver.denials()
  return resolver.result()
}

/** Where the resolver is: entries of the schema, their place in the result, and in the file. */
interface Level {
  entries: v.ObjectEntries
  to: Path
  at: Path
}

/** A key of the file and what it says. */
interface Found {
  key: string
  value: unknown
  at: Path
}

/** A stage's option that stands at the top of a file. */
interface FlatOption {
  key: string
  value: unknown
}

class Resolver {
  readonly #value: Record<string, unknown> = {}
  readonly #origins = new Map<string, Path>()
  readonly #ignored = new Set<string>()
  readonly #problems: Problem[] = []
  readonly #flat: FlatOption[] = []
  /** Where a `version` of LLaVA's conversations is named. */
  readonly #versions: Path[] = []
  readonly #denials: (Denial & { value: unknown })[] = []
  /** Micro-batches of an update, by stage. */
  readonly #accumulation = new Map<string, { count: unknown; at: Path }>()

  result(): Resolved {
    const ignored = [...this.#ignored].sort()
    const [value, origins, denials, problems] = [this.#value, this.#origins, this.#denials, this.#problems]
    return { value, origins, denials, ignored, problems }
  }

  /** Takes the keys of an object. */
  object(value: Record<string, unknown>, level: Level): void {
    // YAML writes null for what is not given
    for (const [key, own] of Object.entries(value).filter(([, each]) => each !== null)) {
      const name = camelCase(key)
      const entry = Object.hasOwn(level.entries, name) ? level.entries[name] : undefined
      if (entry !== undefined) {
        this.#take(own, entry as v.GenericSchema, [...level.to, name], [...level.at, key])
      } else {
        this.#foreign(key, own, level)
      }
    }
  }

  #take(value: unknown, entry: v.GenericSchema, to: Path, at: Path): void {
    const entries = isObject(value) ? entriesOf(entry) : undefined
    const item = Array.isArray(value) ? itemOf(entry) : undefined
    const inner = item && entriesOf(item)
    if (entries) {
      this.#set(to, {}, at)
      this.object(value as Record<string, unknown>, { entries, to, at })
    } else if (inner) {
      this.#set(to, [], at)
      for (const [i, each] of (value as unknown[]).entries()) {
        this.#take(each, item as v.GenericSchema, [...to, i], [...at, i])
      }
    } else {
      const name = String(to.at(-1))
      const convert = OWN_VALUES[name]
      const own = convert ? convert(value) : value
      if (own !== undefined) {
        // as in transformers 5, where what is below one is a share
        const place = name === 'warmupSteps' && isShare(own) ? [...to.slice(0, -1), 'warmupRatio'] : to
        const keys = name === 'templateArguments' ? Object.keys(Object(own)) : []
        this.#setParts(place, own, { at, keys })
      }
    }
  }

  /** A key that the schema does not have here. */
  #foreign(key: string, value: unknown, level: Level): void {
    const at = [...level.at, key]
    const stage = STAGES.find(name => level.to.length === 1 && level.to[0] === name)
    const root = level.to.length === 0
    const alias = stage ? aliasNamed(key, STAGE_ALIASES) : root ? aliasNamed(key, ROOT_ALIASES) : undefined
    const refused = Object.hasOwn(REFUSED, key) ? REFUSED[key] : undefined
    if (alias) {
      this.#alias(alias, { key, value, at }, level)
    } else if (root && isStageOption(key)) {
      this.#flat.push({ key, value })
    } else if ((root || stage) && refused) {
      this.#refuse({ key, value, at }, refused)
    } else if ((root || stage) && isIgnored(key)) {
      this.#ignored.add(key)
    } else {
      this.#unknown(key, level)
    }
  }

  /** Puts the value of an alias in its place. */
  #alias({ to, convert, denies, without }: Alias, { key, value, at }: Found, { entries, to: base }: Level): void {
    const own = convert ? convert(value) : value
    for (const each of without?.(value) ?? []) {
      this.#ignored.add(each)
    }
    const [head] = to.split('.') as [string]
    if (key === 'version') {
      this.#versions.push(at)
    }
    if (key === 'gradient_accumulation_steps') {
      this.#accumulation.set(String(base[0]), { count: value, at })
    } else if (base.length > 0 && !Object.hasOwn(entries, head)) {
      // in stage 1 the projector learns and nothing else
      if (own !== 'projector' && own !== undefined) {
        this.#problems.push({ message: `${key} is an option of stage2, not of ${base.join('.')}`, at })
      }
    } else if (own !== undefined) {
      this.#setParts([...base, ...to.split('.')], own, { at, keys: Object.keys(Object(value)) })
    } else if (denies !== undefined) {
      const place = [...base, ...to.split('.')].join('.')
      this.#denials.push({ place, at, value, denies: ours => denies(value, ours) })
    }
  }

  /** Sets a value; each key of an object apart, so that another name of one of them contradicts it, or takes its place. */
  #setParts(to: Path, value: unknown, { at, keys }: { at: Path; keys: readonly string[] }): void {
    const parts = isObject(value) ? Object.entries(value) : []
    if (parts.length === 0 || parts.length !== keys.length || parts.some(([key]) => key === '__proto__')) {
      this.#set(to, value, at)
      return
    }
    for (const [i, [key, part]] of parts.entries()) {
      this.#set([...to, key], part, [...at, keys[i] as string])
    }
  }

  #refuse({ key, value, at }: Found, { allowed, instead, effective }: Refused): void {
    if (!allowed.includes(value)) {
      this.#problems.push({ message: `${key}: ${JSON.stringify(value)} is not possible: ${instead}`, at })
    } else if (!effective) {
      this.#ignored.add(key)
    }
  }

  #unknown(key: string, { entries, to, at }: Level): void {
    const hint = to.length === 0 && Object.hasOwn(HINTS, key) ? HINTS[key] : undefined
    const stage = STAGES.some(name => to.length === 1 && to[0] === name)
    const aliases = to.length === 0 ? [...ROOT_ALIASES, ...STAGE_ALIASES] : stage ? STAGE_ALIASES : []
    const meant = nearest(key, [...Object.keys(entries), ...aliases.flatMap(({ names }) => names)])
    const where = to.length === 0 ? 'there is no key' : `${to.join('.')} has no key`
    const help = hint
      ? `: ${hint}`
      : meant
        ? `; did you mean ${meant}?`
        : `; it may be ${Object.keys(entries).join(', ')}`
    this.#problems.push({ message: `${where} ${key}${help}`, at: [...at, key] })
  }

  #set(to: Path, value: unknown, at: Path): void {
    const place = to.join('.')
    const held = this.#get(to)
    if (held === undefined) {
      this.#put(to, value)
      this.#origins.set(place, at)
    } else if (!isDeepStrictEqual(held, value) && !isEmptyFor(held, value)) {
      const other = this.#origins.get(place) ?? to
      const message = `${at.join('.')} (${shown(value)}) contradicts ${other.join('.')} (${shown(held)})`
      this.#problems.push({ message, at })
    }
  }

  #get(to: Path): unknown {
    return to.reduce<unknown>((value, key) => Object(value)[key], this.#value)
  }

  #put(to: Path, value: unknown): void {
    let inner: unknown = this.#value
    for (const key of to.slice(0, -1)) {
      const outer = inner as Record<string | number, unknown>
      outer[key] ??= {}
      inner = outer[key]
    }
    // a value where a section should be is refused when values are checked
    if (typeof inner === 'object') {
      Reflect.set(inner as object, to.at(-1) as string, value)
    }
  }

  /** Keys that speak against what others say. */
  denials(): void {
    for (const { place, at, value, denies } of this.#denials) {
      const held = this.#get(place.split('.'))
      if (held !== undefined && denies(held)) {
        const other = this.#origins.get(place) ?? [place]
        const message = `${at.join('.')} (${shown(value)}) contradicts ${other.join('.')} (${shown(held)})`
        this.#problems.push({ message, at })
      }
    }
  }

  /** LLaVA's trainers put the place of an image in front, whatever the `version`. */
  placement(): void {
    for (const at of this.#versions) {
      if (this.#get(['imagePlacement']) === undefined) {
        this.#put(['imagePlacement'], 'front')
        this.#origins.set('imagePlacement', at)
      }
    }
  }

  /** Options of a stage at the top of a file: they are those of its only stage. */
  flat(file: Record<string, unknown>): void {
    const [first] = this.#flat
    if (first === undefined) {
      return
    }
    const given = STAGES.filter(name => isObject(this.#value[name]))
    if (given.length === 2) {
      const message = `${first.key} stands outside of stage1 and stage2; put it into the one it is for`
      this.#problems.push({ message, at: [first.key] })
      return
    }
    const stage = given[0] ?? (isPretraining(file) ? 'stage1' : 'stage2')
    const entries = entriesOf(schema.entries[stage]) as v.ObjectEntries
    for (const { key, value } of this.#flat) {
      this.object({ [key]: value }, { entries, to: [stage], at: [] })
    }
  }

  /** Hugging Face counts the samples of one device and how many such batches make an update. */
  batches(): void {
    for (const stage of STAGES) {
      const options = this.#value[stage]
      const accumulation = this.#accumulation.get(stage)
      const origin = this.#origins.get(`${stage}.microBatch`)
      const micro = isObject(options) ? options.microBatch : undefined
      const foreign =
        accumulation !== undefined || (origin !== undefined && camelCase(String(origin.at(-1))) !== 'microBatch')
      if (foreign) {
        const at = accumulation?.at ?? (origin as Path)
        const size = Number(micro ?? 1) * Number(accumulation?.count ?? 1)
        this.#set([stage, 'batchSize'], size, at)
      }
    }
  }
}

/** Whether a key at the top of a file is an option of a stage. */
function isStageOption(key: string): boolean {
  const known = STAGES.some(stage => Object.hasOwn(entriesOf(schema.entries[stage]) ?? {}, camelCase(key)))
  return known || aliasNamed(key, STAGE_ALIASES) !== undefined
}

/** Whether a file that names no stage trains the projector alone. */
function isPretraining(file: Record<string, unknown>): boolean {
  return file.tune_mm_mlp_adapter === true || file.version === 'plain' || file.stage === 'pt'
}

function isShare(value: unknown): boolean {
  return typeof value === 'number' && value > 0 && value < 1
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An object that was made by an alias before its section came, or the other way round. */
function isEmptyFor(held: unknown, value: unknown): boolean {
  return isObject(held) && isObject(value) && Object.keys(value).length === 0
}

function shown(value: unknown): string {
  return JSON.stringify(value) ?? String(value)
}
