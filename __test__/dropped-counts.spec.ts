import { join } from 'node:path'
import test from 'ava'
import { modalityGap } from './helpers/cli.ts'
import { writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'

const [COUNT, DIM] = [300, 8]

/** Rows of which some are bad. */
function rowsWith(folder: string, name: string, seed: number, bad: readonly number[]): string {
  const rows = someRows(COUNT, DIM, seed)
  for (const row of bad) {
    rows[row * DIM] = Number.NaN
  }
  const path = join(folder, `${name}.npy`)
  writeNpy(path, rows, [COUNT, DIM])
  return path
}

test('every command says how many bad rows it left out, on the terminal and in its JSON', async t => {
  const folder = folderOf(t)
  const image = rowsWith(folder, 'image', 1, [3, 7])
  const text = rowsWith(folder, 'text', 2, [0, 1, 2])
  const sides = ['--image', image, '--text', text]
  const aligner = join(folder, 'a.safetensors')
  const commands: [args: string[], said: RegExp, dropped: (report: never) => unknown, right: unknown][] = [
    [
      ['fit', ...sides, '--out', aligner],
      /2 bad image rows[\s\S]*3 bad text rows/,
      ({ dropped }: { dropped: unknown }) => dropped,
      { image: 2, text: 3 },
    ],
    [['align', ...sides, '--out', join(folder, 'aligned')], /2 bad image rows[\s\S]*3 bad text rows/, ofReport, both()],
    [['measure', ...sides], /left out/, ofReport, both()],
    [['compare', ...sides, '--methods', 'none,realign'], /2 bad image rows[\s\S]*3 bad text rows/, ofReport, both()],
    [['convert', '--in', text, '--out', join(folder, 'c.npy')], /3 bad rows left out/, ofReport, 3],
    [
      ['transform', '--aligner', aligner, '--in', text, '--out', join(folder, 't.npy')],
      /3 bad rows left out/,
      ofReport,
      3,
    ],
    [
      ['analyze', 'sample-size', ...sides, '--sizes', '100,200', '--trials', '1'],
      /2 bad image rows[\s\S]*3 bad text rows/,
      ofReport,
      both(),
    ],
    [
      ['analyze', 'domains', '--domain', `a=${image},${text}`, '--domain', `b=${text},${image}`],
      /2 bad a image rows[\s\S]*3 bad a text rows[\s\S]*3 bad b image rows[\s\S]*2 bad b text rows/,
      ofReport,
      [both(), { image: 3, text: 2 }],
    ],
    [
      ['analyze', 'modalities', '--rows', `a=${image}`, '--rows', `b=${text}`],
      /2 bad a rows[\s\S]*3 bad b rows/,
      ofReport,
      [2, 3],
    ],
    [
      ['analyze', 'captions', '--image', image, '--corpus', `short=${text}`],
      /2 bad image rows[\s\S]*3 bad short rows/,
      ({ image, corpora }: { image: { dropped: number }; corpora: { dropped: number }[] }) => [
        image.dropped,
        corpora[0]?.dropped,
      ],
      [2, 3],
    ],
  ]
  for (const [args, said, dropped, right] of commands) {
    const name = args.slice(0, 2).join(' ')
    const policy = ['--on-bad-row', 'drop', ...(args.includes('--out') ? ['--overwrite'] : [])]
    const shown = await modalityGap([...args, ...policy])
    t.is(shown.code, 0, `${name}: ${shown.stderr}`)
    t.regex(shown.stdout, said, name)
    const { stdout } = await modalityGap([...args, ...policy, '--json'])
    t.deepEqual(dropped(JSON.parse(stdout) as never), right, name)
  }
})

function ofReport({ dropped }: { dropped: unknown }): unknown {
  return dropped
}

function both() {
  return { image: 2, text: 3 }
}

test('a command does not advise an option that it lacks', async t => {
  const folder = folderOf(t)
  const bad = rowsWith(folder, 'image', 1, [3])
  const { mkdirSync, renameSync, writeFileSync } = await import('node:fs')
  const steps = join(folder, 'steps')
  mkdirSync(join(steps, 'step_0'), { recursive: true })
  renameSync(bad, join(steps, 'step_0', 'image.npy'))
  renameSync(rowsWith(folder, 'text', 2, []), join(steps, 'step_0', 'text.npy'))
  const tracked = await modalityGap(['track', steps, '--freeze-at', '0'])
  t.is(tracked.code, 1)
  t.regex(tracked.stderr, /row 3.*repair the row/s)
  t.notRegex(tracked.stderr, /--on-bad-row/)
  const spec = join(folder, 'task.json')
  const shard = { path: join(steps, 'step_0', 'image.npy') }
  writeFileSync(spec, JSON.stringify({ task: 'moments', version: 1, shard, out: join(folder, 's.safetensors') }))
  const task = await modalityGap(['task', spec])
  t.is(task.code, 1)
  t.regex(task.stderr, /"onBadRow": "drop"/)
  t.notRegex(task.stderr, /--on-bad-row/)
})
