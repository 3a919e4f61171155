import { join } from 'node:path'
import { native } from '../native.ts'
import { writeWhole } from '../whole-file.ts'

/** Records of a file, as published. */
const RECORDS = 200_000
/** Records that are appended at a time, as Python does. */
const BATCH = 1000

/** A record of a published pickle: `{id, caption | image_path, embed}`. */
export interface PublishedRecord {
  /** Its texts. */
  texts: Readonly<Record<string, string>>
  /** Its row. */
  embed: Float32Array
}

/**
 * Writes records as published with arXiv 2602.07026: `NAME_0.pkl`, `NAME_1.pkl`, … of 200,000 each, a list of dicts with
 * `embed` as a NumPy array of f32. Plain `pickle.load` opens them, and so does `openEmbeddings`.
 *
 * @param columns values of every row
 * @returns the files
 * @throws {@link ModalityGapError} `WRITE_FAILED`
 */
export async function writePublished(
  folder: string,
  name: string,
  columns: number,
  records: AsyncIterator<PublishedRecord>,
): Promise<string[]> {
  const files: string[] = []
  let next = await records.next()
  while (!next.done) {
    const path = join(folder, `${name}_${files.length}.pkl`)
    await writeWhole(path, async file => {
      await file.append(native.publishedPickleStart(columns))
      for (let count = 0; !next.done && count < RECORDS; ) {
        const batch: PublishedRecord[] = []
        for (; !next.done && batch.length < BATCH && count < RECORDS; count++) {
          batch.push(next.value)
          next = await records.next()
        }
        await file.append(batchOf(batch, columns))
      }
      await file.append(native.publishedPickleEnd())
    })
    files.push(path)
  }
  return files
}

/** Records of one kind, which have the same texts. */
function batchOf(batch: readonly PublishedRecord[], columns: number): Uint8Array {
  const keys = Object.keys(batch[0]?.texts ?? {})
  const rows = new Float32Array(batch.length * columns)
  for (const [i, { embed }] of batch.entries()) {
    rows.set(embed, i * columns)
  }
  const texts = batch.flatMap(({ texts }) => keys.map(key => texts[key] as string))
  return native.publishedPickleRecords(keys, texts, rows)
}
