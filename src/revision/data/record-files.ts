import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { createGunzip } from 'node:zlib'
import { JSONParser } from '@streamparser/json'
import { ModalityGapError } from '../../errors.ts'
import { refuseLinks } from '../../no-links.ts'
import { placeAt } from '../../places.ts'
import { mostUnpacked, openRegular } from '../../regular-file.ts'
import { isRemote } from '../../remote.ts'
import { withoutSecrets } from '../../secrets.ts'
import { unreadable } from '../../unreadable.ts'
import { type Draft, writeWhole } from '../../whole-file.ts'
import { parquetRecords } from './parquet-records.ts'

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
  const { size, modified, tag } = await placeAt(path)
  const hash = createHash('sha256')
    .update(JSON.stringify([isRemote(path) ? path : resolve(path), size, modified, tag, kind]))
    .digest('hex')
  const copy = join(cache, `${basename(withoutSecrets(path).replace(/\?…$/, ''))}.${hash.slice(0, 16)}.jsonl`)
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
  /^\uFEFF?\s*\{\s*"(?:(?:info|licenses|annotations)"\s*:|type"\s*:\s*"captions"|images"\s*:\s*\[\s*\{\s*"(?:id|license|file_name|coco_url|flickr_url|height|width|date_captured)")/

async function headOf(path: string): Promise<Buffer> {
  const file = await openRegular(path)
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
    const file = await openRegular(path)
    const { size } = await file.stat()
    const input = file.createReadStream()
    const unpacked = createGunzip()
    let bytes = 0
    try {
      for await (const chunk of input.on('error', cause => unpacked.destroy(cause)).pipe(unpacked)) {
        bytes += (chunk as Buffer).length
        refuseGrowth(path, size, bytes)
        await to.append(chunk as Buffer)
      }
    } catch (cause) {
      throw cause instanceof ModalityGapError ? cause : damaged(path, 'gzip file', cause)
    } finally {
      input.destroy()
    }
  },
  parquet: async (path, to) => {
    const { size } = await placeAt(path)
    let bytes = 0
    for await (const records of parquetRecords(path)) {
      const lines = Buffer.from(records.map(record => `${record}\n`).join(''))
      bytes += lines.length
      refuseGrowth(path, size, bytes)
      await to.append(lines)
    }
  },
  coco: async (path, to) => {
    const { images, captioned } = await cocoCaptions(path)
    const records = [...captioned].map(([key, { id, captions }]) => ({
      id,
      image: images.get(key) ?? key,
      caption: captions,
    }))
    await writeLines(records, to)
  },
}

function refuseGrowth(path: string, size: number, bytes: number): void {
  if (bytes > mostUnpacked(size)) {
    throw new ModalityGapError('BAD_FORMAT', `${path}: unpacked it has more than 200 times its size`, { file: path })
  }
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

/** Captions of an image, by which they name it. */
interface Captioned {
  id: CocoId
  captions: string[]
}

/** Names of images and their captions, by their ids as text, in the order of the file. */
async function cocoCaptions(path: string): Promise<{ images: Map<string, string>; captioned: Map<string, Captioned> }> {
  const images = new Map<string, string>()
  const captioned = new Map<string, Captioned>()
  const parser = new JSONParser({ paths: ['$.images.*', '$.annotations.*'], keepStack: false })
  let row = 0
  const refuse = (what: string): never => {
    throw new ModalityGapError('BAD_FORMAT', `${path}: ${what}`, { file: path, row })
  }
  parser.onValue = ({ value }) => {
    const { id, file_name, image_id, caption } = Object(value) as Record<string, unknown>
    const rounded = [id, image_id].find(each => typeof each === 'number' && !Number.isSafeInteger(each))
    if (rounded !== undefined) {
      refuse(`an id near ${rounded} is not a whole number below 2^53, so that it may be another's; write ids as texts`)
    }
    if (isCocoId(id) && typeof file_name === 'string') {
      if ((images.get(String(id)) ?? file_name) !== file_name) {
        refuse(`image ${id} is both ${images.get(String(id))} and ${file_name}`)
      }
      images.set(String(id), file_name)
    } else if (isCocoId(image_id) && typeof caption === 'string') {
      const own = captioned.get(String(image_id)) ?? { id: image_id, captions: [] }
      own.captions.push(caption)
      captioned.set(String(image_id), own)
      row++
    } else {
      refuse(`annotation ${row} has no image_id and caption: it is not a file of captions in COCO's layout`)
    }
  }
  try {
    for await (const chunk of (await openRegular(path)).createReadStream()) {
      parser.write(chunk as Buffer)
    }
  } catch (cause) {
    throw cause instanceof ModalityGapError ? cause : damaged(path, 'JSON', cause)
  }
  if (captioned.size === 0) {
    throw new ModalityGapError('EMPTY', `${path} holds no annotations with captions`, { file: path })
  }
  return { images, captioned }
}

function isCocoId(value: unknown): value is CocoId {
  return typeof value === 'string' || typeof value === 'number'
}

function damaged(file: string, what: string, cause: unknown): ModalityGapError {
  const { message } = cause as Error
  return new ModalityGapError('BAD_FORMAT', `${file}: it is not a ${what} that can be read: ${message}`, {
    file,
    cause,
  })
}
