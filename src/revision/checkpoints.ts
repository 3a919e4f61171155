import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { ModalityGapError } from '../errors.ts'
import { flushFolder } from '../whole-file.ts'
import { readTrainerState, type TrainerState, writeTrainerState } from './trainer-state.ts'

/** A complete checkpoint. */
export interface Checkpoint {
  /** Its folder, `checkpoint-N`. */
  path: string
  /** Updates made, N. */
  step: number
  /** How far the training was. */
  state: TrainerState
}

/** `checkpoint-N`. */
const FOLDER = /^checkpoint-(\d{1,15})$/
/** Folders on their way: drafts, those that a newer one replaces, and those that are being removed. */
const PASSING = /^\.(checkpoint-\d{1,15})\.[0-9a-f]{12}\.(tmp|old|gone)$/

/**
 * Writes the checkpoint `checkpoint-N` of an output folder, N being the state's `global_step`. It appears whole: under
 * another name first, flushed to the disk, then renamed; an older one of that step is replaced.
 *
 * @param write puts the checkpoint's files into the folder it is given; `trainer_state.json` is added
 * @returns the folder
 * @throws {@link ModalityGapError} `WRITE_FAILED`; what `write` throws, after the draft has been removed
 */
export async function saveCheckpoint(
  output: string,
  state: TrainerState,
  write: (folder: string) => Promise<void>,
): Promise<string> {
  const name = `checkpoint-${state.global_step}`
  const [path, draft] = [join(output, name), passing(output, name, 'tmp')]
  try {
    await mkdir(draft, { recursive: true })
    await write(draft)
    await writeTrainerState(draft, state)
    await flushAll(draft)
    await place(draft, path, output)
    return path
  } catch (cause) {
    await rm(draft, { recursive: true, force: true }).catch(() => undefined)
    if (cause instanceof ModalityGapError) {
      throw cause
    }
    throw new ModalityGapError('WRITE_FAILED', `${path} could not be written: ${(cause as Error).message}`, {
      file: path,
      cause,
    })
  }
}

function passing(output: string, name: string, kind: 'tmp' | 'old' | 'gone'): string {
  return join(output, `.${name}.${randomBytes(6).toString('hex')}.${kind}`)
}

/** Gives a draft its name; one that has the name steps aside first, and is removed afterwards. */
async function place(draft: string, path: string, output: string): Promise<void> {
  const old = passing(output, basename(path), 'old')
  const replaces = await rename(path, old).then(
    () => true,
    error => {
      if (error.code === 'ENOENT') {
        return false
      }
      throw error
    },
  )
  await rename(draft, path)
  await flushFolder(output)
  if (replaces) {
    await rm(old, { recursive: true, force: true })
  }
}

/** Waits until the disk holds everything in a folder. */
async function flushAll(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) {
      await flushAll(path)
    } else {
      const file = await open(path, 'r+')
      try {
        await file.sync()
      } finally {
        await file.close()
      }
    }
  }
  await flushFolder(folder)
}

/** The complete checkpoints of an output folder, oldest first; a folder without a state of its step is none. */
export async function checkpointsIn(output: string): Promise<Checkpoint[]> {
  const found: Checkpoint[] = []
  for (const name of await namesIn(output)) {
    const step = Number(FOLDER.exec(name)?.[1] ?? Number.NaN)
    const path = join(output, name)
    const state = Number.isNaN(step) ? undefined : await readTrainerState(path).catch(() => undefined)
    if (state?.global_step === step) {
      found.push({ path, step, state })
    }
  }
  return found.sort((a, b) => a.step - b.step)
}

/** The checkpoint to resume from: the newest complete one. */
export async function latestCheckpoint(output: string): Promise<Checkpoint | undefined> {
  return (await checkpointsIn(output)).at(-1)
}

/**
 * Removes old checkpoints, so that `limit` are left: the one just written, the best, and the newest of the others. As in
 * Hugging Face's trainer one more is left when `limit` is 1 and the one just written is not the best.
 *
 * @param needed folders of the one just written and of the best, whose names count: the output may have been moved
 * @returns folders that were removed
 * @throws {@link ModalityGapError} `WRITE_FAILED`
 */
export async function removeOldCheckpoints(
  output: string,
  limit: number,
  needed: readonly (string | null)[],
): Promise<string[]> {
  const paths = (await checkpointsIn(output)).map(({ path }) => path)
  const names = needed.map(each => each && basename(each))
  const kept = new Set(paths.filter(path => names.includes(basename(path))))
  for (const path of [...paths].reverse()) {
    if (kept.size < limit) {
      kept.add(path)
    }
  }
  const old = paths.filter(path => !kept.has(path))
  for (const path of old) {
    await removeCheckpoint(output, path)
  }
  return old
}

/**
 * Removes a checkpoint. The folder loses its name before its files, so that half of it is never taken for one.
 *
 * @throws {@link ModalityGapError} `WRITE_FAILED`
 */
export async function removeCheckpoint(output: string, path: string): Promise<void> {
  const gone = passing(output, basename(path), 'gone')
  try {
    await rename(path, gone)
    await rm(gone, { recursive: true, force: true })
  } catch (cause) {
    const message = `${path} could not be removed: ${(cause as Error).message}`
    throw new ModalityGapError('WRITE_FAILED', message, { file: path, cause })
  }
}

/**
 * Clears up after an interrupted run: drafts and half-removed folders go, and a checkpoint that had stepped aside for one
 * that never came gets its name back. Only for a run that has the output folder for itself.
 */
export async function tidyCheckpoints(output: string): Promise<void> {
  const names = await namesIn(output)
  for (const name of names) {
    const [, checkpoint, kind] = PASSING.exec(name) ?? []
    if (kind === 'old' && !names.includes(checkpoint as string)) {
      await rename(join(output, name), join(output, checkpoint as string))
    } else if (kind !== undefined) {
      await rm(join(output, name), { recursive: true, force: true })
    }
  }
}

async function namesIn(output: string): Promise<string[]> {
  return await readdir(output).catch(error => {
    if (error.code === 'ENOENT') {
      return []
    }
    throw new ModalityGapError('UNREADABLE', `${output}: ${error.message}`, { file: output, cause: error })
  })
}
