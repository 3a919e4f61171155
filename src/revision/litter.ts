import { mkdir, readdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { native } from '../native.ts'

/** How folders of rows are called while they are copied. */
const DRAFT = /^(\.rows-[0-9a-f]{16}\.[0-9a-f]{12}\.tmp)(\.lock)?$/

/** Removes what dead processes have left in a folder of copies; what a living one writes is locked and stays. */
export async function clearCache(cache: string): Promise<void> {
  native.removeDrafts(cache)
  const names = await readdir(cache).catch(() => [])
  const drafts = new Set(names.flatMap(name => DRAFT.exec(name)?.[1] ?? []))
  for (const draft of drafts) {
    await asOnlyOne(join(cache, draft), async path => await rm(path, { recursive: true, force: true })).catch(() => {})
  }
}

/**
 * Works on a draft under a lock of its own, which tells a draft of a living process from one that a dead one has left. A draft
 * that somebody else works on is left to them.
 */
export async function asOnlyOne(draft: string, work: (draft: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(draft), { recursive: true })
  const lock = native.NativeLock.take(`${draft}.lock`, '')
  if (lock === 'busy') {
    return
  }
  try {
    await work(draft)
  } finally {
    if (lock !== 'unsupported') lock.release()
  }
}
