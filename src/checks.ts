import { ModalityGapError } from './errors.ts'
import { isRemote, refuseReadOnly } from './remote.ts'
import { kindOf } from './rows.ts'
import { nearest } from './suggest.ts'

/** Throws `BAD_OPTION` for a value that is not what its name asks for. */
export type Check = (value: unknown, name: string) => void

/** The checks of an object's keys; every key of `T` has one, so that a new option cannot be forgotten. */
export type Checks<T> = { readonly [K in keyof Required<T>]: Check }

/** Where a key that an object does not take belongs. */
export interface Elsewhere {
  /** Keys of the function's other argument, and how to pass them there. */
  other?: { keys: readonly string[]; hint: string }
  /** Names under which people know a key of this object. */
  aliases?: Readonly<Record<string, string>>
}

/** Checks of all keys but some. */
export function without<T, K extends keyof T>(checks: Checks<T>, ...keys: readonly K[]): Checks<Omit<T, K>> {
  const left = Object.entries(checks).filter(([key]) => !keys.includes(key as K))
  return Object.fromEntries(left) as unknown as Checks<Omit<T, K>>
}

/** Keys of an object that may not be absent, by their checks. */
const NEEDED = new WeakSet<Check>()

/** The same check for a key that may not be absent. */
export function needed(check: Check): Check {
  const own: Check = (value, name) => check(value, name)
  NEEDED.add(own)
  return own
}

/** `true` or `false`. */
export const flag: Check = (value, name) => accept(typeof value === 'boolean', value, name, 'true or false')

/** A text, the empty one included. */
export const text: Check = (value, name) => accept(typeof value === 'string', value, name, 'a text')

/** What the package passes to constructors that are its own. */
export const OWN = Symbol('modality-gap')

/**
 * Refuses `new` from outside for a class whose objects come from a function.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION` with that function
 */
export function madeHere(own: unknown, name: string, by: string): void {
  if (own !== OWN) {
    throw new ModalityGapError('BAD_OPTION', `${name} is not made with new; use ${by}`)
  }
}

/** A path: text that is not empty. */
export const path: Check = (value, name) => {
  accept(typeof value === 'string' && value !== '', value, name, 'a path, as text')
  // an address of a kind that is not known is not taken for a path
  isRemote(value as string)
}

/** A path to write to: an address of a server that is read only is refused. */
export const output: Check = (value, name) => {
  path(value, name)
  refuseReadOnly(value as string, name)
}

/** A path of the file system, where an address of a store is not read. */
export const localInput: Check = (value, name) => {
  path(value, name)
  refuseRemote(value as string, name, 'is read from the file system only; download it, and name the copy')
}

/** A path of the file system, where nothing is written to a store. */
export const localOutput: Check = (value, name) => {
  path(value, name)
  refuseRemote(value as string, name, 'is written to the file system only; name a path of it, and upload the result')
}

/** Refuses an address of a store. */
export function refuseRemote(value: string, name: string, why: string): void {
  if (isRemote(value)) {
    throw new ModalityGapError('UNSUPPORTED', `${name}: ${shown(value)} is the address of an object, and ${why}`)
  }
}

/**
 * Checks an argument that is a path.
 *
 * @param check what paths it may be
 * @throws {@link ModalityGapError} `BAD_OPTION`; `UNSUPPORTED` for an address of a store where only a path will do
 */
export function checkPath(value: unknown, of: string, check = path): asserts value is string {
  check(value, of)
}

/** An instance of a class. */
export function instanceOf(type: { [Symbol.hasInstance](value: unknown): boolean }, expected: string): Check {
  return (value, name) => accept(type[Symbol.hasInstance](value), value, name, expected)
}

/** A function. */
export const callback: Check = (value, name) => accept(typeof value === 'function', value, name, 'a function')

/** An `AbortSignal`, of this realm or another. */
export const signal: Check = (value, name) => {
  const listens = (method: string) => isObject(value) && typeof value[method] === 'function'
  const fits = isObject(value) && typeof value.aborted === 'boolean'
  accept(fits && listens('addEventListener') && listens('removeEventListener'), value, name, 'an AbortSignal')
}

/** A finite number within bounds. */
export function number(least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY): Check {
  const expected = `a finite number${bounds(least, most)}`
  return (value, name) => accept(Number.isFinite(value) && within(value, least, most), value, name, expected)
}

/** A whole number that a double holds exactly, within bounds. */
export function whole(least = 0, most = Number.MAX_SAFE_INTEGER): Check {
  const expected = `a whole number${bounds(least, most)}`
  return (value, name) => accept(Number.isSafeInteger(value) && within(value, least, most), value, name, expected)
}

/** One of some names. */
export function oneOf(names: readonly string[]): Check {
  return (value, name) => {
    if (typeof value !== 'string') {
      throw wrong(value, name, `one of ${names.join(', ')}`)
    }
    if (!names.includes(value)) {
      const meant = nearest(value, names)
      const hint = meant === undefined ? '' : `; did you mean ${meant}?`
      throw new ModalityGapError(
        'BAD_OPTION',
        `${name}: unknown value \`${value}\`${hint}; expected ${names.join(', ')}`,
      )
    }
  }
}

/** A list, each element of which passes a check. */
export function listOf(check: Check, expected = 'an array'): Check {
  return (value, name) => {
    accept(Array.isArray(value), value, name, expected)
    for (const [i, each] of (value as unknown[]).entries()) {
      check(each, `${name}[${i}]`)
    }
  }
}

/** A path or a list of paths. */
export const paths: Check = pathsOf(path)

/** The same of the file system, where addresses of stores are not read. */
export const localInputs: Check = pathsOf(localInput)

function pathsOf(check: Check): Check {
  return (value, name) => {
    if (Array.isArray(value)) {
      accept(value.length > 0, value, name, 'a path or a list of paths')
      listOf(check)(value, name)
    } else {
      accept(typeof value === 'string' && value !== '', value, name, 'a path or a list of paths')
      check(value, name)
    }
  }
}

/** What passes one of several checks; what is of one's kind and not supported is refused as that. */
export function anyOf(expected: string, ...checks: readonly Check[]): Check {
  return (value, name) => {
    const passes = checks.some(check => {
      try {
        check(value, name)
        return true
      } catch (error) {
        if (error instanceof ModalityGapError && error.code === 'UNSUPPORTED') {
          throw error
        }
        return false
      }
    })
    accept(passes, value, name, expected)
  }
}

/** An object of any keys, each value of which passes a check. */
export function recordOf(check: Check, expected: string): Check {
  return (value, name) => {
    accept(isPlain(value), value, name, expected)
    for (const [key, each] of Object.entries(value as object)) {
      check(each, `${name}.${key}`)
    }
  }
}

/** A record of data: some keys of it are checked, others are left alone. */
export function record(checks: Readonly<Record<string, Check>>): Check {
  return (value, name) => {
    accept(isPlain(value), value, name, `an object of ${Object.keys(checks).join(', ')}`)
    for (const [key, check] of Object.entries(checks)) {
      check((value as Record<string, unknown>)[key], `${name}.${key}`)
    }
  }
}

/** An object of known keys; others are refused with what was probably meant. */
export function object<T extends object>(checks: Checks<T>): Check {
  return (value, name) => checkKeys(value, name, checks, {})
}

/**
 * Checks an argument that is an object of options.
 *
 * @param of the function it belongs to, as users write it
 * @throws {@link ModalityGapError} `BAD_OPTION` for anything else, an unknown key or a value of the wrong kind
 */
export function checkOptions<T extends object>(
  value: unknown,
  of: string,
  checks: Checks<T>,
  elsewhere: Elsewhere = {},
): asserts value is T {
  checkKeys(value, of, checks, elsewhere)
}

function checkKeys<T extends object>(value: unknown, of: string, checks: Checks<T>, elsewhere: Elsewhere): void {
  if (!isPlain(value)) {
    throw wrong(value, of, `an object of options (${Object.keys(checks).join(', ')})`)
  }
  const given = Object.entries(value).filter(([, each]) => each !== undefined)
  for (const [key, each] of given) {
    const check = (checks as Readonly<Record<string, Check>>)[key]
    if (!Object.hasOwn(checks, key) || check === undefined) {
      throw unknownKey(key, of, Object.keys(checks), elsewhere)
    }
    check(each, key)
  }
  for (const [key, check] of Object.entries<Check>(checks)) {
    if (NEEDED.has(check) && value[key] === undefined) {
      const keys = Object.keys(checks).filter(other => NEEDED.has((checks as Record<string, Check>)[other] as Check))
      throw new ModalityGapError('BAD_OPTION', `${of} needs \`${key}\`; it cannot do without ${keys.join(', ')}`)
    }
  }
}

function unknownKey(
  key: string,
  of: string,
  known: readonly string[],
  { other, aliases }: Elsewhere,
): ModalityGapError {
  const refusal = (what: string) => new ModalityGapError('BAD_OPTION', `unknown option \`${key}\` of ${of}${what}`)
  const alias = aliases && Object.hasOwn(aliases, key) ? aliases[key] : undefined
  if (alias !== undefined) {
    return refusal(`: it is called \`${alias}\` here; expected ${known.join(', ')}`)
  }
  if (other?.keys.includes(key)) {
    return refusal(`: ${other.hint}`)
  }
  const meant = nearest(key, known)
  const hint = meant === undefined ? '' : `: did you mean \`${meant}\`?`
  return refusal(`${hint}${hint === '' ? ';' : ''} expected ${known.join(', ')}`)
}

/** The error of a value that is not what its name asks for. */
export function wrong(value: unknown, name: string, expected: string, hint = ''): ModalityGapError {
  return new ModalityGapError('BAD_OPTION', `${name}: expected ${expected}, not ${shown(value)}${hint}`)
}

function accept(passes: boolean, value: unknown, name: string, expected: string): void {
  if (!passes) {
    throw wrong(value, name, expected)
  }
}

/** Characters of a text that an error shows. */
const SHOWN = 60

/** A value in an error: short, and telling what kind it is. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > SHOWN ? `${value.slice(0, SHOWN)}…` : value)
    case 'function':
      return 'a function'
    case 'bigint':
      return `${value}n`
    case 'object':
      break
    default:
      return String(value)
  }
  if (value === null) {
    return 'null'
  }
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    const { length } = value as { length?: number }
    return `${Array.isArray(value) ? 'an array' : `a ${kindOf(value)}`} of ${length ?? 0} values`
  }
  const name = nameOfClass(value)
  if (name !== 'Object') {
    return `${/^[aeiou]/i.test(name) ? 'an' : 'a'} ${name}`
  }
  const keys = Object.keys(value)
  return keys.length === 0
    ? 'an empty object'
    : `an object of ${keys.slice(0, 4).join(', ')}${keys.length > 4 ? ', …' : ''}`
}

function nameOfClass(value: object): string {
  const { constructor: made } = value as { constructor?: unknown }
  return typeof made === 'function' && made.name !== '' ? made.name : kindOf(value)
}

/** An object that is neither a list nor an array of numbers nor a buffer. */
function isPlain(value: unknown): value is Record<string, unknown> {
  return isObject(value) && !Array.isArray(value) && kindOf(value) === 'Object'
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function within(value: unknown, least: number, most: number): boolean {
  return (value as number) >= least && (value as number) <= most
}

function bounds(least: number, most: number): string {
  const open = most === Number.POSITIVE_INFINITY || most === Number.MAX_SAFE_INTEGER
  if (least === Number.NEGATIVE_INFINITY) {
    return open ? '' : ` of at most ${most}`
  }
  return open ? ` of at least ${least}` : ` from ${least} to ${most}`
}
