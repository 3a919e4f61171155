import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { Aligner } from '../src/align.ts'
import { openEmbeddings } from '../src/embeddings.ts'
import { isSparkMaster, spark } from '../src/spark.ts'
import { runTask } from '../src/task.ts'
import { MAIN, modalityGap } from './helpers/cli.ts'
import { writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { someRows } from './helpers/rows.ts'

const DIM = 5

/** A folder with sides `images` and `texts` of three shards each. */
function rowsIn(folder: string): void {
  for (const [side, seed] of [
    ['images', 1],
    ['texts', 9],
  ] as const) {
    mkdirSync(join(folder, side))
    for (const i of [0, 1, 2]) {
      writeNpy(join(folder, side, `${i}.npy`), someRows(600, DIM, seed + i), [600, DIM])
    }
  }
}

const FIT = ['fit', '--image', 'images', '--text', 'texts']

// the example is one of a POSIX shell
if (process.platform !== 'win32') {
  test('the example with xargs in the docs fits an aligner with the bits of a local one', async t => {
    const folder = folderOf(t)
    rowsIn(folder)
    const command = join(folder, 'bin', 'modality-gap')
    mkdirSync(join(folder, 'bin'))
    writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`)
    chmodSync(command, 0o755)
    const docs = readFileSync(join(import.meta.dirname, '..', 'docs', 'scale-out.md'), 'utf8')
    const [script] = [...docs.matchAll(/```sh\n([^`]+)```/g)].map(([, text]) => text as string)
    const env = { ...process.env, PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}` }
    await promisify(execFile)('sh', ['-c', script as string], { cwd: folder, env })
    const local = await modalityGap([...FIT, '--out', 'local.safetensors'], { cwd: folder })
    t.is(local.code, 0, local.stderr)
    const [distributed, expected] = ['aligner', 'local'].map(name => readFileSync(join(folder, `${name}.safetensors`)))
    t.deepEqual(distributed, expected)
  })
}

test('a list of tasks ends with exit code 3; collect says what is missing, and what was given twice', async t => {
  const folder = folderOf(t)
  rowsIn(folder)
  const run = (...args: string[]) => modalityGap(args, { cwd: folder })
  const fit = await run(...FIT, '--out', 'a.safetensors', '--work', 'work', '--on', 'list:tasks.jsonl')
  t.is(fit.code, 3)
  t.regex(fit.stderr, /moments image: 3 tasks to run, one a line of tasks\.jsonl/)
  const tasks = readFileSync(join(folder, 'tasks.jsonl'), 'utf8').trim().split('\n')
  t.is(tasks.length, 3)
  const { manifest } = JSON.parse(tasks[0] as string)
  const receipts: string[] = []
  for (const task of tasks.slice(0, 2)) {
    // a file or a queue may give blanks and line ends around it
    const { code, stdout } = await run('task', `\n ${task}\n`)
    t.is(code, 0)
    t.regex(stdout, /^\{.*\}\n$/, 'one line, as collect reads them')
    receipts.push(stdout.trimEnd())
  }
  const unfinished = await run('collect', manifest)
  t.is(unfinished.code, 1)
  t.regex(unfinished.stdout, /moments image: 2 of 3 shards done, 1,800 embeddings in all\n\n +2 .*it has no receipt/)
  writeFileSync(join(folder, 'receipts.jsonl'), [receipts[0], ...receipts, ''].join('\n'))
  const doubled = await run('collect', manifest, '--results', 'receipts.jsonl', '--json')
  t.is(doubled.code, 1)
  t.deepEqual(
    JSON.parse(doubled.stdout).refused.map(({ shard, reason }: { shard: number; reason: string }) => [shard, reason]),
    [
      [2, 'it has no receipt'],
      [0, 'its result was given 2 times'],
    ],
  )
  const wrong = await run(...FIT, '--out', 'a.safetensors', '--work', 'work', '--on', 'slurm')
  t.is(wrong.code, 2)
  t.regex(wrong.stderr, /unknown engine `slurm`; expected/)
  const without = await run(...FIT, '--out', 'a.safetensors', '--on', 'list:tasks.jsonl')
  t.is(without.code, 2)
  t.regex(without.stderr, /needs a folder for the states of its shards \(work, --work DIR\)/)
  const worker = ['--on', 'local[1]', '--worker', 'nowhere']
  const absent = await run(...FIT, '--out', 'a.safetensors', '--work', 'work', ...worker)
  t.is(absent.code, 1)
  t.regex(absent.stderr, /nowhere is not a file; name the executable modality-gap-worker/)
})

test('inspect and measure print what they print here; a frame is written once all is done', async t => {
  const folder = folderOf(t)
  rowsIn(folder)
  const run = (...args: string[]) => modalityGap([...args, '--json'], { cwd: folder })
  const measure = ['measure', '--image', 'images', '--text', 'texts', '--parts', 'causes', '--save-frame']
  for (const [args, passes] of [
    [['inspect', 'images'], 1],
    [measure, 5],
  ] as const) {
    const saved = (name: string) => (args === measure ? [name] : [])
    const list = ['--work', 'work', '--resume', '--on', 'list:tasks.jsonl']
    let ended = await run(...args, ...saved('elsewhere.safetensors'), ...list)
    let pending = 0
    for (; ended.code === 3; pending++) {
      const tasks = readFileSync(join(folder, 'tasks.jsonl'), 'utf8').trim().split('\n')
      for (const task of tasks) await runTask(JSON.parse(task))
      ended = await run(...args, ...saved('elsewhere.safetensors'), ...list)
    }
    t.is(pending, passes)
    const here = await run(...args, ...saved('here.safetensors'))
    t.is(here.code, 0, here.stderr)
    t.is(ended.stdout, here.stdout)
    const idle = await run(...args, ...saved('idle.safetensors'), '--work', 'work')
    t.is(idle.code, 2)
    t.regex(idle.stderr, /only a distributed \w+ keeps states of its shards/)
  }
  const [elsewhere, here] = ['elsewhere', 'here'].map(name => readFileSync(join(folder, `${name}.safetensors`)))
  t.deepEqual(elsewhere, here)
})

test('masters of Spark are known by their names, and an executable that is a folder is refused before Spark is asked', async t => {
  const masters = [
    'spark://host:7077',
    'sc://host:15002',
    'k8s://host',
    'yarn',
    'local',
    'local[4,4]',
    'local-cluster[2,1,1024]',
  ]
  for (const master of masters) {
    t.true(isSparkMaster(master), master)
  }
  for (const other of ['spark://', 'yarns', 'mesos://host', 'localhost', 'list:tasks', '']) {
    t.false(isSparkMaster(other), other)
  }
  const folder = folderOf(t)
  writeNpy(join(folder, 'rows.npy'), someRows(40, DIM, 1), [40, DIM])
  const stored = await openEmbeddings(join(folder, 'rows.npy'))
  const on = spark({ master: 'local', worker: folder })
  const error = await t.throwsAsync(Aligner.fit({ target: stored, source: stored, on, work: join(folder, 'states') }))
  t.like(error, { code: 'NOT_FOUND', file: folder })
})
