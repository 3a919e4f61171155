import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { native } from '../src/native.ts'
import { withFolderLock } from '../src/revision/folder-lock.ts'
import { folderOf } from './helpers/place.ts'

test.serial('where a file system has no locks a file stands for one, until its process has ended', async t => {
  const { NativeLock } = native
  const set = (value: object) => Object.assign(native, { NativeLock: value })
  set({ take: () => 'unsupported' })
  t.teardown(() => set(NativeLock))
  const folder = folderOf(t)
  const lock = join(folder, '.lock')
  const heldBy = (pid: number) => writeFileSync(lock, JSON.stringify({ pid, host: hostname() }))
  heldBy(process.ppid)
  await t.throwsAsync(
    withFolderLock(folder, async () => 0),
    { code: 'BAD_OPTION', message: /in use by process \d+/ },
  )
  heldBy(spawnSync(process.execPath, ['--version']).pid)
  t.true(await withFolderLock(folder, async () => existsSync(lock)), 'taken over, and held while the work goes on')
  t.false(existsSync(lock))
})
