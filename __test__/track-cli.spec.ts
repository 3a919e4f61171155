import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { figure } from '../src/cli/print.ts'
import { trackText } from '../src/cli/track-table.ts'
import { numberToHalf } from '../src/half.ts'
import type { TrackRecord } from '../src/results.ts'
import { stepsFrom } from '../src/tracker/source.ts'
import { Tracker } from '../src/tracker/tracker.ts'
import { modalityGap } from './helpers/cli.ts'
import { writeNpy } from './helpers/npy.ts'
import { folderOf } from './helpers/place.ts'
import { golden, goldenStep } from './helpers/track.ts'

const FILES = {
  image: 'image',
  text: 'text',
  gradImage: 'grad_image',
  gradText: 'grad_text',
  batchImage: 'batch_image',
  batchText: 'batch_text',
} as const
const STEPS = golden.records.map(({ step }) => step)
const RUN = ['--freeze-at', '40', '--energy', '0.9', '--window', '2', '--top-eigen', '8', '--retrieval-pairs', '50']
const SEEDED = [...RUN, '--seed', '7']

/** Writes a step as a trainer does: under another name first, so that it is there as a whole or not at all. */
function writeStep(root: string, step: number): void {
  const rows = goldenStep(step)
  const draft = join(root, `.draft_${step}`)
  mkdirSync(draft, { recursive: true })
  for (const [name, file] of Object.entries(FILES)) {
    const values = rows[name as keyof typeof FILES]
    writeNpy(join(draft, `${file}.npy`), values, [values.length / golden.dim, golden.dim])
  }
  renameSync(draft, join(root, `step_${String(step).padStart(6, '0')}`))
}

test('folders of steps give the records, and the log is taken up where the state ends', async t => {
  const folder = folderOf(t)
  const [run, log, state] = ['run', 'log.jsonl', 'state.safetensors'].map(name => join(folder, name)) as [
    string,
    string,
    string,
  ]
  // 100 comes after 20: steps are numbers, not words
  for (const step of STEPS) writeStep(run, step)
  const whole = await modalityGap(['track', run, ...SEEDED, '--out', join(folder, 'whole.jsonl'), '--json'])
  t.is(whole.code, 0, whole.stderr)
  const { records, findings } = JSON.parse(whole.stdout)
  t.deepEqual(
    records.map(({ step }: { step: number }) => step),
    STEPS,
  )
  t.true(findings.length > 10)

  const part = [...SEEDED, '--out', log, '--state', state]
  t.is((await modalityGap(['track', run, ...part, '--until', '60'])).code, 0)
  const until60 = JSON.parse((await modalityGap(['track', log, '--json'])).stdout)
  t.deepEqual(
    until60.records.map(({ step }: { step: number }) => step),
    STEPS.filter(step => step <= 60),
  )
  t.true(STEPS.includes(60))
  const rest = await modalityGap(['track', run, ...part])
  t.is(rest.code, 0, rest.stderr)
  t.regex(rest.stdout, /frozen at step 40/)
  t.regex(rest.stdout, /gap-persists +\S+ +\S+ +100\.00 % +holds/)
  t.is(readFileSync(log, 'utf8'), readFileSync(join(folder, 'whole.jsonl'), 'utf8'))

  const shown = await modalityGap(['track', log, '--json'])
  t.deepEqual(JSON.parse(shown.stdout).records, records, 'a log alone shows the same run')
  const other = await modalityGap(['track', run, '--state', state, '--rank', '3'])
  t.is(other.code, 2)
  t.regex(other.stderr, /rank 3 contradicts/)
  const seed = await modalityGap(['track', run, '--state', state, '--seed', '8'])
  t.is(seed.code, 2)
  t.regex(seed.stderr, /seed 8 contradicts 7 of the run/)
})

test('a folder of another run does not go on with the log and the state of the first', async t => {
  const folder = folderOf(t)
  const [first, other] = ['first', 'other'].map(name => join(folder, name)) as [string, string]
  const kept = ['--out', join(folder, 'log.jsonl'), '--state', join(folder, 'state.safetensors')]
  for (const step of STEPS.slice(0, 3)) writeStep(first, step)
  for (const step of STEPS.slice(0, 4)) {
    writeStep(other, step)
    const { image, text } = goldenStep(step)
    const moved = Float32Array.from(text, (value, i) => value + (image[i] as number) / 3)
    writeNpy(join(other, `step_${String(step).padStart(6, '0')}`, 'text.npy'), moved, [
      moved.length / golden.dim,
      golden.dim,
    ])
  }
  t.is((await modalityGap(['track', first, ...SEEDED, ...kept])).code, 0)
  const log = readFileSync(join(folder, 'log.jsonl'))
  const refused = await modalityGap(['track', other, ...SEEDED, ...kept])
  t.is(refused.code, 2)
  t.regex(refused.stderr, /its step \d+ has a gap of .*of another run.*other\)/)
  t.deepEqual(readFileSync(join(folder, 'log.jsonl')), log)
  t.is((await modalityGap(['track', first, ...SEEDED, ...kept])).code, 0)
})

test('a run whose rows say of which image they are is gone on with', async t => {
  const folder = folderOf(t)
  const run = join(folder, 'run')
  const kept = ['--out', join(folder, 'log.jsonl'), '--state', join(folder, 'state.safetensors')]
  const rowsOf = (flat: ArrayLike<number>) =>
    Array.from({ length: flat.length / golden.dim }, (_, row) =>
      Array.from(flat).slice(row * golden.dim, (row + 1) * golden.dim),
    )
  for (const step of STEPS.slice(0, 3)) {
    const [images, texts] = [goldenStep(step).image, goldenStep(step).text].map(rowsOf) as [number[][], number[][]]
    // the first image has five captions, each other one has one
    const ids = images.map((_, row) => Math.max(0, row - 4))
    const image = ids.map(id => JSON.stringify({ image_id: id, embedding: images[id] }))
    const text = texts.map((embedding, row) => JSON.stringify({ image_id: ids[row], embedding }))
    const at = join(run, `step_${step}`)
    mkdirSync(at, { recursive: true })
    writeFileSync(join(at, 'image.jsonl'), `${image.join('\n')}\n`)
    writeFileSync(join(at, 'text.jsonl'), `${text.join('\n')}\n`)
  }
  t.is((await modalityGap(['track', run, ...SEEDED, ...kept])).code, 0)
  const again = await modalityGap(['track', run, ...SEEDED, ...kept])
  t.is(again.code, 0, again.stderr)
})

test('a stream of lines gives the same records, from paths and from bytes', async t => {
  const folder = folderOf(t)
  for (const step of STEPS.slice(0, 2)) writeStep(folder, step)
  const bytes = (rows: Float64Array, type: 'f64' | 'f16') => {
    const data = type === 'f64' ? rows : Uint16Array.from(rows, numberToHalf)
    const base64 = Buffer.from(data.buffer).toString('base64')
    return { base64, dims: [rows.length / golden.dim, golden.dim], dtype: type }
  }
  const paths = (step: number) =>
    Object.fromEntries(
      Object.values(FILES).map(file => [file, join(folder, `step_${String(step).padStart(6, '0')}`, `${file}.npy`)]),
    )
  const { image, text, gradImage, gradText } = goldenStep(20)
  const lines = [
    { step: 0, ...paths(0) },
    { step: 20, image: bytes(image, 'f64'), text: bytes(text, 'f64'), gradImage: bytes(gradImage, 'f64') },
    { step: 40, image: bytes(image, 'f16'), text: bytes(text, 'f64'), grad_text: bytes(gradText, 'f64') },
  ]
  const ended = await modalityGap(['track', '-', ...SEEDED, '--json'], {
    // the last line may have no end
    started: child => child.stdin?.end(lines.map(line => JSON.stringify(line)).join('\n')),
  })
  t.is(ended.code, 0, ended.stderr)
  const { records } = JSON.parse(ended.stdout)
  t.is(records.length, 3)
  t.true(Math.abs(records[0].gap.centroid - (golden.records[0]?.gap.centroid ?? 0)) <= 1e-12)
  t.true(Math.abs(records[1].leakage.leak - (golden.records[1]?.leakage?.image ?? 0)) <= 1e-12)
  t.true(Math.abs(records[2].gap.centroid - records[1].gap.centroid) <= 1e-3)
})

test('of a long run evenly spread steps are shown, from the first to the last', async t => {
  const { image, text: texts } = goldenStep(0)
  const record = await new Tracker({ ...golden.options, dim: golden.dim }).push({ step: 0, image, text: texts })
  const text = trackText(Array.from({ length: 100 }, (_, i) => ({ ...(record as TrackRecord), step: 10 * i })))
  const shown = [...text.matchAll(/^ +(\d+) /gm)].map(([, step]) => Number(step))
  t.is(shown.length, 24)
  const { gap, passive, u, v } = record as TrackRecord
  const [head = '', row = ''] = text.split('\n').filter(line => /^ *(step|0) /.test(line))
  const cells = row.trim().split(/ {2,}/)
  const cell = (name: string) => cells[head.trim().split(/ {2,}/).indexOf(name)]
  const named = { gap: gap.centroid, floor: gap.floor, drift: passive.drift, 'κ(Σ_U)': u.kappa, 'κ(Σ_V)': v.kappa }
  for (const [name, value] of Object.entries(named)) {
    t.is(cell(name), figure(value), name)
  }
  t.deepEqual([shown[0], shown.at(-1)], [0, 990])
  const between = shown.slice(1).map((step, i) => step - (shown[i] as number))
  t.deepEqual([Math.min(...between), Math.max(...between)], [40, 50])
})

test('a stream or folder that is wrong is named with its place', async t => {
  const folder = folderOf(t)
  const stream = (line: string) =>
    modalityGap(['track', '-', '--freeze-at', '0'], { started: child => child.stdin?.end(`\n${line}\n`) })
  for (const [line, words] of [
    ['{"step": 1', /line 2 of the stream/],
    ['{"image": "a.npy", "text": "b.npy"}', /no number "step"/],
    ['{"step": 1, "image": "a.npy"}', /needs "image" and "text"/],
    ['{"step": 1, "images": "a.npy"}', /"images" is none of image, text/],
    ['{"step": 1, "image": {"base64": "AAAA", "dims": [2, 2]}, "text": "b.npy"}', /"image" is neither/],
  ] as const) {
    const ended = await stream(line)
    t.is(ended.code, 1, line)
    t.regex(ended.stderr, words)
  }
  const empty = await modalityGap(['track', folder, '--freeze-at', '0'])
  t.regex(empty.stderr, /no folder named step_N/)
  mkdirSync(join(folder, 'step_1'))
  writeFileSync(join(folder, 'step_1', 'image.npy'), '')
  t.regex((await modalityGap(['track', folder, '--freeze-at', '0'])).stderr, /no file named text/)
  t.regex((await modalityGap(['track', folder])).stderr, /freezeAt/)
  t.regex((await modalityGap(['track', join(folder, 'none'), '--freeze-at', '0'])).stderr, /none/)
})

test('a folder that is being filled is followed until the last step wanted', async t => {
  const folder = folderOf(t)
  const run = join(folder, 'run')
  const ended = modalityGap(['track', run, ...SEEDED, '--follow', '--until', '40', '--json'])
  for (const step of [0, 20, 40, 60]) {
    writeStep(run, step)
    await new Promise(resolve => setTimeout(resolve, 300))
  }
  const { code, stdout, stderr } = await ended
  t.is(code, 0, stderr)
  t.deepEqual(
    JSON.parse(stdout).records.map(({ step }: { step: number }) => step),
    [0, 20, 40],
  )
})

test('following ends with Ctrl-C and shows what was recorded', async t => {
  const folder = folderOf(t)
  const [run, log] = [join(folder, 'run'), join(folder, 'log.jsonl')]
  for (const step of [0, 20, 40]) writeStep(run, step)
  const recorded = () => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').length - 1 : 0)
  const ended = await modalityGap(['track', run, ...SEEDED, '--follow', '--out', log, '--json'], {
    // the last of the steps is taken once it has settled
    interruptible: async child => {
      while (recorded() < 3 && child.exitCode === null) await new Promise(resolve => setTimeout(resolve, 50))
      child.kill('SIGINT')
    },
  })
  t.is(ended.code, 130, ended.stderr)
  t.deepEqual(
    JSON.parse(ended.stdout).records.map(({ step }: { step: number }) => step),
    [0, 20, 40],
  )
})

test('a run that is shown until Ctrl-C has ended well then', async t => {
  const log = join(folderOf(t), 'log.jsonl')
  writeFileSync(log, golden.records.map((record: object) => `${JSON.stringify(record)}\n`).join(''))
  const ended = await modalityGap(['track', log, '--serve', '--json'], {
    started: child =>
      child.stderr?.on('data', text => String(text).includes('the run is shown at') && child.kill('SIGINT')),
  })
  t.is(ended.code, 0, ended.stderr)
  t.is(JSON.parse(ended.stdout).records.length, golden.records.length)
})

test('steps of a stream are recorded from the one after the last to the last one wanted', async t => {
  async function* lines() {
    for (const step of [10, 20, 30, 40]) yield JSON.stringify({ step, image: 'a.npy', text: 'b.npy' })
  }
  const steps: number[] = []
  for await (const { step } of stepsFrom(lines(), { after: 10, until: 30 })) steps.push(step)
  t.deepEqual(steps, [20, 30])
})
