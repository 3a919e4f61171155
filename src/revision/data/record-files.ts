import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { createGunzip } from 'node:zlib'
import { JSONParser } from '@streamparser/json'
import { ModalityGapError } from '../../errors.ts'
import { refuseLinks } from '../../no-links.ts'
import { unreadable } from '../../unreadable.ts'
import { type Draft, writeWhole } from '../../whole-file.ts'
import { parquetRecords } from './parquet-records.ts'

/** What a file may grow to when it is unpacked: two hundred times as much, and some more. */
const MOST = (bytes: number) => 200 * bytes + 64 * 2 ** 20
/** Bytes of a file that tell what it is. */
const HEAD = 4096
/** Records that are written at once. */
const AT_A_TIME = 1024

/**
 * The file in which records are read by position: the file itself where it is JSON, else a copy as JSON lines, made once. Copies are
 * made of gzip (`.jsonl.gz`), of parquet, and of captions in COCO's layout, whose records are images with their list of captions.
 *
 * @param cache folder of copies
 * @throws {@link ModalityGapError} `BAD_OPTION` for a copy without a folder; `NOT_FOUND`, `UNREADABLE`; `BAD_FORMAT` for a file that is not what it begins as, or that grows beyond
 * 200 times its size
 */
export async function readableRecords(path: string, cache: string | undefined): Promise<string> {
  const kind = await kindOf(path)
  if (kind === 'json') {
    return path
  }
  if (cache === undefined) {
    throw new ModalityGapError('BAD_OPTION', `${path}: records that are packed need a folder for a copy`, {
      file: path,
    })
  }
  const { size, mtimeMs } = await stat(path).catch(cause => unreadable(path, cause))
  const hash = createHash('sha256')
    .update(JSON.stringify([resolve(path), size, mtimeMs, kind]))
    .digest('hex')
  const copy = join(cache, `${basename(path)}.${hash.slice(0, 16)}.jsonl`)
  if (!existsSync(copy)) {
    await refuseLinks([cache])
    await writeWhole(copy, file => COPIES[kind](path, file))
  }
  // what was packed may be of another kind itself
  return kind === 'gzip' ? await readableRecords(copy, cache) : copy
}

type Packed = 'gzip' | 'parquet' | 'coco'

async function kindOf(path: string): Promise<Packed | 'json'> {
  const head = await headOf(path)
  if (head[0] === 0x1f && head[1] === 0x8b) {
    return 'gzip'
  }
  if (head.subarray(0, 4).toString('latin1') === 'PAR1') {
    return 'parquet'
  }
  return COCO.test(head.toString('utf8')) ? 'coco' : 'json'
}

/** How a file in COCO's layout begins; a record of ours may have `images`, too, but none of the keys that COCO's images have. */
const COCO =
  /^\uFEFF?\s*\{\s*"(?:(?:info|licenses|annotations)"\s*:|images"\s*:\s*\[\s*\{\s*"(?:id|license|file_name|coco_url|flickr_url|height|width|date_captured)")/

async function headOf(path: string): Promise<Buffer> {
  const file = await open(path, 'r').catch(cause => unreadable(path, cause))
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD), 0, HEAD, 0)
    return buffer.subarray(0, bytesRead)
  } catch (cause) {
    return unreadable(path, cause)
  } finally {
    await file.close()
  }
}

const COPIES: Readonly<Record<Packed, (path: string, to: Draft) => Promise<void>>> = {
  gzip: async (path, to) => {
    const { size } = await stat(path)
    const input = createReadStream(path)
    const unpacked = createGunzip()
    let bytes = 0
    try {
      for await (const chunk of input.on('error', cause => unpacked.destroy(cause)).pipe(unpacked)) {
        bytes += (chunk as Buffer).length
        if (bytes > MOST(size)) {
          throw new ModalityGapError('BAD_FORMAT', `${path}: unpacked it has more than 200 times its size`, {
            file: path,
          })
        }
        await to.append(chunk as Buffer)
      }
    } catch (cause) {
      throw cause instanceof ModalityGapError ? cause : damaged(path, 'gzip file', cause)
    } finally {
      input.destroy()
    }
  },
  parquet: async (path, to) => {
    for await (const records of parquetRecords(path)) {
      await to.append(records.map(record => `${record}\n`).join(''))
    }
  },
  coco: async (path, to) => {
    const { images, captions } = await cocoCaptions(path)
    const records = [...captions].map(([id, all]) => ({ id, image: images.get(id) ?? String(id), caption: all }))
    await writeLines(records, to)
  },
}

async function writeLines(records: Iterable<object>, to: Draft): Promise<void> {
  let lines: string[] = []
  for (const record of records) {
    lines.push(`${JSON.stringify(record)}\n`)
    if (lines.length === AT_A_TIME) {
      await to.append(lines.join(''))
      lines = []
    }
  }
  await to.append(lines.join(''))
}

type CocoId = string | number

/** Names of images and their captions, in the order of the file. */
async function cocoCaptions(path: string): Promise<{ images: Map<CocoId, string>; captions: Map<CocoId, string[]> }> {
  const images = new Map<CocoId, string>()
  const captions = new Map<CocoId, string[]>()
  const parser = new JSONParser({ paths: ['$.images.*', '$.annotations.*'], keepStack: false })
  let row = 0
  parser.onValue = ({ value }) => {
    const { id, file_name, image_id, caption } = Object(value) as Record<string, unknown>
    if (isCocoId(id) && typeof file_name === 'string') {
      images.set(id, file_name)
    } else if (isCocoId(image_id) && typeof caption === 'string') {
      captions.set(image_id, [...(captions.get(image_id) ?? []), caption])
      row++
    } else {
      const message = `${path}: annotation ${row} has no image_id and caption: it is no file of captions in COCO's layout`
      throw new ModalityGapError('BAD_FORMAT', message, { file: path, row })
    }
  }
  try {
    for await (const chunk of createReadStream(path)) {
      parser.write(chunk as Buffer)
    }
  } catch (cause) {
    throw cause instanceof ModalityGapError ? cause : damaged(path, 'JSON', cause)
  }
  if (captions.size === 0) {
    throw new ModalityGapError('EMPTY', `${path} holds no annotations with captions`, { file: path })
  }
  return { images, captions }
}

function isCocoId(value: unknown): value is CocoId {
  // a number beyond 2⁵³ was rounded and may be another's
  return typeof value === 'string' || Number.isSafeInteger(value)
}

function damaged(file: string, what: string, cause: unknown): ModalityGapError {
  const { message } = cause as Error
  return new ModalityGapError('BAD_FORMAT', `${file}: it is no ${what} that can be read: ${message}`, { file, cause })
}
