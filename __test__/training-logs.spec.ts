import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import test from 'ava'
import { crc32c, maskedCrc32c } from '../src/revision/crc32c.ts'
import { type LogRecord, openTrainLog, readTrainLog, tagsOf } from '../src/revision/logs.ts'
import { EventWriter } from '../src/revision/tensorboard.ts'
import { readTrainerState, trainerStateText, writeTrainerState } from '../src/revision/trainer-state.ts'
import { folderOf } from './helpers/place.ts'
import { EVENTS, STATE } from './helpers/training-logs.ts'

interface Golden {
  files: { name: string; bytes: string }[]
  scalars: Record<string, [time: number, step: number, value: number][]>
  texts: Record<string, [step: number, text: string][]>
  state: Record<string, unknown>
}

const golden = JSON.parse(readFileSync(join(import.meta.dirname, 'fixtures/training-logs.json'), 'utf8')) as Golden

test('checksums are those of RFC 3720', t => {
  const zeros = new Uint8Array(32)
  const cases: [Uint8Array, number][] = [
    [zeros, 0x8a9136aa],
    [zeros.map(() => 0xff), 0x62a8ab43],
    [zeros.map((_, i) => i), 0x46dd794e],
    [Buffer.from('123456789'), 0xe3069283],
    [new Uint8Array(), 0],
  ]
  for (const [bytes, sum] of cases) {
    t.is(crc32c(bytes), sum)
  }
  // rotated right by 15 bits, plus a constant
  t.is(maskedCrc32c(new Uint8Array()), 0xa282ead8)
})

test('event files have the bytes that TensorBoard would write', async t => {
  const folder = join(folderOf(t), 'events')
  let clock = 0
  const now = () => EVENTS.times[clock++] as number
  for (const [events, options] of [
    [EVENTS.before, { now }],
    [EVENTS.after, { now, resumedFrom: EVENTS.resumedFrom }],
  ] as const) {
    const writer = await EventWriter.open(folder, options)
    for (const { step, scalars, text } of events) {
      await (scalars ? writer.scalars(step, scalars) : writer.text(step, ...(text as [string, string])))
    }
    await writer.close()
  }
  t.deepEqual(
    readdirSync(folder).sort(),
    golden.files.map(({ name }) => name),
  )
  for (const { name, bytes } of golden.files) {
    t.is(readFileSync(join(folder, name)).toString('base64'), bytes, name)
  }
})

test('TensorBoard read what was written, and of an interrupted run what came before', t => {
  const written = [...EVENTS.before.filter(({ step }) => step <= EVENTS.resumedFrom), ...EVENTS.after]
  const values = (tag: string) =>
    written.flatMap(({ step, scalars }) => (scalars?.[tag] === undefined ? [] : [[step, Math.fround(scalars[tag])]]))
  t.deepEqual(Object.keys(golden.scalars).sort(), ['eval/loss', 'train/grad_norm', 'train/learning_rate', 'train/loss'])
  for (const [tag, events] of Object.entries(golden.scalars)) {
    t.deepEqual(
      events.map(([, step, value]) => [step, value]),
      values(tag),
      tag,
    )
  }
  const texts = [...EVENTS.before, ...EVENTS.after].flatMap(({ step, text }) => (text ? [[step, text[1]]] : []))
  t.deepEqual(golden.texts, { samples: texts } as never)
})

test('events that are written at once stand one after another', async t => {
  const folder = folderOf(t)
  const writer = await EventWriter.open(folder, { now: () => 1_700_000_000_000 })
  await Promise.all(Array.from({ length: 50 }, (_, step) => writer.scalars(step, { 'train/loss': step })))
  await writer.close()
  const other = await EventWriter.open(join(folder, 'other'), { now: () => 1_700_000_000_000 })
  for (let step = 0; step < 50; step++) {
    await other.scalars(step, { 'train/loss': step })
  }
  await other.close()
  t.deepEqual(readFileSync(writer.path), readFileSync(other.path))
})

test('every opening has a file of its own, in the order of their names', async t => {
  const folder = folderOf(t)
  const names: string[] = []
  for (let i = 0; i < 3; i++) {
    const writer = await EventWriter.open(folder, { now: () => 1_700_000_000_000 })
    await writer.close()
    names.push(basename(writer.path))
  }
  t.deepEqual(readdirSync(folder).sort(), names)
  await t.throwsAsync(() => EventWriter.open(join(folder, names[0] as string, 'x')), { code: 'WRITE_FAILED' })
})

const lines: LogRecord[] = [
  { step: 10, epoch: 0.25, loss: 2.5, grad_norm: 1, learning_rate: 1e-4 },
  { step: 20, epoch: 0.5, loss: 2.25, grad_norm: Number.NaN, learning_rate: 1e-4 },
  { step: 20, epoch: 0.5, eval_loss: 2.5, sample: 'A fox.' },
]

test('a log continues after the step of its checkpoint', async t => {
  const path = join(folderOf(t), 'log.jsonl')
  const { log } = await openTrainLog(path, undefined)
  for (const line of lines) {
    await log.append(line)
  }
  appendFileSync(path, '{"step": 30, "ep')
  const read = await readTrainLog(path)
  t.deepEqual(read, [lines[0], { ...lines[1], grad_norm: null }, lines[2]] as never)
  const resumed = await openTrainLog(path, 10)
  t.deepEqual(resumed.records, [lines[0]] as never)
  await resumed.log.append({ step: 20, epoch: 0.5, loss: 1 })
  t.deepEqual(
    (await readTrainLog(path)).map(({ loss }) => loss ?? null),
    [2.5, 1],
  )
  const all = await openTrainLog(path, 20)
  t.is(all.records.length, 2)
})

test('a new run does not write into the log of another one', async t => {
  const path = join(folderOf(t), 'log.jsonl')
  const content = `${JSON.stringify(lines[0])}\n`
  writeFileSync(path, content)
  await t.throwsAsync(() => openTrainLog(path, undefined), { code: 'BAD_OPTION' })
  t.is(readFileSync(path, 'utf8'), content)
  writeFileSync(path, `${content}{"step":1}\n`)
  t.like(await t.throwsAsync(() => readTrainLog(path)), { code: 'BAD_FORMAT', file: path, row: 1 })
  await t.throwsAsync(() => readTrainLog(`${path}.none`), { code: 'NOT_FOUND' })
})

test('tags are those of Hugging Face', t => {
  t.deepEqual(tagsOf(lines[0] as LogRecord), {
    'train/epoch': 0.25,
    'train/loss': 2.5,
    'train/grad_norm': 1,
    'train/learning_rate': 1e-4,
  })
  t.deepEqual(tagsOf({ step: 1, epoch: 1, eval_loss: 2, test_loss: 3, note: 'x', nothing: null }), {
    'train/epoch': 1,
    'eval/loss': 2,
    'test/loss': 3,
  })
})

test("a trainer's state is the one that Hugging Face read and wrote again", async t => {
  const folder = folderOf(t)
  await writeTrainerState(folder, STATE)
  t.deepEqual(await readTrainerState(folder), STATE)
  // newer versions add this one, and older ones refuse it
  const { best_global_step, ...theirs } = golden.state
  t.is(best_global_step, null)
  const own = JSON.parse(trainerStateText(STATE)) as object
  t.deepEqual(own, theirs)
  t.deepEqual(Object.keys(own), Object.keys(theirs))
  writeFileSync(join(folder, 'trainer_state.json'), JSON.stringify(golden.state))
  t.deepEqual(await readTrainerState(folder), STATE)
})

test('a state with numbers as Python writes them is read, another is refused', async t => {
  const folder = folderOf(t)
  const path = join(folder, 'trainer_state.json')
  const text = trainerStateText(STATE)
  writeFileSync(path, text.replace('1.5', 'NaN').replace('2.75', '-Infinity'))
  t.like((await readTrainerState(folder)).log_history[0], { grad_norm: null, loss: null })
  for (const bad of [
    '',
    '{}',
    '[]',
    'null',
    text.slice(0, -10),
    text.replace('"global_step": 20', '"global_step": 0.5'),
  ]) {
    writeFileSync(path, bad)
    t.like(await t.throwsAsync(() => readTrainerState(folder)), { code: 'BAD_FORMAT', file: path })
  }
  await t.throwsAsync(() => readTrainerState(join(folder, 'none')), { code: 'NOT_FOUND' })
})
