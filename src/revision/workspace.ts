import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunOptions } from '../abort.ts'
import { Aligner } from '../align.ts'
import { type Embeddings, openEmbeddings } from '../embeddings.ts'
import { ModalityGapError } from '../errors.ts'
import type { ReVisionConfig } from './config.ts'
import { type EmbeddingIds, embeddingRows } from './data/embedding-rows.ts'
import type { RowLookup } from './data/row-lookup.ts'
import { type ModelRows, openModelRows } from './rows.ts'

/** Rows of one side, opened once: the files, how a record finds its row, and the rows as a model sees them. */
export interface SideRows {
  /** The files. */
  embeddings: Embeddings
  /** How a record finds its row. */
  lookup: RowLookup
  /** Rows as a model sees them. */
  rows: ModelRows
}

/** Sides of rows. */
export type Side = 'image' | 'text'

/** What the stages of a run share: rows, their ids, and the aligner between them. Everything is opened when it is asked for. */
export class Workspace {
  readonly #config: ReVisionConfig
  readonly #embeddings = new Map<Side, Promise<Embeddings>>()
  readonly #sides = new Map<Side, Promise<SideRows>>()
  #aligner: Promise<Aligner | undefined> | undefined

  constructor(config: ReVisionConfig) {
    this.#config = config
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
      return await openEmbeddings(input, { role: side, label: side })
    })
  }

  /**
   * Rows of a side as a model sees them: texts are moved by the aligner, images where the method moves them as well.
   *
   * @throws {@link ModalityGapError} as `openEmbeddings`, `embeddingRows` and `Aligner.fit` do
   */
  side(side: Side, run: RunOptions = {}): Promise<SideRows> {
    return once(this.#sides, side, async () => {
      const ids = side === 'image' ? this.#config.embeddings.imageIds : this.#config.embeddings.textIds
      return await this.#seen(side, await this.embeddings(side), ids, run)
    })
  }

  async #seen(side: Side, embeddings: Embeddings, ids: EmbeddingIds | undefined, run: RunOptions): Promise<SideRows> {
    const aligner = await this.aligner(run)
    const options = { aligner, side: side === 'image' ? 'target' : 'source', cache: this.cache } as const
    const [lookup, rows] = [await embeddingRows(embeddings, ids), await openModelRows(embeddings, options, run)]
    return { embeddings, lookup, rows }
  }

  /**
   * Rows of images beside those of `embeddings.image`, as a model sees them.
   *
   * @throws {@link ModalityGapError} as {@link Workspace.side} does
   */
  async images(input: string | string[], ids: EmbeddingIds | undefined, run: RunOptions = {}): Promise<SideRows> {
    const embeddings = await openEmbeddings(input, { role: 'image', label: 'image' })
    return await this.#seen('image', embeddings, ids, run)
  }

  /** Rows of a side as the encoder gave them. */
  async plain(side: Side, run: RunOptions = {}): Promise<ModelRows> {
    return await openModelRows(await this.embeddings(side), { cache: this.cache }, run)
  }

  /** What moves texts onto images: read, or fitted on all rows of both sides and kept in the output. */
  aligner(run: RunOptions = {}): Promise<Aligner | undefined> {
    this.#aligner ??= this.#fitted(run)
    return this.#aligner
  }

  async #fitted(run: RunOptions): Promise<Aligner | undefined> {
    const { aligner } = this.#config.embeddings
    if (aligner === undefined || typeof aligner === 'string') {
      return aligner === undefined ? undefined : await Aligner.load(aligner)
    }
    const kept = join(this.#config.output, 'aligner.safetensors')
    if (this.#config.resume !== false && existsSync(kept)) {
      return await Aligner.load(kept)
    }
    const [target, source] = [await this.embeddings('image'), await this.embeddings('text')]
    const fitted = await Aligner.fit({ target, source, seed: this.#config.seed, ...aligner }, run)
    await mkdir(this.#config.output, { recursive: true })
    await fitted.save(kept)
    return fitted
  }
}

function once<K, V>(made: Map<K, Promise<V>>, key: K, make: () => Promise<V>): Promise<V> {
  const before = made.get(key)
  if (before) {
    return before
  }
  const now = make()
  made.set(key, now)
  // what failed is tried again when it is asked for again
  now.catch(() => made.delete(key))
  return now
}
