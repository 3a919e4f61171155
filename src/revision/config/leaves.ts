import * as v from 'valibot'

/** What the reference and the types say of a value: what it may be, what it is for, and its type where that does not show. */
type Described<T extends v.GenericSchema> = v.SchemaWithPipe<
  readonly [
    T,
    v.MetadataAction<v.InferOutput<T>, { readonly what: string; readonly type?: string }>,
    v.DescriptionAction<v.InferOutput<T>, string>,
  ]
>

/**
 * A value with its description; `what` is also what an error says it has to be.
 *
 * @param type its type in TypeScript, where the schema does not show it
 */
export function described<T extends v.GenericSchema>(
  schema: T,
  what: string,
  says: string,
  type?: string,
): Described<T> {
  return v.pipe(schema, v.metadata({ what, type }), v.description(says)) as unknown as Described<T>
}

/** An object of which every key is known. */
export function section<T extends v.ObjectEntries>(entries: T) {
  return v.strictObject(entries, 'a section of keys')
}

/** A text that is not empty. */
export function text(says: string, what = 'a text') {
  return described(v.pipe(v.string(what), v.minLength(1, what)), what, says)
}

/** A text that may be empty. */
export function anyText(says: string) {
  return described(v.string('a text'), 'a text', says)
}

/** Yes or no. */
export function flag(says: string) {
  return described(v.boolean('true or false'), 'true or false', says)
}

/** One of a few words. */
export function oneOf<const T extends readonly string[]>(options: T, says: string, type?: string) {
  const what = options.map(option => `\`${option}\``).join(', ')
  return described(v.picklist(options, `one of ${options.join(', ')}`), what, says, type)
}

/** A number above zero. */
export function positive(says: string) {
  const what = 'a number above 0'
  return described(v.pipe(v.number(what), v.finite(what), v.gtValue(0, what)), what, says)
}

/** A number from zero on. */
export function atLeastZero(says: string) {
  const what = 'a number from 0 on'
  return described(v.pipe(v.number(what), v.finite(what), v.minValue(0, what)), what, says)
}

/** A share of one. */
export function share(says: string) {
  const what = 'a number from 0 to 1'
  return described(v.pipe(v.number(what), v.minValue(0, what), v.maxValue(1, what)), what, says)
}

/** A share of one, but not all of it. */
export function part(says: string) {
  const what = 'a number from 0 to below 1'
  return described(v.pipe(v.number(what), v.minValue(0, what), v.ltValue(1, what)), what, says)
}

/** A share of one, but not nothing. */
export function someShare(says: string) {
  const what = 'a number above 0, up to 1'
  return described(v.pipe(v.number(what), v.gtValue(0, what), v.maxValue(1, what)), what, says)
}

/** A whole number from `least` on. */
export function whole(least: number, says: string) {
  const what = `a whole number from ${least} on`
  return described(v.pipe(v.number(what), v.safeInteger(what), v.minValue(least, what)), what, says)
}

/** Updates between two events: a number, a share of all, an epoch, or none. */
export function cadence(says: string) {
  const what = 'a whole number from 0 on, a share below 1 of all updates, or `epoch`'
  const plain = what.replaceAll('`', '')
  const number = v.pipe(
    v.number(plain),
    v.finite(plain),
    v.minValue(0, plain),
    v.check(value => value < 1 || Number.isSafeInteger(value), plain),
  )
  return described(
    v.lazy(input => (typeof input === 'string' ? v.literal('epoch', plain) : number)),
    what,
    says,
    "number | 'epoch'",
  )
}

/** Updates between two events: a number, or a share of all. */
export function every(says: string) {
  const what = 'a whole number from 1 on, or a share below 1 of all updates'
  const positive = v.pipe(v.number(what), v.finite(what), v.gtValue(0, what))
  return described(
    v.pipe(
      positive,
      v.check(value => value < 1 || Number.isSafeInteger(value), what),
    ),
    what,
    says,
  )
}

/** A path or several. */
export function paths(says: string) {
  const what = 'a path or a list of paths'
  const one = v.pipe(v.string(what), v.minLength(1, what))
  return described(
    v.lazy(input => (Array.isArray(input) ? v.pipe(v.array(one, what), v.minLength(1, what)) : one)),
    what,
    says,
    'string | string[]',
  )
}

/** A list of texts that are not empty. */
export function texts(says: string) {
  const what = 'a list of texts that are not empty'
  return described(v.array(v.pipe(v.string(what), v.minLength(1, what)), what), what, says)
}

/** A switch, or the path of what is switched on. */
export function flagOrPath(says: string) {
  const what = 'true, false or a path'
  const path = v.pipe(v.string(what), v.minLength(1, what))
  return described(
    v.lazy(input => (typeof input === 'string' ? path : v.boolean(what))),
    what,
    says,
    'boolean | string',
  )
}
