import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunOptions } from '../abort.ts'
import { Aligner } from '../align.ts'
import { type Embeddings, filesOf, openEmbeddings } from '../embeddings.ts'
import { ModalityGapError } from '../errors.ts'
import { refuseLinks } from '../no-links.ts'
import { once } from '../once.ts'
import { readRegular } from '../regular-file.ts'
import { writeWhole } from '../whole-file.ts'
import type { ReVisionConfig } from './config.ts'
import { contentsOf } from './contents.ts'
import { badLeft, type LeftOut, leftOutOf, lookupWithout } from './data/bad-rows.ts'
import { type EmbeddingIds, embeddingRows } from './data/embedding-rows.ts'
import type { RowLookup } from './data/row-lookup.ts'
import { fingerprintOf, type ModelRows, openModelRows, readInPlace } from './rows.ts'

/** Rows of one side, opened once: the files, how a record finds its row, and the rows as a model sees them. */
export interface SideRows {
  /** The files. */
  embeddings: Embeddings
  /** How a record finds its row. */
  lookup: RowLookup
  /** Rows as a model sees them. */
  rows: ModelRows
}

/** What a section may say about images: rows of its own, or ids of its own for the common ones. */
interface OwnImages {
  image?: string | string[]
  imageIds?: EmbeddingIds
}

/** Sides of rows. */
export type Side = 'image' | 'text'

/**
 * What the stages of a run share: rows, their ids, and the aligner between them. Everything is opened when it is asked for.
 */
export class Workspace {
  readonly #config: ReVisionConfig
  /** Whether the run has trained already, so that its aligner is the one that it kept. */
  readonly #trained: boolean
  readonly #embeddings = new Map<Side, Promise<Embeddings>>()
  readonly #sides = new Map<Side, Promise<SideRows>>()
  readonly #bad = new Map<Embeddings, Promise<LeftOut>>()
  readonly #aligner = new Map<'aligner', Promise<Aligner | undefined>>()

  constructor(config: ReVisionConfig, { trained = false }: { trained?: boolean } = {}) {
    this.#config = config
    this.#trained = trained
  }

  /** Folder of what is made once: the fitted aligner, copies of rows. */
  get cache(): string {
    return join(this.#config.output, '_cache')
  }

  /** Columns of the rows. */
  async dim(): Promise<number> {
    const { image, text } = this.#config.embeddings
    if (image === undefined && text === undefined) {
      throw new ModalityGapError(
        'BAD_OPTION',
        'give embeddings.image or embeddings.text, whose width the projector takes',
      )
    }
    const opened = await this.embeddings(image === undefined ? 'text' : 'image')
    return opened.dim
  }

  /** The files of a side. */
  embeddings(side: Side): Promise<Embeddings> {
    return once(this.#embeddings, side, async () => {
      const input = this.#config.embeddings[side]
      if (input === undefined) {
        throw new ModalityGapError('BAD_OPTION', `embeddings.${side} is not given`)
      }
      return await this.#open(input, side)
    })
  }

  /**
   * Rows of a side as a model sees them: texts are moved by the aligner, images where the method moves them as well.
   *
   * @throws {@link ModalityGapError} as `openEmbeddings`, `embeddingRows` and `Aligner.fit` do
   */
  side(side: Side, run: RunOptions = {}): Promise<SideRows> {
    return once(this.#sides, side, async () => {
      return await this.#seen(side, {}, run)
    })
  }

  /** A name that changes with what the files of a side's rows hold; with a fitted aligner those of both sides, or its file's. */
  async contents(side: Side): Promise<string> {
    const { aligner, image, text, imageIds, textIds } = this.#config.embeddings
    const fitted = typeof aligner === 'object' ? [image && ('image' as const), text && ('text' as const)] : []
    const sides = new Set<Side>([side, ...fitted.flatMap(each => each || [])])
    const opened = await Promise.all([...sides].map(each => this.embeddings(each)))
    const rows = opened.flatMap(filesOf)
    const { from } = (side === 'image' ? imageIds : textIds) ?? {}
    const ids = from !== undefined && !['metadata', 'order', 'row'].includes(from) ? [from] : []
    return await contentsOf([...rows, ...ids, ...(typeof aligner === 'string' ? [aligner] : [])])
  }

  async #seen(side: Side, own: OwnImages, run: RunOptions): Promise<SideRows> {
    const { embeddings, ids } = await this.#found(side, own)
    const lookup = await this.#lookup(embeddings, ids, run)
    return { embeddings, lookup, rows: await this.rowsOf(side, embeddings, run) }
  }

  /** The files of a side, and the ids of their rows. */
  async #found(side: Side, { image, imageIds }: OwnImages): Promise<{ embeddings: Embeddings; ids?: EmbeddingIds }> {
    if (side === 'image' && image !== undefined) {
      return { embeddings: await this.#open(image, side), ids: imageIds }
    }
    const { imageIds: common, textIds } = this.#config.embeddings
    return { embeddings: await this.embeddings(side), ids: side === 'text' ? textIds : (imageIds ?? common) }
  }

  async #open(input: string | string[], side: Side): Promise<Embeddings> {
    return await openEmbeddings(input, { role: side, label: side, onBadRow: this.#config.embeddings.onBadRow })
  }

  async #lookup(embeddings: Embeddings, ids: EmbeddingIds | undefined, run: RunOptions = {}): Promise<RowLookup> {
    const [lookup, out] = [await embeddingRows(embeddings, ids), await this.#leftOut(embeddings, run)]
    return out ? lookupWithout(lookup, out) : lookup
  }

  /** What is left out of rows, where bad ones are to be. */
  async #leftOut(embeddings: Embeddings, run: RunOptions): Promise<LeftOut | undefined> {
    if (this.#config.embeddings.onBadRow !== 'drop') {
      return undefined
    }
    return await once(this.#bad, embeddings, () => leftOutOf(embeddings, readInPlace(embeddings), run))
  }

  /**
   * Opened rows of a side as a model sees them.
   *
   * @throws {@link ModalityGapError} as `openModelRows` and {@link Workspace.aligner} do
   */
  async rowsOf(side: Side, embeddings: Embeddings, run: RunOptions = {}): Promise<ModelRows> {
    const aligner = await this.aligner(run)
    const map = side === 'image' ? 'target' : 'source'
    return await this.#withBad(
      await openModelRows(embeddings, { aligner, side: map, cache: this.cache }, run),
      embeddings,
      run,
    )
  }

  /**
   * Rows of images as a model sees them, for a section that may have its own, or ids of its own for those of
   * `embeddings.image`.
   *
   * @throws {@link ModalityGapError} as {@link Workspace.side} does
   */
  async images(own: OwnImages, run: RunOptions = {}): Promise<SideRows> {
    const common = own.image === undefined && own.imageIds === undefined
    return common ? await this.side('image', run) : await this.#seen('image', own, run)
  }

  /**
   * How records find rows of a side, before anything is fitted or copied.
   *
   * @throws {@link ModalityGapError} as `openEmbeddings` and `embeddingRows` do
   */
  async lookup(side: Side, own: OwnImages = {}): Promise<RowLookup> {
    const { embeddings, ids } = await this.#found(side, own)
    return await this.#lookup(embeddings, ids)
  }

  /** Rows of a side as the encoder gave them. */
  async plain(side: Side, run: RunOptions = {}): Promise<ModelRows> {
    const embeddings = await this.embeddings(side)
    return await this.#withBad(await openModelRows(embeddings, { cache: this.cache }, run), embeddings, run)
  }

  async #withBad(rows: ModelRows, embeddings: Embeddings, run: RunOptions): Promise<ModelRows> {
    const out = await this.#leftOut(embeddings, run)
    return out ? { ...rows, bad: badLeft(out) } : rows
  }

  /**
   * What moves texts onto images: the file that is named, or a fit on all rows of both sides, kept as
   * `aligner.safetensors` in the output and fitted anew when its options or the files have changed.
   */
  aligner(run: RunOptions = {}): Promise<Aligner | undefined> {
    return once(this.#aligner, 'aligner', () => this.#opened(run))
  }

  async #opened(run: RunOptions): Promise<Aligner | undefined> {
    const { aligner } = this.#config.embeddings
    if (aligner === undefined || typeof aligner === 'string') {
      return aligner === undefined ? undefined : await Aligner.load(aligner)
    }
    const kept = join(this.#config.output, 'aligner.safetensors')
    if (this.#trained && existsSync(kept)) {
      return await Aligner.load(kept)
    }
    const [target, source] = [await this.embeddings('image'), await this.embeddings('text')]
    const options = { seed: this.#config.seed, ...aligner }
    const made = JSON.stringify([options, await fingerprintOf(target), await fingerprintOf(source)])
    const note = join(this.cache, 'aligner.json')
    if (existsSync(kept) && (await readRegular(note).catch(() => undefined))?.toString() === made) {
      return await Aligner.load(kept)
    }
    await refuseLinks([this.cache])
    const fitted = await Aligner.fit({ target, source, ...options }, run)
    await rm(note, { force: true })
    await mkdir(this.#config.output, { recursive: true })
    // an older one is replaced, a file of somebody else is not
    const overwrite = await Aligner.load(kept).then(
      () => true,
      () => false,
    )
    await fitted.save(kept, { overwrite })
    await writeWhole(note, made)
    return fitted
  }
}
