import { spawn } from 'node:child_process'
import { closeSync, constants, createWriteStream, openSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { boundedNode, SECONDS } from '../scripts/campaign/bounded.mjs'
import { spaceBound } from '../scripts/campaign/run.mjs'
import { MAIN } from './helpers/cli.ts'
import { folderOf, SAMPLE } from './helpers/place.ts'
import { system } from './helpers/system.ts'

// pipes and devices in place of files: a path of one is refused, standard input may be one, and a signal ends the wait for it

const PLACES = {
  'a pipe that nobody writes to': (path: string) => void system('mkfifo', [path]),
  'a device without an end': (path: string) => symlinkSync('/dev/zero', path),
}

/** Commands with a path of a place; `at` gives one with an ending. */
const COMMANDS: ((at: (name: string) => string) => string[])[] = [
  at => ['inspect', at('rows.npy')],
  at => ['inspect', at('rows.pkl')],
  at => ['measure', '--image', SAMPLE, '--text', at('rows.parquet')],
  at => ['align', '--image', at('rows.safetensors'), '--text', SAMPLE, '--out', at('../out')],
  at => ['transform', '--aligner', at('aligner'), '--in', SAMPLE, '--out', at('../out')],
  at => ['convert', '--in', at('rows.arrow'), '--out', at('../out.npy')],
  at => ['track', at('log.jsonl')],
  at => ['encoder', 'train', at('training.json')],
  at => ['encoder', 'train', '--data', at('pairs.jsonl'), '--out', at('../out')],
  at => ['encoder', 'embed', '--encoder', at('encoder'), '--data', at('pairs.jsonl'), '--out', at('../out')],
  at => ['revision', 'run', at('training.yaml')],
  at => ['task', at('task.json')],
]

/** Windows has neither; the address space is bounded where it can be seen. */
const isLinux = process.platform === 'linux'

for (const [what, make] of isLinux ? Object.entries(PLACES) : []) {
  test(`a command is not kept by ${what}`, async t => {
    const bytes = await spaceBound()
    for (const command of COMMANDS) {
      const folder = folderOf(t)
      const at = (name: string) => {
        const path = join(folder, name)
        if (!name.startsWith('..')) make(path)
        return path
      }
      const args = command(at)
      const { code, signal, stderr, hung } = await boundedNode([MAIN, ...args], { bytes, seconds: SECONDS })
      t.deepEqual({ hung, signal }, { hung: false, signal: null }, `${args}: ${stderr}`)
      t.true(code === 1 || code === 2, `${args}: ${stderr}`)
      t.regex(stderr, /(?:not a|no) regular file/, `${args}`)
    }
  })
}

const READING = [
  ['task', '-'],
  ['track', '-', '--freeze-at', '1'],
]

for (const command of isLinux ? READING : []) {
  test(`a signal ends \`${command.join(' ')}\` while it waits for a pipe`, async t => {
    const pipe = join(folderOf(t), 'pipe')
    system('mkfifo', [pipe])
    // a writer is there from the beginning, so that no end comes
    const input = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK)
    const child = spawn(process.execPath, [MAIN, ...command], { stdio: [input, 'ignore', 'ignore'] })
    const ended = new Promise<{ code: number | null; signal: string | null }>(resolve =>
      child.on('close', (code, signal) => resolve({ code, signal })),
    )
    // far more than a pipe holds: that all is written says that the command reads
    await new Promise<void>((resolve, reject) =>
      createWriteStream(pipe).write('\n'.repeat(1 << 20), error => (error ? reject(error) : resolve())),
    )
    child.kill('SIGTERM')
    closeSync(input)
    t.deepEqual(await ended, { code: 130, signal: null })
  })

  test(`\`${command.join(' ')}\` ends by itself when its input has no end`, async t => {
    const script = `exec "$@" < /dev/zero`
    const bytes = await spaceBound()
    const kib = String(Math.ceil((bytes ?? 0) / 1024))
    const { status, stderr } = system('bash', [
      '-c',
      `ulimit -v ${kib} && ulimit -t ${SECONDS} && ${script}`,
      'bash',
      process.execPath,
      MAIN,
      ...command,
    ])
    t.is(status, 1, stderr)
    t.regex(stderr, /more than \d+ bytes/)
  })
}
