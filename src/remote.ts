/** Addresses of objects, as `SCHEMES` of `crates/stores` has them. */
const REMOTE = /^(?:s3|gs|az|https?|hf):\/\//

/** Whether a path is the address of an object in a store, on a web server or on the hub. */
export function isRemote(path: string): boolean {
  return REMOTE.test(path)
}

/** What follows a `?` in the address of a web server, such as a signature. */
const QUERY = /\b(https?:\/\/[^\s?]+)\?([^\s'")]+)/g

/** Signs that end an address within a sentence. */
const SENTENCE = /[.,:;]$/

/** A text whose addresses of web servers are without what follows their `?`: a signature is a secret. */
export function withoutQuery(text: string): string {
  return text.replaceAll(QUERY, (_, address: string, query: string) => `${address}?…${SENTENCE.exec(query)?.[0] ?? ''}`)
}
