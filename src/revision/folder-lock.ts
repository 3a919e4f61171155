import { mkdir, open, readFile, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { ModalityGapError } from '../errors.ts'
import { refuseLinks } from '../no-links.ts'

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
 * Does work that wants a folder for itself. The lock of a process that is no more is taken over.
 *
 * @throws {@link ModalityGapError} `BAD_OPTION` when somebody else works there; what `work` throws
 */
export async function alone<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const path = resolve(folder)
  const file = join(path, LOCK)
  if (held.has(path)) {
    throw inUse(path, file, { pid: process.pid, host: hostname() })
  }
  held.add(path)
  try {
    await refuseLinks([path])
    await mkdir(path, { recursive: true })
    if (!(await taken(file))) {
      throw inUse(path, file, await holderOf(file))
    }
    return await work().finally(() => rm(file, { force: true }))
  } finally {
    held.delete(path)
  }
}

/** Takes the lock, unless somebody alive holds it. */
async function taken(file: string): Promise<boolean> {
  const me: Holder = { pid: process.pid, host: hostname() }
  const create = async () => {
    const lock = await open(file, 'wx')
    await lock.writeFile(JSON.stringify(me)).finally(() => lock.close())
    return true
  }
  try {
    return await create()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw unwritable(file, error)
    }
  }
  const holder = await holderOf(file)
  if (holder !== undefined && isAlive(holder, me)) {
    return false
  }
  await rm(file, { force: true })
  return await create().catch(() => false)
}

async function holderOf(file: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch {
    return undefined
  }
}

/** Whether a process runs; one of another machine may. A lock of this process' number that it does not hold is an older one's. */
function isAlive({ pid, host }: Holder, me: Holder): boolean {
  if (host !== me.host || pid === me.pid) {
    return host !== me.host
  }
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
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
