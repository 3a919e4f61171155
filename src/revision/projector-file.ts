import { ModalityGapError } from '../errors.ts'
import { openRegular } from '../regular-file.ts'
import type { RegularFile } from '../remote-file.ts'
import { unreadable } from '../unreadable.ts'

/** Bytes of a header at most; a projector has a few tensors. */
const MAX_HEADER = 2 ** 20
/** The key under which a projector of ours says what its names cannot. */
const KEY = 'modality-gap'

/**
 * Columns of the embeddings that a projector takes, which `mm_projector.safetensors` of a finished stage says.
 *
 * @throws {@link ModalityGapError} `NOT_FOUND`, `UNREADABLE`; `BAD_MODEL` for another file
 */
export async function widthOfProjector(path: string): Promise<number> {
  const file = await openRegular(path)
  try {
    const length = Number((await bytesAt(path, file, 0, 8)).readBigUInt64LE())
    const header = length <= MAX_HEADER ? await bytesAt(path, file, 8, length) : undefined
    const dim = header && dimIn(header.toString())
    return dim ?? damaged(path)
  } finally {
    await file.close()
  }
}

async function bytesAt(path: string, file: RegularFile, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  const { bytesRead } = await file.read(buffer, 0, length, at).catch(cause => unreadable(path, cause))
  return bytesRead === length ? buffer : damaged(path)
}

function dimIn(header: string): number | undefined {
  try {
    const { dim } = JSON.parse(JSON.parse(header).__metadata__[KEY])
    return Number.isSafeInteger(dim) && dim > 0 ? dim : undefined
  } catch {
    return undefined
  }
}

function damaged(file: string): never {
  throw new ModalityGapError('BAD_MODEL', `${file} is not a projector that a stage has written`, { file })
}
