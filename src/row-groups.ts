import { following } from './abort.ts'
import { type Embeddings, filesOf, idsOf, sourceOf } from './embeddings.ts'
import { ModalityGapError, unwrap } from './errors.ts'
import type { GroupOptions } from './group-options.ts'
import type { Source } from './native.ts'
import { once } from './once.ts'
import { type FoundIds, ownIds } from './row-ids.ts'

/** Two sources in groups. */
export interface GroupedSources {
  /** In the order of the sides. */
  sources: [Source, Source]
  /** Whether rows are paired, where that is known. */
  paired: boolean | undefined
  /** Where the groups come from; absent without ids. */
  from?: string
}

/** Rows to a group on average beyond which a column that was not named is taken for something else than items. */
const MOST_ROWS = 100

/**
 * Both sides with the groups of their rows: as given, as the rows bring them along (unless `own` says otherwise), or none.
 *
 * @throws {@link ModalityGapError} `NOT_PAIRED` when rows and ids, or rows and captions per image, do not fit together; `CANCELLED`
 */
export async function groupedSources(
  image: Embeddings,
  text: Embeddings,
  { paired, captionsPerImage }: GroupOptions,
  { own = true, signal }: { own?: boolean; signal?: AbortSignal } = {},
): Promise<GroupedSources> {
  const sides = [image, text] as const
  const sources: [Source, Source] = [sourceOf(image), sourceOf(text)]
  if (captionsPerImage !== undefined) {
    const keys = regular(image.rows, text.rows, captionsPerImage)
    const from = `${captionsPerImage} captions per image`
    return { sources: grouped(sources, keys), paired: paired ?? true, from }
  }
  const given = [idsOf(image) ?? undefined, idsOf(text) ?? undefined] as const
  const both = given.every(ids => ids !== undefined)
  const found = both || !own ? given : await following(signal, sides.flatMap(filesOf), () => broughtAlong(sides, given))
  const known = found.filter(ids => ids !== undefined)
  if (known.length === 0) {
    return { sources, paired }
  }
  const isPaired = paired ?? (both ? true : undefined)
  if (known.length === 1 && isPaired && image.rows !== text.rows) {
    const side = found[0] ? 'text' : 'image'
    throw new ModalityGapError(
      'NOT_PAIRED',
      `${image.rows} image rows and ${text.rows} text rows are paired by ids, and the ${side} rows have none; give them, or say how many captions an image has`,
    )
  }
  const keys = numbered(found)
  if (!groups(keys)) {
    return { sources, paired: isPaired }
  }
  const from = [...new Set(known.map(ids => ids.from))].join(' and ')
  return { sources: grouped(sources, keys), paired: isPaired, from }
}

type Keys = [Uint32Array | undefined, Uint32Array | undefined]

function grouped([image, text]: [Source, Source], [left, right]: Keys): [Source, Source] {
  return [left ? unwrap(image.grouped(left)) : image, right ? unwrap(text.grouped(right)) : text]
}

/** Ids of the rows' own metadata, for the sides that were given none; not such as put most rows together. */
async function broughtAlong(
  sides: readonly [Embeddings, Embeddings],
  given: readonly [FoundIds | undefined, FoundIds | undefined],
): Promise<[FoundIds | undefined, FoundIds | undefined]> {
  const [left, right] = await Promise.all([0, 1].map(async i => given[i] ?? (await itemsOf(sides[i] as Embeddings))))
  return [left, right]
}

const brought = new WeakMap<Embeddings, Promise<FoundIds | undefined>>()

/** Ids are read once, however often their rows are measured. */
async function itemsOf(rows: Embeddings): Promise<FoundIds | undefined> {
  // `'none'` was said of them
  if (idsOf(rows) === null) {
    return undefined
  }
  const found = await once(brought, rows, () => ownIds(rows))
  return found && new Set(found.ids).size * MOST_ROWS >= found.ids.length ? found : undefined
}

/** Whether two sides are paired, as `paired` defaults to. */
export function pairedByDefault(
  image: Embeddings,
  text: Embeddings,
  { paired, captionsPerImage }: GroupOptions,
): boolean {
  return paired ?? (captionsPerImage !== undefined || (Boolean(idsOf(image)) && Boolean(idsOf(text))))
}

/**
 * Items of the rows of one side that is paired with another by index.
 *
 * @throws {@link ModalityGapError} `NOT_PAIRED` when the rows are not so many captions each
 */
export function itemsOfPairs(rows: number, found: FoundIds | null | undefined, each?: number): Uint32Array | undefined {
  if (each !== undefined) {
    return regular(rows, rows, each)[1]
  }
  // every row is an item of its own
  return found === null ? Uint32Array.from({ length: rows }, (_, row) => row) : numbered([found, undefined])[0]
}

/** Numbers for ids, by first appearance on the image side and then on the text side. */
function numbered(found: readonly (FoundIds | undefined)[]): Keys {
  const numbers = new Map<string, number>()
  const [left, right] = found.map(
    side =>
      side &&
      Uint32Array.from(side.ids, id => {
        const number = numbers.get(id) ?? numbers.size
        numbers.set(id, number)
        return number
      }),
  )
  return [left, right]
}

/** Whether keys say more than the order of the rows does: a row alone, at the place of its partner, is in no group. */
function groups(keys: Keys): boolean {
  return keys.some(side => side?.some((key, row) => key !== row))
}

function regular(images: number, texts: number, each: number): Keys {
  if (!Number.isSafeInteger(each) || each < 1) {
    throw new ModalityGapError('BAD_OPTION', `captionsPerImage is a count of at least 1, not ${each}`)
  }
  const once = texts === images * each
  if (!once && !(texts === images && images % each === 0)) {
    const message = `${images} image rows and ${texts} text rows are not ${each} captions for each image`
    throw new ModalityGapError('NOT_PAIRED', message)
  }
  const item = (row: number) => Math.floor(row / each)
  const keys = (rows: number, of: (row: number) => number) => Uint32Array.from({ length: rows }, (_, row) => of(row))
  return [keys(images, once ? row => row : item), keys(texts, item)]
}
