import { spawn } from 'node:child_process'
import { mkdirSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { COMMANDS, filesIn, prepared, SIDES } from './helpers/outputs.ts'

const MAIN = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js')

/** Runs the command line by a shell that says `before` it. */
function run(cwd: string, before: string, args: readonly string[], stdout: 'pipe' | number = 'pipe') {
  const words = ['-c', `${before}; exec "$0" "$@"`, process.execPath, MAIN, ...args]
  const child = spawn('/bin/sh', words, { cwd, stdio: ['ignore', stdout, 'pipe'] })
  let stderr = ''
  child.stdout?.resume()
  child.stderr?.on('data', chunk => {
    stderr += chunk
  })
  return new Promise<{ code: number | null; stderr: string }>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', code => resolve({ code, stderr }))
  })
}

const onUnix = process.platform === 'win32' ? () => {} : test

for (const [name, command] of Object.entries(COMMANDS)) {
  // the system refuses longer files as it refuses any on a full disk, in the middle of a write
  onUnix(`${name} says what could not be written when the disk is full`, async t => {
    const folder = await prepared(t)
    let refused = 0
    for (const blocks of [0, 1, 4, 16]) {
      mkdirSync(join(folder, 'out'))
      const { code, stderr } = await run(folder, `ulimit -f ${blocks}`, command)
      t.true(code === 0 || code === 1, `${blocks}: ${code} ${stderr}`)
      if (code === 1) {
        refused++
        t.regex(stderr, /^modality-gap: .*(cannot|could not) be written: .*too large/m, String(blocks))
      }
      t.deepEqual(
        filesIn(folder).filter(file => /\.tmp(\/|$)/.test(file)),
        [],
        String(blocks),
      )
      rmSync(join(folder, 'out'), { recursive: true, force: true })
    }
    t.true(refused > 0)
  })
}

const onLinux = process.platform === 'linux' ? test : () => {}

onLinux('standard output on a full disk is an error with a word', async t => {
  const folder = await prepared(t)
  for (const args of [['--help'], ['inspect', 'img.npy'], ['inspect', 'img.npy', '--json'], ['measure', ...SIDES]]) {
    const full = openSync('/dev/full', 'w')
    t.like(await run(folder, ':', args, full), { code: 1 })
    t.regex((await run(folder, ':', args, full)).stderr, /standard output could not be written: ENOSPC/)
  }
})
