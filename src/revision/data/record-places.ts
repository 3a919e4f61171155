/** Records per page; a page takes 12 bytes for each. */
const PAGE = 65_536

interface Page {
  starts: Float64Array
  lengths: Uint32Array
}

/** Where records stand in a file: 12 bytes each, in pages, so that growing copies nothing. */
export class RecordPlaces {
  readonly #pages: Page[] = []
  #length = 0

  /** Number of records. */
  get length(): number {
    return this.#length
  }

  /** Adds a record of `length` bytes that starts at byte `start`. */
  push(start: number, length: number): void {
    const at = this.#length % PAGE
    if (at === 0) {
      this.#pages.push({ starts: new Float64Array(PAGE), lengths: new Uint32Array(PAGE) })
    }
    const page = this.#pages[this.#pages.length - 1] as Page
    page.starts[at] = start
    page.lengths[at] = length
    this.#length++
  }

  /** The place of record `index`, which has to be one. */
  at(index: number): { start: number; length: number } {
    const page = this.#pages[Math.floor(index / PAGE)]
    const at = index % PAGE
    if (page === undefined || index >= this.#length) {
      throw new RangeError(`there is no record ${index} among ${this.#length}`)
    }
    return { start: page.starts[at] as number, length: page.lengths[at] as number }
  }
}
