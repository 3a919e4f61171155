import { rmSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { ModalityGapError } from '../errors.ts'
import { type NativeLock, native } from '../native.ts'
import { refuseLinks } from '../no-links.ts'
import { readRegular } from '../regular-file.ts'

/** The file that says who works in a folder. */
const LOCK = '.lock'

/** Folders that this process works in. */
const held = new Set<string>()

/** Who works in a folder. */
interface Holder {
  pid: number
  host: string
}

/**
 * Does work that wants a folder for itself. The system frees the lock of a process that is no more, so that it is taken over.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION` when somebody else works there; what `work` throws
 */
export async function withFolderLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const path = resolve(folder)
  const file = join(path, LOCK)
  if (held.has(path)) {
    throw inUse(path, file, me())
  }
  held.add(path)
  try {
    await refuseLinks([path, file])
    await mkdir(path, { recursive: true })
    const lock = await taken(path, file)
    try {
      return await work()
    } finally {
      lock.release()
    }
  } finally {
    held.delete(path)
  }
}

/** Takes the lock, unless somebody alive holds it. */
async function taken(folder: string, file: string): Promise<NativeLock> {
  const holder = await holderOf(file)
  // a file system between machines may keep their locks apart
  if (holder !== undefined && holder.host !== me().host) {
    throw inUse(folder, file, holder)
  }
  const lock = tried(file)
  if (lock === 'busy' || (lock === 'unsupported' && holder !== undefined && isAlive(holder))) {
    throw inUse(folder, file, await holderOf(file))
  }
  return lock === 'unsupported' ? await noted(file) : lock
}

function tried(file: string): NativeLock | 'busy' | 'unsupported' {
  try {
    return native.NativeLock.take(file, JSON.stringify(me()))
  } catch (cause) {
    throw unwritable(file, cause)
  }
}

/** Where the file system knows no locks the file stands for one. */
async function noted(file: string): Promise<NativeLock> {
  await writeFile(file, JSON.stringify(me())).catch(cause => {
    throw unwritable(file, cause)
  })
  return { release: () => rmSync(file, { force: true }) }
}

async function holderOf(file: string): Promise<Holder | undefined> {
  try {
    return JSON.parse((await readRegular(file)).toString())
  } catch {
    return undefined
  }
}

/** Whether a process runs. A lock of this process' number that it does not hold is an older one's. */
function isAlive({ pid }: Holder): boolean {
  if (pid === process.pid) {
    return false
  }
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function me(): Holder {
  return { pid: process.pid, host: hostname() }
}

function inUse(folder: string, file: string, holder: Holder | undefined): ModalityGapError {
  const who = holder ? `process ${holder.pid} on ${holder.host}` : 'another process'
  const message = `${folder} is in use by ${who}; wait for it, choose another output, or remove ${file} if it is gone`
  return new ModalityGapError('BAD_OPTION', message, { file: folder })
}

function unwritable(file: string, cause: unknown): ModalityGapError {
  return new ModalityGapError('WRITE_FAILED', `${file} could not be written: ${(cause as Error).message}`, {
    file,
    cause,
  })
}
