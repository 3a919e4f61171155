import {
  type Document,
  isCollection,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
} from 'yaml'
import { ModalityGapError } from '../../errors.ts'
import { readRegular } from '../../regular-file.ts'
import { utf8Of } from '../../utf8.ts'
import type { Path } from './resolve.ts'

/** Bytes of a configuration at most. */
const MAX_BYTES = 2 ** 20
/** Keys of a configuration at most. */
const MAX_KEYS = 2000

/** What a configuration file holds. */
export interface ConfigFile {
  /** Its values. */
  value: Record<string, unknown>
  /** The line of a key, from 1; nothing where it is not known. */
  lineOf(path: Path): number | undefined
}

/**
 * Reads YAML 1.2, of which JSON is a part.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`; `UNSUPPORTED` for UTF-16; `BAD_FORMAT` with the line as row
 */
export async function readConfigFile(path: string): Promise<ConfigFile> {
  return parseConfig(utf8Of(await readRegular(path, MAX_BYTES), path), path)
}

/** Parses the text of a configuration; `path` is what errors name. */
export function parseConfig(text: string, path: string): ConfigFile {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false })
  const [error] = document.errors
  if (error) {
    const { line } = lines.linePos(error.pos[0])
    throw badFormat(path, `line ${line}: ${error.message}`, line - 1, error)
  }
  const { twice, keys } = keysOf(document.contents)
  if (keys > MAX_KEYS) {
    throw badFormat(path, `it has more than ${MAX_KEYS} keys`)
  }
  if (twice) {
    const { line } = lines.linePos(twice.range?.[0] ?? 0)
    throw badFormat(path, `line ${line}: Map keys must be unique`, line - 1)
  }
  let value: unknown
  try {
    // references to anchors may multiply, which this bounds
    value = document.toJS({ maxAliasCount: 100 })
  } catch (cause) {
    throw badFormat(path, (cause as Error).message, undefined, cause)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw badFormat(path, 'it holds no keys')
  }
  return { value: value as Record<string, unknown>, lineOf: at => lineIn(document, at, lines) }
}

/** How many keys there are, and one that stands twice in a map; the parser's own search for one compares each with each. */
function keysOf(contents: unknown): { keys: number; twice?: Scalar } {
  let keys = 0
  const waiting = [contents]
  while (waiting.length > 0) {
    const node = waiting.pop()
    const seen = new Set<unknown>()
    for (const item of isCollection(node) ? node.items : []) {
      const { key, value } = isPair(item) ? item : { key: undefined, value: item }
      if (isScalar(key)) {
        keys++
        if (seen.has(key.value)) {
          return { keys, twice: key }
        }
        seen.add(key.value)
      }
      waiting.push(key, value)
    }
  }
  return { keys }
}

function badFormat(file: string, message: string, row?: number, cause?: unknown): ModalityGapError {
  return new ModalityGapError('BAD_FORMAT', `${file}: ${message}`, { file, row, cause })
}

function lineIn(document: Document.Parsed, path: Path, lines: LineCounter): number | undefined {
  let node: unknown = document.contents
  let start: number | undefined
  for (const key of path) {
    const found = entryOf(node, key)
    if (found === undefined) {
      break
    }
    start = found.start ?? start
    node = found.value
  }
  return start === undefined ? undefined : lines.linePos(start).line
}

function entryOf(node: unknown, key: string | number): { start: number | undefined; value: unknown } | undefined {
  if (isSeq(node)) {
    const value = node.items[Number(key)] as Node | undefined
    return value && { start: value.range?.[0], value }
  }
  if (isMap(node)) {
    const pair = node.items.find(each => isScalar(each.key) && String(each.key.value) === String(key))
    return pair && { start: (pair.key as Node).range?.[0], value: pair.value }
  }
  return undefined
}
